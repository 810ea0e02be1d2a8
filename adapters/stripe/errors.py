"""Stripe's exceptions in our words.

What decides is whether the work may have been done: a POST whose answer is missing or is a server error may have been carried
out (`OutcomeUnknown`: the same key again is safe); a GET never does anything (`ProviderUnavailable`). Stripe keeps the first
outcome of an idempotency key, server errors included, and says so in `Idempotent-Replayed`: then that key is spent
(`StoredFailure`). Sources: https://docs.stripe.com/api/errors, https://docs.stripe.com/api/idempotent_requests.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import httpx
import stripe
from stripe import oauth_error

from models.errors import (
    AlreadyExists,
    NeedsPerson,
    NotThere,
    OutcomeUnknown,
    PaymentDeclined,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    StoredFailure,
)

PROVIDER = "stripe"

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.LocalProtocolError)
"""The connection never stood, or the request never left: nothing can have been done."""

_REFUSALS: Mapping[str, type[ProviderRejected]] = {
    "resource_missing": NotThere,
    "charge_already_refunded": AlreadyExists,
    "charge_disputed": ProviderRejected,
    "charge_expired_for_capture": ProviderRejected,
    "payment_intent_unexpected_state": ProviderRejected,
    "amount_too_large": ProviderRejected,
    "amount_too_small": ProviderRejected,
}
"""Refused requests by Stripe's code, https://docs.stripe.com/error-codes; any other needs a person."""


@contextmanager
def translated(*, writes: bool) -> Iterator[None]:
    """Raise our error for any of Stripe's; `writes` tells a POST from a GET."""
    try:
        yield
    except stripe.StripeError as error:
        raise translate(error, writes=writes) from error


def translate(error: stripe.StripeError, *, writes: bool) -> ProviderError:
    """Return the error of ours that says what Stripe's means for the caller."""
    handler = next(TRANSLATIONS[base] for base in type(error).__mro__ if base in TRANSLATIONS)
    return handler(error, writes)


def _connection(error: stripe.StripeError, writes: bool) -> ProviderError:  # noqa: FBT001 - one signature for the whole table
    if writes and not isinstance(error.__cause__, _NEVER_SENT):
        return OutcomeUnknown(_message(error), provider=PROVIDER, code=type(error.__cause__).__name__)
    return ProviderUnavailable(_message(error), provider=PROVIDER, code=type(error.__cause__).__name__)


def _server(error: stripe.StripeError, writes: bool) -> ProviderError:  # noqa: FBT001
    status = error.http_status or 0
    if (error.headers or {}).get("idempotent-replayed") == "true":
        return StoredFailure(_message(error), provider=PROVIDER, code=_code(error))
    # 409: the first request with this key is still running. 2xx: the body cannot be read.
    if status < 300 or status == 409 or status >= 500:
        kind = OutcomeUnknown if writes else ProviderUnavailable
        return kind(_message(error), provider=PROVIDER, code=_code(error))
    return _needs_person(error, writes)


def _unavailable(error: stripe.StripeError, writes: bool) -> ProviderError:  # noqa: FBT001
    retry_after = (error.headers or {}).get("retry-after", "")
    return ProviderUnavailable(
        _message(error),
        provider=PROVIDER,
        code=_code(error),
        retry_after=timedelta(seconds=int(retry_after)) if retry_after.isdecimal() else None,
    )


def _declined(error: stripe.StripeError, writes: bool) -> ProviderError:  # noqa: FBT001
    return PaymentDeclined(_message(error), provider=PROVIDER, code=_code(error))


def _refused(error: stripe.StripeError, writes: bool) -> ProviderError:  # noqa: FBT001
    return _REFUSALS.get(error.code or "", NeedsPerson)(_message(error), provider=PROVIDER, code=_code(error))


def _needs_person(error: stripe.StripeError, writes: bool) -> ProviderError:  # noqa: FBT001
    return NeedsPerson(_message(error), provider=PROVIDER, code=_code(error))


def _message(error: stripe.StripeError) -> str:
    return f"{type(error).__name__}: {error}"


def _code(error: stripe.StripeError) -> str | None:
    """Return Stripe's own word, else the HTTP status."""
    return error.code or (error.error.code if error.error else None) or (str(error.http_status) if error.http_status else None)


TRANSLATIONS: Mapping[type[stripe.StripeError], Callable[[stripe.StripeError, bool], ProviderError]] = {
    stripe.APIConnectionError: _connection,
    stripe.APIError: _server,
    stripe.RateLimitError: _unavailable,
    # A key that is wrong or may too little is our mistake: orders go on by themselves when it has been put right.
    stripe.AuthenticationError: _unavailable,
    stripe.PermissionError: _unavailable,
    stripe.CardError: _declined,
    stripe.InvalidRequestError: _refused,
    # The same key with other parameters: we have changed what must be frozen.
    stripe.IdempotencyError: _needs_person,
    stripe.StripeError: _needs_person,
    stripe.StripeErrorWithParamCode: _needs_person,
    stripe.SignatureVerificationError: _needs_person,
    # Not of the endpoints that we use; named, so that a new class of a new SDK is noticed.
    stripe.AlreadyCanceledError: _needs_person,
    stripe.BlockedByStripeError: _needs_person,
    stripe.CannotProceedError: _needs_person,
    stripe.CapabilityNotEnabledError: _needs_person,
    stripe.ControlledByAlternateResourceError: _needs_person,
    stripe.FeatureNotEnabledError: _needs_person,
    stripe.FinancialAccountNotOpenError: _needs_person,
    stripe.FxQuoteNeedsRefreshError: _needs_person,
    stripe.InsufficientFundsError: _needs_person,
    stripe.InvalidPaymentMethodError: _needs_person,
    stripe.InvalidPayoutMethodError: _needs_person,
    stripe.InvalidVaultedCredentialError: _needs_person,
    stripe.NotCancelableError: _needs_person,
    stripe.QuotaExceededError: _needs_person,
    stripe.RecipientNotNotifiableError: _needs_person,
    stripe.TemporarySessionExpiredError: _needs_person,
    stripe.VerificationAttemptFailedError: _needs_person,
    stripe.VerificationExpiredError: _needs_person,
    stripe.VerificationNotInitiatedError: _needs_person,
    oauth_error.OAuthError: _needs_person,
    oauth_error.InvalidClientError: _needs_person,
    oauth_error.InvalidGrantError: _needs_person,
    oauth_error.InvalidRequestError: _needs_person,
    oauth_error.InvalidScopeError: _needs_person,
    oauth_error.UnsupportedGrantTypeError: _needs_person,
    oauth_error.UnsupportedResponseTypeError: _needs_person,
}
"""Every exception class of the SDK; a test fails with the names of those that are missing."""
