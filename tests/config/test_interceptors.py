"""Every error that this project names has one meaning for Temporal, and nothing that fails can blow a payload's limit."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, CancelledError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from config.interceptors import (
    CAUSE_LIMIT,
    LONGEST_DELAY,
    MESSAGE_LIMIT,
    VERDICTS,
    ErrorTranslation,
    bounded,
    to_application_error,
)
from models import errors
from models.errors import OrderPipelineError, RefusalCode

SOON = timedelta(seconds=7)

MEANINGS: list[tuple[OrderPipelineError, bool, bool, timedelta | None, dict[str, object]]] = [
    # error, tried again, alarm, next try, detail
    (errors.OrderPipelineError("m"), True, True, None, {}),
    (errors.ProviderError("m", provider="stripe"), True, True, None, {"provider": "stripe", "code": None}),
    (
        errors.ProviderUnavailable("m", provider="gemini", code="429", retry_after=SOON),
        True,
        True,
        SOON,
        {"provider": "gemini", "code": "429", "retry_after": 7.0},
    ),
    (errors.OutcomeUnknown("m", provider="manufacturer"), True, True, None, {"provider": "manufacturer", "code": None}),
    (errors.StoredFailure("m", provider="stripe"), False, True, None, {"provider": "stripe", "code": None}),
    (errors.NoPicture("m", provider="gemini", code="c"), False, True, None, {"provider": "gemini", "code": "c"}),
    (errors.ProviderRejected("m", provider="stripe", code="c"), False, True, None, {"provider": "stripe", "code": "c"}),
    (errors.PaymentDeclined("m", provider="stripe", code="c"), False, True, None, {"provider": "stripe", "code": "c"}),
    (errors.GenerationRefused("m", provider="gemini", code="c"), False, False, None, {"provider": "gemini", "code": "c"}),
    (errors.AlreadyExists("m", provider="manufacturer"), False, True, None, {"provider": "manufacturer", "code": None}),
    (errors.NotThere("m", provider="r2"), False, True, None, {"provider": "r2", "code": None}),
    (
        errors.NeedsPerson("m", provider="manufacturer", code="500"),
        False,
        True,
        None,
        {"provider": "manufacturer", "code": "500"},
    ),
    (errors.NotYet("m", retry_after=SOON), True, False, SOON, {"retry_after": 7.0}),
    (errors.IntegrityBroken("m"), False, True, None, {}),
    (errors.MoneyGone("m"), False, True, None, {}),
    (errors.Duplicate("m"), False, True, None, {}),
    (
        errors.OrderRefused("m", code=RefusalCode.PRICE_CHANGED, facts={"amount": 3500, "shown": "42.99"}),
        False,
        False,
        None,
        {"code": "price_changed", "facts": {"amount": 3500, "shown": "42.99"}},
    ),
]


def _tree(root: type[OrderPipelineError] = OrderPipelineError) -> Iterator[type[OrderPipelineError]]:
    yield root
    for branch in root.__subclasses__():
        if branch.__module__ == errors.__name__:
            yield from _tree(branch)


def test_every_class_of_the_tree_has_a_verdict_and_a_line_in_the_table():
    """Whoever adds an error decides whether Temporal tries again; nobody else can."""
    tree = set(_tree())

    assert {cls.__name__ for cls in tree - set(VERDICTS)} == set()
    assert {cls.__name__ for cls in tree - {type(row[0]) for row in MEANINGS}} == set()


@pytest.mark.parametrize(("error", "retried", "alarm", "next_try", "detail"), MEANINGS, ids=lambda value: type(value).__name__)
def test_an_error_means_to_temporal_what_the_tree_says(
    error: OrderPipelineError,
    retried: bool,
    alarm: bool,
    next_try: timedelta | None,
    detail: dict[str, object],
):
    translated = to_application_error(error)

    assert translated.message == "m"
    assert translated.type == type(error).__name__
    assert translated.non_retryable is not retried
    assert (translated.category is not ApplicationErrorCategory.BENIGN) is alarm
    assert translated.next_retry_delay == next_try
    assert translated.details == (detail,)


def test_an_error_that_is_not_in_the_table_means_what_its_parent_means():
    class Novelty(errors.PaymentDeclined):
        pass

    translated = to_application_error(Novelty("m", provider="stripe"))

    assert (translated.type, translated.non_retryable) == ("Novelty", True)


def test_a_provider_cannot_send_us_away_for_days():
    error = errors.ProviderUnavailable("m", provider="gemini", retry_after=timedelta(days=3))

    assert to_application_error(error).next_retry_delay == LONGEST_DELAY


def test_a_rejection_has_no_next_try_even_if_it_has_a_hint():
    error = errors.ProviderRejected("m", provider="stripe")
    error.retry_after = SOON  # type: ignore[attr-defined]

    assert to_application_error(error).next_retry_delay is None


def test_a_translated_error_keeps_where_it_happened_and_why():
    """The stack in the Web UI is the adapter's, and the SDK's own error is its cause."""
    raised = _raised(lambda: _reject_because(KeyError("their answer")))
    assert isinstance(raised, OrderPipelineError)

    translated = to_application_error(raised)

    assert translated.__traceback__ is raised.__traceback__
    assert isinstance(translated.__cause__, ApplicationError)
    assert translated.__cause__.type == "KeyError"
    assert translated.__cause__.message == "'their answer'"


@pytest.mark.parametrize("length", [MESSAGE_LIMIT + 1, 5_000_000])
def test_a_long_message_is_cut_and_says_so(length: int):
    """A provider's error page would make the failure itself fail, and the activity would be tried for ever."""
    translated = to_application_error(errors.ProviderRejected("x" * length, provider="p", code="y" * length))

    assert len(translated.message) == MESSAGE_LIMIT
    assert translated.message.endswith(f"… ({length} characters)")
    assert len(translated.details[0]["code"]) == MESSAGE_LIMIT


def test_a_long_cause_of_an_error_of_ours_is_cut():
    raised = _raised(lambda: _reject_because(ValueError("x" * 1_000_000)))
    assert isinstance(raised, OrderPipelineError)

    cause = to_application_error(raised).__cause__

    assert isinstance(cause, ApplicationError)
    assert len(cause.message) == MESSAGE_LIMIT


def test_an_unknown_exception_stays_what_it_is():
    error = _raised(lambda: int("x"))

    assert bounded(error) is error


def test_an_unknown_exception_that_says_too_much_becomes_what_temporal_would_make_of_it_but_shorter():
    error = _raised(lambda: _reject_unknown("x" * 10_000))

    short = bounded(error)

    assert isinstance(short, ApplicationError)
    assert (short.type, short.non_retryable) == ("ValueError", False)
    assert len(short.message) == MESSAGE_LIMIT
    assert short.__traceback__ is error.__traceback__


def test_a_long_cause_of_an_unknown_exception_is_cut():
    error = RuntimeError("short")
    error.__cause__ = ValueError("x" * 1_000_000)

    short = bounded(error)

    assert isinstance(short, ApplicationError)
    assert short.message == "short"
    assert isinstance(short.__cause__, ApplicationError)
    assert len(short.__cause__.message) == MESSAGE_LIMIT


def test_an_exception_raised_while_handling_another_keeps_it_as_its_cause():
    error = RuntimeError("short")
    error.__context__ = ValueError("x" * 1_000_000)

    short = bounded(error)

    assert isinstance(short.__cause__, ApplicationError)
    assert short.__cause__.type == "ValueError"


def test_an_endless_chain_of_causes_ends():
    error = Exception("0")
    for number in range(1, 100):
        following = Exception(str(number))
        following.__cause__ = error
        error = following

    depth = 0
    link: BaseException | None = bounded(error)
    while link is not None:
        depth, link = depth + 1, link.__cause__

    assert depth == CAUSE_LIMIT + 1


def test_an_activitys_own_application_error_keeps_its_meaning_when_it_is_cut():
    error = ApplicationError(
        "x" * 10_000,
        {"a": 1},
        type="Custom",
        non_retryable=True,
        next_retry_delay=SOON,
        category=ApplicationErrorCategory.BENIGN,
    )

    short = bounded(error)

    assert isinstance(short, ApplicationError)
    assert len(short.message) == MESSAGE_LIMIT
    assert (short.details, short.type, short.non_retryable) == (({"a": 1},), "Custom", True)
    assert (short.next_retry_delay, short.category) == (SOON, ApplicationErrorCategory.BENIGN)


def test_a_cancellation_stays_a_cancellation():
    error = CancelledError("x" * 10_000)

    assert bounded(error) is error


class _Failing(ActivityInboundInterceptor):
    """The end of a chain of interceptors: an activity that raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        raise self._error


async def _outcome(error: Exception) -> BaseException:
    activity = ErrorTranslation().intercept_activity(_Failing(error))
    with pytest.raises(Exception) as raised:  # noqa: PT011
        await activity.execute_activity(ExecuteActivityInput(fn=print, args=[], executor=None, headers={}))
    return raised.value


async def test_an_activitys_error_of_ours_is_replaced_and_not_repeated_as_its_own_cause():
    """Kept as a cause, the original would bring its long message back."""
    outcome = await _outcome(errors.ProviderRejected("x" * 10_000, provider="stripe"))

    assert isinstance(outcome, ApplicationError)
    assert outcome.type == "ProviderRejected"
    assert outcome.__cause__ is None
    assert outcome.__suppress_context__


async def test_an_activitys_unknown_exception_leaves_it_as_it_is():
    error = KeyError("short")

    assert await _outcome(error) is error


async def test_an_activitys_unknown_exception_that_says_too_much_leaves_it_shorter():
    outcome = await _outcome(KeyError("x" * 10_000))

    assert isinstance(outcome, ApplicationError)
    assert len(outcome.message) == MESSAGE_LIMIT
    assert outcome.__cause__ is None
    assert outcome.__suppress_context__


def _reject_because(cause: Exception) -> None:
    raise errors.ProviderRejected("no", provider="stripe") from cause


def _reject_unknown(message: str) -> None:
    raise ValueError(message)


def _raised(call: Callable[[], object]) -> Exception:
    try:
        call()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError
