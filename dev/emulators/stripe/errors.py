"""Stripe's way of saying no: an HTTP status and `{"error": {"type", "code", "message", "param"}}`.

Source: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes.
"""

from typing import Any

from dev.emulators.state import Document


class StripeApiError(Exception):
    """An error answer; `before_execution` ones are not kept under the idempotency key."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        before_execution: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.before_execution = before_execution
        self._fields = {"message": message, "type": kind, "code": code, "param": param, **more}

    def body(self, request_id: str) -> Document:
        error = {name: value for name, value in self._fields.items() if value is not None}
        if code := error.get("code"):
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{str(code).replace('_', '-')}"
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": error}


def not_found(what: str, name: str, param: str) -> StripeApiError:
    return StripeApiError(f"No such {what}: '{name}'", status=404, code="resource_missing", param=param)


def server_error(status: int = 500) -> StripeApiError:
    return StripeApiError("An unknown error occurred", status=status, kind="api_error")
