"""The result: as a table for people, as JSON for comparisons."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.measures import HistorySize, RoundTrips, percentile

GOAL = 0.35
"""Orders per skeleton, without image work."""
CORE_BUDGET, BUDGET = 80, 110
SHOWN_STATEMENTS = 12
SHOWN_CHARACTERS = 70
SHIPPED = ("api", "worker", "temporal", "postgres")


@dataclass(frozen=True)
class SkeletonNumbers:
    """What one empty workflow of the same shape costs."""

    per_second: float
    events: float
    temporal_cpu_seconds: float
    worker_cpu_seconds: float

    @classmethod
    def mean_of(cls, *runs: "SkeletonNumbers") -> "SkeletonNumbers":
        return cls(*(fmean(asdict(run)[name] for run in runs) for name in asdict(runs[0])))

    @property
    def cpu_seconds(self) -> float:
        return self.temporal_cpu_seconds + self.worker_cpu_seconds


@dataclass(frozen=True)
class OrderNumbers:
    """What one order costs; processor seconds by process, rendering apart."""

    per_second: float
    seconds_to_acceptance: Sequence[float]
    cpu_seconds: Mapping[str, float]


@dataclass(frozen=True)
class Report:
    """Everything that was measured."""

    orders: int
    concurrency: int
    image_work: bool
    skeleton: SkeletonNumbers
    order: OrderNumbers
    histories: Sequence[HistorySize]
    round_trips: RoundTrips
    counted_orders: int

    @property
    def ratio(self) -> float:
        return self.order.per_second / self.skeleton.per_second

    @property
    def cpu_ratio(self) -> float:
        """Compare processor time instead of speed, of what would run in production too, rendering apart: steadier."""
        ours = sum(self.order.cpu_seconds[name] for name in SHIPPED)
        return self.skeleton.cpu_seconds / ours

    def summary(self) -> dict[str, float]:
        """The figures to compare, per order where that makes sense."""
        acceptance = self.order.seconds_to_acceptance
        trips = self.round_trips
        return {
            "orders_per_second": self.order.per_second,
            "skeletons_per_second": self.skeleton.per_second,
            "ratio": self.ratio,
            "cpu_ratio": self.cpu_ratio,
            "acceptance_p50_seconds": percentile(acceptance, 50),
            "acceptance_p99_seconds": percentile(acceptance, 99),
            "sql_round_trips": trips.total / self.counted_orders,
            **{f"sql_round_trips_{name}": count / self.counted_orders for name, count in trips.by_application.items()},
            **{f"cpu_seconds_{name}": seconds for name, seconds in self.order.cpu_seconds.items()},
            "skeleton_cpu_seconds_temporal": self.skeleton.temporal_cpu_seconds,
            "skeleton_cpu_seconds_worker": self.skeleton.worker_cpu_seconds,
            "skeleton_events": self.skeleton.events,
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "orders": self.orders,
            "concurrency": self.concurrency,
            "image_work": self.image_work,
            "cores": os.cpu_count(),
            "summary": self.summary(),
            "histories": [asdict(history) | {"core": history.core} for history in self.histories],
            "statements": [
                {"application": application, "statement": statement, "per_order": times / self.counted_orders}
                for application, statement, times in self.round_trips.by_statement
            ],
        }


def print_report(report: Report, console: Console) -> None:
    console.print()
    console.print(_speed(report))
    console.print(_processors(report))
    console.print(_history(report))
    console.print(_statements(report))


def new_table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.MARKDOWN)
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left", overflow="fold")
    return table


def _speed(report: Report) -> Table:
    pictures = "with image work" if report.image_work else "without image work"
    table = new_table(f"{report.orders} orders, {report.concurrency} at a time, {pictures}, {os.cpu_count()} cores", "speed", "")
    figures = report.summary()
    table.add_row("orders/s", f"{report.order.per_second:.2f}")
    table.add_row("skeletons/s", f"{report.skeleton.per_second:.2f}")
    table.add_row(f"ratio (goal without image work: {GOAL})", f"{report.ratio:.2f}")
    table.add_row(f"the same by processor time of {', '.join(SHIPPED)}", f"{report.cpu_ratio:.2f}")
    table.add_row("checkout → accepted, p50", f"{figures['acceptance_p50_seconds']:.2f} s")
    table.add_row("checkout → accepted, p99", f"{figures['acceptance_p99_seconds']:.2f} s")
    return table


def _processors(report: Report) -> Table:
    table = new_table("Processor time", "process", "ms per order", "ms per skeleton")
    skeleton = {"temporal": report.skeleton.temporal_cpu_seconds, "worker": report.skeleton.worker_cpu_seconds}
    for name, seconds in report.order.cpu_seconds.items():
        table.add_row(name, _ms(seconds), _ms(skeleton[name]) if name in skeleton else "")
    table.add_row("all", _ms(sum(report.order.cpu_seconds.values())), _ms(report.skeleton.cpu_seconds))
    return table


def _history(report: Report) -> Table:
    table = new_table("History of an order", "", "average", "most")
    histories = report.histories
    rows: list[tuple[str, list[int]]] = [
        (f"events (budget {BUDGET})", [history.events for history in histories]),
        (f"without the three below (budget {CORE_BUDGET})", [history.core for history in histories]),
        ("attribute upserts", [history.upserts for history in histories]),
        ("timers", [history.timers for history in histories]),
        ("`record` activities", [history.record_activities for history in histories]),
        ("workflow task events", [history.workflow_tasks for history in histories]),
        ("bytes", [history.size for history in histories]),
    ]
    for name, values in rows:
        table.add_row(name, f"{fmean(values):.1f}", str(max(values)))
    return table


def _statements(report: Report) -> Table:
    trips, orders = report.round_trips, report.counted_orders
    table = new_table(f"SQL round trips, counted over {orders} further orders", "statement", "process", "per order")
    for name, count in trips.by_application.items():
        table.add_row("all", name, f"{count / orders:.1f}")
    table.add_row("all", "all", f"{trips.total / orders:.1f}")
    for application, statement, times in trips.by_statement[:SHOWN_STATEMENTS]:
        table.add_row(statement[:SHOWN_CHARACTERS], application, f"{times / orders:.1f}")
    return table


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
