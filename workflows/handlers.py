"""Update handlers with a description, which the Web UI shows beside their button."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

from temporalio import workflow

P = ParamSpec("P")
R = TypeVar("R")


def update(description: str) -> Callable[[Callable[P, Awaitable[R]]], workflow.UpdateMethodMultiParam[P, R]]:
    """Mark an async update handler.

    The SDK's own decorator loses the type of what an async handler returns as soon as it is given an argument.
    """
    return cast(
        "Callable[[Callable[P, Awaitable[R]]], workflow.UpdateMethodMultiParam[P, R]]", workflow.update(description=description)
    )
