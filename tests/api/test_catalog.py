"""The catalogue answers the fields and types that the storefront reads, from the real database."""

import httpx
import pytest

from tests.api.world import assert_problem


async def test_brands_have_every_field_that_the_brand_screen_reads(browser: httpx.AsyncClient):
    body = (await browser.get("/api/brands")).json()

    assert body["success"] is True
    first = body["brands"][0]
    assert {"id", "name", "available", "frame_color", "button_color", "subtitle", "enabled", "chinese_brand_id"} <= first.keys()
    assert first["name"] == "iPhone"
    assert first["available"] is True
    assert first["chinese_brand_id"].startswith("BR")


async def test_a_brand_that_is_not_sold_now_is_listed_as_unavailable(browser: httpx.AsyncClient):
    brands = (await browser.get("/api/brands")).json()["brands"]

    google = next(brand for brand in brands if brand["name"] == "Google")
    assert google["available"] is False
    assert google["subtitle"]


async def test_models_answer_millimetres_and_prices_as_numbers(browser: httpx.AsyncClient):
    body = (await browser.get("/api/brands/iphone/models")).json()

    assert body["success"] is True
    assert body["brand"]["id"] == "iphone"
    assert body["total_models"] == len(body["models"]) > 0
    model = next(model for model in body["models"] if model["display_name"] == "iPhone 15 Pro")
    assert (model["price"], model["width"], model["height"], model["stock"]) == (35.0, 69.43, 145.12, 2)
    assert (model["chinese_model_id"], model["mobile_shell_id"]) == ("MM020250224000010", "MS102509090019")


async def test_models_that_are_there_come_first_because_the_first_is_preselected(browser: httpx.AsyncClient):
    models = (await browser.get("/api/brands/iphone/models")).json()["models"]

    availability = [model["is_available"] for model in models]
    assert availability == sorted(availability, reverse=True)


async def test_stock_answers_millimetres_and_prices_as_texts(browser: httpx.AsyncClient):
    brand = next(brand for brand in (await browser.get("/api/chinese/brands")).json()["brands"] if brand["e_name"] == "Apple")

    body = (await browser.get(f"/api/chinese/stock/CXYLOGD8OQUK/{brand['id']}")).json()

    assert body["success"] is True
    assert (body["device_id"], body["brand_id"]) == ("CXYLOGD8OQUK", brand["id"])
    assert body["available_count"] == len(body["available_items"]) > 0
    item = next(item for item in body["available_items"] if item["mobile_shell_id"] == "MS102509090019")
    assert (item["width"], item["height"], item["stock"]) == ("69.43", "145.12", 2)
    assert isinstance(item["price"], str)
    assert item["mobile_model_name"] == "iPhone 15 Pro"
    assert body["counted_at"] == "2025-12-17T00:00:00Z"


@pytest.mark.parametrize("path", ["/api/styles/cover-shoot", "/api/images/styles/cover-shoot"])
async def test_styles_are_under_every_name_that_a_screen_may_read(browser: httpx.AsyncClient, path: str):
    body = (await browser.get(path)).json()

    assert "Vogue Vibe" in body["styles"]
    assert body["styles"] == body["keywords"] == body["modes"]


async def test_a_template_without_ai_has_no_styles(browser: httpx.AsyncClient):
    assert (await browser.get("/api/styles/classic")).json()["options"] == []


async def test_templates_answer_their_price_as_a_number_and_as_text(browser: httpx.AsyncClient):
    listed = (await browser.get("/api/templates")).json()["templates"]
    one = (await browser.get("/api/templates/classic")).json()["template"]

    assert one in listed
    assert (one["price"], one["display_price"], one["currency"], one["image_count"]) == (35.0, "£35.00", "GBP", 1)


async def test_fonts_say_whether_they_come_from_google(browser: httpx.AsyncClient):
    fonts = (await browser.get("/api/fonts")).json()["fonts"]

    assert all(font["is_google_font"] is (font["google_font_url"] is not None) for font in fonts)
    assert {True, False} == {font["is_google_font"] for font in fonts}


@pytest.mark.parametrize("kind", ["background", "text"])
async def test_colours_have_the_classes_of_the_storefront(browser: httpx.AsyncClient, kind: str):
    colors = (await browser.get(f"/api/colors/{kind}")).json()["colors"]

    assert colors
    assert all(color["color_type"] == kind and color["css_classes"].keys() == {"bg", "border"} for color in colors)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/brands/nokia/models", 404),
        ("/api/templates/nothing", 404),
        ("/api/styles/nothing", 404),
        ("/api/colors/smell", 400),
    ],
)
async def test_what_is_not_in_the_catalogue_is_said_in_words(browser: httpx.AsyncClient, path: str, status: int):
    assert_problem(await browser.get(path), status)
