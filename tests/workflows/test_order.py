"""What an order promises while nothing goes wrong, and how little of Temporal's history it takes."""

from datetime import timedelta

import pytest

from models.order import Channel, OrderStatus
from models.production import ManufacturerOrderStatus, ProductionStage
from tests.workflows.shop import PACKER, Shop, bare
from workflows.order import OrderWorkflow

WEB_STORY = [
    OrderStatus.AWAITING_PAYMENT,
    OrderStatus.PAID,
    OrderStatus.PREPARING,
    OrderStatus.SUBMITTING,
    OrderStatus.IN_PRODUCTION,
    OrderStatus.PRINTED,
    OrderStatus.TO_SHIP,
    OrderStatus.SHIPPED,
    OrderStatus.COMPLETED,
]


async def leave_the_machine(shop: Shop) -> None:
    await shop.machine_says(ProductionStage.PRINTED, ManufacturerOrderStatus.PRINTED)
    await shop.machine_says(ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)


class TestWebOrder:
    async def test_lives_from_checkout_to_delivery(self, shop: Shop) -> None:
        """A paid web order passes every stage once, is captured once and printed once."""
        checkout = await shop.checkout()
        assert checkout.checkout_url == "https://checkout.example/1"

        await shop.pay()
        view = await shop.report_payment()
        assert view.authorized
        assert view.accepted

        result = await shop.print_and_deliver()

        assert result.status is OrderStatus.COMPLETED
        assert shop.story == WEB_STORY
        assert len(shop.gateway.captured) == 1
        assert len(shop.manufacturer.accepted) == 1
        assert shop.manufacturer.confirmed == shop.manufacturer.announced

    async def test_lives_on_although_its_workers_restart_at_every_step(self, forgetful_shop: Shop) -> None:
        await forgetful_shop.accepted()
        await forgetful_shop.print_and_deliver()
        assert forgetful_shop.story == WEB_STORY
        assert len(forgetful_shop.gateway.captured) == 1
        assert len(forgetful_shop.manufacturer.accepted) == 1

    async def test_is_charged_only_when_the_manufacturer_has_accepted_it(self, shop: Shop) -> None:
        gate = shop.manufacturer.faults.hold("submit_order")
        await shop.place_and_pay()
        reported = await shop.start_report()
        await gate.reached.wait()
        assert not shop.gateway.captured

        gate.open()

        assert (await reported.result()).accepted
        await shop.until(lambda: shop.gateway.captured)

    async def test_counts_as_delivered_fourteen_days_after_it_was_posted(self, shop: Shop) -> None:
        await shop.accepted()
        await leave_the_machine(shop)
        await shop.until(OrderStatus.TO_SHIP)
        await shop.mark_shipped()
        await shop.until(OrderStatus.SHIPPED)
        posted_at = shop.last.at

        result = await shop.result(step=timedelta(days=1))

        assert result.status is OrderStatus.COMPLETED
        assert shop.last.at - posted_at >= timedelta(days=14)
        assert shop.last.at - posted_at < timedelta(days=14, minutes=1)


class TestAppOrder:
    async def test_completes_when_the_customer_has_collected_the_case(self, shop: Shop) -> None:
        await shop.accepted(channel=Channel.APP)
        await leave_the_machine(shop)
        await shop.until(OrderStatus.READY_FOR_COLLECTION)

        await shop.handle.execute_update(OrderWorkflow.mark_collected, PACKER)

        assert (await shop.result()).note == "collected"
        assert OrderStatus.TO_SHIP not in shop.story

    async def test_counts_as_collected_a_day_after_it_lies_ready(self, shop: Shop) -> None:
        await shop.accepted(channel=Channel.APP)
        await leave_the_machine(shop)
        await shop.until(OrderStatus.READY_FOR_COLLECTION)
        ready = shop.last

        result = await shop.result()

        assert result.status is OrderStatus.COMPLETED
        assert ready.deadline == ready.at + timedelta(hours=24)
        assert shop.last.at >= ready.deadline


class TestFreeOrder:
    @pytest.mark.parametrize("channel", [Channel.WEB, Channel.APP])
    async def test_is_printed_without_a_single_call_of_stripe(self, shop: Shop, channel: Channel) -> None:
        shop.orders.total = 0
        checkout = await shop.checkout(shop.request(channel=channel, amount=0))
        assert checkout.checkout_url is None
        assert checkout.session_id == f"free_{checkout.public_token}"
        await shop.until(OrderStatus.IN_PRODUCTION)

        if channel is Channel.WEB:
            result = await shop.print_and_deliver()
        else:
            await leave_the_machine(shop)
            result = await shop.result()

        assert result.status is OrderStatus.COMPLETED
        assert shop.gateway.faults.calls == []
        assert shop.manufacturer.confirmed == shop.manufacturer.announced

    async def test_that_is_canceled_gives_the_shell_back_and_asks_stripe_for_nothing(self, shop: Shop) -> None:
        shop.orders.total = 0
        gate = shop.renderer.faults.hold("render")
        await shop.checkout(shop.request(amount=0))
        await gate.reached.wait()
        await shop.cancel_from_the_platform()
        gate.open()

        result = await shop.result()

        assert result.status is OrderStatus.CANCELED
        assert not shop.orders.holds
        assert shop.gateway.faults.calls == []


class TestHistory:
    async def test_of_a_completed_web_order_stays_within_its_budget(self, shop: Shop) -> None:
        """At most 80 events without attribute upserts, timers and `record` activities, 110 with them."""
        await shop.checkout()
        await shop.pay()
        await shop.report_payment()
        await shop.report_payment()
        await shop.print_and_deliver()

        history = await shop.handle.fetch_history()

        all_events, bare_events = len(history.events), len(bare(history.events))
        assert (all_events <= 110, bare_events <= 80) == (True, True), f"{all_events} events, {bare_events} bare"

    async def test_hardly_grows_while_a_week_passes(self, shop: Shop) -> None:
        await shop.accepted()
        before = len((await shop.handle.fetch_history()).events)
        await shop.env.sleep(timedelta(days=7))
        assert len((await shop.handle.fetch_history()).events) - before < 30

    async def test_hardly_grows_in_a_week_in_which_the_machine_tells_something_now_and_then(self, shop: Shop) -> None:
        """It is silent for three days, tells that the case is printed, tells it again, and does not give it out."""
        await shop.accepted()
        await shop.env.sleep(timedelta(minutes=1))  # the money is taken after the acceptance, which is no waiting
        before = len((await shop.handle.fetch_history()).events)
        await shop.env.sleep(timedelta(days=3))
        await shop.machine_says(ProductionStage.PRINTED, ManufacturerOrderStatus.PRINTED)
        await shop.env.sleep(timedelta(days=3))
        await shop.machine_says(ProductionStage.PRINTED, ManufacturerOrderStatus.PRINTED)
        await shop.env.sleep(timedelta(days=1))
        added = len((await shop.handle.fetch_history()).events) - before
        assert OrderStatus.PRINTED in shop.story
        assert added < 30

    async def test_hardly_grows_while_the_machine_tells_old_news(self, shop: Shop) -> None:
        """A signal and its workflow task, four events, and nothing else."""
        await shop.accepted()
        await shop.env.sleep(timedelta(minutes=1))  # the money is taken after the acceptance, which is no news of the machine
        before = len((await shop.handle.fetch_history()).events)
        for _ in range(10):
            await shop.machine_says(ProductionStage.ACCEPTED, ManufacturerOrderStatus.PRINTING)
        await shop.env.sleep(timedelta(hours=1))
        assert len((await shop.handle.fetch_history()).events) - before <= 10 * 4 + 10
