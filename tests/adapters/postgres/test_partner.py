from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.postgres.engine import Database, counted_round_trips
from adapters.postgres.partner import PostgresPartnerOrders
from models.order import Channel, OrderStatus, PlacedOrder
from models.payment import Money, PaymentState
from models.production import ManufacturerOrderId, PrintReference, ReferenceKind, Submission
from tests.adapters.postgres.shop import NOW, Shop, step
from tests.adapters.postgres.test_money import checked_out, payment

DEVICE = "DEFAULTUK001"


@pytest.fixture
def partner(database: Database) -> PostgresPartnerOrders:
    return PostgresPartnerOrders(database)


async def submitted(shop: Shop, *, attempt: int = 1, placed: PlacedOrder | None = None) -> tuple[PlacedOrder, str]:
    """An order that the manufacturer has accepted, and its OREN; what it calls it ends with the same digits."""
    placed = placed or await shop.place()
    reference = await shop.orders.reference(ReferenceKind.PRINT, order_id=placed.order_id, attempt=attempt, at=NOW)
    theirs = ManufacturerOrderId(f"MSOR10{reference.removeprefix('OREN')}")
    submission = Submission(reference=PrintReference(reference), manufacturer_order_id=theirs, queue_number="007")
    enters = step(placed.order_id, 1 + attempt, OrderStatus.IN_PRODUCTION)
    await shop.orders.record_submission(placed.order_id, submission, enters)
    return placed, reference


class TestPayment:
    async def test_a_payment_is_found_by_our_name_and_by_the_manufacturers(self, shop: Shop, partner: PostgresPartnerOrders):
        placed = await checked_out(shop)
        await shop.orders.record_payment(placed.order_id, payment(placed, PaymentState.AUTHORIZED), None)
        reference = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)
        await shop.execute("UPDATE manufacturer_references SET manufacturer_id = 'MSPY10260301000001', last_status = 2")

        found = await partner.payment(reference)

        assert found is not None
        assert (found.order_id, found.number, found.total, found.reading) == (placed.order_id, placed.number, 3500, 2)
        assert (found.channel, found.status, found.money) == (Channel.WEB, OrderStatus.AWAITING_PAYMENT, Money(authorized=3500))
        assert await partner.payment("MSPY10260301000001") == found

    async def test_neither_a_print_nor_an_unknown_name_is_a_payment(self, shop: Shop, partner: PostgresPartnerOrders):
        _, reference = await submitted(shop)

        assert [await partner.payment(name) for name in (reference, "PYEN260301999999", "")] == [None] * 3

    async def test_it_costs_one_question(self, shop: Shop, partner: PostgresPartnerOrders):
        """The manufacturer's server asks without pause."""
        with counted_round_trips(shop.database) as trips:
            await partner.payment("PYEN260301999999")

        assert trips.count == 1


class TestPrintJobs:
    async def test_an_order_is_found_by_every_name_that_anybody_has_for_it(self, shop: Shop, partner: PostgresPartnerOrders):
        placed, first = await submitted(shop)
        pyen = await shop.orders.reference(ReferenceKind.PAYMENT, order_id=placed.order_id, attempt=1, at=NOW)
        _, second = await submitted(shop, attempt=2, placed=placed)
        await submitted(shop)
        theirs = f"MSOR10{second.removeprefix('OREN')}"

        (job,) = await partner.print_jobs([pyen])
        assert job.order_id == placed.order_id
        for name in (pyen, first, second, theirs, placed.number, placed.number.lower(), str(placed.order_id)):
            assert await partner.print_jobs([name]) == [job], name
            assert job.is_called(name), name
        assert (job.print_reference, job.manufacturer_order_id, job.queue_number) == (second, theirs, "007")
        assert not job.is_called("OREN260301999999")

    async def test_several_are_found_at_once_and_each_once(self, shop: Shop, partner: PostgresPartnerOrders):
        (first, oren), (second, _) = await submitted(shop), await submitted(shop)

        with counted_round_trips(shop.database) as trips:
            jobs = await partner.print_jobs([second.number, oren, first.number, "OREN260301999999", str(uuid4()), "PMC-999999"])

        assert [job.order_id for job in jobs] == [first.order_id, second.order_id]
        assert trips.count == 1

    @pytest.mark.parametrize("name", ["", "PMC-", "PMC-" + "9" * 40, "1", "'; DROP TABLE orders; --", "%"])
    async def test_whatever_else_is_asked_for_is_nobodys(self, shop: Shop, partner: PostgresPartnerOrders, name: str):
        await submitted(shop)

        assert await partner.print_jobs([name]) == []

    async def test_what_waits_to_be_printed_is_listed_oldest_first(self, shop: Shop, partner: PostgresPartnerOrders):
        await shop.execute("UPDATE stock_levels SET stock = 10")
        (first, _), (second, _), (third, _) = [await submitted(shop) for _ in range(3)]
        await shop.orders.record(step(second.order_id, 5, OrderStatus.PRINTED))
        await shop.place()

        assert [job.order_id for job in await partner.to_print(limit=10)] == [first.order_id, third.order_id]
        assert [job.order_id for job in await partner.to_print(limit=1)] == [first.order_id]

    async def test_a_machines_last_orders_are_listed_newest_first(self, shop: Shop, partner: PostgresPartnerOrders):
        await shop.execute("UPDATE stock_levels SET stock = 10")
        (first, _), (second, _) = await submitted(shop), await submitted(shop)
        await shop.place()
        await shop.execute("UPDATE orders SET placed_at = :at WHERE id = :id", id=second.order_id, at=NOW + timedelta(minutes=1))

        assert [job.order_id for job in await partner.printed_at(DEVICE, limit=10)] == [second.order_id, first.order_id]
        assert [job.order_id for job in await partner.printed_at(DEVICE, limit=1)] == [second.order_id]
        assert await partner.printed_at("CXYLOGD8OQUK", limit=10) == []
