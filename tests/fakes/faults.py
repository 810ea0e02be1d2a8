"""What goes wrong, and when: failures that tests order for calls of a fake."""

import asyncio
from collections import defaultdict, deque


class Gate:
    """Holds one call of a port: tests wait until it is reached, act in the middle of it, and let it go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        self._opened.set()

    async def passed(self) -> None:
        self.reached.set()
        await self._opened.wait()


class Faults:
    """What is to happen to the next calls: failures before the work is done or after it (the answer is lost), and waiting."""

    def __init__(self) -> None:
        self._before: dict[str, deque[Exception]] = defaultdict(deque)
        self._after: dict[str, deque[Exception]] = defaultdict(deque)
        self._gates: dict[str, Gate] = {}
        self._gates_after: dict[str, Gate] = {}
        self.calls: list[str] = []

    def fail(self, call: str, error: Exception, *, times: int = 1) -> None:
        """Refuse the next calls without doing anything."""
        self._before[call].extend([error] * times)

    def lose_answer(self, call: str, error: Exception, *, times: int = 1) -> None:
        """Do the work of the next calls, then fail."""
        self._after[call].extend([error] * times)

    def hold(self, call: str, *, when_done: bool = False) -> Gate:
        """Have the next call wait at a gate, before its work or, with `when_done`, after it."""
        gate = Gate()
        (self._gates_after if when_done else self._gates)[call] = gate
        return gate

    def mend(self, call: str) -> None:
        """Have no more failures come."""
        self._before[call].clear()
        self._after[call].clear()

    async def before(self, call: str) -> None:
        self.calls.append(call)
        if call in self._gates:
            await self._gates.pop(call).passed()
        if self._before[call]:
            raise self._before[call].popleft()

    async def after(self, call: str) -> None:
        if call in self._gates_after:
            await self._gates_after.pop(call).passed()
        if self._after[call]:
            raise self._after[call].popleft()
