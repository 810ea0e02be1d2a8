"""Writes the catalogue and a stock that lasts into the development database: `python -m dev.seed`, with DATABASE_URL."""

import asyncio

from adapters.postgres.engine import Database
from adapters.postgres.seed import seed
from config.settings import load_settings
from dev.world import STOCK_PER_SHELL


async def main() -> None:
    database = Database.connect_to(load_settings().database, application_name="pimpmycase-seed")
    try:
        await seed(database, stock=STOCK_PER_SHELL)
    finally:
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(main())
