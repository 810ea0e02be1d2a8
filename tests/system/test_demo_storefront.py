"""The demo storefront before the real shop: a person's whole walk, without a script in the browser."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from dev.storefront_app.app import create_app
from tests.dev.storefront_app.browser import Browser, Page
from tests.system.case import until
from tests.system.storefront import CUSTOMER, MACHINE, picture
from tests.system.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDER = ("do", "checkout")


@pytest_asyncio.fixture(loop_scope="module")
async def browser(world: World) -> AsyncIterator[Browser]:
    app = create_app(world.settings.image_link.public_base_url, machines=(MACHINE,))
    transport = httpx.ASGITransport(app)
    url = world.settings.storefront.url
    async with app.router.lifespan_context(app), httpx.AsyncClient(base_url=url, transport=transport) as http:
        yield Browser(http)


async def pay(page: Page) -> str:
    """Pay at Stripe's page; returns the address to which it sends the browser back."""
    async with httpx.AsyncClient(trust_env=False) as http:
        stripe = Browser(http)
        paid = await stripe.press(await stripe.open(page.answer.headers["Location"]))
    return paid.answer.headers["Location"]


@pytest.mark.parametrize("machine", ["", MACHINE])
async def test_a_case_is_designed_paid_followed_and_printed_as_it_was_approved(world: World, browser: Browser, machine: str):
    phones = await browser.open(f"/?machine={machine}")
    chosen = next(form for form in phones.forms if form.values.get("model") == "iphone-15-pro")
    page = await browser.press(Page(phones.answer, [chosen], "", [], []))
    page = await browser.press(page, ("template", "2-in-1"))
    photos = {f"photo_{number}": (f"{number}.png", picture(number, (700, 700))) for number in range(2)}
    page = await browser.press(page, ("do", "preview"), {"text_0": "Ada", "text_size_0": "0.2"}, photos)
    assert page.alerts == []
    assert "Part of your text is outside" not in page.text

    page = await browser.press(page, ORDER)
    approved = re.findall(r"\b[0-9a-f]{64}\b", page.text)
    typed = {} if machine else {name: value for name, value in CUSTOMER.items() if value}
    page = await browser.open(await pay(await browser.press(page, None, typed)))

    async def printed() -> Page | None:
        shown = await browser.open(page.path)
        return shown if ("ready for collection" if machine else "to ship") in shown.text else None

    shown = await until(printed, what="the order's page says that it is printed")
    assert shown is not None
    token = page.path.rpartition("/")[2]
    (row,) = await world.rows("SELECT print_reference FROM orders WHERE public_token = :token", token=token)
    (entry,) = await world.manufacturer.ledger("order_printed", third_id=row["print_reference"])
    assert [entry["sha256"]] == approved
    assert approved[0] in shown.text
