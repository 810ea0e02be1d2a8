"""An order that is opened with a design: made, approved, and only then ordered."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError

from models.approval import ApproveArtwork, ArtworkState, ArtworkView, SubmitDesign
from models.artwork import StoredImage
from models.design import ComposeRequest, DesignDocument, DesignNames, PhotoLayer, RenderDesign, TextLayer
from models.errors import GenerationRefused, OrderRefused, ProviderUnavailable, RefusalCode
from models.generation import GenerateImage, generation_id_for
from models.order import CancelOutcome, Channel, Checkout, OrderInput, OrderStatus, order_workflow_id
from tests.fakes.order_book import PRODUCT
from tests.workflows.shop import CLERK, Shop
from workflows.artwork import MOST_WAITING_DESIGNS
from workflows.options import ORDERS_TASK_QUEUE
from workflows.order import OrderWorkflow

PHOTO = b"a photo of Ada"
BLURRED = OrderRefused("This photo is too small.", code=RefusalCode.LOW_RESOLUTION, facts={"dpi": 80})


class Atelier:
    """The hands of a customer who designs."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        digest = sha256(PHOTO).hexdigest()
        self.photo = StoredImage(
            key=f"photos/{digest}.jpg", sha256=digest, media_type="image/jpeg", width=1200, height=1600, size=len(PHOTO)
        )
        shop.store.objects[self.photo.key] = PHOTO

    def design(self, text: str = "Ada", *, ai: str | None = None, attempt: int = 1, again: bool = False) -> SubmitDesign:
        """A photo with a text on it; with `ai`, of the AI's picture in that style."""
        document = DesignDocument(
            template_id="retro-remix" if ai else "classic",
            photos=(PhotoLayer(photo="photo.jpg"),),
            texts=(TextLayer(text=text),),
            ai={"keyword": ai} if ai else None,
        )
        size = ComposeRequest(width_mm=PRODUCT.width_mm, height_mm=PRODUCT.height_mm)
        number = uuid4().hex
        return SubmitDesign(
            brand="APPLE",
            model="iPhone 15 Pro",
            render=RenderDesign(
                document=document, shell_id=PRODUCT.shell_id, compose=size, pictures={"photo.jpg": self.photo}, at=self._now
            ),
            generate=self._generate(ai, attempt) if ai else None,
            names=DesignNames(token=number, final=f"{number}.png", preview=f"{number}.webp"),
            again=again,
        )

    @property
    def _now(self) -> datetime:
        return datetime.fromisoformat("2026-11-25T12:00:00+00:00")

    def _generate(self, style: str, attempt: int) -> GenerateImage:
        subject = sha256(f"{self.shop.order_id}/{style}".encode()).hexdigest()
        return GenerateImage(
            generation_id=generation_id_for(subject, attempt),
            subject=subject,
            attempt=attempt,
            template_id="retro-remix",
            style={"keyword": style},
            photo=self.photo,
            at=self._now,
        )

    async def submit(self, design: SubmitDesign | None = None) -> ArtworkView:
        """What the storefront's call does that opens an order with a design, or changes it."""
        start = WithStartWorkflowOperation(
            OrderWorkflow.run,
            OrderInput(order_id=self.shop.order_id, channel=Channel.WEB, opens_with_design=True),
            id=order_workflow_id(self.shop.order_id),
            task_queue=ORDERS_TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
        return await self.shop.client.execute_update_with_start_workflow(
            OrderWorkflow.submit_design, design or self.design(), start_workflow_operation=start
        )

    async def approve(self, view: ArtworkView, **changes: Any) -> Checkout:
        assert view.design is not None
        approval = ApproveArtwork(
            print_sha256=view.design.print_image.sha256,
            request=self.shop.request(upload_name="", brand="", model="", **changes),
        )
        return await self.shop.handle.execute_update(OrderWorkflow.approve_artwork, approval)

    @property
    async def view(self) -> ArtworkView:
        return await self.shop.handle.query(OrderWorkflow.artwork)


@pytest.fixture
def atelier(shop: Shop) -> Atelier:
    return Atelier(shop)


async def refused(asking: Awaitable[object]) -> str:
    """The code that something is refused with."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await asking
    assert isinstance(caught.value.cause, ApplicationError)
    return str(caught.value.cause.details[0]["code"])


class TestApproved:
    async def test_what_the_customer_saw_is_what_is_printed_byte_for_byte(self, shop: Shop, atelier: Atelier) -> None:
        view = await atelier.submit()
        assert (view.state, shop.story) == (ArtworkState.READY, [])

        checkout = await atelier.approve(view)
        assert checkout.checkout_url
        await shop.pay()
        await shop.report_payment()
        result = await shop.print_and_deliver()

        assert view.design is not None
        (print_file,) = shop.orders.print_files
        assert print_file.sha256 == print_file.approved_sha256 == view.design.print_image.sha256
        assert sha256(shop.store.objects[print_file.key]).hexdigest() == view.design.print_image.sha256
        assert "render" not in shop.renderer.faults.calls
        assert result.status is OrderStatus.COMPLETED

    async def test_every_step_may_be_taken_by_another_process(self, forgetful_shop: Shop) -> None:
        shop, atelier = forgetful_shop, Atelier(forgetful_shop)
        await atelier.approve(await atelier.submit(atelier.design(ai="noir")))
        await shop.pay()
        await shop.report_payment()
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED
        assert len(shop.generator.paid) == 1

    async def test_the_same_yes_gets_the_same_session_and_a_changed_order_is_priced_anew(
        self, shop: Shop, atelier: Atelier
    ) -> None:
        view = await atelier.submit()
        first = await atelier.approve(view)
        assert await atelier.approve(view) == first

        dearer = await atelier.approve(view, add_ons=("wood",), amount=4000)
        assert shop.gateway.payable == [dearer.session_id]

    async def test_the_picture_of_an_order_is_no_longer_changed_once_it_is_approved(self, atelier: Atelier) -> None:
        await atelier.approve(await atelier.submit())
        assert await refused(atelier.submit(atelier.design("Eve"))) == RefusalCode.ALREADY_APPROVED
        assert (await atelier.view).state is ArtworkState.APPROVED

    async def test_what_cannot_be_had_as_asked_may_be_ordered_differently(self, shop: Shop, atelier: Atelier) -> None:
        """The picture was perhaps paid for: an old price must not lose it."""
        view = await atelier.submit()
        shop.orders.faults.fail("place", OrderRefused("dearer now", code=RefusalCode.PRICE_CHANGED))
        assert await refused(atelier.approve(view)) == RefusalCode.PRICE_CHANGED

        assert (await atelier.approve(view)).checkout_url

    async def test_no_other_picture_can_be_checked_out_under_its_name(self, shop: Shop, atelier: Atelier) -> None:
        await atelier.submit()
        checkout = shop.handle.execute_update(OrderWorkflow.checkout, shop.request())
        assert await refused(checkout) == RefusalCode.NOT_APPROVED


class TestChanged:
    async def test_the_same_design_again_is_not_drawn_again(self, shop: Shop, atelier: Atelier) -> None:
        views = await asyncio.gather(*(atelier.submit(atelier.design()) for _ in range(5)))
        assert len({view.names for view in views}) == 1
        assert len(shop.designer.drawn) == 1

    async def test_whoever_repeats_a_request_for_ever_leaves_the_order_room_to_hear_of_its_payment(
        self, shop: Shop, atelier: Atelier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("workflows.artwork.MOST_REQUESTS", 3)
        design = atelier.design()
        view = await atelier.submit(design)
        assert await atelier.submit(design) == view
        checkout = await atelier.approve(view)
        assert await refused(atelier.approve(view)) == RefusalCode.ORDER_CLOSED
        await shop.pay()
        await shop.report_payment()
        assert checkout.checkout_url
        assert (await shop.print_and_deliver()).status is OrderStatus.COMPLETED

    async def test_only_the_picture_that_stands_can_be_approved(self, atelier: Atelier) -> None:
        first = await atelier.submit(atelier.design("Ada"))
        second = await atelier.submit(atelier.design("Eve"))

        assert await refused(atelier.approve(first)) == RefusalCode.NOT_APPROVED
        assert (await atelier.approve(second)).checkout_url

    async def test_a_design_that_cannot_be_printed_is_refused_and_the_next_one_is_not(self, shop: Shop, atelier: Atelier) -> None:
        shop.designer.refusal = BLURRED
        view = await atelier.submit()
        assert view.state is ArtworkState.REFUSED
        assert view.refusal is not None
        assert (view.refusal.code, view.refusal.facts) == (RefusalCode.LOW_RESOLUTION, {"dpi": 80})

        shop.designer.refusal = None
        assert (await atelier.submit(atelier.design("larger"))).state is ArtworkState.READY

    async def test_a_bucket_that_stays_away_is_no_refusal_and_the_same_design_may_be_sent_again(
        self, shop: Shop, atelier: Atelier
    ) -> None:
        shop.store.faults.fail("get", ProviderUnavailable("away", provider="r2"), times=100)
        view = await shop.passing(atelier.submit())
        assert view.state is ArtworkState.FAILED

        shop.store.faults.mend("get")
        assert (await atelier.submit()).state is ArtworkState.READY

    async def test_a_picture_that_was_removed_meanwhile_has_to_be_chosen_again(self, shop: Shop, atelier: Atelier) -> None:
        del shop.store.objects[atelier.photo.key]
        view = await atelier.submit()
        assert view.refusal is not None
        assert view.refusal.code is RefusalCode.UNKNOWN_PICTURE


class TestGenerated:
    async def test_the_ais_picture_takes_the_place_of_the_photo(self, shop: Shop, atelier: Atelier) -> None:
        view = await atelier.submit(atelier.design(ai="noir"))

        (picture,) = [end.picture for end in shop.generations.ended.values()]
        assert picture is not None
        assert view.document is not None
        assert (view.document.ai, view.document.photo_names) == (None, (picture.name,))
        assert shop.designer.drawn == [view.document]

    async def test_a_text_that_is_moved_does_not_pay_for_the_picture_again(self, shop: Shop, atelier: Atelier) -> None:
        await atelier.submit(atelier.design("Ada", ai="noir"))
        await atelier.submit(atelier.design("Eve", ai="noir", attempt=2))
        assert len(shop.generator.paid) == 1
        assert len(shop.designer.drawn) == 2

    async def test_another_picture_is_made_when_the_customer_asks_for_one(self, shop: Shop, atelier: Atelier) -> None:
        await atelier.submit(atelier.design(ai="noir"))
        await atelier.submit(atelier.design(ai="noir", attempt=2, again=True))
        assert len(shop.generator.paid) == 2

    async def test_the_ais_refusal_is_told_and_another_style_may_be_tried(self, shop: Shop, atelier: Atelier) -> None:
        shop.generator.faults.fail("generate", GenerationRefused("Please choose another photo.", provider="gemini", code="X"))
        view = await atelier.submit(atelier.design(ai="noir"))
        assert view.refusal is not None
        assert (view.refusal.code, view.refusal.message) == (RefusalCode.GENERATION_REFUSED, "Please choose another photo.")

        assert (await atelier.submit(atelier.design(ai="neon"))).state is ArtworkState.READY

    async def test_the_same_design_may_be_sent_again_after_the_ais_refusal(self, shop: Shop, atelier: Atelier) -> None:
        """The AI does not say the same twice; what the *renderer* refuses it refuses again."""
        shop.generator.faults.fail("generate", GenerationRefused("No.", provider="gemini", code="X"))
        assert (await atelier.submit(atelier.design(ai="noir"))).state is ArtworkState.REFUSED

        assert (await atelier.submit(atelier.design(ai="noir", attempt=2))).state is ArtworkState.READY

    async def test_a_budget_that_has_room_again_makes_the_same_design(self, shop: Shop, atelier: Atelier) -> None:
        later = (await shop.env.get_current_time() + timedelta(hours=3)).isoformat()
        shop.generations.refusal = OrderRefused("Enough.", code=RefusalCode.BUDGET_SPENT, facts={"retry_at": later})
        view = await atelier.submit(atelier.design(ai="noir"))
        assert view.refusal is not None
        assert datetime.fromisoformat(str(view.refusal.facts["retry_at"])) == datetime.fromisoformat(later)

        shop.generations.refusal = None
        assert (await atelier.submit(atelier.design(ai="noir", attempt=2))).state is ArtworkState.READY

    async def test_a_page_that_asks_over_and_over_leaves_room_for_operators(self, shop: Shop, atelier: Atelier) -> None:
        shop.generator.faults.fail("generate", ProviderUnavailable("quota", provider="gemini"), times=100)
        waiting = [asyncio.ensure_future(atelier.submit(atelier.design(ai="noir")))]
        await shop.until(lambda: shop.generator.faults.calls)
        waiting += [asyncio.ensure_future(atelier.submit(atelier.design(ai="noir"))) for _ in range(MOST_WAITING_DESIGNS + 3)]

        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        outcome = await shop.passing(shop.handle.execute_update(OrderWorkflow.cancel, CLERK))

        answers = await asyncio.gather(*waiting, return_exceptions=True)
        busy = [answer for answer in answers if isinstance(answer, WorkflowUpdateFailedError)]
        assert outcome is CancelOutcome.CANCELED
        assert done
        assert len(busy) == len(waiting) - MOST_WAITING_DESIGNS
        assert {error.cause.type for error in busy if isinstance(error.cause, ApplicationError)} == {"ProviderUnavailable"}

    async def test_a_spent_budget_is_told_before_anybody_is_paid(self, shop: Shop, atelier: Atelier) -> None:
        shop.generations.refusal = OrderRefused("Enough for today.", code=RefusalCode.BUDGET_SPENT)
        view = await atelier.submit(atelier.design(ai="noir"))
        assert view.refusal is not None
        assert view.refusal.code is RefusalCode.BUDGET_SPENT
        assert shop.generator.paid == []


class TestEnded:
    async def test_an_order_whose_picture_nobody_approves_expires_and_leaves_nothing_behind(
        self, shop: Shop, atelier: Atelier
    ) -> None:
        await atelier.submit()
        result = await shop.result()

        assert result.status is OrderStatus.EXPIRED
        assert (shop.orders.placed, shop.orders.holds, shop.gateway.sessions) == ({}, set(), [])

    async def test_a_cancelled_order_asks_no_ai_to_the_end(self, shop: Shop, atelier: Atelier) -> None:
        shop.generator.faults.fail("generate", ProviderUnavailable("quota", provider="gemini"), times=100)
        submitting = asyncio.ensure_future(atelier.submit(atelier.design(ai="noir")))
        await shop.until(lambda: shop.generator.faults.calls)

        # In small steps: the time-skipping server loses a task that stops an activity in the moment in which it is tried again.
        step = timedelta(milliseconds=20)
        outcome = await shop.passing(shop.handle.execute_update(OrderWorkflow.cancel, CLERK), step=step)
        result = await shop.result(step=step)

        assert (outcome, result.status) == (CancelOutcome.CANCELED, OrderStatus.CANCELED)
        assert (await submitting).state is not ArtworkState.READY
        assert shop.orders.placed == {}

    async def test_a_designed_order_that_is_never_approved_in_the_end_waits_no_longer_than_it_was_promised(
        self, shop: Shop, atelier: Atelier
    ) -> None:
        view = await atelier.submit()
        assert view.deadline is not None
        assert timedelta(hours=23) < view.deadline - await shop.env.get_current_time() <= timedelta(hours=24)
