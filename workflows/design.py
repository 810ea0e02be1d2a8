"""One AI generation: from a customer's wish to a picture that is kept, or to a sentence that says why there is none."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.generation import GenerationActivities
    from models.base import Instant
    from models.errors import RefusalCode
    from models.generation import (
        EndGeneration,
        GeneratedImage,
        GenerateImage,
        GenerationResult,
        GenerationState,
        MakeImage,
    )
    from workflows.failures import describe, failure_type
    from workflows.options import GENERATE, GENERATION_LIMIT, MOST_PAID_ANSWERS, ROW, ActivityOptions

R = TypeVar("R")

NOT_MADE = "Your picture could not be made just now. Please try again in a moment."
CANCELED = "canceled"

REFUSALS = {"GenerationRefused": RefusalCode.GENERATION_REFUSED}
"""What the AI says no with; an `OrderRefused` has a code of its own."""
SHORTEST_TRY = timedelta(seconds=20)
"""The AI takes about as long: asked with less time left it would be paid for an answer that nobody waits for."""
UNANSWERED = {"OutcomeUnknown", "Timeout"}
"""The AI may have been paid, and nobody knows for what: only a repeat tells whether it was kept."""


class NotMade(Exception):
    """There will be no picture."""

    def __init__(self, result: GenerationResult, note: str) -> None:
        super().__init__(note)
        self.result = result
        self.note = note


@workflow.defn
class DesignWorkflow:
    """One picture made by AI. It ends with a result and a row that says the same; nothing is paid for twice."""

    @workflow.init
    def __init__(self, wish: GenerateImage) -> None:
        self._wish = wish
        self._deadline = workflow.now() + GENERATION_LIMIT
        self._useless = 0
        self._unanswered = 0
        self._story: list[str] = []

    @workflow.run
    async def run(self, wish: GenerateImage) -> GenerationResult:
        """Have the picture made. A refusal and a spent budget are results too; only a cancel ends this otherwise."""
        try:
            await self._begin()
            result = self._made(await self._make())
        except NotMade as ended:
            self._tell(ended.note)
            result = ended.result
        except (asyncio.CancelledError, ActivityError) as stopped:
            if workflow.cancellation_reason() is None or not is_cancelled_exception(stopped):
                raise
            await self._finish(self._not_made(CANCELED))
            raise
        await self._finish(result)
        return result

    async def _begin(self) -> None:
        """Write the attempt down and reserve its price.

        Raises:
            NotMade: A budget has no room for it.
        """
        self._tell("begun", "Its price is reserved.")
        try:
            await self._undisturbed(
                workflow.execute_local_activity_method(
                    GenerationActivities.begin_generation, self._wish, summary="reserve its price", **ROW
                )
            )
        except ApplicationError as failure:  # what a local activity failed of comes as it is
            raise self._refused(failure) or NotMade(self._not_made(NOT_MADE), failure.message) from failure
        if workflow.cancellation_reason() is not None:
            raise asyncio.CancelledError

    async def _make(self) -> GeneratedImage:
        """Ask the AI until there is a picture.

        Raises:
            NotMade: Refused, or enough was tried and paid.
        """
        while True:
            if self._time_left < SHORTEST_TRY:
                raise NotMade(self._not_made(NOT_MADE), "no time is left to ask the AI")
            self._tell(f"the AI is asked, answer {self._useless + 1}", "The picture is made and kept.")
            try:
                return await workflow.execute_activity_method(
                    GenerationActivities.generate_image,
                    MakeImage(wish=self._wish, number=self._useless + 1),
                    summary=f"{self._wish.template_id}, answer {self._useless + 1}",
                    **self._within_limit(),
                )
            except ActivityError as failure:
                self._take(failure)

    def _take(self, failure: ActivityError) -> None:
        """Decide what a failure means: return to ask once more, raise to end."""
        if is_cancelled_exception(failure):
            self._unanswered += 1
            raise failure
        if (refusal := self._refused(failure.cause)) is not None:
            raise refusal from failure
        kind, note = failure_type(failure), describe(failure)
        if kind == "NoPicture":
            self._useless += 1
        elif kind in UNANSWERED:
            self._unanswered += 1
        else:
            workflow.logger.error("a picture could not be made: %s", note)
            raise NotMade(self._not_made(NOT_MADE), note) from failure
        if self._useless + self._unanswered >= MOST_PAID_ANSWERS:
            raise NotMade(self._not_made(NOT_MADE), note) from failure
        self._tell(note)

    async def _finish(self, result: GenerationResult) -> None:
        """Write how it ended, whoever cancels meanwhile: it is known."""
        end = EndGeneration(wish=self._wish, result=result, at=workflow.now())
        await self._undisturbed(
            workflow.execute_local_activity_method(
                GenerationActivities.finish_generation, end, summary="write how it ended", **ROW
            )
        )
        self._tell(f"**{result.state}** for {result.cost}p{f': {result.reason}' if result.reason else ''}", "Nothing.")

    def _made(self, picture: GeneratedImage) -> GenerationResult:
        if picture.was_found:  # the try whose answer was missed has paid for this picture, not for another one
            self._unanswered = max(0, self._unanswered - 1)
        cost = self._wish.policy.price * (self._useless + self._unanswered + 1)
        return GenerationResult(state=GenerationState.MADE, picture=picture.model_copy(update={"cost": cost}), cost=cost)

    def _not_made(self, reason: str, *, code: RefusalCode | None = None, retry_at: Instant | None = None) -> GenerationResult:
        return GenerationResult(
            state=GenerationState.REFUSED if code else GenerationState.FAILED,
            reason=reason,
            code=code,
            cost=self._wish.policy.price * (self._useless + self._unanswered),
            retry_at=retry_at,
        )

    def _refused(self, cause: BaseException | None) -> NotMade | None:
        """Return the end that a refusal brings; None for any other failure."""
        if not isinstance(cause, ApplicationError) or cause.type not in {*REFUSALS, "OrderRefused"}:
            return None
        fields = cast("dict[str, Any]", cause.details[0]) if cause.details else {}
        code = REFUSALS.get(cause.type) or RefusalCode(fields["code"])
        retry_at = (fields.get("facts") or {}).get("retry_at")
        return NotMade(self._not_made(cause.message, code=code, retry_at=retry_at), f"refused: {code}")

    def _within_limit(self) -> ActivityOptions:
        return {**GENERATE, "schedule_to_close_timeout": self._time_left}

    @property
    def _time_left(self) -> timedelta:
        return max(self._deadline - workflow.now(), timedelta(0))

    async def _undisturbed(self, work: Awaitable[R]) -> R:
        """See something through although somebody cancels meanwhile."""
        running = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:
                raise
            return await running

    def _tell(self, what: str, following: str | None = None) -> None:
        """Say in the Web UI what happened and what comes next."""
        self._story.append(f"- {workflow.now():%H:%M:%S} {what}")
        ending = f"\n\n**Next:** {following}" if following else ""
        workflow.set_current_details("\n".join(self._story) + ending)
