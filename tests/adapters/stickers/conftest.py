"""Packs on disk, a bucket and a database to import them into."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from pydantic import SecretStr

from adapters.postgres.decorations import PostgresDecorations
from adapters.postgres.engine import Database
from adapters.r2 import R2Store, open_store
from adapters.stickers.importer import Importer, Outcome
from config.groups import StorageSettings
from dev.emulators.s3 import S3EmulatorSettings, create_app
from dev.emulators.serving import serving
from dev.world import Ports
from dev.world import environment as example_environment
from models.decoration import DecorationKind

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def sticker(colour: str = "teal", *, side: int = 200, kind: str = "PNG") -> bytes:
    """A disc-like spot of colour on nothing, with a remark that must not be kept."""
    image = Image.new("RGBA", (side, side))
    image.paste(Image.new("RGBA", (side // 2, side // 2), colour), (side // 4, side // 4))
    remark = PngImagePlugin.PngInfo()
    remark.add_text("Author", "somebody private")
    file = BytesIO()
    image.save(file, kind, **({"pnginfo": remark} if kind == "PNG" else {"lossless": True}))
    return file.getvalue()


@dataclass
class Packs:
    """A folder of packs, and where it goes."""

    folder: Path
    store: R2Store
    book: PostgresDecorations
    environment: dict[str, str]

    def add(self, name: str, data: bytes | None = None) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sticker() if data is None else data)
        return path

    async def bring(
        self, kind: DecorationKind = DecorationKind.STICKER, *, dry_run: bool = False, deactivate_missing: bool = False
    ) -> dict[str, Outcome]:
        """Import, and say what became of each."""
        importer = Importer(self.store, self.book, at=AT, dry_run=dry_run)
        return {line.title: line.outcome for line in await importer.run(self.folder, kind, deactivate_missing=deactivate_missing)}


@pytest.fixture
async def packs(tmp_path: Path, database: Database, database_url: str) -> AsyncIterator[Packs]:
    (tmp_path / "packs").mkdir()
    async with serving(create_app(S3EmulatorSettings(folder=tmp_path / "bucket", buckets=("pictures",)))) as url:
        settings = StorageSettings(
            endpoint_url=url,
            bucket="pictures",
            access_key_id="EXAMPLE-ACCESS-KEY",
            secret_access_key=SecretStr("EXAMPLE-SECRET-KEY"),
        )
        async with open_store(settings) as store:
            environment = example_environment(Ports(), database_url) | {
                "STORAGE_ENDPOINT_URL": url,
                "STORAGE_BUCKET": "pictures",
                "STORAGE_ACCESS_KEY_ID": "EXAMPLE-ACCESS-KEY",
                "STORAGE_SECRET_ACCESS_KEY": "EXAMPLE-SECRET-KEY",
            }
            yield Packs(tmp_path / "packs", store, PostgresDecorations(database), environment)
