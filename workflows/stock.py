"""What the manufacturer sells and holds, read by schedule: one workflow counts one machine, another one reads the brands."""

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.stock import StockActivities
    from models.stock import (
        BrandSync,
        CountStock,
        Difference,
        ListReading,
        PlanCount,
        ReadBrandList,
        StockedBrand,
        StockSync,
        SyncReport,
    )
    from workflows.failures import describe
    from workflows.options import COUNT

SHOWN_DIFFERENCES = 30
"""In the Web UI; the table `catalogue_differences` has all of them."""
LIST_NOT_READ = "ListNotRead"
"""The failure's type of a sync that lacks a list."""


@workflow.defn
class StockSyncWorkflow:
    """Counts one machine, all brands at once: a brand that cannot be had keeps no other one from being counted."""

    @workflow.run
    async def run(self, sync: StockSync) -> SyncReport:
        """Return what was read. Fails when a list is missing, after everything else was stored."""
        plan = await workflow.execute_activity_method(
            StockActivities.plan_count, PlanCount(device_id=sync.device_id), summary="which brands are counted", **COUNT
        )
        outcomes = await asyncio.gather(*(_count(sync.device_id, brand) for brand in plan.brands))
        return _report(outcomes)


@workflow.defn
class BrandSyncWorkflow:
    """Reads the list of brands."""

    @workflow.run
    async def run(self, sync: BrandSync) -> SyncReport:
        """Return what was read. Fails when the list cannot be had."""
        try:
            reading = await workflow.execute_activity_method(
                StockActivities.read_brand_list, ReadBrandList(at=workflow.now()), summary="read the list of brands", **COUNT
            )
        except ActivityError as failure:
            return _report([_missing("brands", failure)])
        return _report([reading])


async def _count(device_id: str, brand: StockedBrand) -> ListReading | str:
    """Return a brand's count, or in a sentence why there is none."""
    try:
        return await workflow.execute_activity_method(
            StockActivities.count_stock,
            CountStock(device_id=device_id, brand=brand, at=workflow.now()),
            summary=f"count {brand.brand_id}",
            **COUNT,
        )
    except ActivityError as failure:
        return _missing(brand.brand_id, failure)


def _missing(title: str, failure: ActivityError) -> str:
    if is_cancelled_exception(failure):
        raise failure
    return f"{title}: {describe(failure)}"


def _report(outcomes: Sequence[ListReading | str]) -> SyncReport:
    report = SyncReport(readings=tuple(outcome for outcome in outcomes if isinstance(outcome, ListReading)))
    missing = [outcome for outcome in outcomes if isinstance(outcome, str)]
    workflow.set_current_details(_details(report.readings, missing))
    if missing:
        raise ApplicationError(f"not read: {'; '.join(missing)}", type=LIST_NOT_READ)
    return report


def _details(readings: Sequence[ListReading], missing: Sequence[str]) -> str:
    lines = [f"- **not read** {sentence}" for sentence in missing]
    lines += [f"- {one.title}: {one.entries} listed" + (f", {one.pieces} pieces" if one.pieces else "") for one in readings]
    news = [_line(one) for reading in readings for one in reading.findings.found]
    news += [_line(one, "no longer ") for reading in readings for one in reading.findings.settled]
    lines += ["", "**Differences**" if news else "Nothing differs from the time before.", *news[:SHOWN_DIFFERENCES]]
    if len(news) > SHOWN_DIFFERENCES:
        lines.append(f"- and {len(news) - SHOWN_DIFFERENCES} more in the table `catalogue_differences`")
    return "\n".join(lines)


def _line(difference: Difference, prefix: str = "") -> str:
    return f"- {prefix}{difference.kind}: {difference.name} `{difference.subject}` {difference.note}".rstrip()
