"""How a `/v1` request is answered: faults, authentication, parameters, idempotency, and then the endpoint's work."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dev.emulators.control import Controls
from dev.emulators.faults import HTTP_FAULTS, Fault, FaultKind, LostAnswer
from dev.emulators.state import Document
from dev.emulators.stripe.account import Account, on_behalf_of
from dev.emulators.stripe.endpoints import Call, Endpoint
from dev.emulators.stripe.errors import StripeApiError, server_error
from dev.emulators.stripe.expansion import Expansion
from dev.emulators.stripe.idempotency import IdempotencyKeys, Outcome
from dev.emulators.stripe.objects import new_id
from dev.emulators.stripe.settings import API_VERSION, StripeEmulatorSettings
from dev.emulators.stripe.wire import decode_form, parse_params

_NOTHING_DONE = (FaultKind.DOWN, FaultKind.HTTP_503, FaultKind.HTTP_ERROR, FaultKind.ERROR_BODY_200)
"""Faults in front of the API: no work, and nothing is kept under the idempotency key."""


class Api:
    """Answers the requests to one account."""

    def __init__(self, controls: Controls, settings: StripeEmulatorSettings, account: Account, expansion: Expansion) -> None:
        self._settings = settings
        self._account = account
        self._faults = controls.faults
        self._expansion = expansion
        self._keys = IdempotencyKeys(controls.store, controls.clock)

    def routes(self, endpoints: list[Endpoint]) -> list[BaseRoute]:
        """A route for every endpoint, and Stripe's 404 for the rest of `/v1`."""
        routes: list[BaseRoute] = [
            Route(endpoint.path, self._handler(endpoint), methods=[endpoint.method]) for endpoint in endpoints
        ]
        return [*routes, Route("/v1/{path:path}", _unrecognized, methods=["GET", "POST", "DELETE", "PUT", "PATCH"])]

    def _handler(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            request_id = new_id("req", 14)
            fault = self._faults.take(endpoint.operation, HTTP_FAULTS)
            if fault is not None and fault.kind in _NOTHING_DONE:
                return _refusal(fault, request_id)
            try:
                outcome = await self._answer(endpoint, request, request_id, fault)
            except StripeApiError as error:
                outcome = Outcome(error.status, error.body(request_id))
            if fault is not None and fault.kind == FaultKind.ANSWER_LOST:
                if fault.answer_status is None:
                    return LostAnswer(fault.delay_s)
                await asyncio.sleep(fault.delay_s)
            return _response(outcome, request_id, request.headers.get("idempotency-key"))

        return handle

    async def _answer(self, endpoint: Endpoint, request: Request, request_id: str, fault: Fault | None) -> Outcome:
        self._authenticate(request)
        raw = await _parameters(request)
        call = Call(
            name=request.path_params.get("id", ""),
            params=parse_params(endpoint.params, raw),
            base_url=self._settings.public_url or str(request.base_url).rstrip("/"),
        )
        key = request.headers.get("idempotency-key") if request.method == "POST" else None

        async def work() -> Outcome:
            if fault is not None and fault.kind == FaultKind.SLOW:
                await asyncio.sleep(fault.delay_s)
            if fault is not None and fault.kind == FaultKind.HTTP_500:
                return Outcome(500, server_error().body(request_id))
            outcome = self._execute(endpoint, call, request_id, key)
            if fault is not None and fault.kind == FaultKind.ANSWER_LOST and fault.answer_status is not None:
                return Outcome(fault.answer_status, server_error().body(request_id))
            return outcome

        return await self._keys.run(key, path=request.url.path, params=raw, request_id=request_id, work=work)

    def _execute(self, endpoint: Endpoint, call: Call, request_id: str, key: str | None) -> Outcome:
        """Work without giving up control once: every operation is atomic."""
        self._account.timers.run_due()
        try:
            with on_behalf_of(request_id, key):
                document = endpoint.work(call)
            return Outcome(200, self._expansion.apply(document, call.params.expand))
        except StripeApiError as error:
            return Outcome(error.status, error.body(request_id), kept=not error.before_execution)

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise StripeApiError(
                "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth"
                " (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
                status=401,
                before_execution=True,
            )
        if not hmac.compare_digest(key.encode(), self._settings.api_key.encode()):
            shown = f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 16 else "********"
            raise StripeApiError(f"Invalid API Key provided: {shown}", status=401, before_execution=True)


async def _parameters(request: Request) -> Document:
    if request.method == "GET":
        return decode_form(request.query_params.multi_items())
    body = await request.body()
    media_type = request.headers.get("content-type", "").partition(";")[0]
    if body and media_type != "application/x-www-form-urlencoded":
        raise StripeApiError(
            f"Invalid request: the v1 API takes application/x-www-form-urlencoded, not {media_type or 'nothing'}.",
            before_execution=True,
        )
    return decode_form(parse_qsl(body.decode(), keep_blank_values=True))


def _refusal(fault: Fault, request_id: str) -> Response:
    status = fault.answer_status
    if status is None:
        return LostAnswer(fault.delay_s)
    if fault.detail:
        # The error's own fields, for refusals that no sequence of calls produces.
        return _response(Outcome(status, {"error": {"type": "invalid_request_error", **fault.detail}}), request_id, None)
    if status == 429:
        limited = StripeApiError("Request rate limit exceeded.", status=429, code="rate_limit")
        return _response(Outcome(429, limited.body(request_id)), request_id, None)
    return _response(Outcome(status, server_error(status).body(request_id)), request_id, None)


def _response(outcome: Outcome, request_id: str, key: str | None) -> Response:
    headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
    if key is not None:
        headers["Idempotency-Key"] = key
    if outcome.replayed:
        headers |= {"Idempotent-Replayed": "true", "Original-Request": outcome.original_request or ""}
    if outcome.status == 409:
        headers["Stripe-Should-Retry"] = "true"
    return JSONResponse(outcome.body, outcome.status, headers)


async def _unrecognized(request: Request) -> Response:
    request_id = new_id("req", 14)
    error = StripeApiError(f"Unrecognized request URL ({request.method}: {request.url.path}).", status=404)
    return _response(Outcome(404, error.body(request_id)), request_id, None)
