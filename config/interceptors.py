"""What happens around every activity and workflow: our errors become Temporal's, every log line says whose it is, hearts beat.

This is the only place that knows both `models.errors` and Temporal's failures.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from structlog.contextvars import bind_contextvars, bound_contextvars
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    HandleQueryInput,
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from config.logging import workflow_context
from models.errors import (
    AlreadyExists,
    Duplicate,
    GenerationRefused,
    IntegrityBroken,
    MoneyGone,
    NeedsPerson,
    NoPicture,
    NotThere,
    NotYet,
    OrderPipelineError,
    OrderRefused,
    OutcomeUnknown,
    PaymentDeclined,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    StoredFailure,
)

MESSAGE_LIMIT = 2_000
"""Characters: a provider's error page in a message must not blow the 2 MiB that a payload may have."""
CAUSE_LIMIT = 5
"""Causes of a failure that are kept."""
LONGEST_DELAY = timedelta(hours=1)
"""However long a provider asks us to stay away."""
BEATS_PER_TIMEOUT = 4


@dataclass(frozen=True)
class Verdict:
    """What Temporal is to make of an error: try again or not, alarm or not."""

    retryable: bool
    benign: bool = False


RETRY = Verdict(retryable=True)
GIVE_UP = Verdict(retryable=False)

VERDICTS: Mapping[type[OrderPipelineError], Verdict] = {
    OrderPipelineError: RETRY,
    ProviderError: RETRY,
    ProviderUnavailable: RETRY,
    # Safe under the same idempotency key; steps that have a look-up instead name it in their retry policy.
    OutcomeUnknown: RETRY,
    StoredFailure: GIVE_UP,
    # Another answer costs again: the workflow counts them.
    NoPicture: GIVE_UP,
    ProviderRejected: GIVE_UP,
    PaymentDeclined: GIVE_UP,
    # The customer is answered, and chooses again.
    GenerationRefused: Verdict(retryable=False, benign=True),
    AlreadyExists: GIVE_UP,
    NotThere: GIVE_UP,
    NeedsPerson: GIVE_UP,
    NotYet: Verdict(retryable=True, benign=True),
    IntegrityBroken: GIVE_UP,
    MoneyGone: GIVE_UP,
    # The customer is answered; nobody has to be woken for it.
    OrderRefused: Verdict(retryable=False, benign=True),
    Duplicate: GIVE_UP,
}
"""Every class of `models/errors.py`. A class that is not here is treated as the nearest one above it, and fails a test."""


def to_application_error(error: OrderPipelineError) -> ApplicationError:
    """Translate an error of ours.

    The failure's `type` is the class name. Its one detail is an object with every field that the class adds to `message`:
    `provider`, `code`, `retry_after` (seconds), `facts`, where the class has them.
    """
    verdict = next(VERDICTS[base] for base in type(error).__mro__ if base in VERDICTS)
    fields = {name: value for name, value in vars(error).items() if name != "message"}
    retry_after = fields.get("retry_after")
    translated = ApplicationError(
        _cut(error.message),
        _plain(fields),
        type=type(error).__name__,
        non_retryable=not verdict.retryable,
        next_retry_delay=min(retry_after, LONGEST_DELAY) if verdict.retryable and retry_after else None,
        category=ApplicationErrorCategory.BENIGN if verdict.benign else ApplicationErrorCategory.UNSPECIFIED,
    )
    return _in_place_of(error, translated, depth=0)


def bounded(error: Exception) -> Exception:
    """Return the error itself, or, where it or one of its causes says too much, a copy that says less.

    A copy of an unknown exception is what Temporal's own converter would make of it: retryable, `type` is the class name.
    """
    return error if _is_short(error, depth=0) else _shortened(error, depth=0)


class ErrorTranslation(Interceptor):
    """Turns our errors into Temporal's failures, in activities and in update handlers.

    An error of ours that escapes a workflow's `run` stays what it is: a bug, which stops the workflow task and not the order.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _TranslatingActivity(next)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002
        return _TranslatingWorkflow


class LogContext(Interceptor):
    """Puts workflow, run, order, activity and attempt on every line that is logged inside."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _ActivityWithContext(next)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002
        return _WorkflowWithContext


class Heartbeats(Interceptor):
    """Tells Temporal, for every activity that has a heartbeat timeout, that its worker lives; the answer tells of a cancel.

    The SDK sends one in 0.8 of the timeout, however many it is given.
    """

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _BeatingActivity(next)


class _BeatingActivity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        timeout = activity.info().heartbeat_timeout
        if not timeout:
            return await super().execute_activity(input)
        beating = asyncio.create_task(_beat(timeout / BEATS_PER_TIMEOUT))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat(pause: timedelta) -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(pause.total_seconds())


class _TranslatingActivity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        with _translated():
            return await super().execute_activity(input)


class _TranslatingWorkflow(WorkflowInboundInterceptor):
    def handle_update_validator(self, input: HandleUpdateInput) -> None:  # noqa: A002
        with _translated():
            super().handle_update_validator(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002
        try:
            return await super().handle_update_handler(input)
        except OrderPipelineError as error:
            translated = to_application_error(error)
            raise translated from translated.__cause__


class _ActivityWithContext(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        context = workflow_context(info.workflow_id, info.workflow_run_id)
        with bound_contextvars(**context, activity_type=info.activity_type, attempt=info.attempt):
            return await super().execute_activity(input)


class _WorkflowWithContext(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002
        _bind_workflow()
        return await super().execute_workflow(input)

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002
        _bind_workflow(signal=input.signal)
        await super().handle_signal(input)

    async def handle_query(self, input: HandleQueryInput) -> Any:  # noqa: A002
        _bind_workflow(query=input.query)
        return await super().handle_query(input)

    def handle_update_validator(self, input: HandleUpdateInput) -> None:  # noqa: A002
        _bind_workflow(update=input.update)
        super().handle_update_validator(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002
        _bind_workflow(update=input.update)
        return await super().handle_update_handler(input)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OrderPipelineError as error:
        translated = to_application_error(error)
        raise translated from translated.__cause__
    except Exception as error:
        short = bounded(error)
        if short is error:
            raise
        raise short from short.__cause__


def _bind_workflow(**handler: str) -> None:
    # Never unbound: a handler's task has a context of its own that ends with it, and a workflow that is evicted from the
    # worker's cache is closed by the garbage collector, in whose context nothing can be reset.
    info = workflow.info()
    bind_contextvars(**workflow_context(info.workflow_id, info.run_id), **handler)


def _message(error: BaseException) -> str:
    return error.message if isinstance(error, FailureError) else str(error)


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_short(error: BaseException, depth: int) -> bool:
    cause = _cause(error)
    return depth < CAUSE_LIMIT and len(_message(error)) <= MESSAGE_LIMIT and (cause is None or _is_short(cause, depth + 1))


def _shortened(error: BaseException, depth: int) -> FailureError:
    if isinstance(error, ApplicationError):
        copy = ApplicationError(
            _cut(error.message),
            *error.details,
            type=error.type,
            non_retryable=error.non_retryable,
            next_retry_delay=error.next_retry_delay,
            category=error.category,
        )
    elif isinstance(error, FailureError):
        return error
    else:
        copy = ApplicationError(_cut(str(error)), type=type(error).__name__)
    return _in_place_of(error, copy, depth)


def _in_place_of(error: BaseException, copy: ApplicationError, depth: int) -> ApplicationError:
    cause = _cause(error)
    copy.__cause__ = _shortened(cause, depth + 1) if cause is not None and depth < CAUSE_LIMIT else None
    return copy.with_traceback(error.__traceback__)


def _cut(text: str) -> str:
    ending = f"… ({len(text)} characters)"
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - len(ending)] + ending


def _plain(value: Any) -> Any:
    """Return `value` as JSON can say it."""
    match value:
        case None | bool() | int() | float():
            return value
        case timedelta():
            return value.total_seconds()
        case Enum():
            return _plain(value.value)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return _cut(str(value))
