"""Brings the development database to the newest schema and fills it: `python -m dev.database`, with DATABASE_URL.

One process for both, because starting Python costs more than either; harmless when there is nothing to do.
"""

import asyncio

from adapters.postgres.engine import Database
from adapters.postgres.migrate import upgrade
from adapters.postgres.seed import seed
from config.settings import load_settings


async def main() -> None:
    settings = load_settings().database
    await upgrade(settings.url.get_secret_value())
    database = Database.connect_to(settings, application_name="pimpmycase-seed")
    try:
        await seed(database)
    finally:
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(main())
