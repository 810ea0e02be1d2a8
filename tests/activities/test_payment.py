"""What is asked of Stripe for one order, where a whole order would not show it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payment import PaymentActivities
from models.errors import AlreadyExists, IntegrityBroken, StoredFailure
from models.order import Channel, CheckoutRequest, OrderLine, OrderStatus, PlaceOrder, Transition
from models.payment import CapturePayment, LookAtPayment, OpenCheckout, PaymentState, RefundState, RequestRefund
from tests.fakes.gateway import FakeGateway
from tests.fakes.order_book import FakeOrderBook

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Desk:
    """The activities over fakes, with one order."""

    def __init__(self) -> None:
        self.gateway = FakeGateway()
        self.orders = FakeOrderBook()
        self.activities = PaymentActivities(self.gateway, self.orders)
        self.environment = ActivityEnvironment()
        self.order_id = uuid4()
        self.version = 0

    def enters(self, status: OrderStatus) -> Transition:
        self.version += 1
        return Transition(order_id=self.order_id, version=self.version, status=status, at=NOW)

    async def open(self, key_number: int = 1) -> str:
        request = OpenCheckout(
            order_id=self.order_id,
            number="PMC-000123",
            key_number=key_number,
            lines=(OrderLine(sku="case", title="case", unit_amount=3500),),
            total=3500,
            currency="gbp",
            placed_at=NOW,
            expires_at=NOW + timedelta(hours=1),
            first_opened_at=NOW,
            enters=self.enters(OrderStatus.AWAITING_PAYMENT),
        )
        return (await self.environment.run(self.activities.open_checkout, request)).session_id

    async def captured(self) -> None:
        self.gateway.pay(await self.open())
        await self.environment.run(self.activities.capture_payment, self.capture())

    def capture(self, amount: int = 3500) -> CapturePayment:
        return CapturePayment(
            order_id=self.order_id,
            session_id="cs_1",
            payment_intent_id="pi_cs_1",
            amount=amount,
            currency="gbp",
            enters=self.enters(OrderStatus.IN_PRODUCTION),
        )

    def refund(self, key_number: int = 1, amount: int = 1000) -> RequestRefund:
        return RequestRefund(
            order_id=self.order_id,
            payment_intent_id="pi_cs_1",
            refund_number=1,
            key_number=key_number,
            amount=amount,
            currency="gbp",
            reason="late",
            at=NOW,
        )


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    request = CheckoutRequest(channel=Channel.WEB, upload_name="u.png", brand="APPLE", model="iPhone 15 Pro", amount=3500)
    await desk.orders.place(PlaceOrder(order_id=desk.order_id, request=request, enters=desk.enters(OrderStatus.AWAITING_PAYMENT)))
    return desk


class TestNextSession:
    async def test_closes_one_whose_answer_was_lost(self, desk: Desk) -> None:
        lost = await desk.open(1)
        opened = await desk.open(2)
        assert desk.gateway.payable == [opened]
        assert desk.gateway.payments[lost].state is PaymentState.EXPIRED

    async def test_is_not_opened_when_the_lost_one_is_paid_in_that_moment(self, desk: Desk) -> None:
        lost = await desk.open(1)
        desk.gateway.pay_on_expire = True
        assert await desk.open(2) == lost
        assert len(desk.gateway.sessions) == 1


class TestLook:
    @pytest.mark.parametrize(("amount", "steps"), [(3500, 1), (3499, 0), (3501, 0)])
    async def test_writes_paid_only_for_exactly_what_the_order_costs(self, desk: Desk, amount: int, steps: int) -> None:
        session_id = await desk.open()
        desk.gateway.pay(session_id, amount=amount)
        request = LookAtPayment(
            order_id=desk.order_id, session_id=session_id, total=3500, currency="gbp", enters=desk.enters(OrderStatus.PAID)
        )
        await desk.environment.run(desk.activities.look_at_payment, request)
        assert desk.orders.story(desk.order_id).count(OrderStatus.PAID) == steps


class TestCapture:
    async def test_of_another_amount_is_no_success(self, desk: Desk) -> None:
        await desk.captured()
        with pytest.raises(IntegrityBroken, match="captured 3500"):
            await desk.environment.run(desk.activities.capture_payment, desk.capture(3400).model_copy(update={"key_number": 2}))


class TestRefund:
    async def test_that_is_asked_for_again_after_stripe_forgot_the_key_is_found_and_not_made_twice(self, desk: Desk) -> None:
        """Keys live a day; a part of the money could otherwise go back twice."""
        await desk.captured()
        await desk.environment.run(desk.activities.request_refund, desk.refund())
        desk.gateway.forget_keys()
        desk.environment.info = replace(desk.environment.info, attempt=2)
        await desk.environment.run(desk.activities.request_refund, desk.refund())
        assert desk.gateway.refunded == 1000

    async def test_that_failed_is_made_again_under_the_next_key(self, desk: Desk) -> None:
        await desk.captured()
        desk.gateway.refund_state = RefundState.FAILED
        await desk.environment.run(desk.activities.request_refund, desk.refund())
        desk.gateway.refund_state = RefundState.SUCCEEDED
        refund = await desk.environment.run(desk.activities.request_refund, desk.refund(key_number=2))
        assert refund.state is RefundState.SUCCEEDED
        assert desk.gateway.refunded == 1000

    async def test_that_failed_before_does_not_answer_for_a_key_that_is_spent(self, desk: Desk) -> None:
        await desk.captured()
        desk.gateway.refund_state = RefundState.FAILED
        await desk.environment.run(desk.activities.request_refund, desk.refund())
        desk.gateway.spoil_key("refund")
        with pytest.raises(StoredFailure):
            await desk.environment.run(desk.activities.request_refund, desk.refund(key_number=2))

    async def test_of_more_than_is_left_is_refused(self, desk: Desk) -> None:
        await desk.captured()
        await desk.environment.run(desk.activities.request_refund, desk.refund(amount=3000))
        other = desk.refund(amount=1000).model_copy(update={"refund_number": 2})
        with pytest.raises(AlreadyExists):
            await desk.environment.run(desk.activities.request_refund, other)
