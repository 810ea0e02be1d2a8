"""The types that settings are written in: durations, lists, web addresses, keys with names, accounts.

Environment variables are text, so each type says how it is spelled there; given as a Python value, the value is taken as it is.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretBytes, SecretStr, StringConstraints
from pydantic_settings import NoDecode

_DURATION = re.compile(r"(?P<number>\d+(\.\d+)?)\s*(?P<unit>ms|s|m|h|d)")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Group(BaseModel):
    """A group of settings. Frozen; the docstring under a field is what a person reads when the variable is missing."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True, hide_input_in_errors=True)


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        message = "must be a duration such as 500ms, 20s, 30m, 24h or 14d"
        raise ValueError(message)
    return timedelta(**{_UNITS[match["unit"]]: float(match["number"])})


def _longer_than_zero(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        message = "must be longer than zero"
        raise ValueError(message)
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_longer_than_zero)]
"""A length of time greater than zero, spelled `500ms`, `20s`, `30m`, `24h` or `14d`: a number without a unit is refused."""


def _split(value: Any) -> Any:
    return [part for part in (word.strip() for word in value.split(",")) if part] if isinstance(value, str) else value


_Item = TypeVar("_Item")

Listed = Annotated[tuple[_Item, ...], NoDecode, BeforeValidator(_split)]
"""Several values, spelled with commas between them."""


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = "must be a web address that begins with https:// (or http:// in development)"
        raise ValueError(message)
    if parts.username or parts.password or parts.query or parts.fragment:
        message = "must be a plain web address, without sign-in, query or fragment"
        raise ValueError(message)
    return value.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]
"""An http(s) address without a slash at its end."""


def _host_and_port(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdecimal():
        message = "must be host:port"
        raise ValueError(message)
    return value


HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
"""`host:port`, an IPv6 host in brackets."""


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        message = f"must be a regular expression: {error}"
        raise ValueError(message) from error
    return value


Regex = Annotated[str, AfterValidator(_regex)]
"""A regular expression in Python's syntax."""

KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class Key(Group):
    """A secret key under a name that may be public; the name tells which of several keys made something."""

    id: KeyId
    secret: SecretBytes


def _key(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    key_id, colon, text = value.partition(":")
    if not colon:
        message = "must be a list of <key id>:<base64>, separated by commas"
        raise ValueError(message)
    try:
        return Key(id=key_id.strip(), secret=SecretBytes(base64.b64decode(text.strip(), validate=True)))
    except binascii.Error as error:
        message = f"holds a key {key_id.strip()!r} that is not base64"
        raise ValueError(message) from error


def _keyring(keys: tuple[Key, ...]) -> tuple[Key, ...]:
    _refuse_twice("key id", [key.id for key in keys])
    for key in keys:
        if len(key.secret) != 32:
            message = f"holds a key {key.id!r} of {len(key.secret)} bytes; a key has 32 (`openssl rand -base64 32` makes one)"
            raise ValueError(message)
    return keys


Keyring = Annotated[Listed[Annotated[Key, BeforeValidator(_key)]], Field(min_length=1), AfterValidator(_keyring)]
"""Keys of 32 bytes, spelled `<key id>:<base64>` with commas between them.

The first one is current; the others still open what they closed.
"""


class Account(Group):
    """A person who may sign in; the name is written beside everything that the person does."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._@-]{1,64}$")]
    secret: SecretStr


def _account(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    name, colon, secret = value.partition(":")
    if not colon or not secret.strip():
        message = "must be a list of <name>:<secret>, separated by commas"
        raise ValueError(message)
    return Account(name=name.strip(), secret=SecretStr(secret.strip()))


def _accounts(accounts: tuple[Account, ...]) -> tuple[Account, ...]:
    _refuse_twice("name", [account.name for account in accounts])
    return accounts


Accounts = Annotated[Listed[Annotated[Account, BeforeValidator(_account)]], AfterValidator(_accounts)]
"""People who may sign in, spelled `<name>:<secret>` with commas between them."""


def _refuse_twice(what: str, values: Sequence[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        message = f"names the {what} {twice[0]!r} twice"
        raise ValueError(message)
