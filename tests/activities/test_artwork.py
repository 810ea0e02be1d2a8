"""The print file is made of exactly the approved picture, once."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.artwork import ArtworkActivities
from models.artwork import PrintFile
from models.errors import IntegrityBroken
from models.order import Channel, CheckoutRequest, OrderStatus, PlacedOrder, PlaceOrder, Transition
from models.production import PreparePrintFile
from tests.fakes.order_book import FakeOrderBook
from tests.fakes.pictures import FakeDesignBook, FakeDesigner, FakeRenderer, FakeStore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Desk:
    def __init__(self) -> None:
        self.store = FakeStore()
        self.renderer = FakeRenderer()
        self.orders = FakeOrderBook()
        self.designer = FakeDesigner()
        self.designs = FakeDesignBook(self.orders)
        self.activities = ArtworkActivities(self.store, self.renderer, self.designer, orders=self.orders, designs=self.designs)
        self.placed: PlacedOrder | None = None

    async def place(self) -> None:
        order_id = uuid4()
        request = CheckoutRequest(channel=Channel.WEB, upload_name="u.png", brand="APPLE", model="iPhone 15 Pro", amount=3500)
        enters = Transition(order_id=order_id, version=1, status=OrderStatus.AWAITING_PAYMENT, at=NOW)
        self.placed = await self.orders.place(PlaceOrder(order_id=order_id, request=request, enters=enters))

    async def prepare(self) -> PrintFile:
        assert self.placed is not None
        product = self.placed.quote.product
        request = PreparePrintFile(
            order_id=self.placed.order_id,
            image=self.placed.quote.image,
            approved_sha256=self.placed.approved_sha256,
            shell_id=product.shell_id,
            width_mm=product.width_mm,
            height_mm=product.height_mm,
            enters=Transition(order_id=self.placed.order_id, version=2, status=OrderStatus.PREPARING, at=NOW),
        )
        return await ActivityEnvironment().run(self.activities.prepare_print_file, request)


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await desk.place()
    return desk


async def test_another_picture_than_the_approved_one_is_not_rendered(desk: Desk) -> None:
    desk.store.objects["uploads/picture.png"] = b"another picture"
    with pytest.raises(IntegrityBroken, match="the customer approved"):
        await desk.prepare()
    assert "render" not in desk.renderer.faults.calls


async def test_a_print_file_that_was_made_before_is_not_made_again(desk: Desk) -> None:
    first = await desk.prepare()
    assert await desk.prepare() == first
    assert desk.renderer.faults.calls.count("render") == 1


async def test_a_print_file_that_is_gone_from_the_bucket_is_made_again_the_same(desk: Desk) -> None:
    first = await desk.prepare()
    del desk.store.objects[first.key]
    assert await desk.prepare() == first
    assert first.key in desk.store.objects


async def test_the_object_is_named_after_what_is_in_it(desk: Desk) -> None:
    made = await desk.prepare()
    assert made.key == f"print/{made.sha256}.png"
