"""A run erases what it can, says what went and what did not, and ends."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from models.retention import MOST_ANSWERS, Erased, ErasedFolder, EraseObjects, GivenUp, GiveUp, RetentionPolicy, RetentionReport
from workflows.options import MOST_PAID_ANSWERS, ORDERS_TASK_QUEUE
from workflows.retention import MOST_CALLS, NOT_ERASED, RetentionWorkflow

POLICY = RetentionPolicy(orders=timedelta(days=90))
GIVEN_UP = GivenUp(pictures=3, print_files=2, designs=1, kept_after_all=0)
Handle = WorkflowHandle[RetentionWorkflow, RetentionReport]


class Steps:
    """The activities, with answers that a test has prepared."""

    def __init__(self, objects: Sequence[Erased], answers: Erased = Erased()) -> None:  # noqa: B008 - frozen
        self.objects = list(objects)
        self.answers = answers
        self.asked: list[EraseObjects] = []
        self.policies: list[RetentionPolicy] = []

    @activity.defn
    async def give_up(self, request: GiveUp) -> GivenUp:
        self.policies.append(request.policy)
        return GIVEN_UP

    @activity.defn
    async def erase_objects(self, request: EraseObjects) -> Erased:
        self.asked.append(request)
        return self.objects.pop(0) if len(self.objects) > 1 else self.objects[0]

    @activity.defn
    async def erase_answers(self, request: EraseObjects) -> Erased:
        return self.answers


def erased(folder: str, objects: int, *, last: str | None = None, failed: int = 0) -> Erased:
    reasons = tuple(f"{folder}/{number}: it will not" for number in range(failed))
    folders = (ErasedFolder(folder=folder, objects=objects, size=objects * 100),)
    return Erased(folders=folders, failed=failed, reasons=reasons, last=last)


@asynccontextmanager
async def run(env: WorkflowEnvironment, steps: Steps) -> AsyncIterator[Handle]:
    activities: list[Callable[..., Any]] = [steps.give_up, steps.erase_objects, steps.erase_answers]
    async with Worker(env.client, task_queue=ORDERS_TASK_QUEUE, workflows=[RetentionWorkflow], activities=activities):
        yield await env.client.start_workflow(RetentionWorkflow.run, POLICY, id="retention", task_queue=ORDERS_TASK_QUEUE)


async def test_a_run_goes_on_where_a_call_stopped_and_reports_counts_and_bytes_by_class(env: WorkflowEnvironment):
    steps = Steps([erased("print", 5, last="print/5"), erased("uploads", 2), Erased()], erased("answers", 1))
    async with run(env, steps) as handle:
        report = await handle.result()
    assert [(one.folder, one.objects, one.size) for one in report.folders] == [
        ("answers", 1, 100),
        ("print", 5, 500),
        ("uploads", 2, 200),
    ]
    assert (report.given_up, report.failed, report.is_complete) == (GIVEN_UP, 0, True)
    assert [request.after for request in steps.asked] == ["", "print/5"]
    assert steps.policies == [POLICY]
    assert {request.at for request in steps.asked} == {steps.asked[0].at}


async def test_what_could_not_be_erased_fails_the_run_after_everything_else_was(env: WorkflowEnvironment):
    steps = Steps([erased("print", 5, last="print/5", failed=2), erased("uploads", 2)])
    async with run(env, steps) as handle:
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == NOT_ERASED
    assert "2 objects were not erased: print/0: it will not" in failed.value.cause.message
    assert len(steps.asked) == 2


async def test_a_run_has_an_end_and_says_that_more_is_due(env: WorkflowEnvironment):
    steps = Steps([erased("print", 1, last="print/again")])
    async with run(env, steps) as handle:
        report = await handle.result()
        history = await handle.fetch_history()
    assert (len(steps.asked), report.is_complete) == (MOST_CALLS, False)
    assert len(history.events) < 1000


def test_every_answer_that_may_have_been_paid_for_is_looked_for():
    assert MOST_ANSWERS >= MOST_PAID_ANSWERS
