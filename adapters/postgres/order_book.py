"""The port `OrderBook` over PostgreSQL: each method is one transaction, most are one statement."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, exists, func, literal, select, text, update
from sqlalchemy.exc import IntegrityError

from adapters.postgres import money
from adapters.postgres.engine import Database
from adapters.postgres.facts import find_out
from adapters.postgres.placing import PROMOTION_CAP, SAME_ORDER, insert_order, refuse_change, replace_order, request_hash
from adapters.postgres.pricing import promotion_exhausted, quote
from adapters.postgres.statements import change_order, insert_from, notify, violated, with_event, write
from models.artwork import PrintFile
from models.errors import Duplicate, ProviderUnavailable
from models.order import Channel, PlacedOrder, PlaceOrder, Transition
from models.payment import CheckoutSession, OpenCheckout, Payment, ReadRefund, Refund, RequestRefund
from models.production import Announcement, ReferenceKind, Submission
from models.tables import ManufacturerReference, Order, StockHold, StockLevel
from models.tables import PrintFile as PrintFileRow

REFERENCES_CHANNEL = "references"
"""Notified when the poller has something to ask about sooner than it knows."""

ATTEMPTS_AT_A_REFERENCE = 5


class PostgresOrderBook:
    """What is written down of orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, request: PlaceOrder) -> PlacedOrder:
        """Write an order down, or anew with another request while it is unpaid; the same request again gets the same answer."""
        try:
            return await self._place(request)
        except IntegrityError as error:
            if violated(error) == PROMOTION_CAP:
                raise promotion_exhausted() from error
            if violated(error) not in SAME_ORDER:
                raise
        # It was written between our look and our insert: what was written stands.
        try:
            return await self._place(request)
        except IntegrityError as error:
            raise Duplicate(f"upload attempt {request.upload_attempt} already belongs to another order") from error

    async def _place(self, request: PlaceOrder) -> PlacedOrder:
        async with self._database.connect() as connection:
            known = await find_out(connection, request.request, order_id=request.order_id, at=request.enters.at)
            standing = known.standing
            if standing and standing.request_hash == request_hash(request.request):
                return standing.placed
            if standing is None:
                return await insert_order(connection, request, quote(request.request, known.facts))
        refuse_change(standing.status)
        new_quote = quote(request.request, known.facts)
        async with self._database.begin() as connection:
            return await replace_order(connection, request, new_quote, standing.placed)

    async def record(self, transition: Transition) -> None:
        """Write a step; older than what is written, it only joins the timeline."""
        parcel = {"carrier": transition.carrier, "tracking": transition.tracking} if transition.tracking else {}
        await self._change(transition.order_id, transition, parcel)

    async def record_checkout(self, request: OpenCheckout, session: CheckoutSession) -> None:
        """Make this Session the one that the order is paid by."""
        await self._write(money.checkout_opened(request, session), request.order_id)

    async def record_payment(self, order_id: UUID, payment: Payment, enters: Transition | None) -> None:
        """Write what Stripe says of a payment; an older reading changes no money."""
        async with self._database.connect() as connection:
            statement = money.payment_read(order_id, payment, enters)
            if (await connection.execute(statement)).first() is None:
                await connection.execute(money.payment_adopted(order_id, payment))
                await write(connection, statement, order_id)

    async def record_refund(self, request: RequestRefund | ReadRefund, refund: Refund) -> None:
        """Write a refund and the order's money; an older reading changes nothing."""
        async with self._database.connect() as connection:
            await connection.execute(money.refund_begun(request, refund))
            await write(connection, money.refund_read(request, refund), request.order_id)

    async def refundable(self, order_id: UUID, payment_intent_id: str) -> int:
        """Return what of a payment can still be given back, in minor units; 0 for a payment that is not the order's."""
        async with self._database.connect() as connection:
            return await connection.scalar(money.refundable(order_id, payment_intent_id)) or 0

    async def reference(self, kind: ReferenceKind, *, order_id: UUID, attempt: int, at: datetime) -> str:
        """Return the reference of (kind, order, attempt): the same for ever once it is given out.

        The counter starts again after a million; a number that the day has had already is passed over.
        """
        values = {"kind": kind.value, "order_id": order_id, "attempt": attempt, "at": at, "prefix": f"{kind.value}{at:%y%m%d}"}
        async with self._database.connect() as connection:
            for _ in range(ATTEMPTS_AT_A_REFERENCE):
                reference = await connection.scalar(_REFERENCE, values)
                if reference is not None:
                    return str(reference)
        raise ProviderUnavailable(f"no number is free for a {kind.value} of {at:%Y-%m-%d}", provider="postgres")

    async def find_print_file(self, *, approved_sha256: str, shell_id: str, renderer_version: str) -> PrintFile | None:
        """Return the print file that was made of this picture for this shell before, unless it was given up since."""
        wanted = (*_print_file_is(approved_sha256, shell_id, renderer_version), PrintFileRow.removed_at.is_(None))
        columns = [PrintFileRow.__table__.c[name] for name in PrintFile.model_fields]
        async with self._database.connect() as connection:
            row = (await connection.execute(select(*columns).where(*wanted))).mappings().first()
        return PrintFile.model_validate(dict(row)) if row else None

    async def record_print_file(self, order_id: UUID, print_file: PrintFile, enters: Transition) -> None:
        """Write the proof that approved equals printed.

        Raises `IntegrityBroken` for a file that was not made of the order's own picture and shell, and for one that differs from
        what the same renderer made of them before.
        """
        proof = print_file.model_dump()
        others = exists().where(
            *_print_file_is(print_file.approved_sha256, print_file.shell_id, print_file.renderer_version),
            PrintFileRow.sha256 != print_file.sha256,
        )
        changed = (
            change_order(order_id, enters, {"print_sha256": print_file.sha256})
            .where(Order.approved_sha256 == print_file.approved_sha256, Order.shell_id == print_file.shell_id, ~others)
            .returning(Order.id)
            .cte("changed")
        )
        made = insert_from(PrintFileRow, {**proof, "created_at": enters.at}, changed).on_conflict_do_nothing(
            index_elements=["approved_sha256", "shell_id", "renderer_version"]
        )
        await self._write(with_event(changed, enters).add_cte(made.cte("print_file")), order_id)

    async def record_announcement(self, order_id: UUID, announcement: Announcement, enters: Transition) -> None:
        """Write that the manufacturer knows of the payment; one that is taken at a machine is asked about from now on."""
        facts = {
            "payment_reference": announcement.reference,
            "manufacturer_payment_id": func.coalesce(announcement.manufacturer_payment_id, Order.manufacturer_payment_id),
        }
        changed = change_order(order_id, enters, facts).returning(Order.id, Order.channel).cte("changed")
        is_awaited = changed.c.channel == Channel.MACHINE
        known = (
            update(ManufacturerReference)
            .where(ManufacturerReference.reference == announcement.reference, ManufacturerReference.order_id == changed.c.id)
            .values(
                manufacturer_id=func.coalesce(announcement.manufacturer_payment_id, ManufacturerReference.manufacturer_id),
                next_due_at=case((is_awaited, enters.at), else_=ManufacturerReference.next_due_at),
            )
            .cte("known")
        )
        wake = case((is_awaited, notify(REFERENCES_CHANNEL, literal(announcement.reference))))
        await self._write(with_event(changed, enters).add_columns(wake).add_cte(known), order_id)

    async def record_submission(self, order_id: UUID, submission: Submission, enters: Transition) -> None:
        """Write the acceptance, and have the poller ask about it from now on.

        The state that came with it is shown, yet left for the poller to find: only what the poller finds is told to the workflow.
        """
        facts = {
            "print_reference": submission.reference,
            "manufacturer_order_id": func.coalesce(submission.manufacturer_order_id, Order.manufacturer_order_id),
            "manufacturer_status": submission.status,
            "queue_number": func.coalesce(submission.queue_number, Order.queue_number),
        }
        changed = change_order(order_id, enters, facts).returning(Order.id).cte("changed")
        due = (
            update(ManufacturerReference)
            .where(ManufacturerReference.reference == submission.reference, ManufacturerReference.order_id == changed.c.id)
            .values(
                manufacturer_id=func.coalesce(submission.manufacturer_order_id, ManufacturerReference.manufacturer_id),
                next_due_at=enters.at,
            )
            .cte("due")
        )
        wake = notify(REFERENCES_CHANNEL, literal(submission.reference))
        await self._write(with_event(changed, enters).add_columns(wake).add_cte(due), order_id)

    async def release_hold(self, order_id: UUID, *, at: datetime) -> None:
        """Give the shell back to the stock; harmless when nothing is held.

        Once the order may have been sent to be printed, its shell may be spoiled, whatever became of the print: then it counts as
        picked up, and the next count of the machine says whether it is still there.
        """
        was_sent = exists().where(ManufacturerReference.order_id == order_id, ManufacturerReference.kind == ReferenceKind.PRINT)
        is_open = (StockHold.order_id == order_id, StockHold.released_at.is_(None))
        doubtful = (
            update(StockHold).where(*is_open, was_sent, StockHold.picked_up_at.is_(None)).values(picked_up_at=at).cte("doubtful")
        )
        ended = (
            update(StockHold)
            .where(*is_open, ~was_sent)
            .values(released_at=at)
            .returning(StockHold.device_id, StockHold.shell_id)
            .cte("ended")
        )
        shelf = (
            update(StockLevel)
            .where(StockLevel.device_id == ended.c.device_id, StockLevel.shell_id == ended.c.shell_id)
            .values(held=StockLevel.held - 1)
            .add_cte(doubtful)
        )
        async with self._database.connect() as connection:
            await connection.execute(shelf)

    async def _change(self, order_id: UUID, enters: Transition | None, facts: Mapping[str, Any]) -> None:
        changed = change_order(order_id, enters, facts).returning(Order.id).cte("changed")
        await self._write(with_event(changed, enters), order_id)

    async def _write(self, statement: Select[Any], order_id: UUID) -> None:
        async with self._database.connect() as connection:
            await write(connection, statement, order_id)


# `nextval` is called only if there is no reference yet. Nothing comes back when another call gives out the same reference in this
# moment, or when the number is taken: asking again settles both.
_REFERENCE = text("""
WITH found AS (
    SELECT reference FROM manufacturer_references WHERE kind = :kind AND order_id = :order_id AND attempt = :attempt
), made AS (
    INSERT INTO manufacturer_references (reference, kind, order_id, attempt, created_at)
    SELECT :prefix || lpad((nextval('reference_numbers') % 1000000)::text, 6, '0'), :kind, :order_id, :attempt, :at
    WHERE NOT EXISTS (SELECT FROM found)
    ON CONFLICT DO NOTHING
    RETURNING reference
)
SELECT reference FROM found UNION ALL SELECT reference FROM made
""")


def _print_file_is(approved_sha256: str, shell_id: str, renderer_version: str) -> tuple[ColumnElement[bool], ...]:
    return (
        PrintFileRow.approved_sha256 == approved_sha256,
        PrintFileRow.shell_id == shell_id,
        PrintFileRow.renderer_version == renderer_version,
    )
