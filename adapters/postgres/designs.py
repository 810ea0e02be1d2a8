"""Design documents: what they are drawn for, the pictures that they name, and where they are kept."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from adapters.postgres.engine import Database
from adapters.postgres.facts import find_out
from adapters.postgres.pricing import case
from adapters.postgres.uploads import asset_of
from models.artwork import PictureKind, StoredImage
from models.design import Design, DesignDocument, DesignNames, DesignWarning, KeptDesign
from models.order import CheckoutRequest, Product
from models.tables import Asset, Upload
from models.tables import Design as DesignRow

TO_DESIGN_WITH = (PictureKind.PHOTO, PictureKind.GENERATED)


class PostgresDesigns:
    """The port `activities.ports.DesignBook`, and what the front door reads before it has a design drawn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def case(
        self, request: CheckoutRequest, *, at: datetime, shell_id: str | None = None, in_stock: bool = False
    ) -> Product:
        """Resolve phone, shell, machine and template of a request that has no picture yet. Raises `OrderRefused`."""
        async with self._database.connect() as connection:
            known = await find_out(connection, request, order_id=None, at=at)
        return case(request, known.facts, shell_id=shell_id, in_stock=in_stock)

    async def pictures(self, names: Collection[str]) -> dict[str, StoredImage]:
        """Find pictures to design with by their public names; what nobody has, and whose bytes were removed, is missing."""
        statement = (
            select(Upload.name, *_image(Asset))
            .join(Asset, Asset.sha256 == Upload.asset_sha256)
            .where(Upload.name.in_(names), Upload.kind.in_(TO_DESIGN_WITH), Asset.removed_at.is_(None))
        )
        async with self._database.connect() as connection:
            rows = (await connection.execute(statement)).mappings()
            return {row["name"]: StoredImage.model_validate(dict(row)) for row in rows}

    async def keep(self, kept: KeptDesign) -> None:
        """Write document, print file and preview under their names, in one statement; harmless when they are there."""
        names, design = kept.names, kept.design
        final = {
            "name": names.final,
            "kind": PictureKind.FINAL,
            "asset_sha256": design.print_image.sha256,
            "template_id": kept.document.template_id,
            "created_at": kept.at,
        }
        preview = {**final, "name": names.preview, "kind": PictureKind.PREVIEW, "asset_sha256": design.preview.sha256}
        preview["template_id"] = None
        row = insert(DesignRow).values(
            token=names.token,
            document=kept.document.model_dump(mode="json"),
            shell_id=design.shell_id,
            final_name=names.final,
            preview_name=names.preview,
            renderer_version=design.renderer_version,
            warnings=[warning.model_dump(mode="json") for warning in design.warnings],
            created_at=kept.at,
        )
        statement = row.on_conflict_do_nothing().add_cte(
            asset_of(design.print_image, at=kept.at).cte("print_image"),
            asset_of(design.preview, at=kept.at).cte("preview_image"),
            insert(Upload).values([final, preview]).on_conflict_do_nothing().cte("names"),
        )
        async with self._database.connect() as connection:
            await connection.execute(statement)

    async def find(self, token: str) -> KeptDesign | None:
        """Return a design by the token that its customer has; None once its pictures were removed."""
        final, preview, final_asset, preview_asset = aliased(Upload), aliased(Upload), aliased(Asset), aliased(Asset)
        statement = (
            select(DesignRow.__table__, *_image(final_asset, "final_"), *_image(preview_asset, "preview_"))
            .join(final, final.name == DesignRow.final_name)
            .join(final_asset, final_asset.sha256 == final.asset_sha256)
            .join(preview, preview.name == DesignRow.preview_name)
            .join(preview_asset, preview_asset.sha256 == preview.asset_sha256)
            .where(DesignRow.token == token, final_asset.removed_at.is_(None), preview_asset.removed_at.is_(None))
        )
        async with self._database.connect() as connection:
            row = (await connection.execute(statement)).mappings().first()
        return _kept(dict(row)) if row else None


def _image(asset: Any, prefix: str = "") -> list[Any]:
    return [getattr(asset, field).label(f"{prefix}{field}") for field in StoredImage.model_fields]


def _kept(row: dict[str, Any]) -> KeptDesign:
    final, preview = (
        StoredImage.model_validate({field: row[f"{prefix}{field}"] for field in StoredImage.model_fields})
        for prefix in ("final_", "preview_")
    )
    return KeptDesign(
        names=DesignNames(token=row["token"], final=row["final_name"], preview=row["preview_name"]),
        document=DesignDocument.model_validate(row["document"]),
        design=Design(
            print_image=final,
            preview=preview,
            shell_id=row["shell_id"],
            renderer_version=row["renderer_version"],
            warnings=tuple(DesignWarning.model_validate(warning) for warning in row["warnings"]),
        ),
        at=row["created_at"],
    )
