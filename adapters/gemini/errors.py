"""What goes wrong on the way to Gemini and back, in our words.

The statuses are those of https://ai.google.dev/gemini-api/docs/troubleshooting.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import httpx
from google.genai import errors
from pydantic import ValidationError

from adapters.gemini.answers import ANOTHER_PHOTO, PROVIDER
from models.errors import GenerationRefused, NoPicture, OrderPipelineError, OutcomeUnknown, ProviderRejected, ProviderUnavailable

_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BAD_PICTURE: Final = re.compile(r"\b(input|provided) image\b", re.IGNORECASE)
"""How an unreadable photo is refused; there is no code for it, and a wrong field of ours (`image_config`) reads much alike."""
_NOTHING_DONE: Final = frozenset({429, 500, 502, 503})
_UNREADABLE: Final = (errors.UnknownApiResponseError, json.JSONDecodeError, ValidationError)
_RETRY_INFO: Final = "google.rpc.RetryInfo"
_QUOTA_FAILURE: Final = "google.rpc.QuotaFailure"
DAILY_QUOTA: Final = "DAILY_QUOTA"
UNTIL_TOMORROW: Final = timedelta(hours=1)
"""Longer than anybody waits for a picture; for a quota of a day Gemini names a delay of seconds all the same."""
_MESSAGE: Final = 500


@contextmanager
def our_errors() -> Iterator[None]:
    """Raise our errors for the SDK's."""
    try:
        yield
    except (errors.APIError, *_UNREADABLE, httpx.HTTPError, TimeoutError) as error:
        raise translate(error) from error


def translate(error: Exception) -> OrderPipelineError:
    """Return our error for one of the SDK's.

    An answer that never came may have been paid for, and Gemini has nothing to look it up by: `OutcomeUnknown`.
    """
    if isinstance(error, errors.APIError):
        return _refusal(error)
    if isinstance(error, _NEVER_SENT):
        return ProviderUnavailable(f"gemini cannot be reached: {type(error).__name__}", provider=PROVIDER)
    if isinstance(error, _UNREADABLE):  # status 200, and a proxy's page or half an answer for a body
        return NoPicture(f"gemini's answer cannot be read: {type(error).__name__}", provider=PROVIDER, code="UNREADABLE")
    return OutcomeUnknown(f"gemini's answer was lost: {type(error).__name__}", provider=PROVIDER)


def _refusal(error: errors.APIError) -> OrderPipelineError:
    status, message = error.status or str(error.code), (error.message or "")[:_MESSAGE]
    if any("PerDay" in str(violation) for detail in _details(error, _QUOTA_FAILURE) for violation in detail.values()):
        return ProviderUnavailable(
            f"gemini answered {error.code}: {message}", provider=PROVIDER, code=DAILY_QUOTA, retry_after=UNTIL_TOMORROW
        )
    if error.code in _NOTHING_DONE:
        return ProviderUnavailable(
            f"gemini answered {error.code}: {message}", provider=PROVIDER, code=status, retry_after=retry_delay(error)
        )
    if error.code in {408, 499, 504}:  # its own deadline: the picture may have been made
        return OutcomeUnknown(f"gemini answered {error.code}: {message}", provider=PROVIDER, code=status)
    if error.code == 400 and _BAD_PICTURE.search(message):
        return GenerationRefused(ANOTHER_PHOTO, provider=PROVIDER, code=status)
    return ProviderRejected(f"gemini answered {error.code}: {message}", provider=PROVIDER, code=status)


def retry_delay(error: errors.APIError) -> timedelta | None:
    """Return how long Gemini asks us to wait: `RetryInfo` in the body, else the header `Retry-After`."""
    for detail in _details(error, _RETRY_INFO):
        return _seconds(str(detail.get("retryDelay", "")).removesuffix("s"))
    headers: Any = getattr(error.response, "headers", None) or {}
    return _seconds(str(headers.get("retry-after", "")))


def _details(error: errors.APIError, kind: str) -> list[dict[str, Any]]:
    found = error.details.get("error", {}).get("details", []) if isinstance(error.details, dict) else []
    return [detail for detail in found if isinstance(detail, dict) and str(detail.get("@type", "")).endswith(kind)]


def _seconds(text: str) -> timedelta | None:
    return timedelta(seconds=float(text)) if re.fullmatch(r"\d{1,7}(\.\d{1,9})?", text) else None
