"""Before there is money: the picture of an order that was opened with a design is made, and its customer approves it."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.artwork import ArtworkActivities
    from models.approval import ApproveArtwork, ArtworkState, ArtworkView, SubmitDesign
    from models.design import Design, Refusal, RenderDesign
    from models.errors import RefusalCode
    from models.generation import GeneratedImage, GenerateImage, GenerationResult, GenerationState, design_workflow_id
    from models.order import Checkout, OrderStatus
    from workflows.checkout import CheckoutDesk, refusal
    from workflows.design import DesignWorkflow
    from workflows.failures import busy, describe, refusal_of
    from workflows.life import OrderEnded, OrderLife
    from workflows.options import RENDER

MOST_DRAWINGS = 100
"""Of one order: each takes ten events of its history."""
MOST_WAITING_DESIGNS = 6
"""Temporal lets ten updates of a workflow be under way: a page that sends its design over and over leaves room for operators."""
PASSING_REFUSALS = {RefusalCode.GENERATION_REFUSED, RefusalCode.BUDGET_SPENT}
"""What the AI refuses may be made another time: a budget has room again, and the AI does not say the same twice."""
MOST_REQUESTS = 500
"""Of one order, repeats included. Temporal takes 2000 updates of a workflow and no more, and a payment is told by one."""


class ArtworkDesk:
    """Makes pictures until the customer approves one: what is approved is what is printed."""

    def __init__(self, life: OrderLife, checkout: CheckoutDesk) -> None:
        self._life = life
        self._checkout = checkout
        self._deadline = workflow.now() + life.policy.approval_limit
        self._submitted: SubmitDesign | None = None
        self._made: SubmitDesign | None = None
        self._generated: dict[str, GeneratedImage] = {}
        self._drawings = 0
        self._waiting = 0
        self._requests = 0
        self._view = ArtworkView(state=ArtworkState.DRAWING, deadline=self._deadline)
        self._is_open = life.opens_with_design

    @property
    def view(self) -> ArtworkView:
        """Return where the picture stands (a query handler's work)."""
        return self._view

    async def submit(self, design: SubmitDesign) -> ArtworkView:
        """Take a design, or another one, and wait until it is made (an update handler's work)."""
        self._requests += 1
        if self._submitted is None or not _is_same(design, self._submitted) or self._may_be_made_now:
            self._submitted = design
        mine = self._submitted
        self._waiting += 1
        try:
            await workflow.wait_condition(lambda: self._made is mine or self._submitted is not mine or not self._is_open)
        finally:
            self._waiting -= 1
        return self._view

    @property
    def _may_be_made_now(self) -> bool:
        """Whether the design that could not be made is worth another try when it is sent again."""
        view = self._view
        is_passing = view.state is ArtworkState.FAILED or (view.refusal is not None and view.refusal.code in PASSING_REFUSALS)
        return is_passing and self._made is self._submitted

    def check_submission(self) -> None:
        """Refuse a design that comes too late, before it is written down."""
        if self._view.state is ArtworkState.APPROVED:
            raise refusal(RefusalCode.ALREADY_APPROVED)
        if not self._is_open or self._drawings >= MOST_DRAWINGS:
            raise refusal(RefusalCode.ORDER_CLOSED)
        self._check_room()
        if self._waiting >= MOST_WAITING_DESIGNS:
            raise busy("This picture is being made already: please try again in a moment.")

    def check_approval(self, approval: ApproveArtwork) -> None:
        """Refuse a yes to anything but the picture that stands, before it is written down."""
        design = self._view.design
        if design is None or design.print_image.sha256 != approval.print_sha256:
            raise refusal(RefusalCode.NOT_APPROVED)
        self._check_room()

    async def approve(self, approval: ApproveArtwork) -> Checkout:
        """Take the customer's yes, and open the checkout (an update handler's work); both may be repeated."""
        self._requests += 1
        design = self._made
        if design is None:
            raise refusal(RefusalCode.NOT_APPROVED)
        self._view = self._view.model_copy(update={"state": ArtworkState.APPROVED})
        own = {
            "channel": self._life.channel,
            "upload_name": design.names.final,
            "brand": design.brand,
            "model": design.model,
            "device_id": design.device_id,
            "template_id": None,
            "customer": approval.request.customer if self._life.is_posted else None,
        }
        return await self._checkout.ask(approval.request.model_copy(update=own))

    async def make_and_approve(self) -> None:
        """Make what is submitted, however often that changes, until one picture is approved.

        Raises:
            OrderEnded: Canceled, or nobody approved in time.
        """
        life = self._life
        try:
            while self._is_open and self._view.state is not ArtworkState.APPROVED:
                life.guard()
                if self._submitted is not None and self._submitted is not self._made:
                    await self._make(self._submitted)
                elif not await life.wait(self._has_news, until=self._deadline, summary="approval runs out"):
                    raise OrderEnded(OrderStatus.EXPIRED, "no design was approved in time")
        finally:
            self._is_open = False

    def _check_room(self) -> None:
        if self._requests >= MOST_REQUESTS:
            raise refusal(RefusalCode.ORDER_CLOSED)

    def _has_news(self) -> object:
        return self._submitted is not self._made or self._view.state is ArtworkState.APPROVED or self._life.cancel

    async def _make(self, design: SubmitDesign) -> None:
        progress = self._life.progress
        self._drawings += 1
        self._view = ArtworkView(state=ArtworkState.DRAWING, deadline=self._deadline)
        progress.entered(progress.next(OrderStatus.GENERATING, f"{design.render.document.template_id} is drawn"))
        view = await self._draw(design)
        self._made = design
        self._view = view.model_copy(update={"deadline": self._deadline})
        what_came = view.refusal.message if view.refusal else "there is a preview" if view.design else "it could not be drawn"
        progress.entered(progress.next(OrderStatus.AWAITING_APPROVAL, what_came))

    async def _draw(self, design: SubmitDesign) -> ArtworkView:
        """Return the picture, or why there is none: what the customer can change, or a failure that may pass."""
        try:
            render = design.render.model_copy(update={"names": design.names})
            if design.generate is not None:
                result = await self._picture(design.generate, again=design.again)
                if result.picture is None:
                    return _not_generated(result)
                render = render.with_generated(result.picture.name, result.picture.image)
            drawn = await self._render(render)
        except WorkflowAlreadyStartedError:  # the same attempt at a picture, of an order that was reset
            return ArtworkView(state=ArtworkState.FAILED)
        except (ActivityError, ChildWorkflowError) as failure:
            refused = refusal_of(failure) if isinstance(failure, ActivityError) else None
            if refused is None:
                workflow.logger.warning("a design could not be drawn: %s", describe(failure))
                return ArtworkView(state=ArtworkState.FAILED)
            return ArtworkView(state=ArtworkState.REFUSED, refusal=refused)
        return ArtworkView(state=ArtworkState.READY, document=render.document, design=drawn, names=design.names)

    async def _picture(self, wish: GenerateImage, *, again: bool) -> GenerationResult:
        """Return the AI's picture: the one that was made before, unless the customer wants another one."""
        made = self._generated.get(wish.subject)
        if made is not None and not again:
            return GenerationResult(state=GenerationState.MADE, picture=made)
        result = await self._generate(wish)
        if result.picture is not None:
            self._generated[wish.subject] = result.picture
        return result

    async def _render(self, request: RenderDesign) -> Design:
        return await self._life.call_until_canceled(
            ArtworkActivities.render_design, request, RENDER, summary=f"draw {request.document.template_id}"
        )

    async def _generate(self, request: GenerateImage) -> GenerationResult:
        """Have the AI's picture made by a workflow of its own; a cancelled order does not wait for it."""
        life = self._life
        child = await life.undisturbed(
            workflow.start_child_workflow(
                DesignWorkflow.run,
                request,
                id=design_workflow_id(request.generation_id),
                cancellation_type=workflow.ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                static_summary=f"picture of an order, {request.template_id}",
            )
        )
        await life.wait(lambda: child.done() or life.cancel, until=None, summary="")
        if not child.done():
            child.cancel()
        return await life.undisturbed(child)


def _is_same(design: SubmitDesign, other: SubmitDesign) -> bool:
    """Whether this is the same wish again: names are drawn anew for every request, and do not count."""
    return _wish(design) == _wish(other)


def _wish(design: SubmitDesign) -> tuple[object, ...]:
    generate = design.generate
    picture = (generate.generation_id if design.again else generate.subject) if generate else None
    return design.brand, design.model, design.device_id, design.render.document, design.render.pictures, picture


def _not_generated(result: GenerationResult) -> ArtworkView:
    if result.code is None:
        return ArtworkView(state=ArtworkState.FAILED)
    facts: dict[str, str | int | float] = {"retry_at": result.retry_at.isoformat()} if result.retry_at else {}
    return ArtworkView(state=ArtworkState.REFUSED, refusal=Refusal(code=result.code, message=result.reason, facts=facts))
