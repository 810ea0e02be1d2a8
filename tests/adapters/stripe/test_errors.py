import importlib
import pkgutil
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from adapters.stripe.errors import TRANSLATIONS, translate
from models.errors import (
    NeedsPerson,
    OutcomeUnknown,
    PaymentDeclined,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    StoredFailure,
)


def exception_classes_of_the_sdk() -> set[type[BaseException]]:
    """Every exception class that any module of the installed `stripe` package defines."""
    found: set[type[BaseException]] = set()
    # The hundreds of generated modules define objects and parameters; errors live in modules that say so in their name.
    names = [module.name for module in pkgutil.walk_packages(stripe.__path__, "stripe.") if "error" in module.name]
    for module in [stripe, *(importlib.import_module(name) for name in names)]:
        found |= {
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, BaseException) and value.__module__.startswith("stripe")
        }
    return found | all_below(stripe.StripeError)


def all_below(parent: type[BaseException]) -> set[type[BaseException]]:
    return {below for child in parent.__subclasses__() for below in {child, *all_below(child)}}


def test_every_exception_class_of_the_sdk_is_translated_on_purpose():
    classes = exception_classes_of_the_sdk()
    assert len(classes) > 30
    unmapped = sorted(f"{one.__module__}.{one.__name__}" for one in classes - set(TRANSLATIONS))
    assert unmapped == [], "decide what these mean, in adapters/stripe/errors.py"


def answered(kind: type[stripe.StripeError], status: int, code: str | None = None, **headers: str) -> stripe.StripeError:
    body = {"error": {"code": code, "message": "no"}}
    more: dict[str, Any] = {"param": None} if issubclass(kind, (stripe.CardError, stripe.InvalidRequestError)) else {}
    return kind("no", http_status=status, json_body=body, headers=dict(headers), code=code, **more)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answered(stripe.APIError, 500), OutcomeUnknown),
        (answered(stripe.APIError, 500, **{"idempotent-replayed": "true"}), StoredFailure),
        (answered(stripe.APIError, 409, "idempotency_key_in_use"), OutcomeUnknown),
        (answered(stripe.APIError, 200), OutcomeUnknown),
        (answered(stripe.APIError, 405), NeedsPerson),
        (answered(stripe.CardError, 402, "card_declined"), PaymentDeclined),
        (answered(stripe.InvalidRequestError, 400, "charge_disputed"), ProviderRejected),
        (answered(stripe.InvalidRequestError, 400, "parameter_unknown"), NeedsPerson),
        (answered(stripe.IdempotencyError, 400), NeedsPerson),
        (answered(stripe.AuthenticationError, 401), ProviderUnavailable),
        (answered(stripe.PermissionError, 403), ProviderUnavailable),
    ],
)
def test_what_an_answer_to_a_write_means(error: stripe.StripeError, expected: type[ProviderError]):
    translation = translate(error, writes=True)
    assert type(translation) is expected
    assert translation.provider == "stripe"


def test_stripes_own_hint_about_when_to_come_back_is_kept():
    limited = translate(answered(stripe.RateLimitError, 429, "rate_limit", **{"retry-after": "7"}), writes=True)
    assert isinstance(limited, ProviderUnavailable)
    assert (limited.retry_after, limited.code) == (timedelta(seconds=7), "rate_limit")


@pytest.mark.parametrize(
    ("cause", "writes", "expected"),
    [
        (httpx.ConnectError("refused"), True, ProviderUnavailable),
        (httpx.ConnectTimeout("slow"), True, ProviderUnavailable),
        (httpx.PoolTimeout("busy"), True, ProviderUnavailable),
        (httpx.ReadTimeout("slow"), True, OutcomeUnknown),
        (httpx.WriteTimeout("slow"), True, OutcomeUnknown),
        (httpx.RemoteProtocolError("gone"), True, OutcomeUnknown),
        (httpx.ReadError("gone"), True, OutcomeUnknown),
        (None, True, OutcomeUnknown),
        (httpx.ReadTimeout("slow"), False, ProviderUnavailable),
    ],
)
def test_a_broken_connection_is_unknown_only_when_something_may_have_been_done(
    cause: Exception | None, writes: bool, expected: type[ProviderError]
):
    error = stripe.APIConnectionError("no")  # type: ignore[no-untyped-call]
    error.__cause__ = cause
    assert type(translate(error, writes=writes)) is expected
