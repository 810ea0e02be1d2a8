"""What went wrong, in the words of operators; and what is refused before it is written down."""

from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, ChildWorkflowError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from models.design import Refusal
    from models.order import Operator, Quote
    from models.payment import Payment, RefundRequest

T = TypeVar("T")

NOTE_LENGTH = 300
NOT_STARTED = 0
"""The started event of an activity of which no try was under way when it ended."""


def is_stopped(failure: ActivityError) -> bool:
    """Whether an activity ended because it was told to, which it does only before it has done anything."""
    return isinstance(failure.cause, CancelledError)


def failure_type(failure: ActivityError | ChildWorkflowError) -> str:
    """Return the class name of our error that made the activity fail, `Timeout` when a try was never answered."""
    cause = _decisive(failure)
    if isinstance(cause, ApplicationError):
        return cause.type or "ApplicationError"
    return "Timeout" if isinstance(cause, ActivityTimeout) else type(cause).__name__


def _decisive(failure: ActivityError | ChildWorkflowError) -> BaseException | None:
    """Return what the last try died of: a budget that ran out between two tries says nothing, the try before it does.

    A budget that ran out while a try was under way hides what that one did: the earlier one's failure is no answer to it.
    """
    cause = failure.cause
    if not isinstance(cause, ActivityTimeout) or cause.type is not TimeoutType.SCHEDULE_TO_CLOSE or cause.cause is None:
        return cause
    was_between_tries = isinstance(failure, ActivityError) and failure.started_event_id == NOT_STARTED
    return cause.cause if was_between_tries else cause


def describe(failure: ActivityError | ChildWorkflowError) -> str:
    """Return why an activity failed, in one line: `str()` of an ActivityError only says that it failed."""
    cause = _decisive(failure)
    text = cause.message if isinstance(cause, ApplicationError) else str(cause)
    return f"{failure_type(failure)}: {text}"[:NOTE_LENGTH]


def refusal_of(failure: ActivityError) -> Refusal | None:
    """Return what the customer is told of an activity that refused what they asked for; None for any other failure."""
    cause = failure.cause
    if not isinstance(cause, ApplicationError) or cause.type != "OrderRefused":
        return None
    return Refusal(message=cause.message, **cause.details[0])


def mismatch(payment: Payment, quote: Quote) -> str:
    """Return in one line how what was paid differs from what the order costs, in minor units."""
    went_back = f", of which {payment.amount_refunded} went back" if payment.amount_refunded else ""
    return f"paid {payment.amount} {payment.currency}{went_back}; the order costs {quote.total} {quote.currency}"


def named(by: Operator | RefundRequest) -> None:
    """Refuse an act of nobody, or without a reason: both are recorded."""
    if not by.operator.strip() or not by.reason.strip():
        raise refused("`operator` and `reason` must both be given: they are recorded")


def present(value: T | None) -> T:
    """Return what an earlier stage has made."""
    if value is None:
        raise RuntimeError("a stage ran before the one that it needs")
    return value


def busy(text: str) -> ApplicationError:
    """Return the refusal of an update that may be sent again in a moment."""
    return ApplicationError(text, type="ProviderUnavailable", non_retryable=True)


def refused(text: str) -> ApplicationError:
    """Return the refusal of an update, before anything is written to history."""
    return ApplicationError(text, type="UpdateRefused", non_retryable=True)
