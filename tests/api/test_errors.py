"""Every error is a problem with a sentence for people, a word for programs, and nothing of its cause."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api import errors
from api.errors import STATUS_OF_REFUSAL, from_temporal
from config.interceptors import to_application_error
from models.errors import OrderRefused, ProviderUnavailable, RefusalCode
from tests.api.world import WEB_CHECKOUT, assert_problem


def refused_update(cause: BaseException) -> WorkflowUpdateFailedError:
    return WorkflowUpdateFailedError(cause)


@pytest.fixture
def failing(stranded_app: FastAPI) -> FastAPI:
    """An app with a route for each error that is put into `failing.state.error`."""

    @stranded_app.get("/fail")
    async def fail() -> None:
        raise stranded_app.state.error

    return stranded_app


async def answer_to(failing: FastAPI, stranded: httpx.AsyncClient, error: Exception) -> httpx.Response:
    failing.state.error = error
    return await stranded.get("/fail")


@pytest.mark.parametrize("code", RefusalCode)
def test_every_refusal_has_a_status(code: RefusalCode):
    assert 400 <= STATUS_OF_REFUSAL[code] < 500


@pytest.mark.parametrize("code", RefusalCode)
async def test_a_refusal_is_answered_by_its_status_with_its_sentence_code_and_facts(
    failing: FastAPI, stranded: httpx.AsyncClient, code: RefusalCode
):
    answer = await answer_to(failing, stranded, OrderRefused("Please choose another one.", code=code, facts={"price": 3500}))

    body = assert_problem(answer, STATUS_OF_REFUSAL[code], code=code)
    assert (body["detail"], body["facts"]) == ("Please choose another one.", {"price": 3500})


def test_a_refusal_that_crossed_temporal_comes_back_whole():
    refusal = OrderRefused("The price is £35.00.", code=RefusalCode.PRICE_CHANGED, facts={"price": 3500})

    back = from_temporal(refused_update(to_application_error(refusal)))

    assert isinstance(back, OrderRefused)
    assert (back.message, back.code, back.facts) == (refusal.message, refusal.code, refusal.facts)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (
            refused_update(to_application_error(OrderRefused("No, thank you.", code=RefusalCode.ALREADY_PAID))),
            409,
            "already_paid",
        ),
        (refused_update(to_application_error(ProviderUnavailable("Please try later.", provider="stripe"))), 503, "try_again"),
        (refused_update(ApplicationError("gone", type="AcceptedUpdateCompletedWorkflow")), 409, "order_closed"),
        (refused_update(ApplicationError("a bug", type="KeyError")), 500, "internal_server_error"),
        (WorkflowUpdateRPCTimeoutOrCancelledError(), 503, "try_again"),
        (WorkflowAlreadyStartedError("order-1", "OrderWorkflow"), 409, "order_closed"),
        (RPCError("exists", RPCStatusCode.ALREADY_EXISTS, b""), 409, "order_closed"),
        (RPCError("not found", RPCStatusCode.NOT_FOUND, b""), 404, "not_found"),
        (RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b""), 503, "try_again"),
        (RPCError("too slow", RPCStatusCode.DEADLINE_EXCEEDED, b""), 503, "try_again"),
        (RPCError("not allowed", RPCStatusCode.PERMISSION_DENIED, b""), 500, "internal_server_error"),
        (ProviderUnavailable("the database cannot be reached", provider="postgres"), 503, "try_again"),
    ],
)
async def test_what_temporal_and_the_database_say_is_sorted_by_what_a_caller_can_do(
    failing: FastAPI, stranded: httpx.AsyncClient, error: Exception, status: int, code: str
):
    body = assert_problem(await answer_to(failing, stranded, error), status, code=code)

    assert "connection refused" not in body["detail"]


async def test_try_again_says_when(failing: FastAPI, stranded: httpx.AsyncClient):
    answer = await answer_to(failing, stranded, WorkflowUpdateRPCTimeoutOrCancelledError())

    assert int(answer.headers["retry-after"]) > 0
    assert "Nothing is lost" in answer.json()["detail"]


async def test_an_unexpected_error_says_nothing_of_its_cause(failing: FastAPI, stranded: httpx.AsyncClient):
    answer = await answer_to(failing, stranded, RuntimeError("password=hunter2"))

    assert_problem(answer, 500)
    assert "hunter2" not in answer.text


async def test_an_unexpected_error_can_be_read_by_the_storefronts_page(failing: FastAPI, stranded: httpx.AsyncClient):
    failing.state.error = RuntimeError("oops")

    answer = await stranded.get("/fail", headers={"Origin": "https://shop.test.example"})

    assert answer.headers["access-control-allow-origin"] == "https://shop.test.example"


async def test_an_unknown_path_and_a_wrong_method_are_said_in_words(stranded: httpx.AsyncClient):
    assert_problem(await stranded.get("/nothing/here"), 404)
    answer = await stranded.get("/create-checkout-session")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "POST"


async def test_an_invalid_body_is_one_readable_sentence_and_a_list_of_fields(stranded: httpx.AsyncClient):
    body: dict[str, Any] = {**WEB_CHECKOUT, "amount_pence": "a lot"}
    del body["brand"]

    problem = assert_problem(await stranded.post("/create-checkout-session", json=body), 422, code="invalid_request")

    assert [error["field"] for error in problem["errors"]] == ["amount_pence", "brand"]
    assert problem["detail"].startswith("`amount_pence` must be a valid integer")
    assert problem["errors"][1]["message"] == "is missing."


async def test_an_invalid_body_is_not_repeated_to_whoever_reads_the_answer(stranded: httpx.AsyncClient):
    answer = await stranded.post("/create-checkout-session", json={**WEB_CHECKOUT, "customer_email": "ada at example"})

    body = assert_problem(answer, 422)
    assert body["detail"].startswith("`customer_email` is not a valid email address")
    assert "ada at example" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/orders/%00",
        "/payment-success?session_id=%00",
        "/api/brands/iphone/models?device_id=%00",
        "/api/chinese/stock/%00/BR20250111000002",
        "/api/chinese/stock/DEFAULTUK001/%00",
    ],
)
async def test_a_text_that_the_database_cannot_be_asked_about_is_refused(browser: httpx.AsyncClient, path: str):
    assert_problem(await browser.get(path), 422, code="invalid_request")


async def test_a_body_that_is_not_json_is_said_in_words(stranded: httpx.AsyncClient):
    answer = await stranded.post("/create-checkout-session", content=b"{", headers={"Content-Type": "application/json"})

    assert assert_problem(answer, 422)["detail"] == "The body is not valid JSON."


def test_every_error_of_ours_has_a_status_and_a_code():
    classes = errors.ApiError.__subclasses__()

    assert len({error.code for error in classes}) == len({error.status for error in classes}) == len(classes)
