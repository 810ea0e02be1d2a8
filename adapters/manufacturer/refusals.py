"""What each refusal of the manufacturer, and each failure to hear it, means for us.

Body code 500 stands for an internal error and for every business refusal alike, so known texts decide first, then the code.
Whatever nobody has classified becomes ``NeedsPerson``: guessing that an unknown answer is harmless has cost money before.

* try again: the machine is offline or busy; the payment has not reached the order system yet
* there already: our reference was used before, so a look-up tells what became of it
* never: the signature, the permission for a machine, the form of the call
* unknown outcome: an internal error after we asked for something to be done
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import httpx

from models.errors import AlreadyExists, NeedsPerson, OutcomeUnknown, ProviderError, ProviderRejected, ProviderUnavailable

PROVIDER = "manufacturer"
LONGEST_QUOTE = 300
"""Characters of the manufacturer's own text that are kept in an error."""

SUCCESS = 200
TOKEN_REFUSED = 401


@dataclass(frozen=True, slots=True)
class Call:
    """A call as errors speak of it; ``changes`` says whether it makes the manufacturer do something."""

    path: str
    changes: bool

    def interrupted(self, message: str, *, code: str | None = None) -> ProviderError:
        """The error for a call that was sent and not answered in a way that we understand.

        A call that only reads has done nothing and may simply be repeated.
        """
        error = OutcomeUnknown if self.changes else ProviderUnavailable
        return error(f"{self.path}: {message}", provider=PROVIDER, code=code)


_MEANING_OF_TEXTS: tuple[tuple[str, Callable[..., ProviderError]], ...] = (
    ("already exist", AlreadyExists),
    ("payment information does not exist", ProviderUnavailable),
    ("device is unavailable", ProviderUnavailable),
    ("no permission to access the current device", ProviderRejected),
    ("data signature failed", ProviderRejected),
)
_MEANING_OF_CODES: dict[int, Callable[..., ProviderError]] = {
    400: ProviderRejected,
    404: ProviderRejected,
    405: ProviderRejected,
    415: ProviderRejected,
}
_INTERNAL_ERROR = 500
_INTERNAL_ERRORS = frozenset({"", "error", "internal error", "internal server error"})


def refusal(call: Call, code: int, text: str | None) -> ProviderError:
    """The error that an answer with a body code other than 200 stands for; ``code`` becomes the error's own code."""
    words = (text or "").strip()
    message = f"{words[:LONGEST_QUOTE] or 'refused without a word'} (code {code})"
    for known, error in _MEANING_OF_TEXTS:
        if known in words.lower():
            return error(f"{call.path}: {message}", provider=PROVIDER, code=str(code))
    if code in _MEANING_OF_CODES:
        return _MEANING_OF_CODES[code](f"{call.path}: {message}", provider=PROVIDER, code=str(code))
    if code == _INTERNAL_ERROR and words.lower() in _INTERNAL_ERRORS:
        return call.interrupted(message, code=str(code))
    return NeedsPerson(f"{call.path}: {message}", provider=PROVIDER, code=str(code))


def http_error(call: Call, response: httpx.Response) -> ProviderError:
    """The error for an HTTP status other than 2xx, which only something in front of the manufacturer's application sends."""
    status = response.status_code
    message, code = f"HTTP {status}", str(status)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        seconds = response.headers.get("retry-after", "")
        retry_after = timedelta(seconds=int(seconds)) if seconds.isdecimal() else None
        return ProviderUnavailable(f"{call.path}: {message}", provider=PROVIDER, code=code, retry_after=retry_after)
    if response.is_server_error or status == httpx.codes.REQUEST_TIMEOUT:
        return call.interrupted(message, code=code)
    return NeedsPerson(f"{call.path}: {message}", provider=PROVIDER, code=code)


def transport_error(call: Call, error: httpx.HTTPError | TimeoutError) -> ProviderError:
    """The error for an exchange that broke off.

    Only the kind of failure is quoted: httpx writes header values, and so the token, into some of its messages.
    """
    if isinstance(error, _NEVER_SENT):
        return ProviderUnavailable(f"{call.path}: not sent, {type(error).__name__}", provider=PROVIDER)
    return call.interrupted(f"not answered, {type(error).__name__}")


_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""Failures before the first byte of a request."""
