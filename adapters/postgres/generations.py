"""Pictures made by AI, and what may be spent on them.

A generation counts from the moment when it begins, so that as many as are asked for at once cannot all take the last place.
Whoever begins one holds the lock of all budgets for the few statements that this takes: the daily spend is one for everybody.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.engine import Database
from adapters.postgres.uploads import asset_of
from models.artwork import PictureKind, StoredImage
from models.base import Sha256
from models.errors import OrderRefused, RefusalCode
from models.generation import (
    GeneratedImage,
    GenerateImage,
    Generation,
    GenerationPolicy,
    GenerationResult,
    GenerationState,
)
from models.tables import Asset
from models.tables import Generation as GenerationRow
from models.tables import Upload as UploadRow

DAY = timedelta(hours=24)

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('budgets of generations', 0))")

_TOO_MANY = {
    "session": "This session has had its AI pictures. Please go on with one that you have, or with a photo of your own.",
    "client": "You have had all AI pictures of one day. Please go on with one that you have, or come back tomorrow.",
    "daily_spend": "More AI pictures were asked for today than can be made. Please come back later, or go on with your own "
    "photo.",
}
"""What a customer hears, by the budget that has no room."""


class PostgresGenerations:
    """Fits the ports `activities.ports.GenerationBook` and `api.ports.Generations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, request: GenerateImage) -> None:
        """Write the attempt and reserve its price; one that was written before is left as it is.

        Raises `OrderRefused` (`budget_spent`) where a budget has no room for it; the attempt is then written as refused.
        """
        async with self._database.begin() as connection:
            await connection.execute(_LOCK)
            standing = (
                await connection.execute(
                    select(GenerationRow.code, GenerationRow.reason).where(GenerationRow.id == request.generation_id)
                )
            ).first()
            refusal = _refusal_again(*standing) if standing else await _over_budget(connection, request)
            if standing is None:
                await connection.execute(_beginning(request, refusal))
        if refusal is not None:
            raise refusal

    async def finish(self, request: GenerateImage, result: GenerationResult, *, at: datetime) -> None:
        """Write how it ended: one statement, which changes nothing once the generation has an end."""
        picture = result.picture
        statement = (
            update(GenerationRow)
            .where(GenerationRow.id == request.generation_id, GenerationRow.state == GenerationState.STARTED)
            .values(state=result.state, reason=result.reason, code=result.code, cost=result.cost, finished_at=at)
        )
        if picture is not None:
            statement = statement.values(
                picture_name=picture.name,
                prompt=picture.prompt,
                prompt_version=picture.prompt_version,
                model=picture.model,
            )
            upload = insert(UploadRow).values(
                name=picture.name, kind=PictureKind.GENERATED, asset_sha256=picture.image.sha256, created_at=at
            )
            statement = statement.add_cte(asset_of(picture.image, at=at).cte("asset")).add_cte(
                upload.on_conflict_do_nothing(index_elements=["name"]).cte("upload")
            )
        async with self._database.connect() as connection:
            await connection.execute(statement)

    async def find(self, subject: Sha256) -> Generation | None:
        """Return the newest attempt at a wish."""
        return await self._one(
            _generations().where(GenerationRow.subject == subject).order_by(GenerationRow.attempt.desc()).limit(1)
        )

    async def find_by_id(self, generation_id: UUID) -> Generation | None:
        """Return a generation."""
        return await self._one(_generations().where(GenerationRow.id == generation_id))

    async def has_room(self, policy: GenerationPolicy, *, at: datetime) -> bool:
        """Say whether the daily spend allows one more picture."""
        async with self._database.connect() as connection:
            spent: int = (await connection.execute(select(_spent(at)))).scalar_one()
        return spent + policy.price <= policy.daily_spend

    async def _one(self, statement: Select[Any]) -> Generation | None:
        async with self._database.connect() as connection:
            row = (await connection.execute(statement)).mappings().first()
        return _generation(row) if row else None


async def _over_budget(connection: AsyncConnection, request: GenerateImage) -> OrderRefused | None:
    """Return the refusal of the first budget without room."""
    policy, since = request.policy, request.at - DAY
    mine = [GenerationRow.client == request.client, GenerationRow.started_at > since]
    counts = select(
        _pictures(GenerationRow.session == request.session).label("session"),
        _pictures(*mine).label("client"),
        _first(*mine).label("client_first"),
        _spent(request.at).label("spent"),
        _first(GenerationRow.started_at > since).label("spent_first"),
    )
    found = (await connection.execute(counts)).one()
    if request.session and found.session >= policy.per_session:
        return _refusal("session", None)
    if request.client and found.client >= policy.per_client_and_day:
        return _refusal("client", found.client_first)
    if found.spent + policy.price > policy.daily_spend:
        return _refusal("daily_spend", found.spent_first)
    return None


def _pictures(*conditions: Any) -> Any:
    """Count what is being made, was made, or was paid for; a refusal is not held against anybody."""
    return select(func.count()).select_from(GenerationRow).where(*conditions, _counts()).scalar_subquery()


def _first(*conditions: Any) -> Any:
    return select(func.min(GenerationRow.started_at)).where(*conditions, _counts()).scalar_subquery()


def _spent(at: datetime) -> Any:
    """Sum up 24 hours: the price of what is being made, and the cost of all else."""
    return select(func.coalesce(func.sum(GenerationRow.cost), 0)).where(GenerationRow.started_at > at - DAY).scalar_subquery()


def _counts() -> Any:
    return or_(GenerationRow.state.in_([GenerationState.STARTED, GenerationState.MADE]), GenerationRow.cost > 0)


def _refusal(budget: str, first: datetime | None) -> OrderRefused:
    facts: dict[str, str | int | float] = {"budget": budget}
    if first is not None:
        facts["retry_at"] = (first + DAY).isoformat()
    return OrderRefused(_TOO_MANY[budget], code=RefusalCode.BUDGET_SPENT, facts=facts)


def _refusal_again(code: str | None, reason: str) -> OrderRefused | None:
    """Return what an attempt was refused with when it began."""
    return OrderRefused(reason, code=RefusalCode.BUDGET_SPENT) if code == RefusalCode.BUDGET_SPENT else None


def _beginning(request: GenerateImage, refusal: OrderRefused | None) -> Any:
    end = (
        {"state": GenerationState.STARTED, "cost": request.policy.price}
        if refusal is None
        else {
            "state": GenerationState.REFUSED,
            "cost": 0,
            "reason": refusal.message,
            "code": refusal.code,
            "finished_at": request.at,
        }
    )
    return insert(GenerationRow).values(
        id=request.generation_id,
        subject=request.subject,
        attempt=request.attempt,
        client=request.client,
        session=request.session,
        order_id=request.order_id,
        channel=request.channel,
        template_id=request.template_id,
        style=request.style,
        photo_sha256=request.photo.sha256 if request.photo else None,
        started_at=request.at,
        **end,
    )


def _generations() -> Select[Any]:
    image = [Asset.__table__.c[field] for field in StoredImage.model_fields]
    return (
        select(GenerationRow.__table__, *image)
        .outerjoin(UploadRow, UploadRow.name == GenerationRow.picture_name)
        .outerjoin(Asset, Asset.sha256 == UploadRow.asset_sha256)
    )


def _generation(row: Mapping[str, Any]) -> Generation:
    return Generation(
        generation_id=row["id"],
        subject=row["subject"],
        attempt=row["attempt"],
        state=row["state"],
        template_id=row["template_id"],
        style=row["style"],
        picture=_picture(row) if row["picture_name"] else None,
        reason=row["reason"],
        code=row["code"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def _picture(row: Mapping[str, Any]) -> GeneratedImage:
    return GeneratedImage(
        generation_id=row["id"],
        name=row["picture_name"],
        image=StoredImage.model_validate({field: row[field] for field in StoredImage.model_fields}),
        prompt=row["prompt"],
        prompt_version=row["prompt_version"],
        model=row["model"],
        cost=row["cost"],
    )
