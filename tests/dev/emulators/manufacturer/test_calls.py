"""What the emulated manufacturer accepts and refuses, on the wire."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dev.emulators.manufacturer.world import Caller, Start

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDER = "OREN260101000001"
PAYMENT = "PYEN260101000001"
PAY_DATA = {
    "mobile_model_id": "MM020250224000010",
    "device_id": "DEV000000001",
    "third_id": PAYMENT,
    "pay_amount": 35.0,
    "pay_type": 12,
}


class TestAuthentication:
    async def test_a_wrong_signature_is_a_business_error_under_http_200(self, partner: Caller):
        assert await partner.send("brand/list", json.dumps({"account": "a", "password": "b", "sign": "0" * 32})) == {
            "msg": "data signature failed",
            "code": 500,
        }

    async def test_the_signature_covers_the_writing_of_a_number(self, partner: Caller):
        """The signature of 35.0 is not the signature of 35."""
        signed = json.dumps(partner.signed(PAY_DATA))
        assert (await partner.send("order/payData", signed.replace("35.0", "35")))["msg"] == "data signature failed"
        assert (await partner.send("order/payData", signed))["code"] == 200

    async def test_the_interface_dialect_wants_a_token_from_login(self, start: Start):
        async with start(dialect="interface") as partner:
            assert (await partner("brand/list"))["code"] == 401
            await partner.log_in()
            assert len((await partner("brand/list"))["data"]) == 12

    async def test_a_token_ends_after_a_day(self, start: Start):
        async with start(dialect="interface") as partner:
            await partner.log_in()
            await partner.later(24 * 3600)
            assert (await partner("brand/list"))["code"] == 401

    async def test_the_interface_dialect_checks_the_signature_and_the_source(self, start: Start):
        async with start(dialect="interface") as partner:
            assert (await partner.send("user/login", "{}", {"sign": "0" * 32, "req_source": "en"}))[
                "msg"
            ] == "data signature failed"
            assert (await partner.send("user/login", "{}", {"sign": "0" * 32}))["code"] == 400

    async def test_wrong_credentials_are_refused(self, start: Start):
        async with start(account="SOMEBODY-ELSE") as partner:
            assert await partner("brand/list") == {"msg": "account or password error", "code": 500}

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ('{"page": null}', 400),
            ('{"lines": [{"deep": null}]}', 400),
            ('{"page": NaN}', 400),
            ('{"a": 1, "a": 1}', 400),
            ('{"a": "\\ud800"}', 400),
            ('{"\\udfff": 1}', 400),
            ("[" * 100_000, 400),
            ("not json", 400),
            ("[]", 500),
        ],
        ids=lambda value: str(value)[:20],
    )
    async def test_a_body_that_cannot_be_signed_is_refused(self, partner: Caller, body: str, code: int):
        assert (await partner.send("shop/list", body))["code"] == code

    async def test_a_body_in_another_encoding_than_utf_8_is_refused(self, partner: Caller):
        headers = {"content-type": "application/json"}
        body = json.dumps(partner.signed({"page": 1, "rows": 1}))
        for encoding in ("utf-16", "utf-32", "utf-8-sig"):
            answer = await partner.http.post("/mobileShell/en/shop/list", content=body.encode(encoding), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (200, 400)

    async def test_a_boolean_is_signed_like_any_other_value(self, start: Start):
        async with start(dialect="interface") as partner:
            await partner.log_in()
            unsigned = partner.headers({"page": 1, "rows": 1})
            answer = await partner.send("shop/list", '{"all": true, "page": 1, "rows": 1}', unsigned)
            assert answer == {"msg": "data signature failed", "code": 500}

    async def test_a_token_is_sent_as_it_is(self, start: Start):
        async with start(dialect="interface") as partner:
            await partner.log_in()
            partner.token = f"Bearer {partner.token}"
            assert (await partner("brand/list"))["code"] == 401

    async def test_a_second_login_leaves_the_first_token_as_it_was(self, start: Start):
        """Whether the real one does is not known; a client that relies on neither is safe either way."""
        async with start(dialect="interface") as partner:
            await partner.log_in()
            first = partner.token
            await partner.log_in()
            assert partner.token != first
            partner.token = first
            assert (await partner("brand/list"))["code"] == 200

    async def test_only_posts_of_json_to_known_paths_are_answered(self, partner: Caller):
        assert (await partner.http.get("/mobileShell/en/brand/list")).json()["code"] == 405
        assert (await partner.http.post("/mobileShell/en/brand/list", content=b"x")).json()["code"] == 415
        assert (await partner("third/brand/list"))["code"] == 404


class TestCatalogue:
    async def test_there_are_twelve_brands(self, partner: Caller):
        brands = (await partner("brand/list"))["data"]
        assert len(brands) == 12
        assert {"id": "BR20250111000002", "name": "苹果", "e_name": "Apple"} in brands

    async def test_one_model_has_two_shells_of_different_size(self, partner: Caller):
        stock = (await partner("stock/list", {"device_id": "DEV000000001", "brand_id": "BR20250111000002"}))["data"]
        pro = [item for item in stock if item["mobile_model_id"] == "MM020250224000010"]
        assert {(item["mobile_shell_id"], item["width"], item["height"]) for item in pro} == {
            ("MS102509090019", "69.43", "145.12"),
            ("MS102503270003", "73.24", "149.27"),
        }
        assert all(item["stock"] == 2 and item["price"] == "10.00" for item in stock)

    async def test_a_brand_without_shells_has_an_empty_stock_list(self, partner: Caller):
        answer = await partner("stock/list", {"device_id": "DEV000000001", "brand_id": "BR102508060001"})
        assert (answer["code"], answer["data"]) == (200, [])

    async def test_a_device_that_is_not_ours_is_refused(self, partner: Caller):
        answer = await partner("stock/list", {"device_id": "DEV999999999", "brand_id": "BR20250111000002"})
        assert answer == {"msg": "No permission to access the current device", "code": 500}

    async def test_shops_lead_to_goods_that_name_the_kind_of_shell(self, partner: Caller):
        shops = (await partner("shop/list", {"page": 1, "rows": 10}))["data"]
        goods = (await partner("goods/list", {"shop_id": shops["list"][0]["id"]}))["data"]
        assert shops["total"] == 1
        assert {item["shell_classify_ename"] for item in goods} == {"basic edition", "standard edition"}


class TestPayments:
    async def test_an_announced_payment_gets_their_id_and_waits(self, partner: Caller):
        answer = await partner.pay()
        assert answer["data"]["third_id"] == PAYMENT
        assert answer["data"]["id"].startswith("MSPY10")
        assert (await partner("order/getPayStatus", {"third_id": PAYMENT}))["data"] == [{"third_id": PAYMENT, "status": 1}]

    async def test_a_reference_is_accepted_once(self, partner: Caller):
        await partner.pay()
        assert await partner.pay() == {"msg": "third_id already exist", "code": 500}

    @pytest.mark.parametrize(
        "changes",
        [
            {"third_id": "MSPY10260101000001"},
            {"pay_type": 99},
            {"pay_amount": "35.0"},
            {"pay_amount": -1.0},
            {"pay_amount": 35.001},
            {"pay_amount": 1e22},
            {"pay_type": 12.0},
            {"pay_type": 10**12},
            {"mobile_model_id": ""},
            {"device_id": 7},
        ],
    )
    async def test_a_field_of_the_wrong_form_is_refused(self, partner: Caller, changes: dict[str, Any]):
        assert (await partner.pay(**changes))["code"] == 400

    @pytest.mark.parametrize("missing", sorted(PAY_DATA))
    async def test_a_missing_field_is_refused(self, partner: Caller, missing: str):
        fields = {name: value for name, value in PAY_DATA.items() if name != missing}
        assert (await partner("order/payData", fields))["code"] == 400
        assert await partner.control("GET", "payments") == []

    async def test_a_model_that_they_never_issued_is_refused(self, partner: Caller):
        assert (await partner.pay(mobile_model_id="MM0001"))["code"] == 500

    async def test_a_device_that_is_offline_is_unavailable(self, partner: Caller):
        await partner.control("PUT", "devices/DEV000000001", {"online": False})
        assert await partner.pay() == {"msg": "device is unavailable", "code": 500}

    async def test_the_status_of_an_unknown_payment_cannot_be_announced(self, partner: Caller):
        answer = await partner("order/payStatus", {"third_id": PAYMENT, "status": 3})
        assert answer == {"msg": "Payment information does not exist", "code": 500}

    async def test_we_cannot_say_that_a_payment_at_the_machine_was_made(self, partner: Caller):
        await partner.pay(pay_type=10)
        assert (await partner("order/payStatus", {"third_id": PAYMENT, "status": 3}))["code"] == 500
        assert (await partner("order/getPayStatus", {"third_id": PAYMENT}))["data"] == [{"third_id": PAYMENT, "status": 1}]

    async def test_an_announced_status_with_another_amount_is_refused(self, partner: Caller):
        await partner.pay()
        assert (await partner("order/payStatus", {"third_id": PAYMENT, "status": 3, "pay_amount": 34.0}))["code"] == 500

    async def test_a_paid_payment_never_goes_back(self, partner: Caller):
        await partner.paid()
        assert (await partner("order/payStatus", {"third_id": PAYMENT, "status": 4}))["code"] == 500

    async def test_statuses_are_asked_for_in_batches_and_unknown_references_are_left_out(self, partner: Caller):
        await partner.paid()
        await partner.pay("PYEN260101000002")
        answer = await partner("order/getPayStatus", {"third_id": "PYEN260101000001,PYEN260101000002,PYEN260101000009"})
        assert answer["data"] == [{"third_id": PAYMENT, "status": 3}, {"third_id": "PYEN260101000002", "status": 1}]

    async def test_the_interface_dialect_asks_with_an_array(self, start: Start):
        async with start(dialect="interface") as partner:
            await partner.log_in()
            await partner.pay()
            assert (await partner("order/getPayStatus", [PAYMENT, "PYEN1"]))["data"] == [{"third_id": PAYMENT, "status": 1}]
            assert (await partner("order/getPayStatus", {"third_id": PAYMENT}))["code"] == 400


class TestOrders:
    async def test_an_order_for_a_paid_payment_is_accepted(self, partner: Caller):
        await partner.paid()
        answer = await partner.order()
        assert answer["data"] == {"id": answer["data"]["id"], "third_id": ORDER, "queue_no": "001", "status": 8}
        assert answer["data"]["id"].startswith("MSOR10")
        accepted = await partner.control("GET", "ledger?operation=order_accepted")
        assert [(entry["third_id"], entry["third_pay_id"], entry["mobile_shell_id"]) for entry in accepted] == [
            (ORDER, PAYMENT, "MS102509090019")
        ]

    async def test_their_own_payment_id_is_not_a_payment_reference(self, partner: Caller):
        await partner.paid()
        theirs = (await partner.control("GET", "payments"))[0]["id"]
        assert await partner.order(third_pay_id=theirs) == {"msg": "Payment information does not exist", "code": 500}

    async def test_an_order_reference_is_accepted_once(self, partner: Caller):
        await partner.paid()
        await partner.order()
        assert await partner.order() == {"msg": "third_id already exist", "code": 500}
        assert len(await partner.control("GET", "orders")) == 1

    async def test_a_payment_that_was_not_made_prints_nothing(self, partner: Caller):
        await partner.pay()
        assert await partner.order() == {"msg": "payment has not been completed", "code": 500}

    async def test_a_payment_is_not_known_before_it_has_settled(self, start: Start):
        async with start(payment_settles_after=8) as partner:
            await partner.paid()
            assert (await partner.order())["msg"] == "Payment information does not exist"
            await partner.later(8)
            assert (await partner.order())["code"] == 200

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"mobile_shell_id": "MS_DEFAULT"}, 500),
            ({"mobile_shell_id": "MS102504100001"}, 500),
            ({"mobile_shell_id": ""}, 400),
            ({"mobile_model_id": "MM0001"}, 500),
            ({"device_id": "DEV999999999"}, 500),
            ({"pic": "file:///a.png"}, 400),
            ({"third_id": PAYMENT}, 400),
            ({"third_pay_id": "PYEN260101000077"}, 500),
        ],
    )
    async def test_ids_that_were_never_issued_are_refused(self, partner: Caller, changes: dict[str, Any], code: int):
        await partner.paid()
        assert (await partner.order(**changes))["code"] == code
        assert await partner.control("GET", "orders") == []

    @pytest.mark.parametrize("missing", ["third_pay_id", "third_id", "mobile_model_id", "mobile_shell_id", "pic", "device_id"])
    async def test_a_missing_field_is_refused(self, partner: Caller, missing: str):
        await partner.paid()
        assert (await partner.order(**{missing: None}))["code"] == 400
        assert await partner.control("GET", "orders") == []

    async def test_a_shell_that_is_out_of_stock_is_refused(self, partner: Caller):
        await partner.paid()
        await partner.control("PUT", "devices/DEV000000001/stock", {"mobile_shell_id": "MS102509090019", "stock": 0})
        assert (await partner.order())["msg"] == "insufficient stock"

    async def test_a_payment_prints_one_case_unless_the_print_failed(self, partner: Caller):
        await partner.paid()
        await partner.order()
        assert (await partner.order("OREN260101000002"))["code"] == 500
        await partner.control("PUT", f"orders/{ORDER}/status", {"status": 13})
        assert (await partner.order("OREN260101000002"))["code"] == 200

    async def test_the_print_list_shows_what_the_machine_has_to_do(self, partner: Caller):
        await partner.paid()
        await partner.order()
        queue = (await partner("order/printList", {"device_id": "DEV000000001"}))["data"]
        assert [(item["third_id"], item["queue_no"], item["status"], item["mobile_model_name"]) for item in queue] == [
            (ORDER, "001", 8, "iPhone 15 Pro")
        ]
        assert (await partner("order/printList", {"device_id": "DEV000000002"}))["data"] == []


class TestMachines:
    async def test_a_machine_that_is_taken_from_our_account_refuses_everything_and_brands_are_still_listed(self, partner: Caller):
        await partner.paid()
        await partner.pay("PYEN260101000002")
        await partner.control("PUT", "devices/DEV000000001", {"permitted": False})
        refused = {"msg": "No permission to access the current device", "code": 500}
        assert await partner.pay("PYEN260101000003") == refused
        assert await partner.order() == refused
        assert await partner("order/printList", {"device_id": "DEV000000001"}) == refused
        assert await partner("stock/list", {"device_id": "DEV000000001", "brand_id": "BR20250111000002"}) == refused
        assert len((await partner("brand/list"))["data"]) == 12
        await partner.control("PUT", "devices/DEV000000001", {"permitted": True})
        assert (await partner.order())["code"] == 200

    async def test_a_machine_that_is_offline_takes_no_order_and_the_other_does(self, partner: Caller):
        await partner.paid()
        await partner.control("PUT", "devices/DEV000000001", {"online": False})
        assert await partner.order() == {"msg": "device is unavailable", "code": 500}
        assert (await partner.order(device_id="DEV000000002"))["data"]["queue_no"] == "001"


class TestUpload:
    async def test_an_uploaded_picture_is_served_again(self, partner: Caller):
        form = {key: str(value) for key, value in partner.signed({"type": 23}).items()}
        answer = await partner.http.post(
            "/mobileShell/en/file/upload", data=form, files={"file": ("a.png", b"bytes", "image/png")}
        )
        served = await partner.http.get(answer.json()["data"])
        assert (served.content, served.headers["content-type"]) == (b"bytes", "image/png")

    async def test_another_type_is_refused(self, partner: Caller):
        form = {key: str(value) for key, value in partner.signed({"type": 22}).items()}
        answer = await partner.http.post(
            "/mobileShell/en/file/upload", data=form, files={"file": ("a.png", b"bytes", "image/png")}
        )
        assert answer.json()["code"] == 400


class TestFaults:
    @pytest.mark.parametrize(
        ("kind", "msg", "code"),
        [
            ("device_unavailable", "device is unavailable", 500),
            ("no_permission", "No permission to access the current device", 500),
            ("payment_missing", "Payment information does not exist", 500),
            ("token_expired", "token is invalid or expired", 401),
        ],
    )
    async def test_a_refusal_can_be_ordered_for_the_first_tries(self, partner: Caller, kind: str, msg: str, code: int):
        await partner.fault("brand/list", kind, times=2)
        answers = [await partner("brand/list") for _ in range(3)]
        assert answers[:2] == [{"msg": msg, "code": code}] * 2
        assert answers[2]["code"] == 200

    async def test_a_refusal_in_any_words_can_be_ordered(self, partner: Caller):
        await partner.fault("brand/list", "refused", detail={"msg": "参数错误", "code": 403})
        assert await partner("brand/list") == {"msg": "参数错误", "code": 403}

    async def test_a_lost_answer_leaves_the_work_done(self, partner: Caller):
        await partner.paid()
        await partner.fault("order/orderData", "answer_lost")
        with pytest.raises(httpx.RemoteProtocolError):
            await partner.order()
        assert len(await partner.control("GET", "orders")) == 1

    async def test_a_broken_server_does_nothing(self, partner: Caller):
        await partner.fault("order/payData", "http_503")
        response = await partner.http.post("/mobileShell/en/order/payData", json=partner.signed(PAY_DATA))
        assert response.status_code == 503
        assert await partner.control("GET", "payments") == []

    async def test_an_error_body_comes_under_http_200(self, partner: Caller):
        await partner.fault("brand/list", "error_body_200")
        assert await partner("brand/list") == {"msg": "internal error", "code": 500}

    async def test_a_fault_about_one_order_is_not_suffered_by_another(self, partner: Caller):
        await partner.fault("order/getPayStatus", "http_503", about="PYEN260101000002")
        await partner.fault("order/payData", "device_unavailable", about="DEV000000002")
        assert (await partner("order/getPayStatus", {"third_id": PAYMENT}))["code"] == 200
        assert (await partner.pay())["code"] == 200
        assert (await partner.pay("PYEN260101000002", device_id="DEV000000002"))["msg"] == "device is unavailable"
        batch = partner.signed({"third_id": f"{PAYMENT},PYEN260101000002"})
        assert (await partner.http.post("/mobileShell/en/order/getPayStatus", json=batch)).status_code == 503
        assert await partner.control("GET", "faults") == []

    async def test_a_fault_that_could_never_happen_is_refused(self, partner: Caller):
        response = await partner.http.post("/_emulator/faults", json={"operation": "third/order/data", "kind": "slow"})
        assert response.status_code == 422


async def test_everything_survives_a_restart(start: Start, tmp_path: Path):
    """Ids, payments, orders, stock and the clock go on where a stopped emulator left them."""
    state_file = tmp_path / "manufacturer.sqlite"
    async with start(state_file=state_file) as partner:
        await partner.paid()
        await partner.order()
    async with start(state_file=state_file) as partner:
        assert (await partner.order())["msg"] == "third_id already exist"
        assert (await partner.pay())["msg"] == "third_id already exist"
        await partner.later(60)
        assert await partner.status() == 16
        assert partner.stock() == 1


async def test_a_reset_forgets_everything_and_seeds_again(partner: Caller):
    await partner.paid()
    await partner.order()
    await partner.control("POST", "reset")
    assert await partner.control("GET", "orders") == []
    assert partner.stock() == 2
    await partner.paid()
