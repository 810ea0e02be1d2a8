"""A checkout leads to one order and one page to pay at, or is refused with the reason before anything is started."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from temporalio.common import SearchAttributeKey

from adapters.postgres.engine import Database
from api.handles import order_handle
from models.errors import IntegrityBroken
from models.order import CancelOutcome, Channel, Operator, OrderInput, OrderStatus, order_id_for, order_workflow_id
from tests.api.conftest import Shop
from tests.api.world import QR_CHECKOUT, STOREFRONT, WEB_CHECKOUT, Clock, assert_problem, picture, upload
from workflows.order import OrderWorkflow


async def checkout(browser: httpx.AsyncClient, body: dict[str, Any], **changes: Any) -> httpx.Response:
    return await browser.post("/create-checkout-session", json={**body, **changes})


class TestRefused:
    """By the real catalogue, with Temporal away: nothing may have been started."""

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            pytest.param({"amount_pence": 100}, 409, "price_changed", id="a wrong price"),
            pytest.param({"amount_pence": 0}, 409, "price_changed", id="a claim that it is free"),
            pytest.param({"model": "iPhone 3G"}, 422, "unknown_model", id="an unknown model"),
            pytest.param({"brand": "NOKIA"}, 422, "unknown_model", id="an unknown brand"),
            pytest.param({"selected_add_ons": ["gold"]}, 422, "unknown_add_on", id="an unknown add-on"),
            pytest.param({"shipping_postcode": ""}, 422, "missing_address", id="no postcode"),
            pytest.param({"customer_email": None}, 422, "missing_address", id="no e-mail address"),
            pytest.param({"entry_source": "qr", "machine_id": "NOSUCHMACHINE"}, 422, "unknown_device", id="an unknown machine"),
            pytest.param({"entry_source": "qr"}, 422, "unknown_device", id="a scan without a machine"),
            pytest.param({"customer_name": "Ed\x00wina"}, 422, "invalid_request", id="a name that cannot be written down"),
            pytest.param({"selected_add_ons": ["\x00"]}, 422, "invalid_request", id="an add-on that cannot be looked up"),
        ],
    )
    async def test_with_the_reason_and_what_to_do_about_it(
        self, browser: httpx.AsyncClient, changes: dict[str, Any], status: int, code: str
    ):
        url = (await upload(browser))["public_url"]

        answer = await checkout(browser, WEB_CHECKOUT, final_image_url=url, **changes)

        assert_problem(answer, status, code=code)

    async def test_a_wrong_price_names_both_prices(self, browser: httpx.AsyncClient):
        url = (await upload(browser))["public_url"]

        body = assert_problem(await checkout(browser, WEB_CHECKOUT, final_image_url=url, amount_pence=1999), 409)

        assert (body["facts"]["shown"], body["facts"]["price"]) == (1999, 3500)
        assert "£35.00" in body["detail"]

    async def test_a_design_of_another_phones_shape_names_the_shape_that_is_needed(self, browser: httpx.AsyncClient):
        url = (await upload(browser, picture((1390, 2300))))["public_url"]

        body = assert_problem(await checkout(browser, WEB_CHECKOUT, final_image_url=url), 422, code="wrong_ratio")

        assert "1390 × 2905" in body["detail"]

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "https://evil.example/image/{name}",
            "http://api.test.example/image/{name}",
            "https://api.test.example.evil.example/image/{name}",
            "https://user@api.test.example/image/{name}",
            "https://api.test.example/other/{name}",
            "https://api.test.example/image/",
            "https://api.test.example/image/../image/{name}",
            "https://api.test.example/image/unknown.png?token=1",
            "data:image/png;base64,AAAA",
            "https://[broken/image/{name}",
        ],
    )
    async def test_an_image_that_is_not_an_upload_of_ours(self, browser: httpx.AsyncClient, url: str):
        name = (await upload(browser))["filename"]

        answer = await checkout(browser, WEB_CHECKOUT, final_image_url=url.replace("{name}", name))

        assert_problem(answer, 422, code="unknown_upload")

    async def test_a_body_without_an_image(self, browser: httpx.AsyncClient):
        assert_problem(await checkout(browser, WEB_CHECKOUT), 422, code="unknown_upload")

    async def test_a_phone_that_is_sold_out(self, browser: httpx.AsyncClient, database: Database):
        url = (await upload(browser))["public_url"]
        async with database.connect() as connection:
            await connection.execute(text("UPDATE stock_levels SET stock = 0"))

        assert_problem(await checkout(browser, WEB_CHECKOUT, final_image_url=url), 409, code="out_of_stock")

    async def test_for_now_when_temporal_cannot_be_reached(self, browser: httpx.AsyncClient):
        url = (await upload(browser))["public_url"]

        answer = await checkout(browser, WEB_CHECKOUT, final_image_url=url)

        assert_problem(answer, 503, code="try_again")
        assert answer.headers["retry-after"]


class TestOpened:
    """With a Temporal server and the order's own workflow."""

    async def test_the_recorded_web_checkout_leads_to_stripes_page(self, shop: Shop):
        uploaded = await shop.upload()

        answer = await shop.checkout(WEB_CHECKOUT, final_image_url=uploaded["public_url"])

        assert answer.status_code == 200, answer.text
        assert answer.json() == {"checkout_url": "https://checkout.example/1", "session_id": "cs_1"}
        (order,) = await shop.orders()
        assert order["id"] == order_id_for(uploaded["filename"], 1)
        assert (order["status"], order["channel"], order["total"]) == (OrderStatus.AWAITING_PAYMENT, "web", 3500)
        assert (order["customer_email"], order["address_city"]) == ("ada@example.com", "London")

    async def test_the_recorded_checkout_after_a_scan_is_for_that_machine_and_needs_no_address(self, shop: Shop):
        url = (await shop.upload())["public_url"]

        answer = await shop.checkout(QR_CHECKOUT, final_image_url=url)

        assert answer.status_code == 200, answer.text
        (order,) = await shop.orders()
        assert (order["channel"], order["device_id"], order["total"]) == ("app", QR_CHECKOUT["machine_id"], 4299)
        assert order["customer_email"] is None

    async def test_the_same_body_again_leads_to_the_same_page_now_and_later(self, shop: Shop, clock: Clock):
        url = (await shop.upload())["public_url"]

        first = await asyncio.gather(*(shop.checkout(WEB_CHECKOUT, final_image_url=url) for _ in range(5)))
        clock.pass_by(timedelta(minutes=10))
        later = await shop.checkout(WEB_CHECKOUT, final_image_url=url)

        assert {answer.json()["session_id"] for answer in (*first, later)} == {"cs_1"}
        assert len(shop.gateway.sessions) == len(await shop.orders()) == 1

    async def test_the_last_shell_is_not_refused_to_the_one_who_holds_it(self, shop: Shop):
        url = (await shop.upload())["public_url"]
        async with shop.database.connect() as connection:
            await connection.execute(text("UPDATE stock_levels SET stock = 1"))

        answers = [await shop.checkout(WEB_CHECKOUT, final_image_url=url) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]

    async def test_a_changed_body_replaces_the_page_of_an_unpaid_order(self, shop: Shop):
        url = (await shop.upload())["public_url"]
        await shop.checkout(WEB_CHECKOUT, final_image_url=url)

        changed = {"selected_add_ons": ["screen-protector"], "amount_pence": 4299}
        answer = await shop.checkout(WEB_CHECKOUT, final_image_url=url, **changed)

        assert answer.json()["session_id"] == "cs_2"
        assert shop.gateway.payable == ["cs_2"]
        (order,) = await shop.orders()
        assert order["total"] == 4299

    async def test_an_order_that_has_ended_is_followed_by_the_next_attempt(self, shop: Shop):
        uploaded = await shop.upload()
        await shop.checkout(WEB_CHECKOUT, final_image_url=uploaded["public_url"])
        order_id = order_id_for(uploaded["filename"], 1)
        first = order_handle(shop.client, order_id)
        operator = Operator(operator="anna", reason="asked by phone")
        assert await first.execute_update(OrderWorkflow.cancel, operator) is CancelOutcome.CANCELED
        await first.result()

        answer = await shop.checkout(WEB_CHECKOUT, final_image_url=uploaded["public_url"], customer_phone="")

        assert answer.json()["session_id"] == "cs_2"
        assert [order["id"] for order in await shop.orders()] == [order_id_for(uploaded["filename"], n) for n in (1, 2)]

    async def test_an_order_that_ended_without_a_row_is_passed_over(self, shop: Shop):
        uploaded = await shop.upload()
        order_id = order_id_for(uploaded["filename"], 1)
        dead = await shop.client.start_workflow(
            OrderWorkflow.run,
            OrderInput(order_id=order_id, channel=Channel.WEB),
            id=order_workflow_id(order_id),
            task_queue="nobody",
        )
        await dead.terminate()

        answer = await shop.checkout(WEB_CHECKOUT, final_image_url=uploaded["public_url"])

        assert answer.status_code == 200, answer.text
        assert [order["id"] for order in await shop.orders()] == [order_id_for(uploaded["filename"], 2)]

    async def test_a_failure_is_not_repeated_once_a_minute_has_passed(self, shop: Shop, clock: Clock):
        url = (await shop.upload())["public_url"]
        shop.gateway.faults.fail("open_checkout", IntegrityBroken("another total than was asked for"))
        refused = await shop.checkout(WEB_CHECKOUT, final_image_url=url)

        clock.pass_by(timedelta(minutes=1))
        answer = await shop.checkout(WEB_CHECKOUT, final_image_url=url)

        assert_problem(refused, 503)
        assert answer.status_code == 200, answer.text

    async def test_a_workflow_carries_nothing_personal_in_the_clear(self, shop: Shop):
        uploaded = await shop.upload()
        await shop.checkout(WEB_CHECKOUT, final_image_url=uploaded["public_url"])

        handle = shop.client.get_workflow_handle(order_workflow_id(order_id_for(uploaded["filename"], 1)))
        described = await handle.describe()

        assert await described.static_summary() == "web order, APPLE iPhone 15 Pro"
        assert "Ada" not in str(described.raw_description)
        assert {pair.key.name: pair.value for pair in described.typed_search_attributes}["Channel"] == "web"

    async def test_an_attribute_that_temporal_does_not_know_keeps_nobody_from_buying(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ):
        url = (await shop.upload())["public_url"]
        monkeypatch.setattr("api.order_client.CHANNEL", SearchAttributeKey.for_keyword("NobodyKnowsMe"))

        answer = await shop.checkout(WEB_CHECKOUT, final_image_url=url)

        assert answer.status_code == 200, answer.text

    async def test_a_free_case_leads_to_the_storefronts_own_success_page(self, shop: Shop):
        url = (await shop.upload())["public_url"]
        async with shop.database.connect() as connection:
            await connection.execute(
                text(
                    "INSERT INTO promotions (id, device_id, is_active, daily_cap, starts_at)"
                    " VALUES ('test', 'CXYLOGD8OQUK', true, 5, '2026-01-01')"
                )
            )

        answer = await shop.checkout(QR_CHECKOUT, final_image_url=url, amount_pence=0, selected_add_ons=[])

        body = answer.json()
        assert answer.status_code == 200, answer.text
        assert body["session_id"].startswith("free_")
        assert body["checkout_url"] == f"{STOREFRONT}/payment-success?session_id={body['session_id']}"
        assert shop.gateway.sessions == []
