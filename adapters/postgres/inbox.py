"""The port `Inbox` over PostgreSQL: messages of others, delivered until they are settled."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from json import loads
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Text, func, literal, or_, select, text, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from adapters.postgres.engine import Database
from adapters.postgres.order_book import REFERENCES_CHANNEL
from adapters.postgres.statements import notify, violated
from models.inbox import InboxMessage, InboxState, Settlement
from models.tables import InboxMessage as Message
from models.tables import ManufacturerReference, OperatorTask, Order, Payment
from models.tracking import NewTask

LEASE = timedelta(seconds=60)
"""How long a delivery may take before another worker may think that the first one died."""

ATTEMPTS_AT_A_CLAIM = 5


class PostgresInbox:
    """What `inbox_writer.py` wrote down: delivered until settled, one message of each subject at a time."""

    def __init__(self, database: Database, *, lease: timedelta = LEASE) -> None:
        self._database = database
        self._lease = lease

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

    async def settle(self, settled: Sequence[Settlement], *, at: datetime) -> None:
        """Write how messages ended, all in one statement; they are not delivered again."""
        values = {
            "ids": [settlement.id for settlement in settled],
            "states": [settlement.state.value for settlement in settled],
            "notes": [settlement.note for settlement in settled],
            "at": at,
        }
        async with self._database.connect() as connection:
            await connection.execute(_SETTLE, values)

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

    async def record_dispute(self, task: NewTask, *, disputed: int, is_over: bool) -> bool:
        """Write what is disputed and open the operators' task, both or neither; False if the task was opened before.

        Stripe promises no order: that a dispute began is no news once it is on the list.
        """
        opened = (
            insert(OperatorTask)
            .values(**task.model_dump())
            .on_conflict_do_nothing(index_elements=["kind", "subject"])
            .returning(OperatorTask.id)
            .cte("opened")
        )
        is_news = or_(literal(is_over), select(opened.c.id).exists())
        written = update(Order).where(Order.id == task.order_id, is_news).values(disputed=disputed)
        statement = select(opened.c.id).add_cte(written.cte("written"))
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).first() is not None

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

_SETTLE = text("""
UPDATE inbox SET state = s.state, note = s.note, settled_at = :at, next_attempt_at = NULL, claimed_until = NULL
FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:notes AS text[])) AS s (id, state, note)
WHERE inbox.id = s.id
""")


def _is_called(name: str | None) -> ColumnElement[bool]:
    """Whether a reference is this one, by our name or the manufacturer's; nothing is called None."""
    # A bound value: SQLAlchemy would make IS NULL of `== None`, and that is true of all references that have no name there yet.
    called = literal(name, Text)
    return or_(ManufacturerReference.reference == called, ManufacturerReference.manufacturer_id == called)


def _message(row: RowMapping) -> InboxMessage:
    return InboxMessage.model_validate({**row, "payload": loads(row["payload"])})
