"""What is asked of the manufacturer for one order, where a whole order would not show it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.production import ProductionActivities, uninterrupted
from models.artwork import PrintFile, sha256_of
from models.errors import (
    AlreadyExists,
    IntegrityBroken,
    MoneyGone,
    NeedsPerson,
    NotYet,
    OutcomeUnknown,
    ProviderRejected,
    ProviderUnavailable,
)
from models.order import Channel, CheckoutRequest, OrderStatus, PlaceOrder, Transition
from models.payment import ExpectedMoney, Payment, PaymentState
from models.production import AnnouncePayment, FindSubmission, PaymentReference, SubmitOrder
from tests.fakes.gateway import FakeGateway
from tests.fakes.manufacturer import FakeManufacturer, FakeTurns
from tests.fakes.order_book import PRODUCT, FakeOrderBook
from tests.fakes.pictures import FakeLinks, FakeStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DOWN = ProviderUnavailable("down", provider="anybody")
LOST = OutcomeUnknown("no answer", provider="manufacturer")
PRINT = b"the print file"


class Desk:
    """The activities over fakes, with one order that is ready to be printed."""

    def __init__(self) -> None:
        self.manufacturer = FakeManufacturer()
        self.orders = FakeOrderBook()
        self.store = FakeStore()
        self.gateway = FakeGateway()
        self.turns = FakeTurns()
        self.activities = ProductionActivities(
            self.manufacturer,
            self.orders,
            self.gateway,
            FakeLinks(self.store),
            self.store,
            self.turns,
            seats_per_device=2,
        )
        self.environment = ActivityEnvironment()
        self.order_id = uuid4()
        self.version = 0

    def enters(self, status: OrderStatus) -> Transition:
        self.version += 1
        return Transition(order_id=self.order_id, version=self.version, status=status, at=NOW)

    async def place(self) -> None:
        request = CheckoutRequest(channel=Channel.WEB, upload_name="u.png", brand="APPLE", model="iPhone 15 Pro", amount=3500)
        await self.orders.place(
            PlaceOrder(order_id=self.order_id, request=request, enters=self.enters(OrderStatus.AWAITING_PAYMENT))
        )
        self.store.objects["print/file.png"] = PRINT
        self.manufacturer.confirmed.append(PaymentReference("PYEN261123000001"))

    async def announce(self) -> str:
        request = AnnouncePayment(
            order_id=self.order_id, product=PRODUCT, amount=3500, at=NOW, enters=self.enters(OrderStatus.SUBMITTING)
        )
        return (await self.environment.run(self.activities.announce_payment, request)).reference

    def submission(self, **changes: object) -> SubmitOrder:
        asked = SubmitOrder(
            order_id=self.order_id,
            payment_reference=PaymentReference("PYEN261123000001"),
            product=PRODUCT,
            print_file=PrintFile(
                key="print/file.png",
                sha256=sha256_of(PRINT),
                approved_sha256=sha256_of(b"approved"),
                shell_id=PRODUCT.shell_id,
                renderer_version="fake-1",
                width=1390,
                height=2905,
                size=len(PRINT),
            ),
            at=NOW,
            enters=self.enters(OrderStatus.IN_PRODUCTION),
        )
        return asked.model_copy(update=changes)

    async def submit(self, **changes: object) -> str:
        return (await self.environment.run(self.activities.submit_order, self.submission(**changes))).reference

    def authorize(self, **changes: object) -> ExpectedMoney:
        """An authorisation of what the order costs, but for `changes`."""
        payment = Payment(
            state=PaymentState.AUTHORIZED, session_id="cs_1", payment_intent_id="pi_1", amount=3500, amount_authorized=3500
        )
        self.gateway.payments["cs_1"] = payment.model_copy(update=changes)
        return ExpectedMoney(session_id="cs_1", total=3500, currency="gbp")


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await desk.place()
    return desk


class TestSubmission:
    async def test_of_a_link_that_serves_other_bytes_is_never_sent(self, desk: Desk) -> None:
        desk.store.objects["print/file.png"] = b"<html>not found</html>"
        with pytest.raises(IntegrityBroken, match="link serves"):
            await desk.submit()
        assert desk.manufacturer.faults.calls == []

    async def test_of_a_link_that_cannot_be_read_is_never_sent(self, desk: Desk) -> None:
        desk.store.faults.fail("get", DOWN)
        with pytest.raises(ProviderUnavailable):
            await desk.submit()
        assert desk.manufacturer.faults.calls == []

    async def test_that_is_repeated_keeps_its_reference_and_is_ordered_once(self, desk: Desk) -> None:
        references = {await desk.submit() for _ in range(3)}
        assert len(references) == len(desk.manufacturer.accepted) == 1

    @pytest.mark.parametrize("call", ["order_statuses", "print_queue"])
    @pytest.mark.parametrize(
        "failure",
        [
            DOWN,
            ProviderRejected("No permission to access the current device", provider="manufacturer"),
            NeedsPerson("the stars are wrong", provider="manufacturer"),
        ],
        ids=lambda failure: type(failure).__name__,
    )
    async def test_that_is_known_and_cannot_be_looked_up_has_an_unknown_outcome(
        self, desk: Desk, call: str, failure: Exception
    ) -> None:
        """Above all it is no refusal: an operator who cancels a refused order gives the money back."""
        await desk.submit()
        desk.manufacturer.faults.fail(call, failure)
        with pytest.raises(OutcomeUnknown):
            await desk.submit()

    @pytest.mark.parametrize("failure", [DOWN, IntegrityBroken("not as expected")])
    async def test_that_cannot_be_written_down_has_an_unknown_outcome(self, desk: Desk, failure: Exception) -> None:
        desk.orders.faults.fail("record_submission", failure)
        with pytest.raises(OutcomeUnknown):
            await desk.submit()
        assert len(desk.manufacturer.accepted) == 1

    async def test_that_is_known_but_in_no_list_has_an_unknown_outcome(self, desk: Desk) -> None:
        desk.manufacturer.faults.fail("submit_order", AlreadyExists("third_id already exists", provider="manufacturer"))
        with pytest.raises(OutcomeUnknown):
            await desk.submit()

    async def test_that_was_refused_before_it_left_is_no_unknown_outcome(self, desk: Desk) -> None:
        desk.manufacturer.faults.fail("submit_order", DOWN)
        with pytest.raises(ProviderUnavailable):
            await desk.submit()

    async def test_that_stumbles_over_a_bug_of_ours_has_an_unknown_outcome(self, desk: Desk) -> None:
        for call, port in (("submit_order", desk.manufacturer), ("record_submission", desk.orders)):
            port.faults.fail(call, KeyError("a bug"))
            with pytest.raises(OutcomeUnknown):
                await desk.submit()

    async def test_of_a_print_file_that_the_store_will_not_serve_because_it_is_another_is_no_outage(self, desk: Desk) -> None:
        desk.store.objects["print/file.png"] = b"another"
        desk.store.faults.fail("get", DOWN)
        with pytest.raises(IntegrityBroken, match=r"print/file\.png holds"):
            await desk.submit()


class TestMoneyOfASubmission:
    async def test_that_is_still_authorised_lets_it_go(self, desk: Desk) -> None:
        await desk.submit(money=desk.authorize())
        assert len(desk.manufacturer.accepted) == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"state": PaymentState.CANCELED, "amount_authorized": 0},
            {"amount_authorized": 3499},
            {"currency": "eur"},
            {"state": PaymentState.CAPTURED, "amount_authorized": 0, "amount_captured": 3500, "amount_refunded": 1},
            {"state": PaymentState.EXPIRED, "amount_authorized": 0},
        ],
        ids=["voided", "less", "another currency", "partly refunded", "run out"],
    )
    async def test_that_is_not_what_the_order_costs_any_more_lets_nothing_be_made(
        self, desk: Desk, changes: dict[str, object]
    ) -> None:
        with pytest.raises(MoneyGone):
            await desk.submit(money=desk.authorize(**changes))
        assert desk.manufacturer.faults.calls == []

    async def test_that_cannot_be_looked_at_is_no_reason_to_print(self, desk: Desk) -> None:
        money = desk.authorize()
        desk.gateway.faults.fail("read_payment", DOWN)
        with pytest.raises(ProviderUnavailable):
            await desk.submit(money=money)
        assert desk.manufacturer.faults.calls == []


class TestOneMachine:
    async def test_is_sent_one_order_at_a_time(self, desk: Desk) -> None:
        gate = desk.manufacturer.faults.hold("submit_order")
        first = asyncio.ensure_future(desk.submit())
        await gate.reached.wait()
        second = asyncio.ensure_future(desk.submit(print_attempt=2))
        await asyncio.sleep(0)
        assert desk.manufacturer.faults.calls.count("submit_order") == 1
        gate.open()
        assert await first != await second

    @pytest.mark.parametrize("step", ["announce", "submit"])
    async def test_that_hangs_does_not_take_every_place(self, desk: Desk, step: str) -> None:
        """Those who find no seat come again later, and meanwhile hold no place that another machine's order could have."""
        work: Callable[[], Awaitable[str]] = getattr(desk, step)
        gates, hanging = [], []
        for _ in range(2):
            gates.append(desk.turns.faults.hold("of") if step == "submit" else desk.manufacturer.faults.hold("announce_payment"))
            hanging.append(asyncio.ensure_future(work()))
            await gates[-1].reached.wait()

        with pytest.raises(NotYet) as refusal:
            await work()

        assert refusal.value.retry_after
        for gate in gates:
            gate.open()
        await asyncio.gather(*hanging)
        await work()


class TestLookUp:
    async def test_finds_an_order_by_its_state_although_it_has_left_the_machines_queue(self, desk: Desk) -> None:
        reference = await desk.submit()
        del desk.manufacturer.accepted[reference]  # type: ignore[arg-type]
        search = await desk.environment.run(desk.activities.find_submission, self._find(desk))
        assert search.submission is not None
        assert search.submission.reference == reference
        assert desk.orders.last(desk.order_id).status is OrderStatus.IN_PRODUCTION

    async def test_says_absent_only_when_it_was_asked_both_ways(self, desk: Desk) -> None:
        search = await desk.environment.run(desk.activities.find_submission, self._find(desk))
        assert search.submission is None
        assert {"order_statuses", "print_queue"} <= set(desk.manufacturer.faults.calls)
        assert desk.orders.last(desk.order_id).status is OrderStatus.VERIFYING

    @pytest.mark.parametrize("call", ["order_statuses", "print_queue"])
    async def test_never_says_absent_when_one_way_was_closed(self, desk: Desk, call: str) -> None:
        desk.manufacturer.faults.fail(call, DOWN)
        with pytest.raises(ProviderUnavailable):
            await desk.environment.run(desk.activities.find_submission, self._find(desk))

    def _find(self, desk: Desk) -> FindSubmission:
        return FindSubmission(
            order_id=desk.order_id,
            print_attempt=1,
            device_id=PRODUCT.device_id,
            at=NOW,
            enters=desk.enters(OrderStatus.VERIFYING),
            finds=desk.enters(OrderStatus.IN_PRODUCTION),
        )


class TestAnnouncement:
    async def test_that_is_repeated_is_one_announcement_under_one_reference(self, desk: Desk) -> None:
        references = {await desk.announce() for _ in range(3)}
        assert len(references) == len(desk.manufacturer.announced) == 1

    async def test_whose_answer_is_lost_is_looked_up(self, desk: Desk) -> None:
        desk.manufacturer.faults.lose_answer("announce_payment", LOST)
        reference = await desk.announce()
        assert desk.manufacturer.announced == [reference]
        assert desk.manufacturer.confirmed[-1] == reference

    async def test_that_is_not_known_there_is_not_confirmed(self, desk: Desk) -> None:
        desk.manufacturer.faults.fail("announce_payment", LOST)
        with pytest.raises(OutcomeUnknown):
            await desk.announce()
        assert "confirm_payment" not in desk.manufacturer.faults.calls


class TestWorkerThatIsToldToStop:
    """An activity is cancelled when its worker stops; what has been sent must not be forgotten half-way."""

    async def test_in_the_middle_of_a_submission_keeps_the_outcome(self, desk: Desk) -> None:
        await self._stopped_in_the_middle(desk, "submit_order", desk.submit)
        assert len(desk.orders.submissions) == len(desk.manufacturer.accepted) == 1

    async def test_in_the_middle_of_an_announcement_keeps_the_outcome(self, desk: Desk) -> None:
        await self._stopped_in_the_middle(desk, "announce_payment", desk.announce)
        assert desk.orders.last(desk.order_id).status is OrderStatus.SUBMITTING

    async def test_before_anything_was_sent_sends_nothing(self, desk: Desk) -> None:
        gate = desk.store.faults.hold("get")
        running = asyncio.ensure_future(desk.submit())
        await gate.reached.wait()
        desk.environment.cancel()
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert desk.manufacturer.faults.calls == []

    async def _stopped_in_the_middle(self, desk: Desk, call: str, work: Callable[[], Awaitable[str]]) -> None:
        gate = desk.manufacturer.faults.hold(call)
        running = asyncio.ensure_future(work())
        await gate.reached.wait()
        desk.environment.cancel()
        await asyncio.sleep(0)
        assert not running.done()
        gate.open()
        await running


class TestUninterrupted:
    async def test_hands_on_the_failure_of_the_call_and_not_the_cancellation(self) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def call() -> None:
            begun.set()
            await go_on.wait()
            raise LOST

        running = asyncio.ensure_future(uninterrupted(call()))
        await begun.wait()
        running.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(OutcomeUnknown):
            await running
