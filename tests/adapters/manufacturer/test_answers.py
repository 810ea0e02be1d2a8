"""Every shape of an answer, well-formed or not, has one meaning."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from adapters.manufacturer.client import ManufacturerClient
from models.errors import NeedsPerson, OutcomeUnknown, ProviderError, ProviderUnavailable
from models.production import ManufacturerOrderStatus, PaymentReference, PrintReference
from tests.adapters.manufacturer.world import DEVICE, PAYMENT, PRINT, PRODUCT, settings_for

Answer = Callable[[httpx.Request], httpx.Response]
Act = Callable[[ManufacturerClient], Coroutine[Any, Any, Any]]


def client(answer: Answer) -> ManufacturerClient:
    return ManufacturerClient(settings_for("http://127.0.0.1", "guide"), httpx.AsyncClient(transport=httpx.MockTransport(answer)))


def answering(body: Any, status: int = 200) -> ManufacturerClient:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client(lambda _: httpx.Response(status, content=content))


async def announce(client: ManufacturerClient) -> Any:
    return await client.announce_payment(
        reference=PAYMENT, model_id=PRODUCT.model_id, device_id=DEVICE, amount=3500, at_machine=False
    )


async def submit(client: ManufacturerClient) -> Any:
    return await client.submit_order(
        reference=PRINT, payment_reference=PAYMENT, product=PRODUCT, picture_url="https://img.example/a.png"
    )


async def ask(client: ManufacturerClient, *references: PrintReference) -> Any:
    return await client.order_statuses(references or [PRINT])


ACTS = pytest.mark.parametrize("act", [announce, submit])

BROKEN: list[Any] = [
    b"",
    b"<html>maintenance</html>",
    b"\xff\xfe",
    b"null",
    b"[]",
    b'"success"',
    {},
    {"msg": "operation successful"},
    {"code": None},
    {"code": "fine"},
]
WITHOUT_DATA: list[Any] = [
    {"code": 200},
    {"code": 200, "data": None},
    {"code": 200, "data": {}},
    {"code": 200, "data": []},
    {"code": 200, "data": "success"},
    {"code": 200, "data": {"id": "", "third_id": "OREN260101000001"}},
    {"code": 200, "data": {"id": None, "third_id": "OREN260101000001"}},
    {"code": 200, "data": {"id": "MSOR10260101000001"}},
    {"code": 200, "data": {"id": "MSOR10260101000001", "third_id": ""}},
]


class TestEnvelopes:
    @ACTS
    @pytest.mark.parametrize("body", BROKEN)
    async def test_an_act_answered_in_no_way_of_theirs_has_an_unknown_outcome(self, act: Act, body: Any) -> None:
        with pytest.raises(OutcomeUnknown):
            await act(answering(body))

    @ACTS
    @pytest.mark.parametrize("body", WITHOUT_DATA)
    async def test_success_without_their_id_is_not_success(self, act: Act, body: Any) -> None:
        with pytest.raises(OutcomeUnknown):
            await act(answering(body))

    @pytest.mark.parametrize("body", BROKEN)
    async def test_a_question_answered_in_no_way_of_theirs_may_be_repeated(self, body: Any) -> None:
        with pytest.raises(ProviderUnavailable):
            await ask(answering(body))

    @pytest.mark.parametrize(
        "data",
        [None, {}, "none", [{}], [{"third_id": "OREN260101000001"}], [{"third_id": "OREN260101000001", "status": "eight"}]],
    )
    async def test_an_answer_that_cannot_be_read_is_never_taken_for_absence(self, data: Any) -> None:
        with pytest.raises(NeedsPerson):
            await ask(answering({"code": 200, "data": data}))

    async def test_an_answer_for_another_reference_needs_a_person(self) -> None:
        with pytest.raises(NeedsPerson, match="OREN260101000009"):
            await submit(answering({"code": 200, "data": {"id": "MSOR1", "third_id": "OREN260101000009", "status": 8}}))

    async def test_an_answer_about_what_was_not_asked_is_left_out(self) -> None:
        items = [{"third_id": "OREN260101000009", "status": 12}, {"third_id": PRINT, "status": 12}]
        assert await ask(answering({"code": 200, "data": items})) == {PRINT: ManufacturerOrderStatus.PRINTED}

    async def test_a_status_that_no_edition_lists_is_kept_as_unknown_and_stops_no_other_news(self) -> None:
        items = [{"third_id": PRINT, "status": 17}, {"third_id": "OREN260101000002", "status": 12}]
        known = await ask(answering({"code": 200, "data": items}), PRINT, PrintReference("OREN260101000002"))
        assert known == {PRINT: ManufacturerOrderStatus.UNKNOWN, "OREN260101000002": ManufacturerOrderStatus.PRINTED}

    async def test_an_accepted_order_stays_accepted_whatever_its_details_look_like(self) -> None:
        submission = await submit(
            answering({"code": "200", "data": {"id": "MSOR1", "third_id": PRINT, "queue_no": 7, "status": 99}})
        )
        assert (submission.queue_number, submission.status) == ("7", ManufacturerOrderStatus.WAITING_TO_PRINT)

    async def test_numbers_in_the_machines_queue_are_read_as_text_and_strangers_are_left_out(self) -> None:
        queue = [{"id": "MSOR1", "third_id": PRINT, "queue_no": 7, "status": 11}, {"id": "MSOR2", "queue_no": "8", "status": 8}]
        entries = await answering({"code": 200, "data": queue}).print_queue(DEVICE)
        assert [(entry.reference, entry.queue_number, entry.status) for entry in entries] == [
            (PRINT, "7", ManufacturerOrderStatus.PRINTING)
        ]

    async def test_stock_without_sizes_is_still_stock(self) -> None:
        item = {"mobile_model_name": "X", "mobile_model_id": "MM1", "mobile_shell_id": "MS1", "width": "", "stock": "3"}
        levels = await answering({"code": 200, "data": [item]}).stock(device_id=DEVICE, brand_id="BR1")
        assert [(level.width_mm, level.height_mm, level.stock) for level in levels] == [(None, None, 3)]

    async def test_a_long_text_of_theirs_is_cut(self) -> None:
        with pytest.raises(NeedsPerson) as caught:
            await ask(answering({"code": 500, "msg": "x" * 100_000}))
        assert len(caught.value.message) < 400

    async def test_what_they_answered_does_not_stand_in_the_errors_cause(self) -> None:
        with pytest.raises(OutcomeUnknown) as caught:
            await submit(answering({"code": 200, "data": {"token": "SECRET-ANSWER"}}))
        assert "SECRET-ANSWER" not in str(caught.value.__cause__)


class TestHttpStatuses:
    @pytest.mark.parametrize(
        ("status", "of_an_act", "of_a_question"),
        [
            (302, NeedsPerson, NeedsPerson),
            (401, NeedsPerson, NeedsPerson),
            (403, NeedsPerson, NeedsPerson),
            (404, NeedsPerson, NeedsPerson),
            (408, OutcomeUnknown, ProviderUnavailable),
            (429, ProviderUnavailable, ProviderUnavailable),
            (500, OutcomeUnknown, ProviderUnavailable),
            (502, OutcomeUnknown, ProviderUnavailable),
            (504, OutcomeUnknown, ProviderUnavailable),
        ],
    )
    async def test_a_status_that_is_not_theirs_has_a_meaning(
        self, status: int, of_an_act: type[ProviderError], of_a_question: type[ProviderError]
    ) -> None:
        agreed = {"code": 200, "data": {"id": "MSOR1", "third_id": PRINT}}
        for act, error in ((submit, of_an_act), (ask, of_a_question)):
            with pytest.raises(error) as caught:
                await act(answering(agreed, status))
            assert type(caught.value) is error
            assert caught.value.code == str(status)

    async def test_being_asked_to_wait_is_passed_on(self) -> None:
        busy = client(lambda _: httpx.Response(429, headers={"retry-after": "30"}))
        with pytest.raises(ProviderUnavailable) as caught:
            await submit(busy)
        assert caught.value.retry_after is not None
        assert caught.value.retry_after.total_seconds() == 30


def all_kinds(kind: type[httpx.HTTPError]) -> set[type[httpx.HTTPError]]:
    return {kind}.union(*(all_kinds(child) for child in kind.__subclasses__()))


NEVER_SENT = {httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol}
TRANSPORT_ERRORS = sorted(all_kinds(httpx.RequestError), key=lambda kind: kind.__name__)


class TestBrokenExchanges:
    @pytest.mark.parametrize("kind", TRANSPORT_ERRORS)
    async def test_every_error_of_the_http_client_has_a_meaning(self, kind: type[httpx.RequestError]) -> None:
        def fail(request: httpx.Request) -> httpx.Response:
            raise kind("Illegal header value b'SECRET'", request=request)

        with pytest.raises(ProviderUnavailable if kind in NEVER_SENT else OutcomeUnknown) as caught:
            await submit(client(fail))
        assert kind.__name__ in caught.value.message
        assert "SECRET" not in caught.value.message
        with pytest.raises(ProviderUnavailable):
            await ask(client(fail))


class TestRequests:
    async def test_references_go_out_in_batches_of_the_size_that_is_set(self) -> None:
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(json.loads(request.content)["third_id"])
            return httpx.Response(200, json={"code": 200, "data": []})

        await client(answer).payment_statuses([PaymentReference(f"PYEN{number}") for number in (1, 2, 3, 2)])
        assert asked == ["PYEN1,PYEN2", "PYEN3"]

    async def test_every_call_is_a_json_post_without_a_null(self) -> None:
        requests: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            data = {"id": "X", "third_id": json.loads(request.content).get("third_id")}
            return httpx.Response(200, json={"code": 200, "data": data})

        await announce(client(answer))
        await submit(client(answer))
        await client(answer).confirm_payment(reference=PAYMENT, amount=3500)
        for request in requests:
            assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
            assert None not in json.loads(request.content).values()
        assert [request.url.path for request in requests] == [
            f"/mobileShell/en/order/{name}" for name in ("payData", "orderData", "payStatus")
        ]

    async def test_our_references_are_what_the_partner_sees(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            body = json.loads(request.content)
            assert (body["third_id"], body["third_pay_id"]) == (PrintReference("OREN260101000001"), "PYEN260101000001")
            return httpx.Response(200, json={"code": 200, "data": {"id": "MSOR1", "third_id": body["third_id"]}})

        assert (await submit(client(answer))).manufacturer_order_id == "MSOR1"
