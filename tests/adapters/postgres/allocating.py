"""``python -m tests.adapters.postgres.allocating <url> <n>``: many processes that ask for references at once, as workers would.

Reads one share of ``[[kind, order id, attempt, at], …]`` for each process as JSON from standard input. All ask for the first n of
their shares in the same moments, and then each for its others, several at a time. Writes the references, in the shares' order.
"""

import asyncio
import json
import multiprocessing
import sys
from datetime import datetime
from multiprocessing.synchronize import Barrier
from uuid import UUID

from pydantic import SecretStr

from adapters.postgres.engine import Database
from adapters.postgres.order_book import PostgresOrderBook
from config.groups import DatabaseSettings
from models.production import ReferenceKind

AT_ONCE = 4
PATIENCE_S = 60.0

Wish = tuple[str, str, int, str]


async def allocate(url: str, together: int, wishes: list[Wish], start: Barrier) -> list[str]:
    """Be one process."""
    database = Database.connect_to(DatabaseSettings(url=SecretStr(url), pool_size=AT_ONCE), application_name="allocating")
    book, turn = PostgresOrderBook(database), asyncio.Semaphore(AT_ONCE)

    async def reference(kind: str, order_id: str, attempt: int, at: str) -> str:
        async with turn:
            return await book.reference(
                ReferenceKind(kind), order_id=UUID(order_id), attempt=attempt, at=datetime.fromisoformat(at)
            )

    await database.ping()
    contested = []
    for wish in wishes[:together]:
        start.wait(PATIENCE_S)
        contested.append(await reference(*wish))
    given = await asyncio.gather(*[reference(*wish) for wish in wishes[together:]])
    await database.dispose()
    return contested + given


def work(url: str, together: int, wishes: list[Wish]) -> list[str]:
    try:
        return asyncio.run(allocate(url, together, wishes, _start))
    except Exception as error:  # noqa: BLE001 - told to the parent in words
        _start.abort()
        # Our errors cannot be sent from one process to another, and a pool waits for ever for what it cannot read.
        raise RuntimeError(repr(error)) from None


def _meet_at(start: Barrier) -> None:
    global _start  # noqa: PLW0603 - a pool hands a barrier to its processes in no other way
    _start = start


_start: Barrier

if __name__ == "__main__":
    shares = json.load(sys.stdin)
    # Nothing runs here yet, neither threads nor a loop, so forking is safe and imports everything only once.
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(shares))
    with context.Pool(len(shares), initializer=_meet_at, initargs=(barrier,)) as pool:
        json.dump(pool.starmap(work, [(sys.argv[1], int(sys.argv[2]), share) for share in shares], chunksize=1), sys.stdout)
