"""A design document in, a preview, remarks and a print file out; and the order that is opened with one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.artwork import ArtworkActivities
from activities.generation import GenerationActivities
from activities.order import OrderActivities
from activities.payment import PaymentActivities
from adapters.postgres.designs import PostgresDesigns
from adapters.postgres.engine import Database
from adapters.postgres.generations import PostgresGenerations
from adapters.postgres.order_book import PostgresOrderBook
from adapters.prompts.book import PromptBook
from config.settings import Settings
from config.temporal import connect
from models.errors import GenerationRefused, OrderRefused, ProviderUnavailable, RefusalCode
from models.order import designed_order_id, order_workflow_id
from tests.api.conftest import activities_of, browser_of, running
from tests.api.world import API, WEB_CHECKOUT, Clock, MemoryStore, assert_problem, picture
from tests.fakes.gateway import FakeGateway
from tests.fakes.generation import FakeCleaner, FakeGenerator
from tests.fakes.pictures import FakeDesigner, FakeRenderer
from workflows.design import DesignWorkflow
from workflows.options import ARTWORK_TASK_QUEUE, GENERATION_TASK_QUEUE
from workflows.order import OrderWorkflow
from workflows.refund import RefundWorkflow
from workflows.render import RenderWorkflow

PHONE = {"brand": "APPLE", "model": "iPhone 15 Pro"}
BUYER = {key: value for key, value in WEB_CHECKOUT.items() if key.startswith(("customer", "shipping", "amount"))}
BLURRED = OrderRefused("This photo is too small.", code=RefusalCode.LOW_RESOLUTION, facts={"dpi": 80})


@dataclass
class Atelier:
    """The way of a design: front door, Temporal, the real database; renderer, AI and Stripe are in memory."""

    browser: httpx.AsyncClient
    client: Client
    database: Database
    store: MemoryStore
    designer: FakeDesigner
    generator: FakeGenerator
    request_id: str

    async def photo(self) -> str:
        """Upload a photo that nobody else has, and return its name."""
        data = picture((600, 800), colour=f"#{uuid4().hex[:6]}")
        answer = await self.browser.post("/api/photos", files={"image": ("p.png", data, "image/png")})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["filename"])

    async def document(self, **changes: Any) -> dict[str, Any]:
        return {"template_id": "classic", "photos": [{"photo": await self.photo()}], **changes}

    async def draw(self, document: dict[str, Any], **changes: Any) -> httpx.Response:
        return await self.browser.post("/api/designs", json={**PHONE, "design": document, **changes})

    async def open(self, document: dict[str, Any], **changes: Any) -> httpx.Response:
        body = {**PHONE, "request_id": self.request_id, "design": document, **changes}
        return await self.browser.post("/api/orders", json=body)

    async def approve(self, artwork: dict[str, Any], **changes: Any) -> httpx.Response:
        body = {**BUYER, "print_sha256": artwork["artwork"]["print_sha256"], **changes}
        return await self.browser.post(f"/api/orders/{artwork['order_id']}/approve", json=body)

    async def bytes_at(self, url: str) -> bytes:
        answer = await self.browser.get(url.removeprefix(API))
        assert answer.status_code == 200, answer.text
        return answer.content

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        async with self.database.connect() as connection:
            return [dict(row) for row in (await connection.execute(text(statement))).mappings()]


@pytest.fixture
async def atelier(
    settings: Settings, database: Database, clock: Clock, store: MemoryStore, temporal_address: str, task_queue: str
) -> AsyncIterator[Atelier]:
    client = await connect(settings.temporal.model_copy(update={"address": temporal_address}))
    orders, gateway = PostgresOrderBook(database), FakeGateway()
    designer, generator = FakeDesigner(), FakeGenerator()
    pictures = ArtworkActivities(store, FakeRenderer(), designer, orders=orders, designs=PostgresDesigns(database))
    generation = GenerationActivities(
        store, generator, PromptBook.open(), FakeCleaner(), PostgresGenerations(database), pauses=[]
    )
    steps = [*activities_of(OrderActivities(orders)), *activities_of(PaymentActivities(gateway, orders))]
    async with (
        Worker(
            client,
            task_queue=task_queue,
            workflows=[OrderWorkflow, RefundWorkflow, RenderWorkflow, DesignWorkflow],
            activities=[*steps, generation.begin_generation, generation.finish_generation],
        ),
        Worker(client, task_queue=GENERATION_TASK_QUEUE, activities=[generation.generate_image]),
        Worker(client, task_queue=ARTWORK_TASK_QUEUE, activities=[pictures.render_design]),
        running(settings, clock, database=database, temporal=client, store=store, task_queue=task_queue) as app,
        browser_of(app) as browser,
    ):
        atelier = Atelier(browser, client, database, store, designer, generator, f"page-{uuid4().hex}")
        yield atelier
        with suppress(RPCError):
            await client.get_workflow_handle(order_workflow_id(designed_order_id(atelier.request_id))).terminate()


class TestDrawing:
    async def test_pictures_that_are_too_large_together_are_refused_before_anybody_draws(
        self, atelier: Atelier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each use of a picture is work of its own, also when it is the same picture."""
        document = await atelier.document()
        monkeypatch.setattr("api.designs.MOST_PIXELS", 3 * 600 * 800)
        stickers = [{"photo": document["photos"][0]["photo"], "x": x} for x in (0.2, 0.5, 0.8)]
        assert (await atelier.draw({**document, "stickers": stickers[:2]})).status_code == 200
        drawn = len(atelier.designer.drawn)

        answer = await atelier.draw({**document, "stickers": stickers})
        assert_problem(answer, 422, code="bad_design")
        assert answer.json()["facts"] == {"pixels": 4 * 600 * 800, "limit": 3 * 600 * 800}
        assert len(atelier.designer.drawn) == drawn

    async def test_a_design_is_not_sold_for_a_phone_that_it_was_not_drawn_for(self, atelier: Atelier) -> None:
        """Although the shape would nearly fit: it would be drawn anew, and nobody has seen that."""
        drawn = (await atelier.draw(await atelier.document())).json()
        checkout = {**WEB_CHECKOUT, "final_image_url": drawn["final_image_url"], "model": "iPhone 15 Pro Max"}

        answer = await atelier.browser.post("/create-checkout-session", json=checkout)
        assert_problem(answer, 422, code="wrong_ratio")

    async def test_the_answer_has_a_preview_and_a_print_file_whose_hash_is_told(self, atelier: Atelier) -> None:
        body = (await atelier.draw(await atelier.document())).json()

        assert sha256(await atelier.bytes_at(body["final_image_url"])).hexdigest() == body["print_sha256"]
        assert (await atelier.bytes_at(body["preview_url"])).startswith(b"small ")
        assert (body["width"], body["height"], body["mobile_shell_id"]) == (1390, 2905, "MS102509090019")

    async def test_what_was_drawn_can_be_ordered_by_the_storefronts_own_checkout(self, atelier: Atelier) -> None:
        body = (await atelier.draw(await atelier.document(template_id="Film Strip"))).json()
        checkout = {**WEB_CHECKOUT, "final_image_url": body["final_image_url"]}

        answer = await atelier.browser.post("/create-checkout-session", json=checkout)

        (order,) = await atelier.rows("SELECT * FROM orders")
        assert answer.status_code == 200, answer.text
        assert (order["approved_sha256"], order["template_id"]) == (body["print_sha256"], "film-strip")
        await atelier.client.get_workflow_handle(order_workflow_id(order["id"])).terminate()

    async def test_the_same_document_is_drawn_once_however_often_it_is_sent(self, atelier: Atelier) -> None:
        document = await atelier.document()

        answers = await asyncio.gather(*(atelier.draw(document) for _ in range(5)))
        again = await atelier.draw(document)

        bodies = [answer.json() for answer in [*answers, again]]
        photos = (document["photos"][0]["photo"],)
        assert [drawn.photo_names for drawn in atelier.designer.drawn].count(photos) == 1
        assert len({body["print_sha256"] for body in bodies}) == 1
        assert len({body["filename"] for body in bodies}) == 6, "each is an attempt to order of its own"

    async def test_a_design_is_opened_again_by_its_id(self, atelier: Atelier) -> None:
        drawn = (await atelier.draw(await atelier.document(texts=[{"text": "Ada", "x": 0.4}]))).json()

        found = await atelier.browser.get(f"/api/designs/{drawn['design_id']}")

        assert found.json() == drawn
        assert found.json()["design"]["texts"][0]["x"] == 0.4
        assert_problem(await atelier.browser.get("/api/designs/another"), 404)

    async def test_a_design_that_cannot_be_printed_is_refused_in_words(self, atelier: Atelier) -> None:
        atelier.designer.refusal = BLURRED

        body = assert_problem(await atelier.draw(await atelier.document()), 422, code="low_resolution")

        assert body["detail"] == "This photo is too small."
        assert await atelier.rows("SELECT 1 FROM designs") == []

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"photos": [{"photo": f"{'0' * 32}.jpg"}]}, "unknown_picture"),
            ({"stickers": [{"sticker": "NOWHERE/1"}]}, "unknown_decoration"),
            ({"background": {"picture": "NOWHERE/1"}}, "unknown_decoration"),
            ({"template_id": "5-in-1"}, "unknown_template"),
            ({"ai": {"keyword": "80s Neon"}}, "bad_design"),
        ],
    )
    async def test_whatever_a_design_names_must_be_there(self, atelier: Atelier, changes: dict[str, Any], code: str) -> None:
        assert_problem(await atelier.draw(await atelier.document(**changes)), 422, code=code)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"textz": []}, "textz"),
            ({"texts": [{"text": "Ada", "fontSize": 3}]}, "texts.0.fontSize"),
            ({"texts": [{"text": "A\x00da"}]}, "control characters"),
            ({"texts": [{"text": "Ada", "color": "red"}]}, "color"),
            ({"version": 2}, "version"),
        ],
    )
    async def test_what_would_be_lost_or_misread_is_refused(self, atelier: Atelier, changes: dict[str, Any], words: str) -> None:
        """A part that is left out without a word is printed as if it had never been there."""
        body = assert_problem(await atelier.draw({"template_id": "classic", **changes}), 422, code="invalid_request")
        assert words in str(body)

    async def test_a_bucket_that_is_away_is_no_refusal(self, atelier: Atelier, settings: Settings) -> None:
        document = await atelier.document()
        gate = atelier.designer.faults.hold("compose")
        drawing = asyncio.ensure_future(atelier.draw(document))
        await gate.reached.wait()
        atelier.store.outage = ProviderUnavailable("away", provider="memory")
        gate.open()
        await asyncio.sleep(0)
        atelier.store.outage = None

        assert (await drawing).status_code == 200
        assert atelier.designer.faults.calls.count("compose") == 2


class TestOrders:
    async def test_an_order_is_opened_with_a_design_approved_and_paid_for_exactly_that_picture(self, atelier: Atelier) -> None:
        opened = await atelier.open(await atelier.document())
        artwork = opened.json()
        assert (opened.status_code, artwork["status"]) == (200, "ready")
        assert (
            sha256(await atelier.bytes_at(artwork["artwork"]["final_image_url"])).hexdigest()
            == artwork["artwork"]["print_sha256"]
        )
        assert await atelier.rows("SELECT 1 FROM orders") == []

        checkout = (await atelier.approve(artwork)).json()

        (order,) = await atelier.rows("SELECT * FROM orders")
        assert (checkout["order_id"], checkout["order_token"]) == (str(order["id"]), order["public_token"])
        assert checkout["checkout_url"].startswith("https://")
        assert (order["approved_sha256"], order["status"]) == (artwork["artwork"]["print_sha256"], "awaiting_payment")
        shown = (await atelier.browser.get(f"/api/orders/{order['public_token']}")).json()
        assert shown["order_status"] == "awaiting_payment"

    async def test_the_picture_of_an_order_can_be_asked_after(self, atelier: Atelier) -> None:
        opened = (await atelier.open(await atelier.document())).json()

        asked = await atelier.browser.get(opened["artwork_url"])

        assert asked.json() == opened
        assert_problem(await atelier.browser.get(f"/api/orders/{uuid4()}/artwork"), 404)

    async def test_a_picture_that_takes_long_is_answered_with_where_to_ask(self, atelier: Atelier, settings: Settings) -> None:
        gate = atelier.designer.faults.hold("compose")
        opening = asyncio.ensure_future(atelier.open(await atelier.document()))
        await gate.reached.wait()
        order_id = designed_order_id(atelier.request_id)

        meanwhile = await atelier.browser.get(f"/api/orders/{order_id}/artwork")

        assert (meanwhile.status_code, meanwhile.json()["status"], meanwhile.headers["Retry-After"]) == (202, "drawing", "2")
        gate.open()
        assert (await opening).json()["status"] == "ready"

    async def test_the_ai_makes_the_picture_and_a_moved_text_does_not_pay_again(self, atelier: Atelier) -> None:
        document = await atelier.document(template_id="retro-remix", ai={"keyword": "80s neon"})
        first = (await atelier.open(document)).json()
        moved = {**document, "texts": [{"text": "Ada"}]}

        second = (await atelier.open(moved)).json()
        third = (await atelier.open(moved, again=True)).json()

        (generated,) = {layer["photo"] for layer in first["artwork"]["design"]["photos"]}
        assert first["artwork"]["design"]["ai"] is None
        assert second["artwork"]["design"]["photos"][0]["photo"] == generated
        assert third["artwork"]["design"]["photos"][0]["photo"] != generated, "another picture, a second later"
        rows = await atelier.rows("SELECT * FROM generations")
        assert (len(rows), len(atelier.generator.paid)) == (2, 2)
        assert {row["order_id"] for row in rows} == {UUID(first["order_id"])}
        assert {tuple(row["style"].items()) for row in rows} == {(("keyword", "80s Neon"),)}

    async def test_what_the_ai_refuses_is_told_and_the_order_takes_another_design(self, atelier: Atelier) -> None:
        refusal = GenerationRefused("Please choose another photo.", provider="gemini", code="IMAGE_SAFETY")
        atelier.generator.faults.fail("generate", refusal)
        document = await atelier.document(template_id="retro-remix", ai={"keyword": "80s neon"})

        body = assert_problem(await atelier.open(document), 422, code="generation_refused")
        assert body["detail"] == "Please choose another photo."
        asked = await atelier.browser.get(f"/api/orders/{designed_order_id(atelier.request_id)}/artwork")
        assert (asked.json()["status"], asked.json()["code"]) == ("refused", "generation_refused")

        assert (await atelier.open({**document, "ai": {"keyword": "VHS Nostalgia"}})).json()["status"] == "ready"

    async def test_a_spent_budget_is_429_and_says_when_there_is_room_again(self, atelier: Atelier) -> None:
        document = await atelier.document(template_id="retro-remix", ai={"keyword": "80s neon"})
        await atelier.open(document)
        await atelier.rows("UPDATE generations SET cost = 20000 RETURNING id")

        spent = await atelier.open({**document, "ai": {"keyword": "VHS Nostalgia"}})

        assert (spent.status_code, spent.json()["code"]) == (429, "budget_spent")
        assert 86_000 < int(spent.headers["Retry-After"]) <= 86_400

    async def test_an_unknown_style_is_refused_with_the_list_before_an_order_is_opened(self, atelier: Atelier) -> None:
        document = await atelier.document(template_id="cover-shoot", ai={"style": "Baroque"})

        body = assert_problem(await atelier.open(document), 422, code="unknown_style")

        assert "Mono Mood" in body["detail"]
        assert_problem(await atelier.browser.get(f"/api/orders/{designed_order_id(atelier.request_id)}/artwork"), 404)

    async def test_only_the_picture_that_was_shown_last_can_be_approved(self, atelier: Atelier) -> None:
        document = await atelier.document()
        first = (await atelier.open(document)).json()
        await atelier.open({**document, "texts": [{"text": "Ada"}]})

        assert_problem(await atelier.approve(first), 409, code="not_approved")
        assert await atelier.rows("SELECT 1 FROM orders") == []

    async def test_a_wrong_price_is_told_and_the_picture_is_not_lost(self, atelier: Atelier) -> None:
        artwork = (await atelier.open(await atelier.document())).json()

        assert_problem(await atelier.approve(artwork, amount_pence=1), 409, code="price_changed")
        assert_problem(await atelier.approve(artwork, customer_name=""), 422, code="missing_address")

        assert (await atelier.approve(artwork)).status_code == 200

    async def test_an_approved_design_is_no_longer_changed(self, atelier: Atelier) -> None:
        document = await atelier.document()
        await atelier.approve((await atelier.open(document)).json())

        assert_problem(await atelier.open({**document, "texts": [{"text": "Eve"}]}), 409, code="already_approved")

    async def test_nobody_pays_for_a_picture_of_a_case_that_is_sold_out(self, atelier: Atelier) -> None:
        async with atelier.database.connect() as connection:
            await connection.execute(text("UPDATE stock_levels SET stock = held"))
        document = await atelier.document(template_id="retro-remix", ai={"keyword": "80s neon"})

        assert_problem(await atelier.open(document), 409, code="out_of_stock")
        assert atelier.generator.paid == []

    async def test_a_request_id_that_others_could_guess_is_refused(self, atelier: Atelier) -> None:
        assert_problem(await atelier.open(await atelier.document(), request_id="1"), 422, code="invalid_request")
