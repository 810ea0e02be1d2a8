"""Starts the whole world in order of dependence, plays an order in it, and keeps it running until somebody stops it."""

import asyncio
import fcntl
import os
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import psutil
from rich.console import Console
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from dev.guard import ROOT, Guard
from dev.play import play_web_order
from dev.postgres import Postgres
from dev.process import Command, RunnerError, python
from dev.stock import count_stock, refill
from dev.supervisor import NotReady, Probe, Service, Supervisor, all_of, answers, together
from dev.temporal import NAMESPACE, temporal_service
from dev.world import DATABASE, PRINT_STEP, Ports, environment
from workflows.attributes import SEARCH_ATTRIBUTES
from workflows.options import ORDERS_TASK_QUEUE

EMULATORS = ("stripe", "manufacturer", "gemini", "s3")
"""They and the demo storefront are one process."""
SHIPPED = ("activities", "adapters", "api", "config", "models", "workflows")
"""The folders whose changes restart API and worker under `--reload`."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the person asked for; `variables` are settings that differ from those of `.env.example`."""

    data: Path
    ports: Ports
    reload: bool = False
    order: bool = True
    storefront: bool = True
    once: bool = False
    print_step: timedelta = PRINT_STEP
    variables: Mapping[str, str] = field(default_factory=dict)


async def run(options: Options, console: Console) -> None:
    """Run the world until the order is played (`once`), somebody stops it, or a child dies (`RunnerError`)."""
    with claimed(options.data, console) as lock, Guard(log=options.data / "logs" / "guard.log", keep_open=(lock,)) as guard:
        supervisor = Supervisor(logs=options.data / "logs", guard=guard, console=console)
        with stopped_by_signals(supervisor):
            async with supervisor:
                env = await start_world(supervisor, options)
                show_addresses(options, console)
                if options.order:
                    await supervisor.watch(play_web_order(options.ports, env, console))
                if not options.once:
                    console.print("Everything runs. Ctrl-C stops it; the data stay.")
                    await supervisor.forever()


async def start_world(supervisor: Supervisor, options: Options) -> dict[str, str]:
    """Start what the others need first, and what does not need each other together; returns the children's environment."""
    ports, data = options.ports, options.data
    postgres = Postgres(data / "postgres")
    await supervisor.start(postgres.service())
    env = environment(ports, await postgres.ensure_database(DATABASE)) | dict(options.variables)
    temporal = temporal_service(
        port=ports.temporal,
        ui_port=ports.temporal_ui,
        database=data / "temporal.sqlite",
        search_attributes=SEARCH_ATTRIBUTES,
        codec_endpoint=f"{ports.url('api')}/codec",
    )
    await together(
        supervisor.start(temporal),
        supervisor.start(emulators(options, env)),
        supervisor.run(Command(name="database", argv=python("-m", "dev.database"), env=env)),
    )
    await together(
        refill(ports),
        import_stickers(supervisor, data, env),
        supervisor.start(api(ports, env, reload=options.reload)),
        supervisor.start(worker(ports, env, reload=options.reload)),
    )
    await supervisor.watch(count_stock(env))
    return env


async def import_stickers(supervisor: Supervisor, data: Path, env: dict[str, str]) -> None:
    """Import our own stickers and backgrounds, once for each set of files: even to find nothing new takes seconds."""
    files = sorted(path for path in (ROOT / "adapters" / "stickers").rglob("*") if path.is_file() and path.suffix != ".pyc")
    digest = sha256(b"".join(sha256(path.read_bytes()).digest() for path in files)).hexdigest()
    imported = data / "stickers.imported"
    if imported.exists() and imported.read_text() == digest:
        return
    await supervisor.run(Command(name="stickers", argv=python("-m", "adapters.stickers"), env=env))
    imported.write_text(digest)


def emulators(options: Options, env: dict[str, str]) -> Service:
    ports = options.ports
    probes = {name: answers(f"{ports.url(name)}/_emulator/faults") for name in EMULATORS}
    arguments = ["--data", str(options.data / "emulators"), "--print-step", str(options.print_step.total_seconds())]
    if options.storefront:
        probes["storefront"] = answers(f"{ports.url('storefront')}/static/shop.css")
    else:
        arguments.append("--no-storefront")
    return Service(
        command=Command(
            name="emulators",
            argv=python("-m", "dev.emulators", *arguments),
            env=env,
            listens_on={ports.option(name): getattr(ports, name) for name in probes},
        ),
        ready=all_of(probes.values()),
    )


def api(ports: Ports, env: dict[str, str], *, reload: bool) -> Service:
    reloading = ["--reload", *(word for folder in SHIPPED for word in ("--reload-dir", folder))] if reload else []
    return Service(
        command=Command(
            name="api",
            argv=python("-m", "uvicorn", "api.app:create", "--factory", "--no-access-log", "--port", str(ports.api), *reloading),
            env=env,
            listens_on={ports.option("api"): ports.api},
        ),
        ready=answers(f"{ports.url('api')}/health"),
    )


def worker(ports: Ports, env: dict[str, str], *, reload: bool) -> Service:
    command = python("-m", "worker")
    if reload:
        patience = ("--sigint-timeout", "50")
        command = python("-m", "watchfiles", *patience, "--filter", "python", shlex.join(command), "worker.py", *SHIPPED)
    return Service(
        # The orders that run finish their step: longer than the longest call that moves money.
        command=Command(name="worker", argv=command, env=env, stop_within=timedelta(seconds=50)),
        ready=_polls(ports.address("temporal"), ORDERS_TASK_QUEUE),
    )


def show_addresses(options: Options, console: Console) -> None:
    ports = options.ports
    console.print()
    shop = [("Shop", ports.url("storefront"))] if options.storefront else []
    for what, url in (
        *shop,
        ("API", f"{ports.url('api')}/docs"),
        ("Temporal", ports.url("temporal_ui")),
        ("Stripe", ports.url("stripe")),
        ("Data and logs", str(options.data)),
    ):
        console.print(f"  {what:<14} {url}", highlight=False)
    console.print()


@contextmanager
def claimed(data: Path, console: Console) -> Iterator[int]:
    """Make the data folder and hold it: yields the locked file's descriptor.

    The guard holds it too, so after a `kill -9` the next run waits until the last child of the one before has stopped.
    Raises `RunnerError` when another runner is alive there, or when the folder belongs to somebody else.
    """
    try:
        (data / "logs").mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except PermissionError as error:
        raise RunnerError(f"{data} belongs to somebody else; remove it, or choose another with --data.") from error
    try:
        _lock(descriptor, data, console)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, data: Path, console: Console) -> None:
    deadline = time.monotonic() + 60
    with console.status("waiting for the children of an earlier run to stop"):
        _wait_for_lock(descriptor, data, deadline)


def _wait_for_lock(descriptor: int, data: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = int(os.pread(descriptor, 20, 0) or 0)
            if psutil.pid_exists(holder):
                raise RunnerError(
                    f"Another run (process {holder}) uses {data}: stop it, or choose another folder with --data "
                    "and other ports with --port-offset."
                ) from error
            if time.monotonic() > deadline:
                raise RunnerError(f"The children of an earlier run still use {data}; see {data}/logs/guard.log.") from error
            time.sleep(0.1)
        else:
            return


@contextmanager
def stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    """The first Ctrl-C cancels the running task, which stops everything in order; the next one ends every child at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop() -> None:
        if task is None or task.cancelling():
            supervisor.kill()
        else:
            task.cancel()

    for name in names:
        loop.add_signal_handler(name, stop)
    try:
        yield
    finally:
        for name in names:
            loop.remove_signal_handler(name)


def _polls(address: str, task_queue: str) -> Probe:
    """A probe: a worker asks this task queue for work."""

    async def probe() -> None:
        client = await Client.connect(address)
        request = DescribeTaskQueueRequest(
            namespace=NAMESPACE,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            description = await client.workflow_service.describe_task_queue(request)
        except RPCError as error:
            raise NotReady(str(error)) from error
        if not description.pollers:
            raise NotReady(f"nobody asks {task_queue} for work")

    return probe
