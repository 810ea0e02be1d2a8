"""Erases what nobody needs any more, once a day by schedule, and reports what went and what could not."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.retention import RetentionActivities
    from models.retention import SHOWN_REASONS, Erased, EraseObjects, GiveUp, RetentionPolicy, RetentionReport, added_up
    from workflows.options import ERASE, GIVE_UP

MOST_CALLS = 100
"""Of one run, each for some thousand objects: what is left then waits for the next one, and the history stays short."""
NOT_ERASED = "NotErased"
"""The failure's type of a run that left something in the bucket."""


@workflow.defn
class RetentionWorkflow:
    """One run."""

    @workflow.run
    async def run(self, policy: RetentionPolicy) -> RetentionReport:
        """Return what was erased. Fails when something could not be, after everything else was."""
        at = workflow.now()
        given_up = await workflow.execute_activity_method(
            RetentionActivities.give_up, GiveUp(policy=policy, at=at), summary="what nobody needs any more", **GIVE_UP
        )
        request = EraseObjects(policy=policy, at=at)
        objects = await _erase_objects(request)
        answers = await workflow.execute_activity_method(
            RetentionActivities.erase_answers, request, summary="answers of the AI", **ERASE
        )
        parts = [*objects, answers]
        report = RetentionReport(
            given_up=given_up,
            folders=added_up(tuple(folder for part in parts for folder in part.folders)),
            failed=sum(part.failed for part in parts),
            reasons=tuple(reason for part in parts for reason in part.reasons)[:SHOWN_REASONS],
            is_complete=objects[-1].last is None,
        )
        workflow.set_current_details(_details(report))
        workflow.logger.info("retention: %s", report.model_dump_json())
        if report.failed:
            raise ApplicationError(f"{report.failed} objects were not erased: {'; '.join(report.reasons)}", type=NOT_ERASED)
        return report


async def _erase_objects(request: EraseObjects) -> list[Erased]:
    parts: list[Erased] = []
    for _ in range(MOST_CALLS):
        part = await workflow.execute_activity_method(
            RetentionActivities.erase_objects, request, summary=f"behind {request.after or 'the beginning'}", **ERASE
        )
        parts.append(part)
        if part.last is None:
            break
        request = request.model_copy(update={"after": part.last})
    return parts


def _details(report: RetentionReport) -> str:
    given_up = report.given_up
    lines = [
        f"- given up: {given_up.pictures} pictures, {given_up.print_files} print files, {given_up.designs} designs",
        f"- kept after all: {given_up.kept_after_all}",
        *(f"- erased from `{part.folder}/`: {part.objects} objects, {part.size} bytes" for part in report.folders),
    ]
    lines += [f"- **not erased** {reason}" for reason in report.reasons]
    if not report.is_complete:
        lines.append("- more is due; the next run goes on")
    return "\n".join(lines)
