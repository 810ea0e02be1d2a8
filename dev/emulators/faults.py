"""Things that shall go wrong at an emulator, each at a chosen operation, as often as wanted."""

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Collection as Group
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from dev.emulators.state import Document


class FaultKind(StrEnum):
    """What can go wrong at any provider; an emulator may add words of its own."""

    SLOW = "slow"
    """The answer comes `delay_s` later."""
    HTTP_500 = "http_500"
    """Refused with 500; nothing is done."""
    HTTP_503 = "http_503"
    """Refused with 503; nothing is done."""
    HTTP_ERROR = "http_error"
    """Refused with `status` (429, 401 …); nothing is done."""
    ANSWER_LOST = "answer_lost"
    """The work is done; after `delay_s` the connection closes without an answer, or the answer is an error with `status`."""
    ERROR_BODY_200 = "error_body_200"
    """Nothing is done; HTTP 200 with the provider's error body."""
    DOWN = "down"
    """Nothing is done; the connection closes at once, or answers `status`."""
    DUPLICATE = "duplicate"
    """A webhook or callback is delivered twice."""
    OUT_OF_ORDER = "out_of_order"
    """A webhook or callback is held back until the next one has been delivered."""
    WRONG_SIGNATURE = "wrong_signature"
    """A webhook or callback is signed with the wrong secret."""


HTTP_FAULTS = frozenset(
    {
        FaultKind.SLOW,
        FaultKind.HTTP_500,
        FaultKind.HTTP_503,
        FaultKind.HTTP_ERROR,
        FaultKind.ANSWER_LOST,
        FaultKind.ERROR_BODY_200,
        FaultKind.DOWN,
    }
)
"""Faults of an answer."""
DELIVERY_FAULTS = frozenset({FaultKind.SLOW, FaultKind.DUPLICATE, FaultKind.OUT_OF_ORDER, FaultKind.WRONG_SIGNATURE})
"""Faults of a webhook or callback that the emulator sends."""


class Fault(BaseModel):
    """One thing that shall go wrong at `operation` ("*" is any), `times` times (None: until deleted), after `after` good ones.

    With `about`, only calls whose body names that id (a reference, a device) suffer it or count, so that many orders can be tried
    at once and none takes what was meant for another.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str = "*"
    kind: str
    about: str | None = None
    times: int | None = Field(default=1, ge=1)
    after: int = Field(default=0, ge=0)
    delay_s: float = Field(default=0.0, ge=0)
    status: int | None = Field(default=None, ge=400, le=599)
    detail: Document = Field(default_factory=dict)
    """What only this emulator understands; `retry_after` (seconds) is sent as the header with any HTTP error."""

    @property
    def answer_status(self) -> int | None:
        """The HTTP status of the error; None where the connection closes instead."""
        fixed = {"http_500": 500, "http_503": 503, "error_body_200": 200}
        if self.kind in fixed:
            return fixed[self.kind]
        return self.status or (500 if self.kind == FaultKind.HTTP_ERROR else None)


@dataclass
class _Queued:
    fault: Fault
    skip: int
    left: int | None


class Faults:
    """The queue of faults; an emulator asks it once per operation.

    `operations` and `kinds` are what this emulator consults, and `knows_ids` says whether it tells what a call is about: a fault
    that could never happen is refused instead of waiting for ever.
    """

    def __init__(
        self, operations: Group[str] | None = None, kinds: Group[str] = tuple(FaultKind), *, knows_ids: bool = False
    ) -> None:
        self._operations = None if operations is None else frozenset(operations)
        self._kinds = frozenset(kinds)
        self._knows_ids = knows_ids
        self._queue: list[_Queued] = []

    def know_operations(self, operations: Group[str]) -> None:
        """Refuse faults for any other operation from now on."""
        self._operations = frozenset(operations)

    def add(self, fault: Fault) -> None:
        """Queue `fault`; ValueError when this emulator knows no such operation or kind, or not what its calls are about."""
        if self._operations is not None and fault.operation != "*" and fault.operation not in self._operations:
            raise ValueError(f"unknown operation {fault.operation!r}; known are {sorted(self._operations)}")
        if fault.kind not in self._kinds:
            raise ValueError(f"unknown kind {fault.kind!r}; known are {sorted(self._kinds)}")
        if fault.about is not None and not self._knows_ids:
            raise ValueError("this emulator does not tell what a call is about; leave `about` out")
        self._queue.append(_Queued(fault, skip=fault.after, left=fault.times))

    def take(self, operation: str, kinds: Group[str] | None = None, *, ids: Group[str] = ()) -> Fault | None:
        """The fault that `operation` shall suffer now, used up; only of `kinds`, when given. `ids` is what the call names."""
        for queued in list(self._queue):
            fault = queued.fault
            if fault.operation not in ("*", operation) or (kinds is not None and fault.kind not in kinds):
                continue
            if fault.about is not None and fault.about not in ids:
                continue
            if queued.skip > 0:
                queued.skip -= 1
                continue
            if queued.left is not None:
                queued.left -= 1
                if queued.left == 0:
                    self._queue.remove(queued)
            return fault
        return None

    def pending(self) -> list[Fault]:
        """What is still to happen, with what is left of `times` and `after`."""
        return [queued.fault.model_copy(update={"times": queued.left, "after": queued.skip}) for queued in self._queue]

    def clear(self) -> None:
        self._queue.clear()


class LostAnswer(Response):
    """Closes the connection instead of answering, `delay_s` later or as soon as the client gives up."""

    def __init__(self, delay_s: float = 0.0) -> None:
        super().__init__()
        self._delay_s = delay_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._delay_s and await _disconnected_within(receive, self._delay_s):
            return
        # A promised byte that never comes makes the server close the connection: the client has a status line, but no answer.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


async def _disconnected_within(receive: Receive, seconds: float) -> bool:
    async def disconnect() -> None:
        message: Message = {"type": "http.request"}
        while message["type"] != "http.disconnect":
            message = await receive()

    try:
        await asyncio.wait_for(disconnect(), timeout=seconds)
    except TimeoutError:
        return False
    return True


async def suffer(fault: Fault | None, work: Callable[[], Awaitable[Response]], error: Callable[[int], Response]) -> Response:
    """Answer with `work()`, or as `fault` (one of `HTTP_FAULTS`) commands; `error(status)` is the provider's own error answer."""
    if fault is None or fault.kind not in HTTP_FAULTS:
        return await work()
    if fault.kind == FaultKind.SLOW:
        await asyncio.sleep(fault.delay_s)
        return await work()
    if fault.kind == FaultKind.ANSWER_LOST:
        await work()
    status = fault.answer_status
    if status is None:
        return LostAnswer(fault.delay_s)
    await asyncio.sleep(fault.delay_s)
    answer = error(status)
    if "retry_after" in fault.detail:
        answer.headers["retry-after"] = str(fault.detail["retry_after"])
    return answer
