"""`Idempotency-Key`: the first outcome of a key is its only outcome, failures included.

* What was refused before anything was executed (bad parameters, no key, too many requests) is not kept.
* The same key with another endpoint or other parameters is refused.
* The same key while the first request still runs is a conflict.
* Keys are forgotten after 24 hours of the account's clock.

Source: https://docs.stripe.com/api/idempotent_requests
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dev.emulators.state import Clock, Document, Store
from dev.emulators.stripe.errors import StripeApiError

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Outcome:
    """An answer; `kept` goes into the key's memory, `replayed` came out of it."""

    status: int
    body: Document
    kept: bool = True
    replayed: bool = False
    original_request: str | None = None


class IdempotencyKeys:
    """The memory of keys."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._kept = store.collection("idempotency_keys")
        self._clock = clock
        self._running: set[str] = set()

    async def run(
        self, key: str | None, *, path: str, params: Document, request_id: str, work: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """Answer from memory, or work and remember."""
        if key is None:
            return await work()
        if len(key) > 255:
            raise StripeApiError("Idempotency keys are at most 255 characters long.", before_execution=True)
        if key in self._running:
            raise StripeApiError(
                f"There is currently another in-progress request using this Idempotent Key (that probably means you submitted"
                f" twice, and the other request is still going through): {key}. Please try again later.",
                status=409,
                kind="idempotency_error",
                code="idempotency_key_in_use",
                before_execution=True,
            )
        kept = self._recall(key)
        if kept is not None:
            return _replay(key, kept, path, params)
        self._running.add(key)
        try:
            outcome = await work()
        finally:
            self._running.discard(key)
        if outcome.kept:
            self._kept.put(
                key,
                {
                    "path": path,
                    "params": params,
                    "at": self._clock.now().isoformat(),
                    "status": outcome.status,
                    "body": outcome.body,
                    "request_id": request_id,
                },
            )
        return outcome

    def forget_running(self) -> None:
        self._running.clear()

    def _recall(self, key: str) -> Document | None:
        kept = self._kept.get(key)
        if kept is not None and self._clock.now() - datetime.fromisoformat(kept["at"]) >= KEPT_FOR:
            self._kept.delete(key)
            return None
        return kept


def _replay(key: str, kept: Document, path: str, params: Document) -> Outcome:
    for same, what in (
        (kept["path"] == path, f"endpoint they were first used for ('{kept['path']}')"),
        (kept["params"] == params, "parameters they were first used with"),
    ):
        if not same:
            raise StripeApiError(
                f"Keys for idempotent requests can only be used for the same {what}. Try using a key other than '{key}' if you"
                " meant to execute a different request.",
                kind="idempotency_error",
                before_execution=True,
            )
    return Outcome(kept["status"], kept["body"], replayed=True, original_request=kept["request_id"])
