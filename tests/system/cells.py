"""Every way in which the manufacturer can fail, at every call that an order makes of it, and who has to decide."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Dialect = Literal["guide", "interface"]
Decision = Literal["nobody", "retry", "cancel"]

LOGIN = "user/login"
ANNOUNCE, CONFIRM, LOOK_AT_PAYMENT = "order/payData", "order/payStatus", "order/getPayStatus"
SUBMIT, LOOK_AT_ORDER, LOOK_AT_QUEUE = "order/orderData", "order/getOrderStatus", "order/printList"
CALLS = (ANNOUNCE, CONFIRM, LOOK_AT_PAYMENT, SUBMIT, LOOK_AT_ORDER, LOOK_AT_QUEUE)

TIMEOUT_S = 1.0
"""How long the client waits for an answer."""
SLOW_S = 1.3

FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "down": ("down", {}),
    "http 500": ("http_500", {}),
    "http 503": ("http_503", {}),
    "http 429": ("http_error", {"status": 429, "detail": {"retry_after": 0}}),
    "slow": ("slow", {"delay_s": SLOW_S}),
    "answer lost": ("answer_lost", {}),
    "answer lost behind a 502": ("answer_lost", {"status": 502}),
    "error under 200": ("error_body_200", {}),
    "device unavailable": ("device_unavailable", {}),
    "no permission": ("no_permission", {}),
    "payment missing": ("payment_missing", {}),
    "token expired": ("token_expired", {}),
    "unknown words": ("refused", {"detail": {"msg": "the stars are wrong", "code": 500}}),
    "restricted": ("refused", {"detail": {"msg": "restricted", "code": 403}}),
    "already exists": ("refused", {"detail": {"msg": "third_id already exist", "code": 500}}),
}
"""What goes wrong, as the emulator is told."""
RARE = ("answer lost behind a 502", "restricted")
"""Of a kind that another fault stands for; tried in journeys."""
REACHED_BY = {
    LOOK_AT_PAYMENT: (ANNOUNCE, ("answer lost", "http 500", "slow")),
    LOOK_AT_ORDER: (SUBMIT, ("answer lost", "http 500", "slow", "error under 200")),
    LOOK_AT_QUEUE: (SUBMIT, ("answer lost", "http 500", "answer lost behind a 502")),
}
"""Calls that an order makes only after another one has failed, and the failures after which it does."""
LOGGED_IN_FOR = (ANNOUNCE, CONFIRM, SUBMIT)
"""Calls whose refused token leads to a login."""

_FOR_A_PERSON = {"no permission", "unknown words", "restricted"}


@dataclass(frozen=True)
class Cell:
    """One order, what it suffers, and what the operator does when it stands still."""

    dialect: Dialect
    call: str
    fault: str
    decision: Decision
    seed: int
    times: int = field(compare=False)
    """How often in a row the call suffers the fault."""
    after: int = field(compare=False)
    """How many other failures the call has had before."""
    reached_by: tuple[str, str] | None = field(compare=False)
    """Which other call has to fail first, and how."""
    is_web: bool = field(compare=False)
    """Posted from the machine that prints for the web, or collected at a machine of its own."""

    @property
    def needs_person(self) -> bool:
        return _needs_person(self.dialect, self.call, self.fault)

    def __str__(self) -> str:
        place = f"{self.dialect} {self.call.removeprefix('order/')}"
        return f"{self.seed} {place}: {self.fault}" + (f", {self.decision}" if self.needs_person else "")


def _needs_person(dialect: Dialect, call: str, fault: str) -> bool:
    """Whether nobody but a person may go on after this.

    A refusal that asking again cannot change, or that nobody has classified. A reference that is known already is looked up; only
    what we want printed may then be sent again, because sending it is what the look-up is for.
    """
    if fault == "token expired":
        return dialect == "guide" or call == LOGIN
    if fault == "already exists":
        return call != SUBMIT
    return fault in _FOR_A_PERSON


def everyday(seed: int) -> list[Cell]:
    """Each fault at each call in the default dialect, and what only the other one has: logins, and tokens that end."""
    faults = [fault for fault in FAULTS if fault not in RARE]
    logins = cells("interface", seed, calls=(LOGIN,), faults=faults)
    tokens = cells("interface", seed, calls=CALLS, faults=("token expired",))
    return [*cells("guide", seed, faults=faults), *tokens, *logins]


def thorough(seed: int) -> list[Cell]:
    """Each fault at each call in both dialects, and both decisions wherever a person decides."""
    return [*cells("guide", seed, thorough=True), *cells("interface", seed, calls=(*CALLS, LOGIN), thorough=True)]


def cells(
    dialect: Dialect, seed: int, *, calls: Sequence[str] = CALLS, faults: Sequence[str] = tuple(FAULTS), thorough: bool = False
) -> Iterator[Cell]:
    """Each fault at each call; a person's decision is drawn, or with `thorough` both are made."""
    chance = random.Random(f"{dialect} {seed}")  # noqa: S311 - the same cells for the same seed
    for call, fault in itertools.product(calls, faults):
        if (call, fault) == (LOGIN, "already exists"):
            continue  # a login has no reference that could
        decisions: tuple[Decision, ...] = ("nobody",)
        reached_by = _reached_by(call, chance)
        if _needs_person(dialect, call, fault):
            decisions = ("retry", "cancel") if thorough else (chance.choice(("retry", "cancel")),)
        for decision in decisions:
            yield Cell(
                dialect=dialect,
                call=call,
                fault=fault,
                decision=decision,
                seed=seed,
                times=chance.choice((1, 1, 2, 3)),
                after=chance.choice((0, 0, 1, 2)) if _is_asked_again(call, reached_by) else 0,
                reached_by=reached_by,
                is_web=call != LOOK_AT_QUEUE and chance.random() < 0.5,
            )


def _is_asked_again(call: str, reached_by: tuple[str, str] | None) -> bool:
    """Whether the call is sure to be made again after it has failed: nobody looks for a payment that a second try announces."""
    return call != LOOK_AT_PAYMENT or (reached_by is not None and reached_by[1] == "answer lost")


def _reached_by(call: str, chance: random.Random) -> tuple[str, str] | None:
    if call == LOGIN:
        return chance.choice(LOGGED_IN_FOR), "token expired"
    if call in REACHED_BY:
        other, faults = REACHED_BY[call]
        return other, chance.choice(faults)
    return None
