"""Everything that can go wrong, as one tree.

* OrderPipelineError
  - ProviderError              a third party did not do what we asked
    . ProviderUnavailable      asking again may succeed (`retry_after` is the provider's own hint)
    . OutcomeUnknown           it may or may not have been done: look it up before deciding anything
    . StoredFailure            the idempotency key now answers its first failure for ever: look up, then use the next number
    . NoPicture                an answer that was paid for has no usable picture in it: another one costs again
    . ProviderRejected         asking again cannot succeed
      + PaymentDeclined        the customer's bank said no
      + GenerationRefused      the AI will not make this picture
      + AlreadyExists          our reference is known there already: look up, that is success
      + NotThere               the object that we name does not exist there
      + NeedsPerson            an answer that nobody has classified: a person decides
  - NotYet                     nothing is wrong, it is too early: ask again later
  - IntegrityBroken            bytes or facts are not the ones that were approved: never go on by itself
  - MoneyGone                  what an order was paid with is not all there any more, e.g. voided in Stripe's dashboard
  - OrderRefused               what the customer asked for cannot be done (carries the code that the HTTP edge answers by)
  - Duplicate                  somebody else was first; the first one's result stands

Adapters raise these; `config/interceptors.py` is the one place that turns them into Temporal's failures. The class name is
the failure's `type` in histories and in retry policies: renaming a class changes running orders.
"""

from datetime import timedelta
from enum import StrEnum


class OrderPipelineError(Exception):
    """The root: an error that this project named."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ProviderError(OrderPipelineError):
    """A third party did not do what we asked; `code` is its own word for why."""

    def __init__(self, message: str, *, provider: str, code: str | None = None) -> None:
        super().__init__(message)
        self.provider = provider
        self.code = code


class ProviderUnavailable(ProviderError):
    """Nothing was done; asking again may succeed."""

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        code: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message, provider=provider, code=code)
        self.retry_after = retry_after


class OutcomeUnknown(ProviderError):
    """The request left us and no answer came back: it may have been carried out.

    Safe to repeat only under the same idempotency key or reference; nothing is ever compensated on the strength of this.
    """


class StoredFailure(ProviderError):
    """Stripe keeps the first outcome of an idempotency key, failures included, and answered us from that store.

    Look the object up; only when it is proven absent use the next number. Source: https://docs.stripe.com/api/idempotent_requests
    """


class NoPicture(ProviderError):
    """The AI answered, which is paid for, and there is no usable picture in the answer; the next one may have one.

    `code` is its own word for why (`NO_IMAGE`).
    """


class ProviderRejected(ProviderError):
    """The provider understood and said no; the same request can never succeed."""


class PaymentDeclined(ProviderRejected):
    """The customer's bank or the card network said no."""


class GenerationRefused(ProviderRejected):
    """The AI will not make this picture; `message` is for the customer, `code` the provider's own word (`IMAGE_SAFETY`)."""


class AlreadyExists(ProviderRejected):
    """Our reference was used before at the provider: after a look-up this is success."""


class NotThere(ProviderRejected):
    """The object that we name does not exist at the provider."""


class NeedsPerson(ProviderRejected):
    """An answer nobody has classified yet: only a person may decide what it means."""


class NotYet(OrderPipelineError):
    """Too early; ask again after `retry_after`. Not a failure, so it raises no alarm."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class IntegrityBroken(OrderPipelineError):
    """Bytes, amounts or ids differ from the ones that were approved or frozen."""


class MoneyGone(OrderPipelineError):
    """What the customer paid is not what the order costs any more: nothing may be made for it."""


class Duplicate(OrderPipelineError):
    """Another run or request already did this; its result stands."""


class RefusalCode(StrEnum):
    """Why an order cannot be taken as asked; `api/errors.py` gives each its HTTP status."""

    PRICE_CHANGED = "price_changed"
    OUT_OF_STOCK = "out_of_stock"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_TEMPLATE = "unknown_template"
    UNKNOWN_ADD_ON = "unknown_add_on"
    UNKNOWN_DEVICE = "unknown_device"
    UNKNOWN_UPLOAD = "unknown_upload"
    WRONG_RATIO = "wrong_ratio"
    BAD_IMAGE = "bad_image"
    IMAGE_TOO_LARGE = "image_too_large"
    MISSING_ADDRESS = "missing_address"
    PROMOTION_EXHAUSTED = "promotion_exhausted"
    ORDER_CLOSED = "order_closed"
    ALREADY_PAID = "already_paid"
    PAYMENT_REFUSED = "payment_refused"
    UNKNOWN_STYLE = "unknown_style"
    UNKNOWN_PICTURE = "unknown_picture"
    UNKNOWN_DECORATION = "unknown_decoration"
    UNKNOWN_FONT = "unknown_font"
    BAD_DESIGN = "bad_design"
    LOW_RESOLUTION = "low_resolution"
    GENERATION_REFUSED = "generation_refused"
    BUDGET_SPENT = "budget_spent"
    NOT_APPROVED = "not_approved"
    ALREADY_APPROVED = "already_approved"


class OrderRefused(OrderPipelineError):
    """What the customer asked for cannot be done; nothing was written and no money moved.

    `message` is shown to the customer as it is: plain words, and what to do about it.
    """

    def __init__(self, message: str, *, code: RefusalCode, facts: dict[str, str | int | float] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.facts: dict[str, str | int | float] = facts or {}
