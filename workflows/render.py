"""A design document is drawn, beside the front door: pictures take processor time that requests must not."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.artwork import ArtworkActivities
    from models.design import RenderDesign, RenderResult
    from workflows.failures import refusal_of
    from workflows.options import RENDER


@workflow.defn
class RenderWorkflow:
    """One drawing, named by all that it is made of: asked for twice it is drawn once."""

    @workflow.run
    async def run(self, request: RenderDesign) -> RenderResult:
        """Draw it. What cannot be printed is an outcome, with the reason for the customer."""
        try:
            design = await workflow.execute_activity_method(
                ArtworkActivities.render_design, request, summary=f"draw {request.document.template_id}", **RENDER
            )
        except ActivityError as failure:
            refusal = refusal_of(failure)
            if refusal is None:
                raise
            return RenderResult(refusal=refusal)
        return RenderResult(design=design)
