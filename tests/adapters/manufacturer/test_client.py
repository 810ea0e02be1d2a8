"""What the client gets done at the manufacturer, and what it makes of each refusal, in both dialects."""

import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.manufacturer.client import connect
from models.errors import (
    AlreadyExists,
    NeedsPerson,
    OutcomeUnknown,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
)
from models.production import (
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    PaymentReference,
    PrintReference,
)
from tests.adapters.manufacturer.world import DEVICE, PAYMENT, PRINT, PRODUCT, SECRETS, World, settings_for

pytestmark = pytest.mark.asyncio(loop_scope="module")


class TestCatalogue:
    async def test_the_brands_have_a_chinese_and_an_english_name(self, world: World) -> None:
        brands = await world.client.brands()
        assert len(brands) == 12
        assert ("BR20250111000002", "苹果", "Apple") in {(brand.brand_id, brand.name, brand.english_name) for brand in brands}

    async def test_stock_is_counted_by_shell_with_its_size_in_millimetres(self, world: World) -> None:
        levels = await world.client.stock(device_id=DEVICE, brand_id="BR20250111000002")
        sizes = {
            level.shell_id: (level.width_mm, level.height_mm, level.stock)
            for level in levels
            if level.model_id == PRODUCT.model_id
        }
        assert sizes == {"MS102509090019": (69.43, 145.12, 2), "MS102503270003": (73.24, 149.27, 2)}

    async def test_a_machine_without_shells_of_a_brand_has_no_stock(self, world: World) -> None:
        assert await world.client.stock(device_id=DEVICE, brand_id="BR102508060001") == []


class TestPayments:
    @pytest.mark.parametrize(("amount", "sent"), [(3500, "35.0"), (4299, "42.99"), (4250, "42.5"), (5, "0.05"), (0, "0.0")])
    async def test_pence_are_announced_as_the_shortest_decimal_pounds(self, world: World, amount: int, sent: str) -> None:
        announcement = await world.announce(amount=amount)
        assert announcement.reference == PAYMENT
        assert (announcement.manufacturer_payment_id or "").startswith("MSPY10")
        assert [(entry["pay_amount"], entry["pay_type"]) for entry in world.ledger("payment_announced")] == [(sent, 12)]

    async def test_a_payment_at_the_machine_is_shown_there(self, world: World) -> None:
        await world.announce(at_machine=True)
        assert [entry["at_machine"] for entry in world.ledger("payment_announced")] == [True]

    async def test_a_confirmed_payment_is_paid(self, world: World) -> None:
        await world.pay()
        assert await world.client.payment_statuses([PAYMENT]) == {PAYMENT: ManufacturerPaymentStatus.PAID}

    async def test_a_payment_may_be_confirmed_again(self, world: World) -> None:
        await world.pay()
        await world.client.confirm_payment(reference=PAYMENT, amount=3500)
        assert await world.client.payment_statuses([PAYMENT]) == {PAYMENT: ManufacturerPaymentStatus.PAID}

    async def test_a_reference_that_they_know_is_told_apart(self, world: World) -> None:
        await world.announce()
        with pytest.raises(AlreadyExists):
            await world.announce()


class TestOrders:
    async def test_an_accepted_order_has_their_id_and_a_queue_number(self, world: World) -> None:
        await world.pay()
        submission = await world.submit()
        assert (submission.reference, submission.queue_number, submission.status) == (
            PRINT,
            "001",
            ManufacturerOrderStatus.WAITING_TO_PRINT,
        )
        assert (submission.manufacturer_order_id or "").startswith("MSOR10")
        accepted = world.ledger("order_accepted")
        assert [(entry["third_pay_id"], entry["mobile_shell_id"], entry["device_id"], entry["pic"]) for entry in accepted] == [
            (PAYMENT, PRODUCT.shell_id, DEVICE, "http://127.0.0.1/a.png?token=1:x:y")
        ]

    async def test_the_same_reference_again_is_known_and_prints_nothing_more(self, world: World) -> None:
        await world.pay()
        await world.submit()
        with pytest.raises(AlreadyExists):
            await world.submit()
        assert len(world.ledger("order_accepted")) == 1

    async def test_an_order_is_found_in_the_machines_queue(self, world: World) -> None:
        await world.pay()
        submission = await world.submit()
        assert await world.client.print_queue(DEVICE) == [submission]

    async def test_their_own_payment_id_is_not_understood(self, world: World) -> None:
        """The type checker refuses it too: a ManufacturerPaymentId is no PaymentReference."""
        announcement = await world.announce()
        with pytest.raises(ProviderUnavailable, match="Payment information does not exist"):
            await world.submit(payment=announcement.manufacturer_payment_id)  # type: ignore[arg-type]


class TestBatches:
    async def test_any_number_of_references_is_asked_for_in_batches(self, world: World) -> None:
        references = [PaymentReference(f"PYEN26010100000{number}") for number in range(1, 6)]
        for reference in references[:4]:
            await world.announce(reference)
        statuses = await world.client.payment_statuses(references)
        assert statuses == dict.fromkeys(references[:4], ManufacturerPaymentStatus.WAITING)

    async def test_what_they_do_not_know_is_missing_from_the_answer(self, world: World) -> None:
        await world.pay()
        await world.submit()
        unknown = PrintReference("OREN260101000002")
        assert await world.client.order_statuses([unknown, PRINT]) == {PRINT: ManufacturerOrderStatus.WAITING_TO_PRINT}
        assert await world.client.order_statuses([unknown]) == {}

    async def test_nothing_is_asked_for_nothing(self, world: World) -> None:
        world.fault("order/getOrderStatus", "http_500", times=None)
        assert await world.client.order_statuses([]) == {}


Act = Callable[[World], Coroutine[Any, Any, Any]]
ACTS: dict[str, Act] = {
    "order/payData": World.announce,
    "order/payStatus": lambda world: world.client.confirm_payment(reference=PAYMENT, amount=3500),
    "order/orderData": World.submit,
}
QUESTIONS: dict[str, Act] = {
    "brand/list": lambda world: world.client.brands(),
    "stock/list": lambda world: world.client.stock(device_id=DEVICE, brand_id="BR20250111000002"),
    "order/getPayStatus": lambda world: world.client.payment_statuses([PAYMENT]),
    "order/getOrderStatus": lambda world: world.client.order_statuses([PRINT]),
    "order/printList": lambda world: world.client.print_queue(DEVICE),
}
CALLS = ACTS | QUESTIONS


class TestRefusals:
    @pytest.mark.parametrize("operation", CALLS)
    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("device_unavailable", ProviderUnavailable),
            ("payment_missing", ProviderUnavailable),
            ("no_permission", ProviderRejected),
        ],
    )
    async def test_a_known_refusal_has_its_meaning_everywhere(
        self, world: World, operation: str, kind: str, error: type[ProviderError]
    ) -> None:
        world.fault(operation, kind)
        with pytest.raises(error) as caught:
            await CALLS[operation](world)
        assert type(caught.value) is error
        assert (caught.value.provider, caught.value.code) == ("manufacturer", "500")

    @pytest.mark.parametrize("operation", CALLS)
    @pytest.mark.parametrize(
        "detail", [{"msg": "设备维护中"}, {"msg": "brand new text"}, {"msg": "", "code": 403}, {"msg": "ok", "code": 201}]
    )
    async def test_whatever_nobody_has_classified_needs_a_person(
        self, world: World, operation: str, detail: dict[str, Any]
    ) -> None:
        world.fault(operation, "refused", detail=detail)
        with pytest.raises(NeedsPerson):
            await CALLS[operation](world)

    @pytest.mark.parametrize("code", [400, 404, 405, 415])
    async def test_a_call_of_the_wrong_form_is_never_repeated(self, world: World, code: int) -> None:
        world.fault("order/orderData", "refused", detail={"msg": "parameter error", "code": code})
        with pytest.raises(ProviderRejected) as caught:
            await world.submit()
        assert type(caught.value) is ProviderRejected

    async def test_a_wrong_key_is_refused_for_good(self, world: World) -> None:
        settings = settings_for(world.url, world.emulator.settings.dialect, fixed_key=SecretStr("ANOTHER-VALUE"))
        async with connect(settings) as client:
            with pytest.raises(ProviderRejected, match="data signature failed"):
                await client.brands()

    async def test_a_wrong_password_needs_a_person(self, world: World) -> None:
        settings = settings_for(world.url, world.emulator.settings.dialect, password=SecretStr("ANOTHER-PASSWORD"))
        async with connect(settings) as client:
            with pytest.raises(NeedsPerson, match="account or password error"):
                await client.brands()

    async def test_a_payment_that_is_not_known_yet_is_known_after_some_tries(self, world: World) -> None:
        await world.pay()
        world.fault("order/orderData", "payment_missing", times=3)
        for _ in range(3):
            with pytest.raises(ProviderUnavailable):
                await world.submit()
        assert (await world.submit()).queue_number == "001"


class TestUnknownOutcomes:
    @pytest.mark.parametrize("operation", ACTS)
    async def test_an_act_whose_answer_is_lost_has_an_unknown_outcome(self, world: World, operation: str) -> None:
        world.fault(operation, "answer_lost")
        with pytest.raises(OutcomeUnknown):
            await CALLS[operation](world)

    @pytest.mark.parametrize("operation", ACTS)
    @pytest.mark.parametrize("kind", ["http_500", "http_503", "error_body_200", "down"])
    async def test_an_act_that_meets_a_broken_server_has_an_unknown_outcome(
        self, world: World, operation: str, kind: str
    ) -> None:
        world.fault(operation, kind)
        with pytest.raises(OutcomeUnknown):
            await CALLS[operation](world)

    @pytest.mark.parametrize("operation", QUESTIONS)
    @pytest.mark.parametrize("kind", ["http_500", "http_503", "error_body_200", "down", "answer_lost"])
    async def test_a_question_that_is_not_answered_may_simply_be_repeated(self, world: World, operation: str, kind: str) -> None:
        world.fault(operation, kind)
        with pytest.raises(ProviderUnavailable):
            await CALLS[operation](world)
        await CALLS[operation](world)

    @pytest.mark.parametrize(("operation", "error"), [("order/orderData", OutcomeUnknown), ("brand/list", ProviderUnavailable)])
    async def test_waiting_for_an_answer_ends(self, world: World, operation: str, error: type[ProviderError]) -> None:
        """The answer would take a minute; the settings allow half a second."""
        world.fault(operation, "slow", delay_s=60)
        settings = settings_for(world.url, world.emulator.settings.dialect, timeout=timedelta(seconds=0.5))
        async with connect(settings) as client:
            with pytest.raises(error):
                await CALLS[operation](World(world.emulator, client, world.url))

    async def test_an_order_whose_answer_was_lost_is_found_by_our_reference(self, world: World) -> None:
        await world.pay()
        world.fault("order/orderData", "answer_lost")
        with pytest.raises(OutcomeUnknown):
            await world.submit()
        assert await world.client.order_statuses([PRINT]) == {PRINT: ManufacturerOrderStatus.WAITING_TO_PRINT}
        assert [entry.queue_number for entry in await world.client.print_queue(DEVICE)] == ["001"]
        assert len(world.ledger("order_accepted")) == 1

    @pytest.mark.parametrize("operation", CALLS)
    async def test_where_nobody_listens_nothing_was_done(self, world: World, operation: str) -> None:
        settings = settings_for("http://127.0.0.1:1", world.emulator.settings.dialect)
        async with connect(settings) as client:
            with pytest.raises(ProviderUnavailable):
                await CALLS[operation](World(world.emulator, client, world.url))


async def test_no_secret_is_ever_logged_or_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by us nor, at any level, by the HTTP client beneath; refusals and their causes are silent about them too."""
    caplog.set_level(logging.DEBUG)
    await world.pay()
    await world.submit()
    world.fault("brand/list", "refused", detail={"msg": "no"})
    with pytest.raises(NeedsPerson) as caught:
        await world.client.brands()
    told = caplog.text + repr(caught.value) + str(caught.value) + repr(world.client)
    assert "order/orderData" in told
    tokens = list(world.emulator.records.tokens)
    assert not [secret for secret in (*SECRETS, *tokens) if secret in told]
