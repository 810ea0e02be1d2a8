"""What every emulator shares: a settable clock, durable state, programmable faults and a ledger, steered at `/_emulator`.

An emulator speaks a provider's wire protocol at its own paths and is steered at `/_emulator`, so that a test or a developer can
say "the next capture is done but its answer is lost" or "it is three days later" without touching the code under test.

* `state.Clock`    UTC; real time plus an offset, or frozen
* `state.Store`    named collections of JSON documents, in memory or in one SQLite file that survives a restart
* `state.Ledger`   the facts that tests compare with: what was really charged, refunded, printed
* `faults.Faults`  a queue of things that shall go wrong; `faults.suffer` lets an answer go wrong
* `Controls`       the four together; `control_routes` steers them over HTTP
"""

from collections.abc import Awaitable, Callable
from collections.abc import Collection as Group
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Self

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict

from dev.emulators.faults import Fault, FaultKind, Faults
from dev.emulators.state import Clock, Document, Ledger, Store


@dataclass
class Controls:
    """Clock, store, faults and ledger of one emulator."""

    store: Store
    clock: Clock
    faults: Faults
    ledger: Ledger
    on_reset: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Called after a reset, to seed the emulator again and to forget what it holds outside the store."""
    on_clock_change: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Called after the clock was set, to do what has become due before the caller gets its answer."""

    @classmethod
    def open(
        cls,
        state_file: Path | None = None,
        operations: Group[str] | None = None,
        kinds: Group[str] = tuple(FaultKind),
        *,
        knows_ids: bool = False,
    ) -> Self:
        store = Store(state_file)
        clock = Clock(store)
        faults = Faults(operations, kinds, knows_ids=knows_ids)
        return cls(store=store, clock=clock, faults=faults, ledger=Ledger(store, clock))

    async def reset(self) -> None:
        """As if just started with an empty state file."""
        self.store.clear()
        self.clock.reset()
        self.faults.clear()
        for hook in self.on_reset:
            await hook()

    async def clock_changed(self) -> None:
        for hook in self.on_clock_change:
            await hook()

    def close(self) -> None:
        self.store.close()


class ClockChange(BaseModel):
    """`now` first, then `advance_s`, then `frozen`; an empty body changes nothing."""

    model_config = ConfigDict(extra="forbid")

    now: AwareDatetime | None = None
    advance_s: float | None = None
    frozen: bool | None = None


class ClockState(BaseModel):
    """The emulator's time."""

    now: datetime
    frozen: bool


def control_routes(controls: Controls) -> APIRouter:
    """The routes that every emulator has at `/_emulator`: clock, faults, ledger, reset."""
    router = APIRouter(prefix="/_emulator", tags=["control"])
    _add_clock(router, controls)
    add_fault_routes(router, controls.faults)

    @router.get("/ledger")
    async def read_ledger(operation: Annotated[str | None, Query()] = None) -> list[Document]:
        return controls.ledger.entries(operation)

    @router.post("/reset", status_code=204)
    async def reset() -> None:
        await controls.reset()

    return router


def _add_clock(router: APIRouter, controls: Controls) -> None:
    clock = controls.clock

    @router.get("/clock")
    async def read_clock() -> ClockState:
        return ClockState(now=clock.now(), frozen=clock.frozen)

    @router.put("/clock")
    async def change_clock(change: ClockChange) -> ClockState:
        """Answers when everything that has become due is done."""
        if change.now is not None:
            clock.set(change.now)
        if change.advance_s is not None:
            clock.advance(timedelta(seconds=change.advance_s))
        if change.frozen is not None:
            clock.freeze() if change.frozen else clock.resume()
        await controls.clock_changed()
        return ClockState(now=clock.now(), frozen=clock.frozen)


def add_fault_routes(router: APIRouter, faults: Faults) -> None:
    """`/faults` under the router's prefix: list, add, clear."""

    @router.get("/faults")
    async def list_faults() -> list[Fault]:
        return faults.pending()

    @router.post("/faults", status_code=201)
    async def add_fault(fault: Fault) -> Fault:
        try:
            faults.add(fault)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        return fault

    @router.delete("/faults", status_code=204)
    async def clear_faults() -> None:
        faults.clear()
