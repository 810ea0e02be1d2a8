"""Errors by their HTTP status, and the only place where anything becomes an error body.

* ApiError                 an HTTP status, a sentence for people, a word for programs
  - BadRequest         400
  - Unauthorized       401
  - Forbidden          403
  - NotFound           404
  - Gone               410
  - BodyTooLarge       413
  - Unprocessable      422
  - RateLimited        429
  - TryAgain           503  nothing is lost, the same request again is safe

`models.errors.OrderRefused` has a status for each of its codes. What Temporal raises is sorted by `from_temporal`; whatever
nobody named is a 500 that says nothing of its cause.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from api.problems import problem_response
from models.errors import OrderRefused, OutcomeUnknown, ProviderUnavailable, RefusalCode

log = structlog.get_logger(__name__)

STATUS_OF_REFUSAL: dict[RefusalCode, int] = {
    RefusalCode.PRICE_CHANGED: 409,
    RefusalCode.OUT_OF_STOCK: 409,
    RefusalCode.UNKNOWN_MODEL: 422,
    RefusalCode.UNKNOWN_TEMPLATE: 422,
    RefusalCode.UNKNOWN_ADD_ON: 422,
    RefusalCode.UNKNOWN_DEVICE: 422,
    RefusalCode.UNKNOWN_UPLOAD: 422,
    RefusalCode.WRONG_RATIO: 422,
    RefusalCode.BAD_IMAGE: 422,
    RefusalCode.IMAGE_TOO_LARGE: 413,
    RefusalCode.MISSING_ADDRESS: 422,
    RefusalCode.PROMOTION_EXHAUSTED: 409,
    RefusalCode.ORDER_CLOSED: 409,
    RefusalCode.ALREADY_PAID: 409,
    RefusalCode.PAYMENT_REFUSED: 402,
    RefusalCode.UNKNOWN_STYLE: 422,
    RefusalCode.UNKNOWN_PICTURE: 422,
    RefusalCode.UNKNOWN_DECORATION: 422,
    RefusalCode.UNKNOWN_FONT: 422,
    RefusalCode.BAD_DESIGN: 422,
    RefusalCode.LOW_RESOLUTION: 422,
    RefusalCode.GENERATION_REFUSED: 422,
    RefusalCode.BUDGET_SPENT: 429,
    RefusalCode.NOT_APPROVED: 409,
    RefusalCode.ALREADY_APPROVED: 409,
}

RETRY_AFTER_SECONDS = 5
RETRY_AFTER = "retry_after"
"""The fact of a refusal that says in how many seconds it may be another answer."""
TRY_AGAIN = "This is taking longer than usual. Nothing is lost: please try again in a moment."
UNEXPECTED = "Something went wrong on our side. Please try again; if it happens again, contact support."

_WORDS_OF_STATUS = {
    404: "There is nothing at this address.",
    405: "This address does not take this kind of request.",
    415: "This kind of body is not taken here.",
}
_SUBJECT = re.compile(r"^(Input|String|List|Dictionary|Value|Set|Tuple|Number) should")
"""How pydantic's sentences begin; ours begin with the field's name."""

_PASSING = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.UNKNOWN,
}
"""What a busy, restarting or unreachable Temporal answers; the same request under the same ids is safe."""


class ApiError(HTTPException):
    """An answer other than success."""

    status: ClassVar[int]
    code: ClassVar[str]

    def __init__(self, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(self.status, detail, headers)


class BadRequest(ApiError):
    """The request makes no sense."""

    status, code = 400, "bad_request"


class Unauthorized(ApiError):
    """Something that proves who asks is missing."""

    status, code = 401, "unauthorized"


class Forbidden(ApiError):
    """What proves who asks is not (or no longer) good."""

    status, code = 403, "forbidden"


class NotFound(ApiError):
    """There is no such thing."""

    status, code = 404, "not_found"


class Gone(ApiError):
    """This was dropped for good."""

    status, code = 410, "gone"


class BodyTooLarge(ApiError):
    """More than is taken here."""

    status, code = 413, "body_too_large"


class Unprocessable(ApiError):
    """Understood, and it cannot be done as asked."""

    status, code = 422, "unprocessable"


class RateLimited(ApiError):
    """Too often."""

    status, code = 429, "rate_limited"


class TryAgain(ApiError):
    """Whatever was asked may or may not be under way; the same request again finds out and is never done twice."""

    status, code = 503, "try_again"

    def __init__(self, detail: str = TRY_AGAIN, *, retry_after: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


def from_temporal(error: Exception) -> OrderRefused | ApiError | None:
    """Say what a failure of Temporal's client means to the caller; None where nobody has named it.

    An `OrderRefused` that crossed Temporal comes back as itself, with its code and facts.
    """
    if isinstance(error, WorkflowUpdateFailedError):
        cause = error.cause
        return _from_application(cause) if isinstance(cause, ApplicationError) else None
    if isinstance(error, WorkflowUpdateRPCTimeoutOrCancelledError | TimeoutError):
        return TryAgain()
    if isinstance(error, WorkflowAlreadyStartedError):
        return _closed()
    if isinstance(error, RPCError):
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return _closed()
        if error.status is RPCStatusCode.NOT_FOUND:
            return NotFound("This order is not open any more.")
        return TryAgain() if error.status in _PASSING else None
    return None


def _from_application(cause: ApplicationError) -> OrderRefused | ApiError | None:
    if cause.type == OrderRefused.__name__:
        fields = cast("dict[str, Any]", cause.details[0]) if cause.details else {}
        code = RefusalCode(fields.get("code", RefusalCode.ORDER_CLOSED))
        return OrderRefused(cause.message, code=code, facts=fields.get("facts"))
    if cause.type == "AcceptedUpdateCompletedWorkflow":
        return _closed()
    if cause.type in {ProviderUnavailable.__name__, OutcomeUnknown.__name__}:
        return TryAgain(cause.message)
    return None


def _closed() -> OrderRefused:
    return OrderRefused("This order is closed. Please start again from your design.", code=RefusalCode.ORDER_CLOSED)


def install(app: FastAPI) -> None:
    """Give the app its exception handlers: there are no others."""
    app.add_exception_handler(HTTPException, cast("Any", _http_error))
    app.add_exception_handler(RequestValidationError, cast("Any", _invalid_request))
    app.add_exception_handler(OrderRefused, cast("Any", _refused))
    app.add_exception_handler(ProviderUnavailable, cast("Any", _unavailable))
    for temporal_error in (
        WorkflowUpdateFailedError,
        WorkflowUpdateRPCTimeoutOrCancelledError,
        WorkflowAlreadyStartedError,
        RPCError,
    ):
        app.add_exception_handler(temporal_error, cast("Any", _temporal_error))


async def _http_error(_: Request, error: HTTPException) -> Response:
    headers = dict(error.headers) if error.headers else None
    if isinstance(error, ApiError):
        return problem_response(error.status_code, error.detail, code=error.code, headers=headers)
    detail = _WORDS_OF_STATUS.get(error.status_code, error.detail)
    return problem_response(error.status_code, detail, headers=headers)


async def _refused(_: Request, error: OrderRefused) -> Response:
    log.info("order refused", code=error.code)
    status, seconds = STATUS_OF_REFUSAL[error.code], error.facts.get(RETRY_AFTER)
    headers = None if seconds is None else {"Retry-After": str(seconds)}
    return problem_response(status, error.message, code=error.code, headers=headers, facts=error.facts)


async def _unavailable(request: Request, error: ProviderUnavailable) -> Response:
    log.warning("a provider is not available", provider=error.provider, reason=error.message)
    return await _http_error(request, TryAgain())


async def _temporal_error(request: Request, error: Exception) -> Response:
    meaning = from_temporal(error)
    if isinstance(meaning, OrderRefused):
        return await _refused(request, meaning)
    if meaning is not None:
        log.warning("temporal did not answer as hoped", status=meaning.status_code, reason=str(error))
        return await _http_error(request, meaning)
    return unexpected(error)


async def _invalid_request(_: Request, error: RequestValidationError) -> Response:
    return invalid(error.errors())


def unexpected(error: Exception) -> Response:
    """Log an error that nobody expected, and answer without a word of it."""
    log.error("unexpected error", exc_info=error)
    return problem_response(500, UNEXPECTED)


def invalid(details: Sequence[Any]) -> Response:
    """Say in one sentence what is wrong with a request, and in `errors` field by field; values are never repeated."""
    errors = [{"field": _path(detail["loc"]), "message": _sentence(detail)} for detail in details]
    sentences = [f"`{error['field']}` {error['message']}" if error["field"] else error["message"] for error in errors]
    more = f" ({len(errors) - 1} more in `errors`.)" if len(errors) > 1 else ""
    return problem_response(422, sentences[0] + more, code="invalid_request", errors=errors)


def _path(location: Sequence[str | int]) -> str:
    if all(isinstance(part, int) for part in location[1:]):  # the body as a whole, or a position in its JSON
        return ""
    parts = location[1:] if location and location[0] in {"body", "query", "path", "header", "cookie"} else location
    return ".".join(str(part) for part in parts)


def _sentence(detail: dict[str, Any]) -> str:
    """Return the rest of a sentence that begins with the field's name."""
    if detail["type"] == "missing":
        return "is missing."
    if detail["type"] == "json_invalid":
        return "The body is not valid JSON."
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = _SUBJECT.sub("must", message).replace("value is not", "is not", 1)
    return message if message.endswith(".") else f"{message}."
