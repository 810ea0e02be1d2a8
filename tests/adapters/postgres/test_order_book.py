import itertools
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.postgres.engine import Database
from adapters.postgres.order_book import PostgresOrderBook
from models.artwork import PrintFile
from models.errors import IntegrityBroken
from models.order import HoldReason, OrderStatus, PlacedOrder
from models.production import (
    Announcement,
    ManufacturerOrderId,
    ManufacturerOrderStatus,
    ManufacturerPaymentId,
    PaymentReference,
    PrintReference,
    ReferenceKind,
    Submission,
)
from tests.adapters.postgres.shop import NOW, Shop, step, together


def print_file(placed: PlacedOrder, *, sha256: str = "a" * 64, **changes: object) -> PrintFile:
    return PrintFile.model_validate(
        {
            "key": f"print/{sha256}.png",
            "sha256": sha256,
            "approved_sha256": placed.approved_sha256,
            "shell_id": placed.quote.product.shell_id,
            "renderer_version": "pillow-13",
            "width": 1390,
            "height": 2905,
            "size": 2_000_000,
            **changes,
        }
    )


class TestSteps:
    @pytest.mark.parametrize("order_of_arrival", list(itertools.permutations((2, 3, 4))))
    async def test_steps_in_any_order_end_where_the_newest_leads(self, open_shop: Shop, order_of_arrival: tuple[int, ...]):
        placed = await open_shop.place()
        statuses = {2: OrderStatus.PAID, 3: OrderStatus.PREPARING, 4: OrderStatus.SUBMITTING}

        for version in order_of_arrival:
            await open_shop.orders.record(step(placed.order_id, version, statuses[version], note=f"step {version}"))

        order = await open_shop.order(placed.order_id)
        view = await open_shop.reader.by_id(placed.order_id)
        assert (order["status"], order["version"], order["entered_at"]) == ("submitting", 4, NOW + timedelta(minutes=4))
        assert view is not None
        assert [entry.note for entry in view.timeline] == ["placed", "step 2", "step 3", "step 4"]

    async def test_a_step_that_is_written_again_is_written_once(self, shop: Shop):
        placed = await shop.place()
        paid = step(placed.order_id, 2, OrderStatus.PAID, note="first")

        await shop.orders.record(paid)
        await shop.orders.record(paid.model_copy(update={"note": "second"}))

        assert [row["note"] for row in await shop.rows("SELECT note FROM order_events ORDER BY version")] == ["placed", "first"]

    async def test_the_next_step_clears_what_the_hold_said(self, shop: Shop):
        placed = await shop.place()
        deadline = NOW + timedelta(hours=48)
        held = step(
            placed.order_id,
            2,
            OrderStatus.ON_HOLD,
            hold_reason=HoldReason.SUBMIT_REFUSED,
            needs_attention=True,
            deadline=deadline,
        )
        await shop.orders.record(held)
        order = await shop.order(placed.order_id)
        assert (order["hold_reason"], order["needs_attention"], order["deadline"]) == ("submit_refused", True, deadline)

        await shop.orders.record(step(placed.order_id, 3, OrderStatus.SUBMITTING, operator="grace", reason="machine is back"))

        order = await shop.order(placed.order_id)
        assert (order["hold_reason"], order["needs_attention"], order["deadline"]) == (None, False, None)

    async def test_an_order_that_was_never_placed_takes_no_step(self, shop: Shop):
        with pytest.raises(IntegrityBroken):
            await shop.orders.record(step(uuid4(), 2, OrderStatus.PAID))

    async def test_the_parcels_tracking_is_written_with_its_step(self, shop: Shop):
        placed = await shop.place()
        posted = step(placed.order_id, 2, OrderStatus.SHIPPED)

        await shop.orders.record(posted.model_copy(update={"carrier": "Royal Mail", "tracking": "RM1"}))

        order = await shop.order(placed.order_id)
        assert (order["status"], order["carrier"], order["tracking"]) == ("shipped", "Royal Mail", "RM1")


class TestReferences:
    async def test_a_reference_is_kind_day_and_six_digits(self, shop: Shop):
        placed = await shop.place()

        payment = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)
        printed = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)

        assert (payment, printed) == ("PYEN260301000001", "OREN260301000002")

    async def test_asking_again_gives_the_same_on_any_day(self, shop: Shop):
        placed = await shop.place()

        answers = [
            await shop.orders.reference(
                ReferenceKind.PRINT, order_id=placed.order_id, attempt=attempt, at=NOW + timedelta(days=day)
            )
            for attempt in (1, 2)
            for day in (0, 1)
        ]

        assert answers == ["OREN260301000001"] * 2 + ["OREN260301000002"] * 2

    async def test_references_given_out_at_once_are_all_different(self, shop: Shop, another_process: Callable[[], Database]):
        """And each is the same however many ask for it in the same moment."""
        placed = await shop.place()
        books = [PostgresOrderBook(another_process()) for _ in range(4)]

        asked = [(attempt, book) for attempt in range(1, 51) for book in books]
        answers = await together(
            *(book.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=attempt, at=NOW) for attempt, book in asked)
        )

        given = {attempt: {answer for (a, _), answer in zip(asked, answers, strict=True) if a == attempt} for attempt, _ in asked}
        assert all(len(references) == 1 for references in given.values())
        assert len(set(answers)) == 50

    async def test_a_number_that_the_day_has_had_is_passed_over(self, shop: Shop):
        """After a million references in one day the counter comes back to numbers that are taken."""
        placed = await shop.place()
        taken = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)
        await shop.execute("SELECT setval('reference_numbers', 1000000)")

        fresh = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=2, at=NOW)

        assert (taken, fresh) == ("OREN260301000001", "OREN260301000002")


class TestPrintFiles:
    async def test_a_print_file_is_found_by_picture_shell_and_renderer(self, shop: Shop):
        placed = await shop.place()
        made = print_file(placed)
        await shop.orders.record_print_file(placed.order_id, made, step(placed.order_id, 2, OrderStatus.SUBMITTING))
        key = {
            "approved_sha256": placed.approved_sha256,
            "shell_id": placed.quote.product.shell_id,
            "renderer_version": "pillow-13",
        }

        assert await shop.orders.find_print_file(**key) == made
        for field in key:
            assert await shop.orders.find_print_file(**{**key, field: "other"}) is None
        assert (await shop.order(placed.order_id))["print_sha256"] == made.sha256

    async def test_the_same_file_again_is_no_contradiction(self, shop: Shop):
        placed = await shop.place()
        for version in (2, 3):
            enters = step(placed.order_id, version, OrderStatus.SUBMITTING)
            await shop.orders.record_print_file(placed.order_id, print_file(placed), enters)

        assert len(await shop.rows("SELECT 1 FROM print_files")) == 1

    @pytest.mark.parametrize("change", [{"approved_sha256": "b" * 64}, {"shell_id": "MS102503270003"}])
    async def test_a_file_of_another_picture_or_shell_is_not_the_orders(self, shop: Shop, change: dict[str, str]):
        placed = await shop.place()

        with pytest.raises(IntegrityBroken):
            await shop.orders.record_print_file(
                placed.order_id, print_file(placed, **change), step(placed.order_id, 2, OrderStatus.SUBMITTING)
            )

        assert (await shop.order(placed.order_id))["status"] == "awaiting_payment"
        assert await shop.rows("SELECT 1 FROM print_files") == []

    async def test_a_renderer_that_makes_another_file_of_the_same_picture_is_not_trusted(self, shop: Shop):
        placed = await shop.place()
        await shop.orders.record_print_file(placed.order_id, print_file(placed), step(placed.order_id, 2, OrderStatus.SUBMITTING))

        other = print_file(placed, sha256="c" * 64)
        with pytest.raises(IntegrityBroken):
            await shop.orders.record_print_file(placed.order_id, other, step(placed.order_id, 3, OrderStatus.SUBMITTING))

        assert (await shop.order(placed.order_id))["print_sha256"] == "a" * 64


class TestTheManufacturer:
    async def test_an_announcement_is_written_with_its_step(self, shop: Shop):
        placed = await shop.place()
        reference = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)
        announcement = Announcement(reference=PaymentReference(reference), manufacturer_payment_id=ManufacturerPaymentId("MSPY1"))

        await shop.orders.record_announcement(placed.order_id, announcement, step(placed.order_id, 2, OrderStatus.SUBMITTING))
        known_already = Announcement(reference=PaymentReference(reference))
        await shop.orders.record_announcement(placed.order_id, known_already, step(placed.order_id, 2, OrderStatus.SUBMITTING))

        order = await shop.order(placed.order_id)
        row = await shop.row("SELECT manufacturer_id, next_due_at FROM manufacturer_references")
        assert (order["payment_reference"], order["manufacturer_payment_id"]) == (reference, "MSPY1")
        assert row == {"manufacturer_id": "MSPY1", "next_due_at": None}

    async def test_a_payment_at_the_machine_is_asked_about_from_its_announcement_on(self, shop: Shop):
        placed = await shop.place(channel="machine", device_id="CXYLOGD8OQUK", customer=None)
        reference = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)
        enters = step(placed.order_id, 2, OrderStatus.AWAITING_PAYMENT)

        await shop.orders.record_announcement(placed.order_id, Announcement(reference=PaymentReference(reference)), enters)

        row = await shop.row("SELECT next_due_at FROM manufacturer_references")
        assert row["next_due_at"] == enters.at

    async def test_an_acceptance_is_asked_about_from_its_moment_on(self, shop: Shop):
        placed = await shop.place()
        reference = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)
        submission = Submission(
            reference=PrintReference(reference),
            manufacturer_order_id=ManufacturerOrderId("MSOR1"),
            queue_number="007",
            status=ManufacturerOrderStatus.PRINTED,
        )
        enters = step(placed.order_id, 2, OrderStatus.IN_PRODUCTION)

        await shop.orders.record_submission(placed.order_id, submission, enters)

        order = await shop.order(placed.order_id)
        row = await shop.row("SELECT manufacturer_id, last_status, next_due_at FROM manufacturer_references")
        assert (order["print_reference"], order["queue_number"], order["manufacturer_status"]) == (reference, "007", 12)
        assert row == {"manufacturer_id": "MSOR1", "last_status": None, "next_due_at": enters.at}

    async def test_an_acceptance_found_again_forgets_nothing(self, shop: Shop):
        """GetOrderStatus knows neither their id nor the queue number."""
        placed = await shop.place()
        reference = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=1, at=NOW)
        full = Submission(
            reference=PrintReference(reference), manufacturer_order_id=ManufacturerOrderId("MSOR1"), queue_number="007"
        )

        for submission in (full, Submission(reference=PrintReference(reference))):
            await shop.orders.record_submission(placed.order_id, submission, step(placed.order_id, 2, OrderStatus.IN_PRODUCTION))

        order = await shop.order(placed.order_id)
        assert (order["manufacturer_order_id"], order["queue_number"]) == ("MSOR1", "007")
