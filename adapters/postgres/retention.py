"""Which pictures nobody needs any more.

Objects are named by their content and shared: an upload, a design, a generation and several orders may need the same one, so
it goes only when the last of them has no claim on it. It goes in two steps. First its row is marked (`removed_at`): from then
on it is shown to nobody and nothing new can be made of it. A grace period later its object is erased while the row is locked.
Whoever stores the same bytes again takes the mark off *before* looking whether the object is there (`PostgresClaims`): either we
find the mark gone, or they find the object gone and store it anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.engine import Database
from models.errors import ProviderUnavailable
from models.generation import ANSWER_FOLDER, answer_key
from models.order import OrderStatus
from models.retention import MOST_ANSWERS, SHOWN_REASONS, Erased, ErasedFolder, EraseObjects, GivenUp, GiveUp, added_up

Remove = Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
"""Removes objects and says of each that is still there why."""

BATCH: Final = 50
"""Objects that are erased while their rows are locked: about a second."""
LOCKED_FOR: Final = timedelta(seconds=20)
"""At most; below `IDLE_IN_TRANSACTION_TIMEOUT`, at which the database takes the locks away while we still erase."""

_FINAL: Final = [status.value for status in OrderStatus if status.is_final]

_LIVE: Final = """
live_orders AS MATERIALIZED (
    SELECT id, upload_name, approved_sha256, print_sha256 FROM orders
    WHERE NOT status = ANY (:final) OR entered_at > :orders_since
),
live_designs AS MATERIALIZED (
    SELECT token, document, final_name, preview_name FROM designs
    WHERE created_at > :designs_since OR final_name IN (SELECT upload_name FROM live_orders)
),
live_generations AS MATERIALIZED (
    SELECT photo_sha256, picture_name FROM generations
    WHERE started_at > :designs_since OR order_id IN (SELECT id FROM live_orders)
),
live_names AS (
    SELECT name FROM uploads WHERE created_at > :designs_since
    UNION SELECT upload_name FROM live_orders
    UNION SELECT final_name FROM live_designs
    UNION SELECT preview_name FROM live_designs
    UNION SELECT jsonb_path_query(document, '$.photos[*].photo') #>> '{}' FROM live_designs
    UNION SELECT jsonb_path_query(document, '$.stickers[*].photo') #>> '{}' FROM live_designs
    UNION SELECT picture_name FROM live_generations
),
live AS MATERIALIZED (
    SELECT asset_sha256 AS sha256 FROM uploads WHERE name IN (SELECT name FROM live_names)
    UNION SELECT approved_sha256 FROM live_orders
    UNION SELECT print_sha256 FROM live_orders
    UNION SELECT photo_sha256 FROM live_generations
)
"""
"""`live` has the hash of every picture that somebody needs. What a design document names is needed as long as the design."""

_KEEP_AFTER_ALL = text(f"""
WITH {_LIVE}, pictures AS (
    UPDATE assets SET removed_at = NULL
    WHERE removed_at IS NOT NULL AND erased_at IS NULL AND sha256 IN (SELECT sha256 FROM live)
    RETURNING 1
), files AS (
    UPDATE print_files SET removed_at = NULL
    WHERE removed_at IS NOT NULL AND erased_at IS NULL
      AND (approved_sha256 IN (SELECT approved_sha256 FROM live_orders) OR sha256 IN (SELECT sha256 FROM live))
    RETURNING 1
)
SELECT (SELECT count(*) FROM pictures) + (SELECT count(*) FROM files)
""")  # noqa: S608 - only a constant is put in

_GIVE_UP = text(f"""
WITH {_LIVE}, pictures AS (
    UPDATE assets SET removed_at = :at
    WHERE removed_at IS NULL AND created_at <= :designs_since AND NOT EXISTS (SELECT FROM live WHERE live.sha256 = assets.sha256)
    RETURNING 1
), files AS (
    UPDATE print_files SET removed_at = :at
    WHERE removed_at IS NULL AND created_at <= :orders_since
      AND NOT EXISTS (SELECT FROM live WHERE live.sha256 = print_files.sha256)
      AND NOT EXISTS (SELECT FROM live_orders o WHERE o.approved_sha256 = print_files.approved_sha256)
    RETURNING 1
), documents AS (
    DELETE FROM designs WHERE NOT EXISTS (SELECT FROM live_designs WHERE live_designs.token = designs.token)
    RETURNING 1
)
SELECT (SELECT count(*) FROM pictures), (SELECT count(*) FROM files), (SELECT count(*) FROM documents)
""")  # noqa: S608 - only a constant is put in

_NO_HURRY = text("SET LOCAL statement_timeout = '60s'")

_DUE = text("""
SELECT key FROM (
    SELECT key FROM assets WHERE removed_at <= :due AND erased_at IS NULL
    UNION SELECT key FROM print_files WHERE removed_at <= :due AND erased_at IS NULL
) AS objects
WHERE key > :after ORDER BY key LIMIT :batch
""")

_LOCK = {
    table: text(f"SELECT key, size, removed_at FROM {table} WHERE key = ANY (:keys) ORDER BY key FOR UPDATE")  # noqa: S608
    for table in ("assets", "print_files")
}
_ERASED = {
    table: text(f"UPDATE {table} SET erased_at = :at WHERE key = ANY (:keys)")  # noqa: S608 - of the two tables above
    for table in ("assets", "print_files")
}

_ANSWERS = text("""
SELECT id FROM generations WHERE started_at <= :designs_since AND answers_erased_at IS NULL ORDER BY started_at LIMIT :batch
""")
_ANSWERS_ERASED = text("UPDATE generations SET answers_erased_at = :at WHERE id = ANY (:ids)")

_CLAIM = text("""
WITH pictures AS (UPDATE assets SET removed_at = NULL, erased_at = NULL WHERE key = :key AND removed_at IS NOT NULL)
UPDATE print_files SET removed_at = NULL, erased_at = NULL WHERE key = :key AND removed_at IS NOT NULL
""")


class PostgresRetention:
    """The port `activities.ports.RetentionBook`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give_up(self, request: GiveUp) -> GivenUp:
        """Mark what nobody needs, and take the mark off what somebody came to need while he could; the same again is harmless."""
        values = {
            "at": request.at,
            "designs_since": request.at - request.policy.designs,
            "orders_since": request.at - request.policy.orders,
            "final": _FINAL,
        }
        async with self._database.begin() as connection:
            await connection.execute(_NO_HURRY)
            kept = (await connection.execute(_KEEP_AFTER_ALL, values)).scalar_one()
            pictures, print_files, designs = (await connection.execute(_GIVE_UP, values)).one()
        return GivenUp(pictures=pictures, print_files=print_files, designs=designs, kept_after_all=kept)

    async def erase(self, request: EraseObjects, remove: Remove) -> Erased:
        """Erase the next objects behind `request.after`, in the order of their keys.

        `remove` is called while the rows are locked. An object that it could not remove stays due; so does all of a batch whose
        end was not written down, and is removed once more.
        """
        due = request.at - request.policy.grace
        async with self._database.begin() as connection:
            found = await connection.execute(_DUE, {"due": due, "after": request.after, "batch": BATCH})
            keys = list(found.scalars())
            if not keys:
                return Erased()
            sizes = await _locked(connection, keys, due)
            failures = await _in_time(remove, sorted(sizes)) if sizes else {}
            gone = [key for key in sizes if key not in failures]
            for statement in _ERASED.values():
                await connection.execute(statement, {"at": request.at, "keys": gone})
        return _erased({key: sizes[key] for key in gone}, failures, last=keys[-1])

    async def erase_answers(self, request: EraseObjects, remove: Remove) -> Erased:
        """Erase the AI's own answers: the pictures were taken out of them, and nobody looks at one again."""
        values = {"designs_since": request.at - request.policy.designs, "batch": BATCH}
        async with self._database.connect() as connection:
            ids = list((await connection.execute(_ANSWERS, values)).scalars())
            if not ids:
                return Erased()
            answers = {id_: [answer_key(id_, number) for number in range(1, MOST_ANSWERS + 1)] for id_ in ids}
            failures = await remove([key for keys in answers.values() for key in keys])
            gone = [id_ for id_, keys in answers.items() if failures.keys().isdisjoint(keys)]
            await connection.execute(_ANSWERS_ERASED, {"at": request.at, "ids": gone})
        # What could not be erased would be found again at once: the next run sees to it.
        return _erased({f"{ANSWER_FOLDER}/{id_}": 0 for id_ in gone}, failures, last=None if failures else ANSWER_FOLDER)


class PostgresClaims:
    """Takes the mark off pictures that are stored once more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, key: str) -> None:
        """Keep the object of this key. Waits while it is being erased; to be called before looking whether it is there."""
        async with self._database.connect() as connection:
            await connection.execute(_CLAIM, {"key": key})


async def _locked(connection: AsyncConnection, keys: Sequence[str], due: datetime) -> dict[str, int]:
    """Lock the rows of these objects, and return the size of each that all of them still give up."""
    sizes: dict[str, int] = {}
    needed: set[str] = set()
    for statement in _LOCK.values():
        for row in await connection.execute(statement, {"keys": list(keys)}):
            sizes[row.key] = row.size
            if row.removed_at is None or row.removed_at > due:
                needed.add(row.key)
    return {key: size for key, size in sizes.items() if key not in needed}


async def _in_time(remove: Remove, keys: Collection[str]) -> Mapping[str, str]:
    try:
        async with asyncio.timeout(LOCKED_FOR.total_seconds()):
            return await remove(keys)
    except TimeoutError as error:
        raise ProviderUnavailable("the bucket is too slow to be erased from", provider="r2") from error


def _erased(sizes: Mapping[str, int], failures: Mapping[str, str], *, last: str | None) -> Erased:
    parts = tuple(ErasedFolder(folder=key.partition("/")[0], objects=1, size=size) for key, size in sizes.items())
    reasons = tuple(f"{key}: {reason}" for key, reason in list(failures.items())[:SHOWN_REASONS])
    return Erased(folders=added_up(parts), failed=len(failures), reasons=reasons, last=last)
