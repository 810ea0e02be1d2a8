"""The status poller: one workflow that asks the manufacturer about everything that is due, for all orders."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.poller import PollerActivities
    from models.production import PollDue, PollerInput
    from workflows.failures import describe
    from workflows.options import POLL, POLLER_IDLE_SLEEP, POLLER_SHORTEST_SLEEP

STATUS_POLLER_ID = "status-poller"
AFTER_A_FAILED_ROUND = timedelta(minutes=1)
"""The manufacturer may be away for days: whoever asks for it must outlive that."""
ROUNDS_A_RUN = 500
"""A fresh history long before the server suggests it, so that an operator can still read this one."""


@workflow.defn
class StatusPoller:
    """Asks, sleeps until the next reference is due, asks again; a signal wakes it early."""

    @workflow.init
    def __init__(self, poller: PollerInput) -> None:
        self._woken = False

    @workflow.run
    async def run(self, poller: PollerInput) -> None:
        """Poll for ever, in runs of bounded length."""
        for _ in range(ROUNDS_A_RUN):
            self._woken = False
            await self._sleep(await self._poll())
            if workflow.info().is_continue_as_new_suggested():
                break
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(poller)

    async def _poll(self) -> timedelta:
        """Ask once and return how long there is nothing to ask."""
        try:
            outcome = await workflow.execute_activity_method(
                PollerActivities.poll_due, PollDue(at=workflow.now()), summary="ask about what is due", **POLL
            )
        except ActivityError as failure:
            workflow.logger.warning("a round of polling failed: %s", describe(failure))
            return AFTER_A_FAILED_ROUND
        return POLLER_IDLE_SLEEP if outcome.sleep is None else outcome.sleep

    async def _sleep(self, duration: timedelta) -> None:
        pause = min(max(duration, POLLER_SHORTEST_SLEEP), POLLER_IDLE_SLEEP)
        try:
            await workflow.wait_condition(lambda: self._woken, timeout=pause, timeout_summary="next reference is due")
        except TimeoutError:
            return

    @workflow.signal(description="Something new is due: ask now instead of sleeping on.")
    def wake(self) -> None:
        """End the sleep."""
        self._woken = True
