"""How many orders this machine can carry, what one costs, and how that compares with an empty workflow of the same shape.

Starts a world of its own (PostgreSQL, Temporal, emulators, API, worker) in a temporary folder on free ports, plays orders as
storefront, customer and packer do, and removes everything. `python -m benchmarks.orders --help`; benchmarks/README.md says how
to read the result.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from temporalio.client import Client

from benchmarks.load import OrderFailed, Played, Shop, flat_picture, photos, play_skeletons, timed
from benchmarks.measures import CpuMeter, RoundTrips, StatementLog, history_sizes
from benchmarks.report import OrderNumbers, Report, SkeletonNumbers, print_report
from benchmarks.shop import connect, open_shop
from dev.process import Command, RunnerError, python
from dev.supervisor import Service
from dev.temporary import World

PRINT_STEP = timedelta(milliseconds=10)
"""The emulated machine must not be what is measured: it prints twenty cases a second."""
WARM_UP = 5
MOST_COUNTED = 20
PROCESSES = ("api", "worker", "temporal", "postgres", "emulators")
SQL_APPLICATIONS = ("pimpmycase-api", "pimpmycase-worker")
SKELETON_WORKER = "skeleton-worker"


@dataclass(frozen=True)
class Plan:
    """What shall be measured."""

    orders: int
    concurrency: int
    image_work: bool
    limit: timedelta


async def measure(plan: Plan, console: Console) -> Report:
    """Run everything: skeletons, orders, skeletons again, then some orders with the statements counted."""
    async with asyncio.timeout(plan.limit.total_seconds()), opened(plan, console) as shop:
        client = await Client.connect(shop.world.env["TEMPORAL_ADDRESS"])
        await _warm_up(shop, client, plan)
        before = await _skeletons(shop, client, plan)
        orders, played = await _orders(shop, plan)
        after = await _skeletons(shop, client, plan)
        round_trips = await _count_statements(shop, plan)
        histories = await history_sizes(shop.client, [order.workflow_id for order in played])
        return Report(
            orders=plan.orders,
            concurrency=plan.concurrency,
            image_work=plan.image_work,
            skeleton=SkeletonNumbers.mean_of(before, after),
            order=orders,
            histories=histories,
            round_trips=round_trips,
            counted_orders=_counted(plan),
        )


@asynccontextmanager
async def opened(plan: Plan, console: Console) -> AsyncIterator[Shop]:
    """Open a shop with the yardstick beside it, and a worker that says what rendering took."""
    pieces = plan.orders + _counted(plan) + 2 * WARM_UP
    async with open_shop(print_step=PRINT_STEP, pieces=pieces, connections=2 * plan.concurrency, console=console) as shop:
        await _measure_renderer(shop.world)
        await shop.world.supervisor.start(_skeleton_worker(shop.world))
        yield shop


async def _warm_up(shop: Shop, client: Client, plan: Plan) -> None:
    """Caches, connections, prepared statements; and the print file that `--no-image-work` finds."""
    await timed(_pictures(WARM_UP, plan), shop.play_from_picture, concurrency=1)
    await play_skeletons(client, WARM_UP, concurrency=WARM_UP)


async def _skeletons(shop: Shop, client: Client, plan: Plan) -> SkeletonNumbers:
    meter = CpuMeter({name: shop.world.supervisor.child(name).pid for name in ("temporal", SKELETON_WORKER)})
    names, seconds = await play_skeletons(client, plan.orders, concurrency=plan.concurrency)
    used = meter.used()
    sizes = await history_sizes(client, names[:10])
    return SkeletonNumbers(
        per_second=plan.orders / seconds,
        events=sum(size.events for size in sizes) / len(sizes),
        temporal_cpu_seconds=used["temporal"] / plan.orders,
        worker_cpu_seconds=used[SKELETON_WORKER] / plan.orders,
    )


async def _orders(shop: Shop, plan: Plan) -> tuple[OrderNumbers, list[Played]]:
    world = shop.world
    pictures = _pictures(plan.orders, plan)
    uploads = [] if plan.image_work else [await shop.upload(picture) for picture in pictures]
    rendered = _rendering_seconds(world)
    children = {name: world.supervisor.child(name).pid for name in PROCESSES}
    meter = CpuMeter(children | {"benchmark itself": os.getpid()})
    if plan.image_work:
        played, seconds = await timed(pictures, shop.play_from_picture, concurrency=plan.concurrency)
    else:
        played, seconds = await timed(uploads, shop.play, concurrency=plan.concurrency)
    used = meter.used()
    rendering = _rendering_seconds(world) - rendered
    used["worker"] -= rendering
    used["worker: rendering"] = rendering
    numbers = OrderNumbers(
        per_second=plan.orders / seconds,
        seconds_to_acceptance=[order.seconds_to_acceptance for order in played],
        cpu_seconds={name: spent / plan.orders for name, spent in used.items()},
    )
    return numbers, played


async def _count_statements(shop: Shop, plan: Plan) -> RoundTrips:
    """Play some more orders while the database logs every statement, which would have slowed those that were measured."""
    pictures = _pictures(_counted(plan), plan)
    uploads = [await shop.upload(picture) for picture in pictures]
    connection = await connect(shop.world)
    try:
        async with StatementLog(connection, shop.world.log_of("postgres"), applications=SQL_APPLICATIONS) as log:
            await timed(uploads, shop.play, concurrency=plan.concurrency)
            return log.read()
    finally:
        await connection.close()


def _counted(plan: Plan) -> int:
    return min(plan.orders, MOST_COUNTED)


def _pictures(count: int, plan: Plan) -> list[bytes]:
    return photos(count) if plan.image_work else [flat_picture()] * count


async def _measure_renderer(world: World) -> None:
    """Run the worker under the wrapper that writes down the processor time of rendering."""
    service = await world.supervisor.end("worker")
    command = replace(service.command, argv=python("-m", "benchmarks.worker", str(_renderer_file(world))))
    await world.supervisor.start(replace(service, command=command))


def _renderer_file(world: World) -> Path:
    return world.folder / "rendering-cpu-seconds"


def _rendering_seconds(world: World) -> float:
    file = _renderer_file(world)
    return float(file.read_text()) if file.exists() else 0.0


def _skeleton_worker(world: World) -> Service:
    async def at_once() -> None:
        """Need not answer: the first skeleton waits for it."""

    command = Command(name=SKELETON_WORKER, argv=python("-m", "benchmarks.skeleton", world.env["TEMPORAL_ADDRESS"]))
    return Service(command=command, ready=at_once)


def parse(arguments: list[str]) -> tuple[Plan, Path | None]:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.orders", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=100, metavar="N", help="how many are measured (%(default)s)")
    parser.add_argument("--concurrency", type=int, default=20, metavar="N", help="how many at a time (%(default)s)")
    parser.add_argument(
        "--no-image-work",
        action="store_true",
        help="every order has the same one-coloured picture, uploaded and rendered before the clock starts: its print file is "
        "small and is found, so no picture is decoded, scaled or compressed while the clock runs",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument("--limit", type=int, default=15, metavar="MINUTES", help="give up after this long (%(default)s)")
    chosen = parser.parse_args(arguments)
    if min(chosen.orders, chosen.concurrency, chosen.limit) < 1:
        parser.error("numbers must be positive")
    plan = Plan(chosen.orders, chosen.concurrency, not chosen.no_image_work, timedelta(minutes=chosen.limit))
    return plan, chosen.json


def main() -> int:
    plan, file = parse(sys.argv[1:])
    console = Console()
    try:
        report = asyncio.run(measure(plan, console))
    except TimeoutError:
        console.print(f"Given up after {plan.limit}.")
        return 1
    except (RunnerError, OrderFailed) as failure:
        console.print(str(failure), highlight=False)
        return 1
    print_report(report, console)
    if file is not None:
        file.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
