"""The manufacturer's envelope: HTTP 200, and `code` says whether it worked."""

from typing import Any, Literal

from pydantic import BaseModel

_CALLBACK = {
    "type": "object",
    "additionalProperties": True,
    "properties": {
        "third_id": {"type": "string", "description": "PYEN…, OREN…, or the manufacturer's own MSPY…, MSOR…"},
        "status": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    },
}
CALLBACK_BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/json": {"schema": {"anyOf": [_CALLBACK, {"type": "array", "items": _CALLBACK}]}},
            "application/x-www-form-urlencoded": {"schema": _CALLBACK},
            "multipart/form-data": {"schema": _CALLBACK},
        },
    }
}
"""A callback in OpenAPI; whatever else is sent is taken as well."""


class Acknowledgement(BaseModel):
    """Answer to a callback. Only exactly this success keeps the manufacturer from repeating it."""

    msg: str
    code: int
    data: Literal["success", "fail"]

    @property
    def is_success(self) -> bool:
        return self.data == "success"

    @classmethod
    def success(cls) -> "Acknowledgement":
        return cls(msg="operation successful", code=200, data="success")

    @classmethod
    def fail(cls) -> "Acknowledgement":
        return cls(msg="could not be stored, please repeat", code=500, data="fail")

    @classmethod
    def not_yet(cls) -> "Acknowledgement":
        return cls(msg="the payment has not arrived yet", code=202, data="fail")


class PayDataAnswer(BaseModel):
    """Answer of `/api/chinese/order/payData`: nothing in its body is read."""

    msg: str
    code: int
    data: dict[str, Any] | None
