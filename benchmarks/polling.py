"""What it costs to ask the manufacturer about 100, 1 000 and 10 000 open orders, and how soon a printed case is noticed.

Starts a world of its own, places a hundred real orders whose machine stands still, adds rows for all others, and lets a case come
out of the machine now and then while nothing but the poller tells of it. `python -m benchmarks.polling --help`;
benchmarks/README.md says how to read the result.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
from rich.console import Console
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from activities.inquiry import LARGEST_CALL
from activities.poller import cadence
from benchmarks.load import OrderFailed, Shop, flat_picture, timed
from benchmarks.measures import CpuMeter, percentile
from benchmarks.report import new_table
from benchmarks.shop import connect, open_shop
from dev.emulators.manufacturer.records import PRINTED, WAITING_TO_PRINT, PrintOrder
from dev.emulators.remote import Remote
from dev.process import RunnerError
from models.order import OrderStatus
from models.production import PollOutcome
from workflows.poller import STATUS_POLLER_ID

SIZES = (100, 1_000, 10_000)
REAL_ORDERS = 99
"""Orders with a workflow, a third of which is printed at each size."""
CONCURRENCY = 10
AGE = timedelta(minutes=5)
"""Of every reference when its size is measured: as old as a print that waits its turn, and asked about four times a minute."""
CADENCE = cadence(AGE)
CADENCES = 4
"""Measured at each size; the orders must not grow so old meanwhile that they are asked about less often."""
STATUS_CALLS = ("order/getOrderStatus", "order/getPayStatus")
PROCESSES = ("worker", "temporal", "postgres", "emulators")
NOWHERE = "BENCHMARK"
"""A machine that is not there: nothing is ever printed on it."""
VARIABLES = {"MANUFACTURER_DIALECT": "interface"}
"""The dialect in which a call may be about a hundred references."""


@dataclass(frozen=True)
class Measured:
    """One size: so many open references, asked about for `seconds`."""

    references: int
    seconds: float
    calls: int
    asked: int
    rounds: int
    cpu_seconds: dict[str, float]
    seconds_to_order: Sequence[float]
    """From the moment at which a case is printed to the order's row that says so."""

    @property
    def cadences(self) -> float:
        return self.seconds / CADENCE.total_seconds()

    @property
    def budget(self) -> float:
        """Partner calls per cadence: twice of what full calls would be."""
        return 2 * self.references / LARGEST_CALL

    @property
    def is_kept(self) -> bool:
        return self.calls / self.cadences <= self.budget


@dataclass(frozen=True)
class Known:
    """A real order and the reference under which the manufacturer knows it."""

    order_id: UUID
    reference: str


async def measure(sizes: Sequence[int], console: Console, *, limit: timedelta) -> list[Measured]:
    """Place the real orders, then measure each size, the smallest first."""
    async with (
        asyncio.timeout(limit.total_seconds()),
        open_shop(
            print_step=timedelta(seconds=1),
            pieces=2 * REAL_ORDERS,
            connections=2 * CONCURRENCY,
            console=console,
            variables=VARIABLES,
        ) as shop,
        Remote(shop.world.ports.url("manufacturer")) as machines,
    ):
        await machines.call("PUT", "/clock", {"frozen": True})
        await machines.call("PUT", "/callbacks", {"payment_callback_url": None, "order_callback_url": None})
        connection = await connect(shop.world)
        try:
            orders = await _place(shop, connection)
            share = len(orders) // len(sizes)
            measured = []
            for number, size in enumerate(sizes):
                await _grow(connection, machines, orders[0], to=size)
                changing = orders[number * share : (number + 1) * share]
                measured.append(await _watch(shop, connection, machines, size, changing))
                console.print(f"{size:>6} open references: {measured[-1].calls} calls in {CADENCES} cadences", highlight=False)
            return measured
        finally:
            await connection.close()


async def _place(shop: Shop, connection: asyncpg.Connection) -> list[Known]:
    picture = flat_picture()

    async def buy(_: int) -> UUID:
        return (await shop.buy(await shop.upload(picture))).order_id

    order_ids, _ = await timed(range(REAL_ORDERS), buy, concurrency=CONCURRENCY)
    rows = await connection.fetch("SELECT id, print_reference FROM orders WHERE id = ANY ($1) ORDER BY number", order_ids)
    return [Known(row["id"], row["print_reference"]) for row in rows]


async def _grow(connection: asyncpg.Connection, machines: Remote, model: Known, *, to: int) -> None:
    """Add rows like those of a real order until so many references are open; the manufacturer knows them, too."""
    missing = to - await connection.fetchval("SELECT count(*) FROM manufacturer_references WHERE next_due_at IS NOT NULL")
    rows = await connection.fetch(_GROW, model.order_id, max(missing, 0), WAITING_TO_PRINT)
    orders = [_waiting(row["reference"]).model_dump(mode="json") for row in rows]
    for start in range(0, len(orders), 1000):
        await machines.call("PUT", "/orders", orders[start : start + 1000])


def _waiting(reference: str) -> PrintOrder:
    return PrintOrder(
        id=f"MSOR{reference[4:]}",
        third_id=reference,
        third_pay_id=reference.replace("OREN", "PYEN"),
        device_id=NOWHERE,
        mobile_model_id="",
        mobile_model_name="",
        mobile_shell_id="",
        pic="",
        queue_no="",
    )


async def _watch(shop: Shop, connection: asyncpg.Connection, machines: Remote, size: int, changing: Sequence[Known]) -> Measured:
    """Let all references come into step, then count for some cadences, in which cases are printed at all moments of them."""
    await connection.execute(_REJUVENATE, AGE)
    await _until_all_are_read(connection)
    await _until_the_middle_of_a_cadence()
    duration = CADENCES * CADENCE.total_seconds()
    calls = await _calls(machines)
    children = {name: shop.world.supervisor.child(name).pid for name in PROCESSES}
    meter, begun, begun_at = CpuMeter(children), time.monotonic(), datetime.now(UTC)
    # The last case is noticed before the counting ends.
    pause = (duration - CADENCE.total_seconds()) / len(changing)
    noticing = []
    for known in changing:
        noticing.append(asyncio.create_task(_notice(shop, machines, known)))
        await asyncio.sleep(pause)
    seconds_to_order = await asyncio.gather(*noticing)
    await asyncio.sleep(max(begun + duration - time.monotonic(), 0))
    seconds, used, calls = time.monotonic() - begun, meter.used(), await _calls(machines) - calls
    rounds = await _rounds(shop.client, since=begun_at)
    return Measured(
        references=size,
        seconds=seconds,
        calls=calls,
        asked=sum(outcome.asked for outcome in rounds),
        rounds=len(rounds),
        cpu_seconds=used,
        seconds_to_order=seconds_to_order,
    )


async def _notice(shop: Shop, machines: Remote, known: Known) -> float:
    """Print a case; return how long it took until its order knew."""
    begun = time.monotonic()
    await machines.call("PUT", f"/orders/{known.reference}/status", {"status": PRINTED})
    await shop.board.until(known.order_id, OrderStatus.PRINTED)
    return time.monotonic() - begun


async def _calls(machines: Remote) -> int:
    calls = await machines.call("GET", "/calls")
    return sum(calls.get(operation, 0) for operation in STATUS_CALLS)


async def _rounds(client: Client, *, since: datetime) -> list[PollOutcome]:
    """What the poller's rounds since then came to, by its histories."""
    outcomes = []
    async for run in client.list_workflows(f"WorkflowId = '{STATUS_POLLER_ID}'"):
        history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        for event in history.events:
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED and event.event_time.ToDatetime(UTC) >= since:
                result = event.activity_task_completed_event_attributes.result
                outcomes += await client.data_converter.decode(result.payloads, [PollOutcome])
    return outcomes


async def _until_all_are_read(connection: asyncpg.Connection) -> None:
    while await connection.fetchval(_UNREAD):  # noqa: ASYNC110 - only the database knows
        await asyncio.sleep(_LOOK_EVERY)


async def _until_the_middle_of_a_cadence() -> None:
    """All references of an age are due at the same moment: a count that begins far from it counts whole cadences."""
    every = CADENCE.total_seconds()
    await asyncio.sleep((every * 2 / 3 - time.time()) % every)


_LOOK_EVERY = 0.2

_GROW = """
WITH added AS (
    INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object(
        'id', gen_random_uuid(), 'number', nextval('order_numbers'), 'public_token', gen_random_uuid(),
        'upload_attempt', o.upload_attempt + currval('order_numbers'), 'checkout_session_id', NULL,
        'payment_reference', NULL, 'print_reference', NULL))).*
    FROM orders o, generate_series(1, $2) WHERE o.id = $1
    RETURNING id, number
)
INSERT INTO manufacturer_references (reference, kind, order_id, attempt, created_at, last_status, last_rank, next_due_at)
SELECT 'OREN200101' || lpad(number::text, 6, '0'), 'OREN', id, 1, now(), $3, 1, now() FROM added
RETURNING reference
"""
_REJUVENATE = "UPDATE manufacturer_references SET created_at = now() - $1::interval, read_at = NULL WHERE next_due_at IS NOT NULL"
_UNREAD = "SELECT count(*) FROM manufacturer_references WHERE next_due_at IS NOT NULL AND read_at IS NULL"


def print_measured(measured: Sequence[Measured], console: Console) -> None:
    """Show every size beside the others."""
    title = f"Open references, each asked about every {CADENCE.total_seconds():.0f} s, {LARGEST_CALL} in a call"
    table = new_table(title, "", *(f"{each.references:,}".replace(",", " ") for each in measured))
    minutes = [each.seconds / 60 for each in measured]
    table.add_row("partner calls per cadence", *(f"{each.calls / each.cadences:.1f}" for each in measured))
    table.add_row("the most that is allowed", *(f"{each.budget:.0f}" for each in measured))
    table.add_row(
        "times each was asked about per cadence", *(f"{each.asked / each.references / each.cadences:.2f}" for each in measured)
    )
    table.add_row(
        "partner calls per minute", *(f"{each.calls / time_:.0f}" for each, time_ in zip(measured, minutes, strict=True))
    )
    table.add_row(
        "activity tasks per minute", *(f"{each.rounds / time_:.1f}" for each, time_ in zip(measured, minutes, strict=True))
    )
    for name in PROCESSES:
        used = (f"{each.cpu_seconds[name] / time_:.2f}" for each, time_ in zip(measured, minutes, strict=True))
        table.add_row(f"processor seconds per minute: {name}", *used)
    for percent in (50, 100):
        table.add_row(
            f"printed → order knows, p{percent}", *(f"{percentile(each.seconds_to_order, percent):.1f} s" for each in measured)
        )
    console.print()
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.polling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="open references (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--limit", type=int, default=15, metavar="MINUTES", help="give up after this long (%(default)s)")
    chosen = parser.parse_args()
    if min(chosen.sizes) < REAL_ORDERS:
        parser.error(f"{REAL_ORDERS} of the references belong to real orders")
    console = Console()
    limit = timedelta(minutes=chosen.limit)
    try:
        measured = asyncio.run(measure(sorted(chosen.sizes), console, limit=limit))
    except TimeoutError:
        console.print(f"Given up after {limit}.")
        return 1
    except (RunnerError, OrderFailed) as failure:
        console.print(str(failure), highlight=False)
        return 1
    print_measured(measured, console)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([asdict(each) for each in measured], indent=2) + "\n")
    if all(each.is_kept for each in measured):
        return 0
    console.print("More calls than allowed.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
