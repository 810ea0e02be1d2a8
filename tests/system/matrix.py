"""Plays one whole order for each cell of the fault matrix, many at once, and reads in the emulators' ledgers how it ended."""

import asyncio
import logging
import random
import traceback
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateStage
from temporalio.service import RPCError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

import worker
import workflows.poller
from activities import poller
from adapters.postgres.order_book import PostgresOrderBook
from dev.emulators.faults import Fault
from dev.emulators.state import Document
from dev.world import devices
from models.order import Operator, OrderStatus
from models.production import ReferenceKind
from tests.system.case import Case
from tests.system.cells import ANNOUNCE, CONFIRM, FAULTS, LOGIN, LOOK_AT_PAYMENT, LOOK_AT_QUEUE, SLOW_S, TIMEOUT_S, Cell
from tests.system.running import running
from tests.system.storefront import DEFAULT_DEVICE, MACHINE, QR_BODY, WEB_BODY, picture
from tests.system.world import World
from workflows import options, submission
from workflows.order import OrderWorkflow

AT_ONCE = 12
COLUMN = 30
PATIENCE_S = 150.0
"""How long one order may take; far longer than any does."""
LOOK_EVERY_S = 0.1
FULL_SHELF = 1_000
ANNA = Operator(operator="anna", reason="asked the manufacturer")
CANCELABLE = {"announce_refused", "submit_refused"}
"""Holds at which it is known that nothing was ordered."""


@dataclass
class Outcome:
    """What became of one cell's order."""

    holds: list[str] = field(default_factory=list)
    status: str = ""
    story: list[str] = field(default_factory=list)
    error: str = ""
    """Why it was given up; empty for an order that came to an end."""
    untouched: list[Document] = field(default_factory=list)
    """Faults that never happened, not even once."""
    announced: int = 0
    accepted: int = 0
    printed: int = 0
    authorized: list[int] = field(default_factory=list)
    captured: list[int] = field(default_factory=list)
    voided: int = 0
    refunded: int = 0

    decided: set[str] = field(default_factory=set)
    """What the operator did."""

    @property
    def is_fair(self) -> bool:
        """One case and its price taken once, or none and nothing kept; nothing announced, authorised or printed twice."""
        once = self.announced <= 1 and len(self.authorized) == 1 and len(self.captured) <= 1 and self.printed == self.accepted
        kept = sum(self.captured) - self.refunded
        if self.accepted == 1:
            return once and self.captured == self.authorized and kept == self.authorized[0] and self.voided == 0
        return once and self.accepted == 0 and kept == 0 and self.voided + len(self.captured) == 1

    def __str__(self) -> str:
        return "1 case" if self.printed else "void" if self.voided else "refund" if self.refunded else "nothing"


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Shorten every wait between two tries; their order, their number and what ends them stay as they are."""
    for policy in [value for value in vars(options).values() if isinstance(value, dict) and "retry_policy" in value]:
        quick = replace(
            policy["retry_policy"], initial_interval=timedelta(milliseconds=50), maximum_interval=timedelta(milliseconds=200)
        )
        patch.setitem(policy, "retry_policy", quick)
    brief = timedelta(milliseconds=100)
    patch.setattr(submission, "RESUBMIT_PAUSE", brief)
    # Longer than a request of ours may be under way after we gave it up, as it really is.
    patch.setattr(submission, "LATE_REQUEST", timedelta(seconds=SLOW_S))
    patch.setattr(poller, "CADENCE", ((timedelta(days=1), 5 * brief),))
    pauses = ((options, "POLLER_SHORTEST"), (poller, "AFTER_A_FAIL"), (workflows.poller, "AFTER_A_FAIL"))
    for module, prefix in pauses:
        for name in [name for name in vars(module) if name.startswith(prefix)]:
            patch.setattr(module, name, brief)
    # The sandbox would read the modules anew, and with them the pauses as they are.
    restrictions = SandboxRestrictions.default.with_passthrough_modules("workflows")
    patch.setattr(worker, "Worker", partial(Worker, workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions)))


@contextmanager
def silence() -> Iterator[None]:
    """Keep what hundreds of failing calls log out of the way of the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=False)
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        structlog.reset_defaults()


@asynccontextmanager
async def town(
    database_url: str, temporal_address: str, folder: Path, dialect: str, machines: Sequence[str]
) -> AsyncIterator[World]:
    """A shop with `machines` beside those of the catalogue; no news of a print but what is asked for."""
    partner = {
        "dialect": dialect,
        "devices": (*devices(), *machines),
        "stock_per_shell": FULL_SHELF,
        "order_callback_url": None,
        # It would print every order that it is sent under a new reference: nothing but our own care prevents a second case.
        "one_print_per_payment": False,
        "print_step": timedelta(milliseconds=2),
    }
    manufacturer = {"dialect": dialect, "timeout": f"{TIMEOUT_S}s"}
    namespace = f"matrix-{uuid4().hex[:12]}"
    async with running(database_url, temporal_address, namespace, folder, manufacturer=manufacturer, partner=partner) as world:
        await _set_up(world, machines)
        yield world


async def _set_up(world: World, machines: Sequence[str]) -> None:
    await world.rows("UPDATE stock_levels SET stock = :stock RETURNING 1", stock=FULL_SHELF)
    for machine in machines:
        await world.rows(
            "INSERT INTO devices (id, name, location, is_default, is_active)"
            " SELECT :new, name, location, false, true FROM devices WHERE id = :old RETURNING 1",
            new=machine,
            old=MACHINE,
        )
        await world.rows(
            "INSERT INTO stock_levels (device_id, shell_id, stock, taken_at)"
            " SELECT :new, shell_id, stock, taken_at FROM stock_levels WHERE device_id = :old RETURNING 1",
            new=machine,
            old=MACHINE,
        )


@dataclass
class Verdict:
    """What became of every cell, and what the ledgers hold that belongs to none."""

    outcomes: dict[Cell, Outcome]
    strangers: list[Document]


async def play(worlds: Mapping[str, World], cells: Iterable[Cell]) -> Verdict:
    """Play every cell in the world of its dialect, in an order of the seed's, and judge all of them when the last has ended."""
    players = {cell: Player(worlds[cell.dialect], cell, machine_of(number)) for number, cell in enumerate(cells)}
    turn = asyncio.Semaphore(AT_ONCE)

    async def played(player: Player) -> None:
        async with turn:
            await player.play()

    async def one_by_one(those: Iterable[Player]) -> None:
        for player in those:
            await played(player)
            # What a canceled order has left of its faults is not meant for the next one.
            await worlds[player.cell.dialect].manufacturer.clear_faults()

    # A login says nothing of the order that needs it, so there only one order at a time suffers, and nobody else logs in.
    logins = [player for cell, player in players.items() if cell.call == LOGIN]
    others = [player for player in players.values() if player not in logins]
    random.Random(others[0].cell.seed if others else 0).shuffle(others)  # noqa: S311 - the same order for the same seed
    tokens = [player for player in others if player.cell.dialect == "interface"]
    await asyncio.gather(
        *[played(player) for player in others if player not in tokens],
        _then(asyncio.gather(*map(played, tokens)), one_by_one(logins)),
    )
    verdict = Verdict({cell: player.outcome for cell, player in players.items()}, [])
    for world in worlds.values():
        money, partner = await world.stripe.ledger(), await world.manufacturer.ledger()
        ours = [player for cell, player in players.items() if worlds[cell.dialect] is world]
        for player in ours:
            player.judge(money, partner)
        verdict.strangers += _strangers(ours, money, partner)
    return verdict


async def _then(first: Awaitable[Any], second: Awaitable[Any]) -> None:
    await first
    await second


def _strangers(players: Sequence["Player"], money: Iterable[Document], partner: Iterable[Document]) -> list[Document]:
    orders, payments = {player.order_id for player in players}, {player.payment for player in players}
    paid = [entry for entry in money if entry["client_reference_id"] not in orders]
    made = [
        entry
        for entry in partner
        if (entry["operation"] == "payment_announced" and entry["third_id"] not in payments)
        or (entry["operation"] in {"order_accepted", "order_printed"} and entry["third_pay_id"] not in payments)
    ]
    return paid + made


def machine_of(number: int) -> str:
    """The machine of the so manyth cell."""
    return f"CELL{number:08d}"


def table(outcomes: Mapping[Cell, Outcome]) -> str:
    """One line for each fault, one column for each call; what a person decided stands after the slash."""
    lines = []
    for dialect, seed in dict.fromkeys((cell.dialect, cell.seed) for cell in outcomes):
        here = {cell: outcome for cell, outcome in outcomes.items() if (cell.dialect, cell.seed) == (dialect, seed)}
        calls = list(dict.fromkeys(cell.call for cell in here))
        lines.append(f"\n{dialect}, seed {seed}".ljust(28) + "".join(call.rpartition("/")[2].ljust(COLUMN) for call in calls))
        for fault in dict.fromkeys(cell.fault for cell in here):
            words = ["; ".join(_word(c, o) for c, o in here.items() if (c.call, c.fault) == (call, fault)) for call in calls]
            lines.append(f"{fault:27}" + "".join(word.ljust(COLUMN) for word in words))
    return "\n".join(lines) + "\n"


def _word(cell: Cell, outcome: Outcome) -> str:
    verdict = "" if outcome.is_fair and not outcome.error else "UNFAIR "
    return verdict + (f"{cell.decision}: " if cell.needs_person else "") + str(outcome)


class Player:
    """The customer and the operator of one cell."""

    def __init__(self, world: World, cell: Cell, machine: str) -> None:
        self.cell = cell
        self.outcome = Outcome()
        self._world = world
        self._machine = DEFAULT_DEVICE if cell.is_web else machine
        self._armed: list[Document] = []
        self.order_id = ""
        self.payment = self._print = "never given out"

    async def play(self) -> None:
        """Order, pay, and see it through; what goes wrong is kept for the judgement."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                case = await self._checked_out()
                await self._arm()
                await case.pay()
                await self._follow(case)
        except Exception:  # noqa: BLE001 - one cell's failure is that cell's verdict
            self.outcome.error = traceback.format_exc(limit=-3)
        waiting = await self._world.manufacturer.call("GET", "/faults")
        self.outcome.untouched = [fault for fault in self._armed if fault in waiting]

    async def _checked_out(self) -> Case:
        """Open the checkout, and have both references given out before the order asks for them: it gets the same ones."""
        body = WEB_BODY if self.cell.is_web else {**QR_BODY, "machine_id": self._machine}
        case = await (await self._world.design(body, data=picture(1))).checkout()
        self.order_id = str(case.order_id)
        book, now = PostgresOrderBook(self._world.worker_database), datetime.now(UTC)
        self.payment = await book.reference(ReferenceKind.PAYMENT, order_id=case.order_id, attempt=1, at=now)
        self._print = await book.reference(ReferenceKind.PRINT, order_id=case.order_id, attempt=1, at=now)
        return case

    async def _arm(self) -> None:
        cell = self.cell
        if cell.reached_by is not None:
            await self._fault(*cell.reached_by)
        for _ in range(cell.after):
            await self._fault(cell.call, "http 503")
        await self._fault(cell.call, cell.fault, times=cell.times)

    async def _fault(self, call: str, name: str, times: int = 1) -> None:
        kind, fields = FAULTS[name]
        fault = Fault(operation=call, kind=kind, about=self._about(call), times=times, **fields)
        self._armed.append(fault.model_dump())
        await self._world.manufacturer.call("POST", "/faults", self._armed[-1])

    def _about(self, call: str) -> str | None:
        if call == LOGIN:
            return None
        if call == LOOK_AT_QUEUE:
            return self._machine
        return self.payment if call in (ANNOUNCE, CONFIRM, LOOK_AT_PAYMENT) else self._print

    async def _follow(self, case: Case) -> None:
        """Do what the cell's operator does until the case lies ready or the order is canceled."""
        ends = {OrderStatus.TO_SHIP, OrderStatus.READY_FOR_COLLECTION, OrderStatus.CANCELED}
        try:
            while (row := await case.row())["status"] not in ends:
                if row["status"] == OrderStatus.ON_HOLD:
                    await self._decide(case, row["hold_reason"])
                await asyncio.sleep(LOOK_EVERY_S)
            if row["status"] == OrderStatus.CANCELED:
                await case.handle.result()
        finally:
            self.outcome.story = await case.story()
            self.outcome.status = (await case.row())["status"]

    async def _decide(self, case: Case, reason: str) -> None:
        """Cancel once, or let it go on. A row can be a moment older than its workflow, which then refuses."""
        cancel = self.cell.decision == "cancel" and "cancel" not in self.outcome.decided
        try:
            if cancel:
                await case.handle.start_update(OrderWorkflow.cancel, ANNA, wait_for_stage=WorkflowUpdateStage.ACCEPTED)
            else:
                await case.handle.execute_update(OrderWorkflow.retry_step, ANNA)
        except (WorkflowUpdateFailedError, RPCError):
            return
        self.outcome.holds.append(reason)
        self.outcome.decided.add("cancel" if cancel else "retry")

    def judge(self, money: Sequence[Document], partner: Sequence[Document]) -> None:
        """Read in the ledgers what really happened."""
        ours = [entry for entry in money if entry.get("client_reference_id") == self.order_id]
        outcome = self.outcome
        outcome.authorized = [entry["amount"] for entry in ours if entry["operation"] == "authorize"]
        outcome.captured = [entry["amount"] for entry in ours if entry["operation"] == "capture"]
        outcome.voided = sum(entry["operation"] == "void" for entry in ours)
        outcome.refunded = sum(entry["amount"] for entry in ours if entry["operation"] == "refund")
        outcome.announced = _count(partner, "payment_announced", third_id=self.payment)
        outcome.accepted = _count(partner, "order_accepted", third_pay_id=self.payment)
        outcome.printed = _count(partner, "order_printed", third_pay_id=self.payment)


def _count(entries: Iterable[Document], operation: str, **fields: Any) -> int:
    return sum(
        entry["operation"] == operation and all(entry[name] == value for name, value in fields.items()) for entry in entries
    )
