"""Answers about the service itself."""

from typing import Literal, Self

from pydantic import BaseModel

from api.health import Condition, Report

PartState = Literal["ok", "unavailable"]
StockState = Literal["ok", "stale"]
ArtworkState = Literal["ok", "spent"]


class Welcome(BaseModel):
    """Answer of `/`."""

    message: str
    status: str
    version: str


class HealthAnswer(BaseModel):
    """Answer of `/health`: which parts answer, and nothing about how they are reached."""

    status: Condition
    database: PartState
    temporal: PartState
    object_store: PartState
    stock: StockState
    artwork: ArtworkState

    @classmethod
    def of(cls, report: Report) -> Self:
        states: dict[str, PartState] = {name: "ok" if answers else "unavailable" for name, answers in report.parts.items()}
        return cls(
            status=report.condition,
            database=states["database"],
            temporal=states["temporal"],
            object_store=states["object_store"],
            stock="ok" if report.parts["stock"] else "stale",
            artwork="ok" if report.parts["artwork"] else "spent",
        )
