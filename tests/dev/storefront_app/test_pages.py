"""What a customer sees of the demo storefront, page by page, and what the API is asked for it."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from api.schemas.images import Remark
from models.order import OrderStatus
from tests.dev.storefront_app.api_stub import API, CHECKOUT, SHA, TEMPLATES, ApiStub, order
from tests.dev.storefront_app.browser import Browser, Page
from tests.dev.storefront_app.conftest import storefront

PREVIEW, ORDER, PAINT = ("do", "preview"), ("do", "checkout"), ("do", "paint")
PHOTO = ("beach.jpg", b"a photo")
NASTY = '"><script>alert(1)</script>{{ 7 * 7 }}'
ADDRESS = {
    "customer_name": "Ada Lovelace",
    "customer_email": "ada@example.com",
    "shipping_address_line1": "1 Observatory Road",
    "shipping_city": "London",
    "shipping_postcode": "SE10 8XJ",
}


async def begin(browser: Browser, template: str = "classic", machine: str = "") -> Page:
    """Choose a phone and a template."""
    phones = await browser.open(f"/?machine={machine}")
    templates = await browser.press(Page(phones.answer, phones.forms[1:2], "", [], []))
    return await browser.press(templates, ("template", template))


async def drawn(browser: Browser, template: str = "classic", machine: str = "") -> Page:
    """A design whose photos are all there and whose preview is shown."""
    page = await begin(browser, template, machine)
    files = {f"photo_{number}": PHOTO for number in range(TEMPLATES[template])}
    return await browser.press(page, PREVIEW, files=files)


async def painted(browser: Browser, page: Page) -> Page:
    """Wait on the waiting page until it leads on."""
    for _ in range(200):
        if not page.path.endswith("/painting"):
            return page
        await asyncio.sleep(0)
        page = await browser.open(page.path)
    raise AssertionError("the picture is never there")


class TestPhones:
    async def test_it_shows_what_is_in_stock_where_the_case_is_got(self, api: ApiStub, browser: Browser):
        page = await browser.open("/?machine=CXYLOGD8OQUK")
        assert "iPhone 15 Pro £35.00 7 in stock" in page.text
        assert "iPhone X £35.00 Not available" in page.text
        assert page.forms[0].values["machine"] == "CXYLOGD8OQUK"
        assert len([form for form in page.forms[1:] if form.buttons]) == 1, "only what is there can be chosen"

    async def test_a_phone_that_was_sold_out_meanwhile_is_said_to_be(self, browser: Browser):
        answer = await browser.http.post("/designs", data={"brand": "iphone", "model": "iphone-x"})
        assert answer.status_code == 404
        assert "not offered here at the moment" in answer.text

    async def test_a_form_that_was_refused_is_not_asked_for_again_by_itself(self, api: ApiStub, browser: Browser):
        """A page that loads itself again does so without the form, and would find nothing."""
        api.refusals["/api/brands"] = (503, "Try again.")
        answer = await browser.http.post("/designs", data={"brand": "iphone", "model": "iphone-15-pro"})
        page = Page.of(answer)
        assert (page.alerts, page.looks_again_after) == (["Try again."], None)

    async def test_a_design_can_be_gone_on_with(self, browser: Browser):
        page = await begin(browser)
        assert page.path in (await browser.open("/")).links()


class TestTemplates:
    @pytest.mark.parametrize("template", TEMPLATES)
    async def test_each_asks_for_its_number_of_photos_and_is_drawn_with_them(self, api: ApiStub, browser: Browser, template: str):
        api.pictures.append("made.png")
        page = await drawn(browser, template)
        assert len(page.form().files) == TEMPLATES[template]
        if template == "retro-remix":
            page = await painted(browser, await browser.press(page, PAINT, {"style": "80s Neon"}))
        assert api.designs[-1].design.template_id == template
        assert len(api.designs[-1].design.photos) == TEMPLATES[template]
        assert any("preview-1.webp" in picture for picture in page.pictures())

    async def test_photos_wait_for_a_template_that_has_room_for_them(self, browser: Browser):
        page = await drawn(browser, "4-in-1")
        for template in ("classic", "4-in-1"):
            page = await browser.press(await browser.open(f"{page.path}/template"), ("template", template))
        assert page.text.count("beach.jpg") == 4

    async def test_missing_photos_are_counted(self, api: ApiStub, browser: Browser):
        page = await browser.press(await begin(browser, "4-in-1"), ORDER, files={"photo_1": PHOTO})
        assert "3 photos are missing." in page.text
        assert api.designs == []


class TestDesign:
    async def test_everything_that_was_chosen_is_in_the_document(self, api: ApiStub, browser: Browser):
        page = await drawn(browser, machine="CXYLOGD8OQUK")
        placed = {"photo_zoom_0": "1.5", "fit_0": "contain", "background_color": "#ef4444", "background_picture": "SPACE/1"}
        text = {
            "text_0": "Ada\r\nB.",
            "text_font_0": "pacifico",
            "text_color_0": "#ffffff",
            "text_size_0": "0.2",
            "text_y_0": "0.3",
        }
        page = await browser.press(page, ("add_sticker", "CAT/1"), placed | text)
        await browser.press(page, PREVIEW, {"sticker_x_0": "0.25", "sticker_rotation_0": "15"})
        body = api.designs[-1]
        assert (body.brand, body.model, body.machine_id, body.mobile_shell_id) == (
            "iphone",
            "iPhone 15 Pro",
            "CXYLOGD8OQUK",
            "MS1",
        )
        assert (body.design.photos[0].photo, body.design.photos[0].zoom, body.design.photos[0].fit) == (
            "photo-1.jpg",
            1.5,
            "contain",
        )
        assert (body.design.background.color, body.design.background.picture) == ("#ef4444", "SPACE/1")
        sticker, line = body.design.stickers[0], body.design.texts[0]
        assert (sticker.sticker, sticker.x, sticker.rotation) == ("CAT/1", 0.25, 15)
        assert (line.text, line.font, line.color, line.size, line.y) == ("Ada\nB.", "pacifico", "#ffffff", 0.2, 0.3)

    async def test_what_is_taken_off_is_gone(self, api: ApiStub, browser: Browser):
        page = await browser.press(await drawn(browser), ("add_sticker", "CAT/1"), {"text_0": "one"})
        page = await browser.press(page, ("remove_sticker", "0"), {"text_1": "two"})
        await browser.press(page, ("remove_text", "0"))
        assert api.designs[-1].design.stickers == ()
        assert [line.text for line in api.designs[-1].design.texts] == ["two"]

    async def test_remarks_are_shown_and_keep_nobody_from_ordering(self, api: ApiStub, browser: Browser):
        api.remarks = [Remark(code="low_resolution", message="Photo 1 may look soft.", layer="photos[0]", facts={})]
        page = await drawn(browser)
        assert "Photo 1 may look soft." in page.text
        page = await browser.press(page, ORDER)
        assert page.path.endswith("/checkout")
        assert "Photo 1 may look soft." in page.text

    async def test_the_same_design_is_drawn_once(self, api: ApiStub, browser: Browser):
        await browser.press(await drawn(browser), PREVIEW)
        assert len(api.designs) == 1

    async def test_a_refused_photo_is_said_beside_its_place_and_the_rest_stays(self, api: ApiStub, browser: Browser):
        page = await begin(browser, "2-in-1")
        api.refusals["/api/photos"] = (422, "This is not a photo.")
        page = await browser.press(page, PREVIEW, {"text_0": "typed"}, {"photo_0": ("essay.txt", b"words"), "photo_1": PHOTO})
        assert page.alerts == ["essay.txt: This is not a photo."]
        assert "#photo_0" in page.links()
        assert page.form().values["text_0"] == "typed"
        assert "beach.jpg" in page.text

    async def test_a_photo_that_is_too_large_is_not_sent_at_all(self, api: ApiStub, browser: Browser):
        page = await browser.press(await begin(browser), PREVIEW, files={"photo_0": ("huge.png", b"0" * 10_000_001)})
        assert page.alerts == ["huge.png is larger than 10 MB. Please choose a smaller photo."]
        assert api.photos == 0

    @pytest.mark.parametrize("status", [422, 429, 503])
    async def test_a_refused_drawing_is_explained_and_nothing_typed_is_lost(self, api: ApiStub, browser: Browser, status: int):
        page = await drawn(browser)
        api.refusals["/api/designs"] = (status, "This cannot be drawn.")
        page = await browser.press(page, ORDER, {"text_0": "typed", "text_y_0": "0.4"})
        assert page.alerts == ["This cannot be drawn."]
        assert "before your last change" in page.text
        assert (page.form().values["text_0"], page.form().values["text_y_0"]) == ("typed", "0.4")
        again = await browser.press(page, PREVIEW)
        assert again.alerts == []
        assert any("preview-2.webp" in picture for picture in again.pictures())

    async def test_going_back_to_what_was_drawn_takes_the_refusal_away(self, api: ApiStub, browser: Browser):
        page = await drawn(browser)
        api.refusals["/api/designs"] = (422, "This cannot be drawn.")
        page = await browser.press(page, PREVIEW, {"text_0": "typed"})
        page = await browser.press(page, ORDER, {"text_0": ""})
        assert page.path.endswith("/checkout")

    @pytest.mark.parametrize("number", ["nan", "inf", "wide", ""])
    async def test_a_number_that_is_none_changes_nothing(self, api: ApiStub, browser: Browser, number: str):
        page = await browser.press(await drawn(browser), PREVIEW, {"photo_zoom_0": number, "text_0": "x", "text_size_0": number})
        assert (page.form().values["photo_zoom_0"], page.form().values["text_size_0"]) == ("1.0", "0.1")
        assert page.alerts == []

    async def test_a_shop_without_stickers_has_none_on_the_page(self):
        async with storefront(ApiStub(has_stickers=False)) as browser:
            page = await drawn(browser)
        assert page.answer.status_code == 200
        assert "Stickers" not in page.text

    async def test_a_design_survives_a_restart_of_the_shop(self, api: ApiStub, tmp_path: Path):
        async with storefront(api, tmp_path / "shop.sqlite") as browser:
            path = (await browser.press(await drawn(browser), PREVIEW, {"text_0": "typed"})).path
        async with storefront(api, tmp_path / "shop.sqlite") as browser:
            assert (await browser.open(path)).form().values["text_0"] == "typed"


class TestAiPictures:
    async def test_a_picture_that_takes_long_is_waited_for_and_put_on_the_case(self, api: ApiStub, browser: Browser):
        api.pictures.extend([None, None, "slow.png"])
        page = await browser.press(
            await begin(browser, "retro-remix"), PAINT, {"style": "80s Neon", "words": "Ada"}, {"photo_0": PHOTO}
        )
        assert (page.path.endswith("/painting"), page.looks_again_after) == (True, 2)
        page = await painted(browser, page)
        assert api.wishes == [
            {
                "template_id": "retro-remix",
                "style_params": '{"style": "80s Neon", "optional_text": "Ada"}',
                "image": b"bytes of photo-1.jpg",
            }
        ]
        assert [layer.photo for layer in api.designs[-1].design.photos] == ["slow.png"]
        assert any("preview-1.webp" in picture for picture in page.pictures())

    async def test_it_is_waited_for_until_it_is_on_the_case(self, api: ApiStub, browser: Browser):
        """Between the AI's answer and its preview, the design page would show a blank case."""
        api.may_draw.clear()
        page = await browser.press(await begin(browser, "retro-remix"), PAINT, {"style": "80s Neon"}, {"photo_0": PHOTO})
        while not api.designs:
            page = await browser.open(page.path)
        page = await browser.open(page.path)
        assert page.path.endswith("/painting")
        api.may_draw.set()
        page = await painted(browser, page)
        assert any("preview-1.webp" in picture for picture in page.pictures())

    async def test_a_refusal_is_shown_with_the_styles_and_nothing_is_lost(self, api: ApiStub, browser: Browser):
        api.pictures.append((422, "The picture maker will not do this."))
        page = await browser.press(
            await begin(browser, "retro-remix"), PAINT, {"style": "Film Noir", "text_0": "typed"}, {"photo_0": PHOTO}
        )
        page = await painted(browser, page)
        assert page.alerts == ["The picture maker will not do this."]
        assert "#style" in page.links()
        assert (page.form().values["style"], page.form().values["text_0"]) == ("Film Noir", "typed")

    async def test_an_earlier_picture_can_be_taken_again(self, api: ApiStub, browser: Browser):
        api.pictures.extend(["first.png", "second.png"])
        page = await browser.press(await begin(browser, "retro-remix"), PAINT, {"style": "80s Neon"}, {"photo_0": PHOTO})
        page = await painted(browser, await browser.press(await painted(browser, page), PAINT, {"style": "Film Noir"}))
        assert page.form().values["chosen"] == "second.png"
        await browser.press(page, PREVIEW, {"chosen": "first.png"})
        assert [design.design.photos[0].photo for design in api.designs] == ["first.png", "second.png", "first.png"]

    @pytest.mark.parametrize(("changes", "files"), [({"style": "80s Neon"}, {}), ({}, {"photo_0": PHOTO})])
    async def test_what_is_missing_is_asked_for(self, api: ApiStub, browser: Browser, changes, files):
        page = await browser.press(await begin(browser, "retro-remix"), PAINT, changes, files)
        assert len(page.alerts) == 1
        assert api.wishes == []

    async def test_a_restarted_shop_goes_on_asking_where_it_was_told_to(self, api: ApiStub, tmp_path: Path):
        state = tmp_path / "shop.sqlite"
        api.pictures.extend([None] * 50)
        async with storefront(api, state) as browser:
            page = await browser.press(await begin(browser, "retro-remix"), PAINT, {"style": "80s Neon"}, {"photo_0": PHOTO})
            await api.asked_again.wait()
        api.pictures.clear()
        async with storefront(api, state) as browser:
            page = await painted(browser, await browser.open(page.path))
        assert len(api.wishes) == 1, "the picture was ordered once"
        assert "made.png" in page.form().values["chosen"]


class TestCheckout:
    async def test_the_approved_print_file_is_ordered_to_an_address(self, api: ApiStub, browser: Browser):
        page = await browser.press(await drawn(browser), ORDER)
        assert SHA in page.text
        page = await browser.press(page, None, {**ADDRESS, "screen-protector": "on"})
        assert page.answer.headers["Location"] == CHECKOUT
        body = api.checkouts[0]
        assert (body.amount_pence, body.selected_add_ons, body.entry_source) == (4299, ["screen-protector"], "vanilla")
        assert body.final_image_url == f"{API}/image/final.png?token=t"
        assert (body.customer_name, body.shipping_postcode, body.machine_id) == ("Ada Lovelace", "SE10 8XJ", None)

    async def test_a_case_from_a_machine_needs_no_address(self, api: ApiStub, browser: Browser):
        page = await browser.press(await browser.press(await drawn(browser, machine="CXYLOGD8OQUK"), ORDER))
        assert page.answer.headers["Location"] == CHECKOUT
        body = api.checkouts[0]
        assert (body.entry_source, body.machine_id, body.customer_name) == ("qr", "CXYLOGD8OQUK", "")

    @pytest.mark.parametrize("status", [409, 422, 503])
    async def test_a_refused_checkout_is_explained_and_the_address_stays(self, api: ApiStub, browser: Browser, status: int):
        api.refusals["/create-checkout-session"] = (status, "We sold the last one.")
        page = await browser.press(await browser.press(await drawn(browser), ORDER), None, ADDRESS)
        assert page.alerts == ["We sold the last one."]
        assert {name: page.form().values[name] for name in ADDRESS} == ADDRESS

    async def test_a_design_that_was_changed_is_looked_at_before_it_is_ordered(self, api: ApiStub, browser: Browser):
        page = await drawn(browser)
        api.refusals["/api/designs"] = (503, "Try again.")
        await browser.press(page, PREVIEW, {"text_0": "typed"})
        assert (await browser.open(f"{page.path}/checkout")).path == page.path
        answer = await browser.http.post(f"{page.path}/checkout", data=ADDRESS)
        assert answer.headers["Location"] == page.path
        assert api.checkouts == []

    async def test_whoever_leaves_the_payment_page_finds_the_checkout_again(self, browser: Browser):
        page = await browser.press(await drawn(browser), ORDER)
        left = await browser.open("/payment-cancel")
        assert "Nothing was charged" in left.text
        assert page.path in left.links()


class TestOrder:
    async def test_paying_leads_to_the_orders_own_page_with_what_was_approved(self, browser: Browser):
        await browser.press(await browser.press(await drawn(browser), ORDER), None, ADDRESS)
        page = await browser.open("/payment-success?session_id=cs_test_1")
        assert (page.path, page.looks_again_after) == ("/orders/token_1", 2)
        assert SHA in page.text
        assert "paid" in page.text
        assert "printing" in page.text
        assert any("preview-1.webp" in picture for picture in page.pictures())

    @pytest.mark.parametrize(
        ("status", "look_again"),
        [
            (OrderStatus.PAID, 2),
            (OrderStatus.TO_SHIP, 10),
            (OrderStatus.READY_FOR_COLLECTION, 10),
            (OrderStatus.COMPLETED, None),
            (OrderStatus.CANCELED, None),
        ],
    )
    async def test_it_looks_again_as_long_as_something_can_happen(self, api: ApiStub, browser: Browser, status, look_again):
        api.order = order(status)
        assert (await browser.open("/orders/token_1")).looks_again_after == look_again

    @pytest.mark.parametrize("status", OrderStatus)
    async def test_every_status_has_its_page(self, api: ApiStub, browser: Browser, status: OrderStatus):
        api.order = order(status, at_machine=True)
        page = await browser.open("/orders/token_1")
        assert page.answer.status_code == 200
        assert "Collect it at machine CXYLOGD8OQUK , queue number 007" in page.text

    async def test_a_confirmation_that_is_not_there_yet_is_asked_for_again(self, api: ApiStub, browser: Browser):
        api.refusals["/process-payment-success"] = (503, "Not yet.")
        page = await browser.open("/payment-success?session_id=cs_test_1")
        assert (page.answer.status_code, page.looks_again_after, page.alerts) == (503, 5, ["Not yet."])


class TestSafety:
    async def test_nothing_that_was_typed_becomes_part_of_a_page(self, api: ApiStub, browser: Browser):
        """Texts, file names, addresses, and what the API says of them, on every page on which they are shown."""
        api.remarks = [Remark(code="text_outside", message=NASTY, layer="", facts={})]
        page = await browser.press(await drawn(browser), PREVIEW, {"text_0": NASTY}, {"photo_0": (NASTY.replace('"', ""), b"a")})
        api.refusals["/create-checkout-session"] = (422, NASTY)
        checkout = await browser.press(await browser.press(page, ORDER), None, {**ADDRESS, "customer_name": NASTY})
        assert page.form().values["text_0"] == NASTY
        assert checkout.form().values["customer_name"] == NASTY
        assert checkout.alerts == [NASTY]
        phones = await browser.http.get("/", params={"machine": NASTY})
        for answer in (page.answer, checkout.answer, phones):
            assert re.findall(r"<script[^>]*>", answer.text) == ['<script src="/static/shop.js" defer>']
            assert "49" not in re.findall(r"alert\(1\).{0,40}", answer.text)[0]

    async def test_pages_run_only_their_own_scripts_and_show_only_the_apis_pictures(self, browser: Browser):
        policy = (await browser.open("/")).answer.headers["Content-Security-Policy"]
        assert policy == f"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: {API}; base-uri 'none'"

    async def test_no_page_needs_what_the_policy_forbids(self, browser: Browser):
        page = await drawn(browser)
        for answer in [page.answer, (await browser.press(page, ORDER)).answer, (await browser.open("/orders/token_1")).answer]:
            assert not re.search(r"\sstyle=|\son[a-z]+=|<style", answer.text)

    @pytest.mark.parametrize("path", ["/designs/nobody", "/designs/nobody/checkout", "/designs/nobody/painting", "/elsewhere"])
    async def test_what_is_not_there_is_said_to_be(self, browser: Browser, path: str):
        page = await browser.open(path)
        assert page.answer.status_code == 404
        assert len(page.alerts) == 1

    async def test_a_silent_api_is_waited_for(self):
        def silent(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("nobody listens", request=request)

        async with storefront(httpx.MockTransport(silent)) as browser:
            page = await browser.open("/")
        assert (page.answer.status_code, page.looks_again_after) == (503, 5)
        assert page.alerts == ["The shop does not answer. Please try again in a moment; nothing is lost."]
