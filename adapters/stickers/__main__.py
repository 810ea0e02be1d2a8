"""Imports packs of stickers or backgrounds: `python -m adapters.stickers DIR [--kind background]`. A composition root.

DIR holds a folder for each pack, with `1.png`, `2.png` … in it. Without DIR the set that comes with the project is imported.
Exit status: 0, 1 when a file was refused, 2 when nothing could be done.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.postgres.decorations import PostgresDecorations
from adapters.postgres.engine import Database
from adapters.r2 import open_store
from adapters.stickers.importer import Importer, Line, Outcome
from config.settings import Settings, SettingsError, load_settings
from models.decoration import DecorationKind
from models.errors import OrderPipelineError

OWN_SET = Path(__file__).with_name("own")
"""One folder of packs for each kind."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Import what the arguments say, print the report, return the exit status."""
    options = _parser().parse_args(arguments)
    kind = DecorationKind(options.kind)
    folders = {kind: options.folder} if options.folder else {one: OWN_SET / one for one in DecorationKind}
    for folder in folders.values():
        if not folder.is_dir():
            return _give_up(f"{folder} is not a folder")
    try:
        lines = asyncio.run(_import(load_settings(), folders, options))
    except (SettingsError, OrderPipelineError) as error:
        return _give_up(str(error))
    if not lines:
        return _give_up(f"{options.folder} holds no packs")
    _report(lines, dry_run=options.dry_run)
    return 1 if any(line.outcome is Outcome.REFUSED for line in lines) else 0


async def _import(settings: Settings, folders: dict[DecorationKind, Path], options: argparse.Namespace) -> list[Line]:
    database = Database.connect_to(settings.database, application_name="pimpmycase-stickers")
    try:
        async with open_store(settings.storage) as store:
            importer = Importer(store, PostgresDecorations(database), at=datetime.now(UTC), dry_run=options.dry_run)
            lines: list[Line] = []
            for kind, folder in folders.items():
                lines += await importer.run(folder, kind, deactivate_missing=options.deactivate_missing)
            return lines
    finally:
        await database.dispose()


def _report(lines: Sequence[Line], *, dry_run: bool) -> None:
    for line in lines:
        if line.outcome is not Outcome.UNCHANGED:
            sys.stdout.write(f"{line.outcome:<10} {line.title}{f': {line.reason}' if line.reason else ''}\n")
    counts = Counter(line.outcome for line in lines)
    summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
    sys.stdout.write(f"{summary}{' (nothing was written)' if dry_run else ''}\n")


def _give_up(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m adapters.stickers", description="Bring packs of stickers or backgrounds into bucket and database."
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="a folder of packs; without it, the project's own")
    parser.add_argument("--kind", choices=[*DecorationKind], default=DecorationKind.STICKER, help="what the packs of DIR are")
    parser.add_argument("--dry-run", action="store_true", help="check everything and write nothing")
    parser.add_argument("--deactivate-missing", action="store_true", help="no longer offer what has no file in DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
