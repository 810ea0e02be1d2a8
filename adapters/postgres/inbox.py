"""The port `Inbox` over PostgreSQL, and the front door's side of it: writing a message down before it is answered."""

from datetime import datetime, timedelta
from json import loads
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Text, case, exists, func, literal, or_, select, text, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from adapters.postgres.engine import Database
from adapters.postgres.order_book import REFERENCES_CHANNEL
from adapters.postgres.statements import notify, violated
from models.inbox import InboxMessage, InboxState, NewMessage
from models.tables import InboxMessage as Message
from models.tables import ManufacturerReference, Order, Payment

INBOX_CHANNEL = "inbox"
"""Notified when a message has come in."""

LEASE = timedelta(seconds=60)
"""How long a delivery may take before another worker may think that the first one died."""

ATTEMPTS_AT_A_CLAIM = 5
NOTHING_FOLLOWS = "nothing follows from it"


class PostgresInbox:
    """Messages of others: written down once, delivered until settled, one of each subject at a time."""

    def __init__(self, database: Database, *, lease: timedelta = LEASE) -> None:
        self._database = database
        self._lease = lease

    async def receive(self, message: NewMessage, *, is_awaited: bool = True) -> bool:
        """Write a message down and wake the drainer; False for one that came before, which changes nothing.

        One that nobody awaits is only recorded.
        """
        ending = {} if is_awaited else {"settled_at": message.received_at, "note": NOTHING_FOLLOWS}
        new = (
            insert(Message)
            .values(
                **message.model_dump(),
                **ending,
                state=InboxState.WAITING if is_awaited else InboxState.RECORDED,
                next_attempt_at=message.received_at if is_awaited else None,
            )
            .on_conflict_do_nothing(index_elements=["source", "event_id"])
            .returning(Message.id)
            .cte("new")
        )
        wake = [notify(INBOX_CHANNEL, literal(message.source.value))] if is_awaited else []
        async with self._database.connect() as connection:
            return (await connection.execute(select(new.c.id, *wake))).first() is not None

    async def receive_hint(self, message: NewMessage) -> bool:
        """Write a message down and have the poller ask about what it names, all in one statement.

        False for one that came before, which changes nothing. One that names no reference of ours is left for the drainer.
        """
        reference = ManufacturerReference.reference
        known = select(reference).where(_is_called(message.reference)).cte("known")
        is_known = exists(select(known.c.reference))
        columns = Message.__table__.c
        values: dict[str, Any] = {
            **message.model_dump(),
            "state": case(
                (is_known, literal(InboxState.DELIVERED, columns.state.type)),
                else_=literal(InboxState.WAITING, columns.state.type),
            ),
            "next_attempt_at": case((~is_known, literal(message.received_at, columns.next_attempt_at.type))),
            "settled_at": case((is_known, literal(message.received_at, columns.settled_at.type))),
        }
        new = (
            insert(Message)
            .values(**values)
            .on_conflict_do_nothing(index_elements=["source", "event_id"])
            .returning(Message.id)
            .cte("new")
        )
        due = (
            update(ManufacturerReference)
            .where(reference == known.c.reference, exists(select(new.c.id)))
            .values(next_due_at=message.received_at)
            .returning(reference)
            .cte("due")
        )
        ask = select(func.count(notify(REFERENCES_CHANNEL, due.c.reference))).scalar_subquery()
        wake = case((~is_known, notify(INBOX_CHANNEL, literal(message.source.value))))
        async with self._database.connect() as connection:
            return (await connection.execute(select(new.c.id, ask, wake))).first() is not None

    async def claim(self, *, at: datetime, limit: int) -> list[InboxMessage]:
        """Lease what is due, oldest first, at most one message of a subject at a time.

        Two drainers that pick two messages of one subject in the same moment meet at a unique index: the later one looks again.
        """
        values = {"at": at, "until": at + self._lease, "limit": limit}
        async with self._database.connect() as connection:
            for _ in range(ATTEMPTS_AT_A_CLAIM):
                try:
                    rows = (await connection.execute(_CLAIM, values)).mappings().all()
                except IntegrityError as error:
                    if violated(error) != "uq_inbox_claimed_subject":
                        raise
                else:
                    return sorted(map(_message, rows), key=lambda message: message.id)
        return []

    async def settle(self, message_id: int, state: InboxState, *, at: datetime, note: str = "") -> None:
        """Write how a message ended; it is not delivered again."""
        settled = update(Message).values(state=state, settled_at=at, note=note, next_attempt_at=None, claimed_until=None)
        async with self._database.connect() as connection:
            await connection.execute(settled.where(Message.id == message_id))

    async def postpone(self, message_id: int, *, until: datetime, state: InboxState, note: str) -> None:
        """Put a message back, to be delivered at `until`; one that was settled in the meantime stays settled."""
        back = update(Message).values(state=state, note=note, next_attempt_at=until, claimed_until=None)
        async with self._database.connect() as connection:
            await connection.execute(back.where(Message.id == message_id, Message.settled_at.is_(None)))

    async def order_of(self, reference: str) -> UUID | None:
        """Return the order that a Session, PaymentIntent, PYEN or OREN belongs to."""
        payments = select(Payment.order_id).where(
            (Payment.stripe_session_id == reference) | (Payment.payment_intent_id == reference)
        )
        references = select(ManufacturerReference.order_id).where(ManufacturerReference.reference == reference)
        async with self._database.connect() as connection:
            return await connection.scalar(union_all(payments, references).limit(1))

    async def has_ended(self, order_id: UUID) -> bool:
        """Say whether the order is over; this is known for longer than Temporal keeps its history."""
        async with self._database.connect() as connection:
            status = await connection.scalar(select(Order.status).where(Order.id == order_id))
        return status is not None and status.is_final

    async def make_due(self, reference: str, *, at: datetime) -> bool:
        """Have the poller ask about a PYEN or OREN, or by the manufacturer's own id, and wake it; False for one of nobody."""
        due = (
            update(ManufacturerReference)
            .where(_is_called(reference))
            .values(next_due_at=at)
            .returning(ManufacturerReference.reference)
            .cte("due")
        )
        async with self._database.connect() as connection:
            written = await connection.execute(select(due.c.reference, notify(REFERENCES_CHANNEL, due.c.reference)))
            return written.first() is not None

    async def next_due(self) -> datetime | None:
        """Return when the next message is due: waiting, or claimed by somebody who may have died."""
        due = func.greatest(Message.next_attempt_at, Message.claimed_until)
        async with self._database.connect() as connection:
            earliest: datetime | None = await connection.scalar(select(func.min(due)).where(Message.next_attempt_at.is_not(None)))
        return earliest


# Of a subject that somebody is busy with nothing is taken, except the very message whose lease has run out; of the others the
# oldest that is due. A message that waits longer after a failure does not hold up those behind it.
_CLAIM = text("""
WITH due AS MATERIALIZED (
    SELECT m.id FROM inbox m
    WHERE m.next_attempt_at <= :at AND (m.claimed_until IS NULL OR m.claimed_until <= :at)
      AND NOT EXISTS (
          SELECT FROM inbox o
          WHERE o.subject = m.subject AND o.id <> m.id AND o.next_attempt_at IS NOT NULL
            AND (o.claimed_until IS NOT NULL OR (m.claimed_until IS NULL AND o.next_attempt_at <= :at AND o.id < m.id)))
    ORDER BY m.id
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE inbox SET claimed_until = :until, attempts = attempts + 1
FROM due WHERE inbox.id = due.id
RETURNING inbox.id, source, event_id, kind, order_id, reference, payload::text AS payload, attempts, received_at,
    EXISTS (SELECT FROM inbox o WHERE o.subject = inbox.subject AND o.id <> inbox.id AND o.next_attempt_at <= :at) AS is_followed
""")


def _is_called(name: str | None) -> ColumnElement[bool]:
    """Whether a reference is this one, by our name or the manufacturer's; nothing is called None."""
    # A bound value: SQLAlchemy would make IS NULL of `== None`, and that is true of all references that have no name there yet.
    called = literal(name, Text)
    return or_(ManufacturerReference.reference == called, ManufacturerReference.manufacturer_id == called)


def _message(row: RowMapping) -> InboxMessage:
    return InboxMessage.model_validate({**row, "payload": loads(row["payload"])})
