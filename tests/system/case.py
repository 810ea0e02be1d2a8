"""One case, followed from its design to the customer's hand as the customer, the packer and the database see it."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import httpx
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from models.order import Operator, OrderResult, OrderStatus, Shipment, order_id_for, order_workflow_id
from models.payment import RefundRequest
from tests.system.storefront import success_body
from workflows.order import OrderWorkflow

if TYPE_CHECKING:
    from tests.system.world import World

T = TypeVar("T")

PATIENCE_S = 20.0
"""How long a test waits for what must happen before it gives up; far longer than anything ever takes."""
LOOK_EVERY_S = 0.02

_PACKER = "packer"


async def until(condition: Callable[[], Awaitable[T]], *, what: str = "") -> T:
    """Ask again and again until the answer is truthy, and return it; `TimeoutError` after `PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S) as limit:
        while True:
            answer = await condition()
            if answer:
                return answer
            if limit.expired():
                raise TimeoutError(what)
            await asyncio.sleep(LOOK_EVERY_S)


@dataclass
class Case:
    """One case that a customer designed and went to pay."""

    world: "World"
    upload: dict[str, Any]
    body: dict[str, Any]
    session_id: str = ""
    checkout_url: str = ""
    attempt: int = 1

    @property
    def order_id(self) -> UUID:
        return order_id_for(self.upload["filename"], self.attempt)

    @property
    def handle(self) -> WorkflowHandle[OrderWorkflow, OrderResult]:
        return self.world.client.get_workflow_handle_for(OrderWorkflow.run, order_workflow_id(self.order_id))

    async def checkout(self, **changes: Any) -> "Case":
        """Go to the payment page, again with the same or with a changed body."""
        self.body = {**self.body, **changes}
        answer = await self.ask_checkout()
        assert answer.status_code == 200, answer.text
        self.session_id, self.checkout_url = answer.json()["session_id"], answer.json()["checkout_url"]
        return self

    async def ask_checkout(self, browser: httpx.AsyncClient | None = None, **changes: Any) -> httpx.Response:
        return await (browser or self.world.browser).post("/create-checkout-session", json={**self.body, **changes})

    async def pay(self) -> "Case":
        """Pay at Stripe's page with a card that works."""
        await self.world.stripe.pay(self.session_id)
        return self

    async def success(self, browser: httpx.AsyncClient | None = None) -> httpx.Response:
        """Come back to the success page."""
        body = success_body(self.session_id, self.upload["public_url"])
        return await (browser or self.world.browser).post("/process-payment-success", json=body)

    async def row(self) -> dict[str, Any]:
        """The order as the database has it; empty while it has none."""
        rows = await self.world.rows("SELECT * FROM orders WHERE id = :id", id=self.order_id)
        return rows[0] if rows else {}

    async def reaches(self, *statuses: OrderStatus) -> dict[str, Any]:
        """Wait until the order stands at one of `statuses`, and return its row; an end that is not awaited fails at once."""

        async def row() -> dict[str, Any] | None:
            row = await self.row()
            status = OrderStatus(row["status"]) if row else None
            if status in statuses:
                return row
            assert status is None or not status.is_final, f"ended {status}: {await self.story()}"
            return None

        try:
            found = await until(row)
        except TimeoutError:
            raise AssertionError(f"never {', '.join(statuses)}: {await self.story()}") from None
        assert found is not None
        return found

    async def ends(self) -> OrderResult:
        """Wait for the order's end."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.handle.result()
        except TimeoutError:
            raise AssertionError(f"never ended: {await self.story()}") from None

    async def story(self) -> list[str]:
        """The timeline, to be read when something went wrong."""
        rows = await self.world.rows(
            "SELECT status, hold_reason, reference, manufacturer_status, note FROM order_events WHERE order_id = :id ORDER BY id",
            id=self.order_id,
        )
        return [" ".join(str(value) for value in row.values() if value is not None) for row in rows]

    async def statuses(self) -> list[str]:
        """Every step of the order, in its order, without repeats."""
        rows = await self.world.rows(
            "SELECT status FROM order_events WHERE order_id = :id AND version IS NOT NULL ORDER BY version", id=self.order_id
        )
        return [status for status, _ in itertools.groupby(row["status"] for row in rows)]

    async def deliver(self) -> OrderResult:
        """Let the packer post what came out of the machine, and the carrier deliver it; the order's end."""
        await self.reaches(OrderStatus.TO_SHIP)
        parcel = Shipment(operator=_PACKER, reason="packed", carrier="Royal Mail", tracking="RM123456789GB")
        await self.tell(OrderWorkflow.mark_shipped, parcel)
        await self.tell(OrderWorkflow.mark_delivered, Operator(operator=_PACKER, reason="the carrier says so"))
        return await self.ends()

    async def collect(self) -> OrderResult:
        """Let the customer take the case out of the machine; the order's end."""
        await self.reaches(OrderStatus.READY_FOR_COLLECTION)
        await self.tell(OrderWorkflow.mark_collected, Operator(operator=_PACKER, reason="the customer was seen"))
        return await self.ends()

    async def tell(self, update: Any, word: Operator | RefundRequest) -> Any:
        """Send an operator's update. A row is written a moment before the workflow knows, so a refusal is asked about again."""

        async def told() -> tuple[Any] | None:
            try:
                return (await self.handle.execute_update(update, word),)
            except WorkflowUpdateFailedError:
                return None

        answer = await until(told)
        assert answer is not None
        return answer[0]
