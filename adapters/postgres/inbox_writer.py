"""The front door's side of the inbox: a message is written down before it is answered.

Webhooks and callbacks come in bursts. Whatever arrives while a statement is under way is written by the next one, all of it
together. What an order waits for is written at once; what is only recorded or only a hint waits a moment for company, so that
ten messages cost one round trip.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from json import dumps

import structlog
from sqlalchemy import text

from adapters.postgres.engine import Database
from adapters.postgres.order_book import REFERENCES_CHANNEL
from models.errors import ProviderUnavailable
from models.inbox import InboxState, NewMessage

INBOX_CHANNEL = "inbox"
"""Notified when a message has come in that is to be delivered."""

NOTHING_FOLLOWS = "nothing follows from it"
MOST_AT_ONCE = 100
COMPANY = timedelta(milliseconds=200)
"""How long a message that nothing waits for waits for others; its sender hears nothing of it in that time."""

_DEADLOCK = "40P01"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Arrival:
    """A message that somebody waits to be written; `is_hint`: its reference is asked about, if it is one of ours."""

    message: NewMessage
    is_awaited: bool
    is_hint: bool
    is_new: asyncio.Future[bool]

    @property
    def key(self) -> tuple[str, str]:
        return self.message.source.value, self.message.event_id


class PostgresInboxWriter:
    """Writes messages down, once each. One object serves all requests of a process, so that they share their statements."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._arrivals: list[_Arrival] = []
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def receive(self, message: NewMessage, *, is_awaited: bool = True) -> bool:
        """Write a message down and wake the drainer; False for one that came before, which changes nothing.

        One that nobody awaits is only recorded. Raises `ProviderUnavailable`; then nothing is known to be written.
        """
        if is_awaited:
            self._hurry.set()
        return await self._arrive(message, is_awaited=is_awaited)

    async def receive_hints(self, messages: Sequence[NewMessage]) -> list[bool]:
        """Write messages down and have the poller ask about their references; False for each that came before.

        One that names no reference of ours is left for the drainer.
        """
        arrivals = [self._arrive(message, is_hint=True) for message in messages]
        return list(await asyncio.gather(*arrivals))

    def _arrive(self, message: NewMessage, *, is_awaited: bool = True, is_hint: bool = False) -> "asyncio.Future[bool]":
        outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._arrivals.append(_Arrival(message, is_awaited, is_hint, outcome))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        return outcome

    async def _write_all(self) -> None:
        while self._arrivals:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), COMPANY.total_seconds())
            batch, self._arrivals = self._arrivals[:MOST_AT_ONCE], self._arrivals[MOST_AT_ONCE:]
            if not self._arrivals:
                self._hurry.clear()
            await self._write(batch)

    async def _write(self, batch: Sequence[_Arrival]) -> None:
        """Write a batch and tell everybody who waits. A message that cannot be written does not take the others with it."""
        try:
            new = await self._insert(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where somebody waits
            is_outage = isinstance(error, ProviderUnavailable) and error.code != _DEADLOCK
            if is_outage or len(batch) == 1:
                _fail(batch, error)
                return
            log.warning("a batch of messages cannot be written: each is tried by itself", messages=len(batch))
            for arrival in batch:
                await self._write([arrival])
        except asyncio.CancelledError:
            _fail(batch, ProviderUnavailable("the process stops", provider="postgres"))
            raise
        else:
            for arrival in batch:
                is_new = arrival.key in new
                new.discard(arrival.key)
                if not arrival.is_new.done():
                    arrival.is_new.set_result(is_new)

    async def _insert(self, batch: Sequence[_Arrival]) -> set[tuple[str, str]]:
        """Return the keys of those that were not there before."""
        messages = [arrival.message for arrival in batch]
        values = {
            "sources": [message.source.value for message in messages],
            "event_ids": [message.event_id for message in messages],
            "kinds": [message.kind for message in messages],
            "order_ids": [message.order_id for message in messages],
            "references": [message.reference for message in messages],
            "payloads": [dumps(message.payload) for message in messages],
            "received": [message.received_at for message in messages],
            "awaited": [arrival.is_awaited for arrival in batch],
            "hints": [arrival.is_hint for arrival in batch],
            "hinted": [arrival.message.reference for arrival in batch if arrival.is_hint and arrival.message.reference],
        }
        async with self._database.connect() as connection:
            rows = await connection.execute(_RECEIVE, values | _WORDS)
            return {(row.source, row.event_id) for row in rows}


_WORDS = {
    "waiting": InboxState.WAITING.value,
    "delivered": InboxState.DELIVERED.value,
    "recorded": InboxState.RECORDED.value,
    "nothing_follows": NOTHING_FOLLOWS,
    "references_channel": REFERENCES_CHANNEL,
    "inbox_channel": INBOX_CHANNEL,
}

# References are locked in the order of their names, as everywhere. Messages keep the order in which they came, so two processes
# that are sent the same ones the other way round can deadlock: the one that loses tries each by itself.
_RECEIVE = text("""
WITH arrived AS (
    SELECT * FROM unnest(
        CAST(:sources AS text[]), CAST(:event_ids AS text[]), CAST(:kinds AS text[]), CAST(:order_ids AS uuid[]),
        CAST(:references AS text[]), CAST(:payloads AS jsonb[]), CAST(:received AS timestamptz[]),
        CAST(:awaited AS boolean[]), CAST(:hints AS boolean[])
    ) WITH ORDINALITY AS a (source, event_id, kind, order_id, reference, payload, received_at, is_awaited, is_hint, position)
), known AS MATERIALIZED (
    SELECT m.reference, m.manufacturer_id FROM manufacturer_references m
    WHERE m.reference = ANY (CAST(:hinted AS text[])) OR m.manufacturer_id = ANY (CAST(:hinted AS text[]))
    ORDER BY m.reference
    FOR UPDATE
), called AS (
    SELECT reference, reference AS name FROM known UNION SELECT reference, manufacturer_id FROM known
), sorted AS (
    SELECT a.*, CASE WHEN NOT a.is_awaited THEN :recorded
                     WHEN a.is_hint AND a.reference IN (SELECT name FROM called) THEN :delivered
                     ELSE :waiting END AS state
    FROM arrived a
), new AS (
    INSERT INTO inbox (source, event_id, kind, order_id, reference, payload, received_at,
                       state, next_attempt_at, settled_at, note)
    SELECT source, event_id, kind, order_id, reference, payload, received_at, state,
           CASE WHEN state = :waiting THEN received_at END,
           CASE WHEN state <> :waiting THEN received_at END,
           CASE WHEN state = :recorded THEN :nothing_follows ELSE '' END
    FROM sorted ORDER BY position
    ON CONFLICT (source, event_id) DO NOTHING
    RETURNING source, event_id, reference, received_at, state
), due AS (
    UPDATE manufacturer_references m SET next_due_at = n.received_at
    FROM (SELECT k.reference, max(new.received_at) AS received_at FROM new JOIN called k ON k.name = new.reference
          WHERE new.state = :delivered GROUP BY k.reference) n
    WHERE m.reference = n.reference
    RETURNING m.reference
)
SELECT new.source, new.event_id,
       (SELECT pg_notify(:references_channel, '') FROM (SELECT FROM due LIMIT 1) some_due),
       (SELECT pg_notify(:inbox_channel, '') FROM (SELECT FROM new WHERE state = :waiting LIMIT 1) some_waiting)
FROM new
""")


def _fail(batch: Sequence[_Arrival], error: Exception) -> None:
    for arrival in batch:
        if not arrival.is_new.done():
            arrival.is_new.set_exception(error)
