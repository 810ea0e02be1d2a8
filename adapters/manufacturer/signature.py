"""The two ways in which the manufacturer's interface is said to authenticate and sign a call.

Two descriptions of the same API exist and disagree, so both are implemented and one setting chooses. Whatever differs between
them lives here; endpoints, ids, statuses and errors are shared.

* ``guide``: every JSON body carries ``account``, ``password`` and ``sign``; the signature covers keys *and* values. No login.
* ``interface``: a login token, ``sign`` and ``req_source`` travel as headers; the signature covers values only and ends with the
  system name. Arrays and objects that stand as values are not signed.

Both hash with MD5 and a fixed key. The signature is taken over the very lexemes that stand in the JSON text (35 signs as
``35``, 35.0 as ``35.0``), therefore one encoder yields text and lexemes together and there is no second place where a number
is formatted.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, TypeAlias

from pydantic import SecretStr

from config.groups import ManufacturerSettings

Value: TypeAlias = "str | int | Decimal | Sequence[Value] | Mapping[str, Value]"
Fields: TypeAlias = Mapping[str, Value]
Body: TypeAlias = Fields | Sequence[str] | Sequence[Fields]

_REQUEST_SOURCE = "en"


class UnsignableBodyError(ValueError):
    """A body holds something that the manufacturer cannot verify: a null, a float, a boolean, a non-finite number, broken text.

    It is a mistake of the caller and never the outcome of a call.
    """


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the manufacturer issued to us; the fixed key never leaves this module except inside a digest."""

    account: str
    password: SecretStr
    fixed_key: SecretStr
    system_name: str = "mobileShell"


@dataclass(frozen=True, slots=True)
class SignedBody:
    """A JSON body ready to be sent as it is; re-encoding it would break the signature."""

    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class Dialect(Protocol):
    """One way of authenticating and signing; stateless, so one object serves every concurrent call."""

    @property
    def needs_login(self) -> bool:
        """Whether calls carry a token from ``user/login``."""

    def sign_login(self) -> SignedBody:
        """Encode and sign the body of ``user/login``."""

    def sign(self, fields: Fields) -> SignedBody:
        """Encode and sign an object body; raises UnsignableBodyError."""

    def sign_references(self, references: Sequence[str]) -> SignedBody:
        """Encode and sign the body of a status query for several of our references; raises UnsignableBodyError."""


class GuideDialect:
    """Credentials and signature inside the body; keys and values are signed."""

    needs_login = False

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def sign_login(self) -> SignedBody:
        """The empty call: account and password stand in every body."""
        return self.sign({})

    def sign(self, fields: Fields) -> SignedBody:
        """Add account, password and sign to ``fields`` and encode them."""
        lexemes = _lexemes({**fields, **_login_fields(self._credentials)})
        text = "".join(key + lexeme.scalar(key) for key, lexeme in lexemes.items())
        lexemes["sign"] = _lexeme("sign", _digest(text + self._credentials.fixed_key.get_secret_value()))
        return SignedBody(content=_object_text(lexemes).encode(), headers={})

    def sign_references(self, references: Sequence[str]) -> SignedBody:
        """Put the references, joined by commas, into ``third_id``: the guide shows no call whose body is a list."""
        return self.sign({"third_id": ",".join(references)})


class InterfaceDialect:
    """Signature and token in headers; values alone are signed, followed by the system name."""

    needs_login = True

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def sign_login(self) -> SignedBody:
        """Account and password, signed like any other body."""
        return self.sign(_login_fields(self._credentials))

    def sign(self, fields: Fields) -> SignedBody:
        """Encode ``fields`` and sign their scalar values."""
        return self.sign_body(fields)

    def sign_references(self, references: Sequence[str]) -> SignedBody:
        """Send the references as a JSON array of strings; such a body signs as system name and fixed key alone."""
        return self.sign_body(references)

    def sign_body(self, body: Body) -> SignedBody:
        """Encode any body: an object, a list of strings (nothing of it is signed) or a list of objects (the first is signed)."""
        if isinstance(body, Mapping):
            lexemes = _lexemes(body)
            return SignedBody(content=_object_text(lexemes).encode(), headers=self._headers(lexemes))
        text = _lexeme("the body", body).text
        first = body[0] if body else None
        return SignedBody(content=text.encode(), headers=self._headers(_lexemes(first) if isinstance(first, Mapping) else {}))

    def _headers(self, lexemes: Mapping[str, "_Lexeme"]) -> dict[str, str]:
        text = "".join(lexeme.signed for lexeme in lexemes.values() if lexeme.signed is not None)
        return {
            "sign": _digest(text + self._credentials.system_name + self._credentials.fixed_key.get_secret_value()),
            "req_source": _REQUEST_SOURCE,
        }


def dialect_for(settings: ManufacturerSettings) -> Dialect:
    """Build the dialect that the settings name."""
    credentials = Credentials(
        account=settings.account, password=settings.password, fixed_key=settings.fixed_key, system_name=settings.system_name
    )
    return GuideDialect(credentials) if settings.dialect == "guide" else InterfaceDialect(credentials)


def _login_fields(credentials: Credentials) -> dict[str, str]:
    return {"account": credentials.account, "password": credentials.password.get_secret_value()}


@dataclass(frozen=True, slots=True)
class _Lexeme:
    """One value twice: as it stands in the JSON text, and as it enters the signature (None: it does not)."""

    text: str
    signed: str | None

    def scalar(self, key: str) -> str:
        if self.signed is None:
            message = f"{key}: this dialect cannot sign an array or an object"
            raise UnsignableBodyError(message)
        return self.signed


def _lexemes(fields: Fields) -> dict[str, _Lexeme]:
    """Encode every field, in UTF-16 code-unit order of the keys: the order in which the manufacturer's server sorts strings."""
    return {key: _lexeme(key, fields[key]) for key in sorted(fields, key=lambda key: _encodable(key, key).encode("utf-16-be"))}


def _lexeme(key: str, value: object) -> _Lexeme:
    match value:
        case str():
            return _Lexeme(text=_string_text(_encodable(key, value)), signed=value)
        case int() if not isinstance(value, bool):
            return _Lexeme(text=str(value), signed=str(value))
        case Decimal() if value.is_finite():
            fixed_point = format(value, "f")
            return _Lexeme(text=fixed_point, signed=fixed_point)
        case Mapping():
            return _Lexeme(text=_object_text(_lexemes(value)), signed=None)
        case list() | tuple():
            return _Lexeme(text="[" + ",".join(_lexeme(key, item).text for item in value) + "]", signed=None)
    message = f"{key}: a value of type {type(value).__name__} is not sent; use text, int or a finite Decimal and leave nulls out"
    raise UnsignableBodyError(message)


def _encodable(key: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"{key!r}: the text holds a lone surrogate and cannot be sent as UTF-8"
        raise UnsignableBodyError(message) from error
    return text


def _object_text(lexemes: Mapping[str, _Lexeme]) -> str:
    return "{" + ",".join(f"{_string_text(key)}:{lexeme.text}" for key, lexeme in lexemes.items()) + "}"


def _string_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _digest(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
