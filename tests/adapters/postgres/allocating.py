"""``python -m tests.adapters.postgres.allocating <database url>``: one process that asks for references, as a worker would.

Says ``ready``, reads one line of JSON (``[[kind, order id, attempt, at], …]``), asks for them all, several at a time and in a
process of its own, and answers one line with the references in the same order.
"""

import asyncio
import json
import sys
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr

from adapters.postgres.engine import Database
from adapters.postgres.order_book import PostgresOrderBook
from config.groups import DatabaseSettings
from models.production import ReferenceKind

AT_ONCE = 4


async def allocate(url: str) -> None:
    database = Database.connect_to(DatabaseSettings(url=SecretStr(url), pool_size=AT_ONCE), application_name="allocating")
    book, turn = PostgresOrderBook(database), asyncio.Semaphore(AT_ONCE)

    async def reference(kind: str, order_id: str, attempt: int, at: str) -> str:
        async with turn:
            return await book.reference(
                ReferenceKind(kind), order_id=UUID(order_id), attempt=attempt, at=datetime.fromisoformat(at)
            )

    await database.ping()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    wanted = json.loads(await asyncio.to_thread(sys.stdin.readline))
    given = await asyncio.gather(*[reference(*one) for one in wanted])
    sys.stdout.write(json.dumps(given) + "\n")
    await database.dispose()


if __name__ == "__main__":
    asyncio.run(allocate(sys.argv[1]))
