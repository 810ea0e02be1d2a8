"""Reading and refusing calls exactly as strictly as the manufacturer does.

The signature is checked against the text that arrived: numbers are kept in the writing in which they stand in the body. This is
written independently of the client's encoder on purpose; an emulator that shared it would agree with its mistakes.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from starlette.responses import JSONResponse

PARAMETERS_WRONG = 400
TOKEN_MISSING = 401
NOT_FOUND = 404
METHOD_WRONG = 405
MEDIA_TYPE_WRONG = 415
REFUSED = 500


_WHOLE = re.compile(r"-?\d{1,9}")
_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,2})?")


class Refusal(Exception):
    """A business error: HTTP 200 with a body code other than 200 and, as observed, no ``data``."""

    def __init__(self, msg: str, code: int = REFUSED) -> None:
        super().__init__(msg)
        self.msg = msg
        self.code = code


class Lexeme(str):
    """A number in the writing in which it stood in the JSON text."""

    __slots__ = ()


def success(data: object = None) -> JSONResponse:
    """The envelope of an accepted call; ``data`` is absent where the manufacturer sends none."""
    body: dict[str, object] = {"msg": "操作成功", "code": 200}
    if data is not None:
        body["data"] = data
    return JSONResponse(body)


def refused(refusal: Refusal) -> JSONResponse:
    """The envelope of a refused call."""
    return JSONResponse({"msg": refusal.msg, "code": refusal.code})


def parse_body(raw: bytes) -> Any:
    """Parse a JSON body, keeping number lexemes; raises Refusal for broken text, nulls and repeated keys."""
    try:
        body = json.loads(
            raw.decode(),
            parse_int=Lexeme,
            parse_float=Lexeme,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_repeats,
        )
        _refuse_nulls(body)
        # An escaped half of a surrogate pair is JSON, yet no text: nobody can say which bytes were signed.
        for text in texts_in(body):
            text.encode()
    except (ValueError, RecursionError) as error:
        msg = "parameter format error"
        raise Refusal(msg, PARAMETERS_WRONG) from error
    return body


def ids_in(raw: bytes) -> frozenset[str]:
    """What a call names, for faults that are meant for one order or machine; nothing of a body that cannot be read."""
    try:
        return texts_in(parse_body(raw))
    except Refusal:
        return frozenset()


def texts_in(body: Any) -> frozenset[str]:
    """Every key and text of a body, and the parts of those that are several ids joined by commas."""
    if isinstance(body, dict):
        return frozenset[str]().union(body, *map(texts_in, body.values()))
    if isinstance(body, list):
        return frozenset[str]().union(*map(texts_in, body))
    return frozenset({body, *body.split(",")}) if isinstance(body, str) else frozenset()


def check_guide_signature(body: Any, fixed_key: str) -> None:
    """Check ``sign`` over keys and values of the whole body; raises Refusal ``data signature failed``."""
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise _bad_signature()
    signed = "".join(key + body[key] for key in sorted(body, key=_code_units) if key != "sign")
    _compare(signed + fixed_key, body.get("sign"))


def check_interface_signature(body: Any, sign: str | None, *, system_name: str, fixed_key: str) -> None:
    """Check the ``sign`` header over the values of the body; raises Refusal ``data signature failed``."""
    fields = body[0] if isinstance(body, list) and body else body
    signed = ""
    if isinstance(fields, dict):
        signed = "".join(_signed(fields[key]) for key in sorted(fields, key=_code_units))
    _compare(signed + system_name + fixed_key, sign)


def _signed(value: Any) -> str:
    """What of a field is signed: its text or the writing of its number; nothing of an array or an object."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ""


class Fields:
    """Typed access to the fields of a call; whatever is missing, empty or of the wrong kind is refused with code 400."""

    def __init__(self, body: Any) -> None:
        if not isinstance(body, dict):
            msg = "parameter list error: an object is expected"
            raise Refusal(msg, PARAMETERS_WRONG)
        self._body: Mapping[str, Any] = body

    def __contains__(self, name: str) -> bool:
        return name in self._body

    def text(self, name: str) -> str:
        """A required text that is not empty."""
        value = self._body.get(name)
        if not isinstance(value, str) or isinstance(value, Lexeme) or not value.strip():
            raise _bad_parameter(name)
        return value

    def whole(self, name: str) -> int:
        """A required JSON integer."""
        value = self._body.get(name)
        if not isinstance(value, Lexeme) or not _WHOLE.fullmatch(value):
            raise _bad_parameter(name)
        return int(value)

    def amount(self, name: str) -> str:
        """A required amount of money: a JSON number without exponent, not below zero, in its own writing."""
        value = self._body.get(name)
        if not isinstance(value, Lexeme) or not _AMOUNT.fullmatch(value):
            raise _bad_parameter(name)
        return str(value)


def references(body: Any, dialect: str) -> list[str]:
    """The ids of a status query: a JSON array, or in the guide dialect joined by commas in ``third_id``."""
    if dialect == "guide":
        return Fields(body).text("third_id").split(",")
    if not isinstance(body, list) or not body or not all(isinstance(item, str) and item for item in body):
        msg = "parameter list error: an array of third_id is expected"
        raise Refusal(msg, PARAMETERS_WRONG)
    return body


def _bad_parameter(name: str) -> Refusal:
    return Refusal(f"parameter error: {name}", PARAMETERS_WRONG)


def _bad_signature() -> Refusal:
    return Refusal("data signature failed")


def _compare(signed: str, claimed: object) -> None:
    expected = hashlib.md5(signed.encode(), usedforsecurity=False).hexdigest()
    if not isinstance(claimed, str) or not hmac.compare_digest(expected.encode(), claimed.encode()):
        raise _bad_signature()


def _code_units(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        msg = "a key is repeated"
        raise ValueError(msg)
    return fields


def _refuse_nulls(value: Any, name: str = "body") -> None:
    if value is None:
        msg = f"parameter error: {name} must not be null"
        raise Refusal(msg, PARAMETERS_WRONG)
    children = value.items() if isinstance(value, dict) else ((name, item) for item in value) if isinstance(value, list) else ()
    for key, child in children:
        _refuse_nulls(child, key)
