"""The status poller: one workflow that asks the manufacturer about everything that is due, for all orders."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.poller import PollerActivities
    from models.production import PollDue, PollerDuty, PollerInput, PollOutcome
    from workflows.attributes import NEEDS_ATTENTION
    from workflows.failures import describe
    from workflows.options import POLL, POLLER_IDLE_SLEEP, POLLER_SHORTEST_INTERVAL

STATUS_POLLER_ID = "status-poller"
AFTER_A_FAILED_ROUND = timedelta(minutes=1)
"""The manufacturer may be away for days: whoever asks for it must outlive that, and not knock at every callback."""
NEEDS_A_PERSON_AFTER = timedelta(minutes=10)
"""Whatever fails for longer than this does not pass by itself."""
FORGOTTEN_AFTER = timedelta(hours=2)
"""What has not failed again for so long is mended, or nobody asks for it any more; everything is tried at least hourly."""
REMIND_EVERY = timedelta(minutes=30)
ROUNDS_A_RUN = 500
"""A fresh history long before the server suggests it, so that an operator can still read this one."""


class Troubles:
    """What fails, why, and since when; whoever looks after orders must see it before customers do."""

    def __init__(self, since: Mapping[PollerDuty, datetime]) -> None:
        self.since = dict(since)
        self._failed_at = dict(since)
        self._why: dict[PollerDuty, str] = {}
        self._reminded_at: datetime | None = None

    def note(self, outcome: PollOutcome, *, at: datetime) -> None:
        """Take in what a round that began at `at` came to; a duty is mended when something was done of it and nothing failed."""
        for duty, why in outcome.failures.items():
            self.since.setdefault(duty, at)
            self._failed_at[duty] = at
            self._why[duty] = why
        healthy = set(outcome.done) - set(outcome.failures)
        for duty in list(self.since):
            if duty in healthy or at - self._failed_at[duty] > FORGOTTEN_AFTER:
                del self.since[duty]

    @property
    def are_lasting(self) -> bool:
        """Whether a person must look."""
        return any(workflow.now() - since >= NEEDS_A_PERSON_AFTER for since in self.since.values())

    @property
    def lines(self) -> list[str]:
        """What fails, each in a line for operators."""
        return [
            f"- **{duty}** fail since {since:%Y-%m-%d %H:%M:%S}: {self._why.get(duty, 'see the run before')}"
            for duty, since in self.since.items()
        ]

    def is_time_to_remind(self) -> bool:
        """Whether to raise the alarm, now and every half an hour while it lasts."""
        if not self.are_lasting:
            self._reminded_at = None
            return False
        if self._reminded_at is not None and workflow.now() - self._reminded_at < REMIND_EVERY:
            return False
        self._reminded_at = workflow.now()
        return True


@workflow.defn
class StatusPoller:
    """Asks, sleeps until the next reference is due, asks again; a signal wakes it early."""

    @workflow.init
    def __init__(self, poller: PollerInput) -> None:
        self._woken = False
        self._troubles = Troubles(poller.failing_since)

    @workflow.run
    async def run(self, poller: PollerInput) -> None:
        """Poll for ever, in runs of bounded length."""
        for _ in range(ROUNDS_A_RUN):
            self._woken = False
            begun = workflow.now()
            outcome = await self._poll(begun)
            self._troubles.note(outcome, at=begun)
            self._show(outcome, begun)
            await self._rest(outcome, begun)
            if workflow.info().is_continue_as_new_suggested():
                break
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(PollerInput(failing_since=self._troubles.since))

    async def _poll(self, at: datetime) -> PollOutcome:
        """Ask once."""
        try:
            outcome = await workflow.execute_activity_method(
                PollerActivities.poll_due, PollDue(at=at), summary="ask about what is due", **POLL
            )
        except ActivityError as failure:
            outcome = PollOutcome(failures={PollerDuty.ROUNDS: describe(failure)}, sleep=timedelta(0))
        else:
            outcome = outcome.model_copy(update={"done": (*outcome.done, PollerDuty.ROUNDS)})
        for duty, why in outcome.failures.items():
            workflow.logger.warning("polling: %s failed: %s", duty, why)
        return outcome

    async def _rest(self, outcome: PollOutcome, begun: datetime) -> None:
        """Sleep until something is due or a signal comes, and not past `POLLER_IDLE_SLEEP`.

        However many signals come, rounds keep their distance: callbacks arrive in bursts, and one round answers them all.
        """
        is_fruitless = bool(outcome.failures) and not set(outcome.done) & {PollerDuty.PAYMENTS, PollerDuty.PRINTS}
        earliest = workflow.now() + AFTER_A_FAILED_ROUND if is_fruitless else begun + POLLER_SHORTEST_INTERVAL
        latest = begun + (POLLER_IDLE_SLEEP if outcome.sleep is None else min(outcome.sleep, POLLER_IDLE_SLEEP))
        await self._sleep(max(earliest, latest), "next reference is due", unless_woken=True)
        await self._sleep(earliest, "keep the distance", unless_woken=False)

    async def _sleep(self, until: datetime, why: str, *, unless_woken: bool) -> None:
        pause = until - workflow.now()
        if pause <= timedelta(0) or (unless_woken and self._woken):
            return
        try:
            await workflow.wait_condition(lambda: unless_woken and self._woken, timeout=pause, timeout_summary=why)
        except TimeoutError:
            return

    def _show(self, outcome: PollOutcome, begun: datetime) -> None:
        """Say how it goes, to whoever opens the workflow and, when it lasts, to whoever looks for what needs a person."""
        known = f", {outcome.unknown} of which the manufacturer does not know" if outcome.unknown else ""
        asked = f"asked about {outcome.asked} references{known}, told {outcome.reported} orders"
        last = f"Last round {begun:%Y-%m-%d %H:%M:%S}: {asked}."
        troubles = "\n".join(self._troubles.lines)
        following = (
            "It goes on trying by itself; orders meanwhile notice by their own deadlines."
            if troubles
            else "It sleeps until something is due."
        )
        workflow.set_current_details("\n\n".join(part for part in (last, troubles, f"**Next:** {following}") if part))
        needs_attention = self._troubles.are_lasting
        if needs_attention != bool(workflow.info().typed_search_attributes.get(NEEDS_ATTENTION)):
            workflow.upsert_search_attributes([NEEDS_ATTENTION.value_set(needs_attention)])
        if self._troubles.is_time_to_remind():
            workflow.logger.error("prints are not noticed: %s", "; ".join(self._troubles.lines))

    @workflow.signal(description="Something new is due: ask now instead of sleeping on.")
    def wake(self) -> None:
        """End the sleep."""
        self._woken = True
