"""A small workflow and its activities, in a module of their own because the workflow sandbox imports it a second time."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    import structlog

    from models.base import Contract
    from models.errors import NotYet, OrderRefused, ProviderRejected, RefusalCode

BRIEFLY = timedelta(milliseconds=1)
CUSTOMER = "ada@example.com"


class Greeting(Contract):
    """Something personal."""

    email: str = CUSTOMER


@activity.defn
async def reject(greeting: Greeting) -> Greeting:
    """Say something on the log, be too early once, then be refused for good."""
    structlog.get_logger("activity").info("structlog in an activity")
    activity.logger.info("stdlib in an activity")
    if activity.info().attempt == 1:
        raise NotYet("too early", retry_after=BRIEFLY)
    raise ProviderRejected(f"no account {greeting.email}", provider="stripe", code="account_invalid")


@workflow.defn
class Specimen:
    """Fails in an activity, then waits to be let go."""

    def __init__(self) -> None:
        self.released = False

    @workflow.run
    async def run(self, greeting: Greeting) -> str:
        workflow.logger.info("stdlib in a workflow")
        try:
            await workflow.execute_activity(
                reject,
                greeting,
                start_to_close_timeout=timedelta(seconds=10),
                # Without the error's own hint the second attempt would come after the test's patience.
                retry_policy=RetryPolicy(initial_interval=timedelta(hours=1)),
                summary=f"reject {greeting.email}",
            )
        except Exception:  # noqa: BLE001
            workflow.logger.exception("rejected")
        await workflow.wait_condition(lambda: self.released)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return greeting.email

    @workflow.update
    async def release(self, amount: int) -> None:
        """Let `run` end; refused by the handler for an amount above a hundred."""
        workflow.logger.info("stdlib in an update")
        if amount > 100:
            raise OrderRefused("too much", code=RefusalCode.PRICE_CHANGED, facts={"amount": amount})
        self.released = True

    @release.validator
    def _only_positive(self, amount: int) -> None:
        if amount < 0:
            raise OrderRefused("less than nothing", code=RefusalCode.PRICE_CHANGED, facts={"amount": amount})
