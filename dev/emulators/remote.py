"""Steers a running emulator over HTTP: what tests, journeys and the developer's runner use."""

from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx

from dev.emulators.faults import Fault
from dev.emulators.state import Document


class Remote:
    """The controls that every emulator has; use it as an async context manager."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient(base_url=f"{url}/_emulator", timeout=30, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.aclose()

    async def now(self) -> datetime:
        """The emulator's time."""
        return datetime.fromisoformat((await self.call("GET", "/clock"))["now"])

    async def set_clock(self, now: datetime, *, frozen: bool | None = None) -> None:
        await self.call("PUT", "/clock", {"now": now.isoformat(), "frozen": frozen})

    async def advance(self, delta: timedelta) -> None:
        """Returns when everything that has become due is done."""
        await self.call("PUT", "/clock", {"advance_s": delta.total_seconds()})

    async def fault(self, operation: str, kind: str, **fields: Any) -> None:
        """Let `operation` go wrong; the fields are those of `Fault`."""
        await self.call("POST", "/faults", Fault(operation=operation, kind=kind, **fields).model_dump())

    async def clear_faults(self) -> None:
        await self.call("DELETE", "/faults")

    async def ledger(self, operation: str | None = None, **fields: Any) -> list[Document]:
        """The facts of `operation` whose fields have these values, oldest first."""
        entries: list[Document] = await self.call("GET", "/ledger" + (f"?operation={operation}" if operation else ""))
        return [entry for entry in entries if all(entry.get(name) == value for name, value in fields.items())]

    async def reset(self) -> None:
        await self.call("POST", "/reset")

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Use any control route; raises httpx.HTTPStatusError for a refusal."""
        answer = await self._http.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None
