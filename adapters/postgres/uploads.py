"""Pictures of customers: the bytes are in the object store, here is which name leads to which."""

from datetime import datetime

from sqlalchemy import ScalarSelect, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.exc import IntegrityError

from adapters.postgres.engine import Database
from adapters.postgres.statements import violated
from models.artwork import StoredImage, Upload
from models.catalog import match_name
from models.errors import OrderRefused, RefusalCode
from models.tables import Asset, Template
from models.tables import Upload as UploadRow

_WITHOUT_TEMPLATE = "ck_uploads_template"


def asset_of(image: StoredImage, *, at: datetime) -> Insert:
    """Return the statement that writes a picture's bytes down; the same bytes, stored once more, are no longer removed."""
    row = insert(Asset).values(**image.model_dump(), created_at=at)
    again = {"removed_at": None, "erased_at": None}
    return row.on_conflict_do_update(index_elements=["sha256"], set_=again, where=Asset.removed_at.is_not(None))


class PostgresUploads:
    """Uploads by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, upload: Upload) -> None:
        """Write an upload and its picture, which may have been sent before.

        The template may be spelled as the storefront spells it. Raises `OrderRefused` (`unknown_template`).
        """
        row = insert(UploadRow).values(
            name=upload.name,
            kind=upload.kind,
            asset_sha256=upload.image.sha256,
            template_id=None if upload.template_id is None else _template(upload.template_id),
            created_at=upload.created_at,
        )
        async with self._database.connect() as connection:
            try:
                await connection.execute(row.add_cte(asset_of(upload.image, at=upload.created_at).cte("asset")))
            except IntegrityError as error:
                # A template that is not found leaves NULL in its column, which a final image must not have.
                if violated(error) != _WITHOUT_TEMPLATE:
                    raise
                raise OrderRefused(
                    f"There is no template “{upload.template_id}”. Please choose one from the list.",
                    code=RefusalCode.UNKNOWN_TEMPLATE,
                    facts={"template": upload.template_id or ""},
                ) from error

    async def find(self, name: str) -> Upload | None:
        """Return the upload of this name, unless its picture was removed."""
        image = [Asset.__table__.c[field] for field in StoredImage.model_fields]
        statement = (
            select(UploadRow.template_id, UploadRow.kind, UploadRow.created_at.label("uploaded_at"), *image)
            .join(Asset, Asset.sha256 == UploadRow.asset_sha256)
            .where(UploadRow.name == name, Asset.removed_at.is_(None))
        )
        async with self._database.connect() as connection:
            row = (await connection.execute(statement)).mappings().first()
        if row is None:
            return None
        return Upload(
            name=name,
            template_id=row["template_id"],
            image=StoredImage.model_validate({field: row[field] for field in StoredImage.model_fields}),
            created_at=row["uploaded_at"],
            kind=row["kind"],
        )


def _template(spelling: str) -> ScalarSelect[str]:
    return select(Template.id).where(Template.match_names.contains([match_name(spelling)])).scalar_subquery()
