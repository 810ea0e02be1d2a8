"""Bring a database to the newest schema: `python -m adapters.postgres.migrate`, with its address in DATABASE_URL.

Several processes may start this at once: an advisory lock lets one migrate, the others find nothing left to do. It needs no other
setting, so that a deployment can run it with the migrating account's address alone.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

ADVISORY_LOCK = 0x706D63  # "pmc"


async def upgrade(url: str, revision: str = "head") -> None:
    """Migrate forwards; harmless when there is nothing to do."""
    await _run(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: str, revision: str) -> None:
    """Migrate backwards, `base` for an empty database: data is lost."""
    await _run(url, lambda config: command.downgrade(config, revision))


async def write_revision(url: str, message: str) -> None:
    """Write a migration with what the tables have and this database lacks; a person reads it before it is committed."""
    await _run(url, lambda config: command.revision(config, message, autogenerate=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m adapters.postgres.migrate", description="Migrate the database of DATABASE_URL."
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--to", default="head", metavar="REVISION", help="migrate forwards to this revision (default: head)")
    action.add_argument("--back-to", metavar="REVISION", help="migrate backwards to this revision; data is lost")
    action.add_argument("--new", metavar="MESSAGE", help="write a migration for what the tables have and the database lacks")
    options = parser.parse_args(arguments)
    url = os.environ.get("DATABASE_URL")
    if not url:
        sys.stderr.write("DATABASE_URL is not set: postgresql+asyncpg://user:password@host/database\n")
        return 2
    if options.new:
        asyncio.run(write_revision(url, options.new))
    elif options.back_to:
        asyncio.run(downgrade(url, options.back_to))
    else:
        asyncio.run(upgrade(url, options.to))
    return 0


async def _run(url: str, action: Callable[[Config], object]) -> None:
    engine = create_async_engine(url, poolclass=NullPool, hide_parameters=True)
    lock = text("SELECT pg_advisory_lock(:key)").bindparams(key=ADVISORY_LOCK)
    async with engine.connect() as guard, engine.connect() as connection:
        # The lock belongs to the session and goes with it, also when we are killed.
        await (await guard.execution_options(isolation_level="AUTOCOMMIT")).execute(lock)
        await connection.run_sync(_act, action)
    await engine.dispose()


def _act(connection: Connection, action: Callable[[Config], object]) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(rev)s_%%(slug)s")
    config.set_main_option("timezone", "UTC")
    action(config)


if __name__ == "__main__":
    sys.exit(main())
