"""Records how orders run today, for tomorrow's code to replay: `python -m tests.histories.record [scene …]`.

Record anew only when no order that runs the old way is left. A change that has to live together with running orders goes behind
`workflow.patched`; its recording is added beside the old one.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretBytes
from temporalio.client import WorkflowFailureError, WorkflowHandle

from api.handles import refund_handle
from config.fields import Key
from config.groups import TemporalSettings
from config.temporal import data_converter
from models.artwork import sha256_of
from models.errors import GenerationRefused, NeedsPerson, NoPicture, ProviderUnavailable
from models.generation import GenerateImage, design_workflow_id, generation_id_for
from models.order import HoldReason, OrderStatus
from models.payment import RefundState
from models.production import ManufacturerOrderStatus, PollerInput, ProductionStage
from models.stock import BrandSync, StockSync
from tests.workflows.server import time_skipping
from tests.workflows.shop import CLERK, Shop
from workflows.design import DesignWorkflow
from workflows.options import ORDERS_TASK_QUEUE
from workflows.order import OrderWorkflow
from workflows.poller import STATUS_POLLER_ID, StatusPoller
from workflows.refund import RefundWorkflow
from workflows.stock import BrandSyncWorkflow, StockSyncWorkflow

FOLDER = Path(__file__).parent
SUBJECT = sha256_of(b"a wish")


def _key(name: str, byte: int) -> Key:
    return Key(id=name, secret=SecretBytes(bytes([byte]) * 32))


RETIRED_KEY = _key("histories-2025", 0x25)
CURRENT_KEY = _key("histories-2026", 0x26)


def settings(*keys: Key) -> TemporalSettings:
    """How Temporal is set up while these keys are known, the current one first."""
    return TemporalSettings(address="127.0.0.1:7233", codec_keys=keys)


async def completed(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A web order at its best, with a checkout that was changed, two reports of its payment and a lost answer."""
    await shop.checkout()
    await shop.checkout(shop.request(add_ons=("wood",), amount=4000))
    await shop.pay()
    shop.manufacturer.faults.lose_answer("submit_order", shop.LOST)
    await shop.report_payment()
    await shop.report_payment()
    await shop.print_and_deliver()
    return shop.handle


async def expired(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A checkout that nobody paid."""
    await shop.checkout()
    await shop.result()
    return shop.handle


async def refunded(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A print that failed and was canceled by an operator; the money went back."""
    await shop.accepted()
    await shop.machine_says(ProductionStage.UNPRINTED, ManufacturerOrderStatus.PRINT_FAILED)
    await shop.until(HoldReason.PRINT_FAILED)
    await shop.handle.execute_update(OrderWorkflow.cancel, CLERK)
    await shop.result()
    return shop.handle


async def held(shop: Shop) -> WorkflowHandle[Any, Any]:
    """An order whose picture is not the approved one, still open."""
    shop.store.objects["uploads/picture.png"] = b"another picture"
    await shop.place_and_pay()
    await shop.report_payment()
    await shop.until(HoldReason.PRINT_FILE_FAILED)
    return shop.handle


async def printed_again(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A second print attempt, overdue before it was heard of, packed late."""
    await shop.accepted()
    await shop.machine_says(ProductionStage.UNPRINTED, ManufacturerOrderStatus.PRINT_FAILED)
    await shop.until(HoldReason.PRINT_FAILED)
    await shop.handle.execute_update(OrderWorkflow.retry_step, CLERK)
    await shop.until(HoldReason.OVERDUE, step=timedelta(hours=1))
    await shop.machine_says(ProductionStage.OUT_OF_MACHINE, ManufacturerOrderStatus.DELIVERED)
    await shop.until(HoldReason.SHIPMENT_OVERDUE, step=timedelta(hours=6))
    await shop.mark_shipped()
    await shop.until(OrderStatus.SHIPPED)
    await shop.result(step=timedelta(days=1))
    return shop.handle


async def canceled_by_the_platform(shop: Shop) -> WorkflowHandle[Any, Any]:
    """Canceled in Temporal's Web UI while the print file was made."""
    gate = shop.renderer.faults.hold("render")
    await shop.place_and_pay()
    await shop.start_report()
    await gate.reached.wait()
    await shop.cancel_from_the_platform()
    gate.open()
    await shop.result()
    return shop.handle


async def canceled_while_the_manufacturer_was_down(shop: Shop) -> WorkflowHandle[Any, Any]:
    """Canceled by an operator between two tries to submit; nothing was sent, the authorisation went back."""
    shop.manufacturer.faults.fail("submit_order", ProviderUnavailable("down", provider="manufacturer"), times=1_000)
    await shop.place_and_pay()
    await shop.start_report()
    await shop.until(lambda: shop.manufacturer.faults.calls.count("submit_order") > 3, step=timedelta(seconds=1))
    await shop.handle.execute_update(OrderWorkflow.cancel, CLERK)
    await shop.result()
    return shop.handle


async def refund(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A refund that was pending, failed, and was tried again."""
    await shop.accepted()
    shop.gateway.refund_state = RefundState.PENDING
    shop.manufacturer.states[shop.reference] = ManufacturerOrderStatus.CANCELED
    await shop.handle.start_update(OrderWorkflow.cancel, CLERK, wait_for_stage=shop.ACCEPTED)
    await shop.until(lambda: shop.gateway.refunds)
    await shop.env.sleep(timedelta(hours=3))
    shop.gateway.refund_state = RefundState.FAILED
    await shop.until(lambda: shop.gateway.refunded == 0, step=timedelta(minutes=30))
    shop.gateway.refund_state = RefundState.SUCCEEDED
    handle = refund_handle(shop.client, shop.order_id, 1)
    await shop.passing(handle.execute_update(RefundWorkflow.retry_step, CLERK))
    await shop.result()
    return handle


async def poller(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A few rounds of the poller, one of which failed, and a signal that woke it."""
    handle = await shop.client.start_workflow(StatusPoller.run, PollerInput(), id=STATUS_POLLER_ID, task_queue=ORDERS_TASK_QUEUE)
    shop.references.faults.fail("due", NeedsPerson("¿?", provider="manufacturer"))
    await shop.until(lambda: len(shop.references.asked_at) == 4, step=timedelta(minutes=1))
    await handle.signal(StatusPoller.wake)
    await shop.until(lambda: len(shop.references.asked_at) == 5)
    return handle


async def stock(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A machine of which one brand could be counted at the second try, and another one not at all."""
    shop.manufacturer.faults.fail("stock DEV BR1", ProviderUnavailable("down", provider="manufacturer"))
    shop.manufacturer.faults.fail("stock DEV BR2", NeedsPerson("¿?", provider="manufacturer"))
    handle = await shop.client.start_workflow(
        StockSyncWorkflow.run, StockSync(device_id="DEV"), id="stock-DEV", task_queue=ORDERS_TASK_QUEUE
    )
    with suppress(WorkflowFailureError):
        await handle.result()
    return handle


async def brands(shop: Shop) -> WorkflowHandle[Any, Any]:
    """The list of brands."""
    handle = await shop.client.start_workflow(BrandSyncWorkflow.run, BrandSync(), id="brands", task_queue=ORDERS_TASK_QUEUE)
    await handle.result()
    return handle


async def poller_in_trouble(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A database that was away until operators were told, and came back."""
    shop.references.faults.fail("due", ProviderUnavailable("away", provider="postgres"), times=1000)
    handle = await shop.client.start_workflow(StatusPoller.run, PollerInput(), id=STATUS_POLLER_ID, task_queue=ORDERS_TASK_QUEUE)
    await shop.env.sleep(timedelta(minutes=20))
    shop.references.faults.mend("due")
    await shop.env.sleep(timedelta(minutes=5))
    return handle


async def picture(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A picture that was made with the third answer: the first had none in it, the second was lost."""
    shop.generator.faults.fail("generate", NoPicture("words only", provider="gemini"))
    shop.generator.faults.lose_answer("generate", shop.LOST)
    return await _generation(shop)


async def picture_refused(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A picture that the AI would not make."""
    shop.generator.faults.fail("generate", GenerationRefused("Please choose another photo.", provider="gemini"))
    return await _generation(shop)


async def picture_canceled(shop: Shop) -> WorkflowHandle[Any, Any]:
    """A picture that was canceled in Temporal's Web UI while the AI worked."""
    gate = shop.generator.faults.hold("generate")
    handle = await _start_generation(shop)
    await gate.reached.wait()
    await handle.cancel()
    with suppress(WorkflowFailureError):
        await handle.result()
    gate.open()
    return handle


async def _generation(shop: Shop) -> WorkflowHandle[Any, Any]:
    handle = await _start_generation(shop)
    await handle.result()
    return handle


async def _start_generation(shop: Shop) -> WorkflowHandle[Any, Any]:
    generation_id = generation_id_for(SUBJECT, 1)
    wish = GenerateImage(
        generation_id=generation_id,
        subject=SUBJECT,
        attempt=1,
        client="a pseudonym",
        template_id="retro-remix",
        style={"keyword": "Ada Lovelace"},
        at=await shop.env.get_current_time(),
    )
    return await shop.client.start_workflow(
        DesignWorkflow.run, wish, id=design_workflow_id(generation_id), task_queue=ORDERS_TASK_QUEUE
    )


SCENES: dict[str, tuple[Key, Callable[[Shop], Awaitable[WorkflowHandle[Any, Any]]]]] = {
    "completed": (RETIRED_KEY, completed),
    "expired": (CURRENT_KEY, expired),
    "refunded": (CURRENT_KEY, refunded),
    "held": (CURRENT_KEY, held),
    "printed_again": (CURRENT_KEY, printed_again),
    "canceled_by_the_platform": (CURRENT_KEY, canceled_by_the_platform),
    "canceled_while_the_manufacturer_was_down": (CURRENT_KEY, canceled_while_the_manufacturer_was_down),
    "refund": (CURRENT_KEY, refund),
    "poller": (CURRENT_KEY, poller),
    "stock": (CURRENT_KEY, stock),
    "brands": (CURRENT_KEY, brands),
    "poller_in_trouble": (CURRENT_KEY, poller_in_trouble),
    "picture": (CURRENT_KEY, picture),
    "picture_refused": (CURRENT_KEY, picture_refused),
    "picture_canceled": (CURRENT_KEY, picture_canceled),
}


async def record(folder: Path, names: Collection[str]) -> None:
    """Play these scenes and write their histories."""
    for name in names:
        key, play = SCENES[name]
        async with time_skipping(data_converter(settings(key))) as env:
            shop = Shop(env)
            async with shop.open():
                handle = await play(shop)
                history = await handle.fetch_history()
        (folder / f"{name}.json").write_text(history.to_json() + "\n")
        print(f"{name}: {len(history.events)} events")  # noqa: T201 - whoever records wants to see it


if __name__ == "__main__":
    logging.disable()  # the scenes fail on purpose
    asyncio.run(record(FOLDER, sys.argv[1:] or SCENES))
