"""What the emulated manufacturer does by itself: machines print, payments are echoed, callbacks repeat until acknowledged."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import RedirectResponse, Response

from tests.dev.emulators.manufacturer.world import Caller, Shop, Start

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORDER = "OREN260101000001"
PAYMENT = "PYEN260101000001"
PNG_SHA256 = hashlib.sha256(b"\x89PNG\r\n\x1a\n" + b"the picture").hexdigest()


class TestPrinting:
    async def test_an_order_runs_through_the_machine_step_by_step(self, partner: Caller, shop: Shop):
        await partner.paid()
        await partner.order()
        seen = []
        for _ in range(7):
            await partner.later(1)
            seen.append(await partner.status())
        assert seen == [9, 10, 11, 12, 15, 16, 16]
        assert shop.order_statuses() == [9, 10, 11, 12, 15, 16]

    async def test_the_blank_leaves_the_stock_when_the_robot_has_picked_it_up(self, partner: Caller):
        await partner.paid()
        await partner.order()
        await partner.later(1)
        assert (await partner.status(), partner.stock()) == (9, 2)
        await partner.later(1)
        assert (await partner.status(), partner.stock()) == (10, 1)

    async def test_what_was_printed_is_known_by_its_hash(self, partner: Caller):
        await partner.paid()
        await partner.order()
        await partner.later(10)
        printed = await partner.control("GET", "ledger?operation=order_printed")
        assert [(entry["third_id"], entry["third_pay_id"], entry["sha256"]) for entry in printed] == [
            (ORDER, PAYMENT, PNG_SHA256)
        ]
        order = await partner.control("GET", f"orders/{ORDER}")
        assert (order["byte_count"], order["content_type"]) == (19, "image/png")

    @pytest.mark.parametrize(
        "picture",
        [
            Response(b"expired", status_code=403),
            Response(b"<html>", media_type="text/html"),
            Response(b"GIF89a", media_type="image/png"),
            Response(b"\x89PNG\r\n\x1a\n", media_type="application/octet-stream"),
            RedirectResponse("/elsewhere"),
        ],
        ids=["refused", "a page", "no PNG inside", "not called a PNG", "a redirect"],
    )
    async def test_a_picture_that_cannot_be_printed_fails_the_print(self, partner: Caller, shop: Shop, picture: Response):
        shop.picture = picture
        await partner.paid()
        await partner.order()
        await partner.later(10)
        assert await partner.status() == 13
        assert shop.order_statuses() == [9, 10, 11, 13]
        assert await partner.control("GET", "ledger?operation=order_printed") == []

    async def test_a_picture_that_cannot_be_reached_fails_the_print(self, partner: Caller):
        await partner.paid()
        await partner.order(pic="http://127.0.0.1:1/a.png")
        await partner.later(10)
        assert await partner.status() == 13

    async def test_a_machine_prints_one_case_at_a_time(self, partner: Caller):
        for number in (1, 2):
            await partner.paid(f"PYEN26010100000{number}")
            await partner.order(f"OREN26010100000{number}", third_pay_id=f"PYEN26010100000{number}")
        await partner.later(3)
        assert (await partner.status("OREN260101000001"), await partner.status("OREN260101000002")) == (11, 8)
        await partner.later(2)
        assert (await partner.status("OREN260101000001"), await partner.status("OREN260101000002")) == (15, 9)

    async def test_a_newcomer_waits_while_the_machine_is_at_work(self, partner: Caller):
        await partner.paid()
        await partner.order()
        await partner.later(2)
        await partner.paid("PYEN260101000002")
        await partner.order("OREN260101000002", third_pay_id="PYEN260101000002")
        await partner.later(1)
        assert (await partner.status("OREN260101000001"), await partner.status("OREN260101000002")) == (11, 8)

    async def test_two_machines_print_side_by_side_and_number_their_own_queues(self, partner: Caller):
        for number in (1, 2):
            await partner.paid(f"PYEN26010100000{number}")
            fields = {"third_pay_id": f"PYEN26010100000{number}", "device_id": f"DEV00000000{number}"}
            assert (await partner.order(f"OREN26010100000{number}", **fields))["data"]["queue_no"] == "001"
        await partner.later(3)
        assert (await partner.status("OREN260101000001"), await partner.status("OREN260101000002")) == (11, 11)
        for number in (1, 2):
            queue = (await partner("order/printList", {"device_id": f"DEV00000000{number}"}))["data"]
            assert [item["third_id"] for item in queue] == [f"OREN26010100000{number}"]

    async def test_the_last_shell_is_printed_once(self, partner: Caller):
        """Two orders are accepted for one shell; the second fails when the robot finds none."""
        await partner.control("PUT", "devices/DEV000000001/stock", {"mobile_shell_id": "MS102509090019", "stock": 1})
        for number in (1, 2):
            await partner.paid(f"PYEN26010100000{number}")
            await partner.order(f"OREN26010100000{number}", third_pay_id=f"PYEN26010100000{number}")
        await partner.later(30)
        assert (await partner.status("OREN260101000001"), await partner.status("OREN260101000002")) == (16, 13)
        assert partner.stock() == 0

    async def test_an_offline_machine_stands_still_and_goes_on_when_it_is_back(self, partner: Caller):
        await partner.paid()
        await partner.order()
        await partner.later(1)
        await partner.control("PUT", "devices/DEV000000001", {"online": False})
        await partner.later(3600)
        assert await partner.status() == 9
        await partner.control("PUT", "devices/DEV000000001", {"online": True})
        await partner.later(10)
        assert await partner.status() == 16

    async def test_in_manual_mode_orders_move_only_by_hand(self, start: Start):
        async with start(print_mode="manual") as partner:
            await partner.paid()
            await partner.order()
            await partner.later(3600)
            assert await partner.status() == 8
            advanced = [(await partner.control("POST", f"orders/{ORDER}/advance"))["status"] for _ in range(6)]
            assert advanced == [9, 10, 11, 12, 15, 16]
            assert (await partner.http.post(f"/_emulator/orders/{ORDER}/advance")).status_code == 409

    async def test_a_status_set_by_hand_is_called_back(self, partner: Caller, shop: Shop):
        await partner.paid()
        await partner.order()
        await partner.control("PUT", f"orders/{ORDER}/status", {"status": 14})
        await partner.later(10)
        assert shop.order_statuses() == [14]

    async def test_a_state_can_go_backwards_for_whoever_asks_too(self, partner: Caller, shop: Shop):
        await partner.paid()
        await partner.order()
        await partner.later(10)
        await partner.control("PUT", f"orders/{ORDER}/status", {"status": 8})
        assert (await partner("order/getOrderStatus", {"third_id": ORDER}))["data"] == [{"third_id": ORDER, "status": 8}]

    async def test_with_a_running_clock_everything_happens_by_itself(self, start: Start, shop: Shop):
        async with start(frozen=False, print_step=0.02, payment_echo_after=0.01) as partner:
            await partner.paid()
            await partner.order()
            await shop.until(lambda: 16 in shop.order_statuses())
            assert ("payment", {"third_id": PAYMENT, "status": 3}) in shop.callbacks


class TestPaymentCallbacks:
    async def test_an_announced_status_is_echoed_seconds_later_as_a_single_object(self, partner: Caller, shop: Shop):
        await partner.paid()
        await partner.later(5)
        assert shop.callbacks == []
        await partner.later(1)
        assert shop.callbacks == [("payment", {"third_id": PAYMENT, "status": 3})]

    @pytest.mark.parametrize("status", [2, 3, 4, 5])
    async def test_what_happens_at_the_machine_is_called_back_as_documented(self, partner: Caller, shop: Shop, status: int):
        await partner.control("PUT", "clock", {"now": "2026-01-01T12:00:00Z", "frozen": True})
        await partner.pay(pay_type=10)
        await partner.control("POST", f"payments/{PAYMENT}/machine", {"status": status})
        await partner.later(0)
        payment = {"third_id": PAYMENT, "pay_type": 10, "pay_amount": 35.0, "pay_date": "2026-01-01 12:00:00", "status": status}
        assert shop.callbacks == [("payment", [payment])]

    async def test_a_declined_customer_may_pay_after_all_but_only_once(self, partner: Caller):
        await partner.pay(pay_type=10)
        statuses = [
            (await partner.http.post(f"/_emulator/payments/{PAYMENT}/machine", json={"status": status})).status_code
            for status in (4, 2, 3, 3)
        ]
        assert statuses == [200, 200, 200, 409]

    async def test_an_online_payment_cannot_be_paid_at_the_machine(self, partner: Caller):
        await partner.pay(pay_type=12)
        assert (await partner.http.post(f"/_emulator/payments/{PAYMENT}/machine", json={"status": 3})).status_code == 409


class TestDelivery:
    @pytest.mark.parametrize(
        "answer", [{"code": 200, "data": "fail"}, {"code": 200}, {"code": 500, "data": "success"}, ["success"]]
    )
    async def test_a_callback_is_repeated_ten_times_and_never_again(self, partner: Caller, shop: Shop, answer: Any):
        shop.acknowledgement = answer
        await partner.paid()
        await partner.later(600)
        assert len(shop.callbacks) == 11
        assert [entry["attempts"] for entry in await partner.control("GET", "ledger?operation=callback_given_up")] == [11]

    async def test_repeats_come_five_to_ten_seconds_apart_by_the_emulators_clock(self, partner: Caller, shop: Shop):
        shop.acknowledgement = {"code": 500}
        await partner.paid()
        arrivals: list[int] = []
        for second in range(120):
            await partner.later(1)
            arrivals += [second] * (len(shop.callbacks) - len(arrivals))
        pauses = [later - earlier for earlier, later in itertools.pairwise(arrivals)]
        assert len(pauses) == 10
        assert (min(pauses), max(pauses)) == (5, 10)

    async def test_a_shop_that_comes_back_in_time_loses_nothing_and_one_that_is_late_is_never_told(
        self, partner: Caller, shop: Shop
    ):
        for number, back_after in ((1, 40), (2, 600)):
            shop.reset()
            shop.acknowledgement = {"code": 500}
            await partner.paid(f"PYEN26010100000{number}")
            await partner.later(back_after)
            shop.reset()
            await partner.later(600)
            assert len(shop.callbacks) == (1 if number == 1 else 0)

    async def test_an_acknowledged_callback_is_not_repeated(self, partner: Caller, shop: Shop):
        await partner.paid()
        await partner.later(600)
        assert len(shop.callbacks) == 1

    async def test_a_late_acknowledgement_ends_the_repeats(self, partner: Caller, shop: Shop):
        shop.acknowledgement = {"code": 500}
        await partner.paid()
        await partner.later(6)
        shop.acknowledgement = {"code": 200, "data": "success"}
        await partner.later(600)
        assert len(shop.callbacks) == 2

    async def test_a_callback_on_its_way_survives_a_restart(self, start: Start, shop: Shop, tmp_path: Path):
        shop.acknowledgement = {"code": 500}
        async with start(state_file=tmp_path / "state.sqlite") as partner:
            await partner.paid()
            await partner.later(6)
        shop.acknowledgement = {"code": 200, "data": "success"}
        async with start(state_file=tmp_path / "state.sqlite") as partner:
            await partner.later(10)
        assert len(shop.callbacks) == 2

    async def test_without_an_address_nothing_is_sent(self, start: Start, shop: Shop):
        async with start(order_callback_url=None) as partner:
            await partner.paid()
            await partner.order()
            await partner.later(60)
        assert shop.order_statuses() == []

    async def test_the_address_can_be_given_later(self, start: Start, shop: Shop):
        async with start(payment_callback_url=None, order_callback_url=None) as partner:
            addresses = {"payment_callback_url": None, "order_callback_url": f"{shop.url}/callback/order"}
            await partner.control("PUT", "callbacks", addresses)
            await partner.paid()
            await partner.order()
            await partner.later(60)
        assert shop.order_statuses() == [9, 10, 11, 12, 15, 16]


class TestDeliveryFaults:
    async def test_a_callback_of_one_order_goes_wrong_and_those_of_others_do_not(self, partner: Caller, shop: Shop):
        await partner.fault("payment_callback", "lost", about="PYEN260101000002")
        for number in (1, 2, 3):
            await partner.paid(f"PYEN26010100000{number}")
        await partner.later(60)
        assert [body["third_id"] for _, body in shop.callbacks] == ["PYEN260101000001", "PYEN260101000003"]

    @pytest.mark.parametrize(
        ("kind", "fields", "expected"),
        [
            ("duplicate", {}, [9, 9, 10, 11, 12, 15, 16]),
            ("out_of_order", {}, [10, 9, 11, 12, 15, 16]),
            ("slow", {"delay_s": 2.5}, [10, 11, 9, 12, 15, 16]),
            ("backwards", {}, [9, 8, 10, 11, 12, 15, 16]),
            ("backwards", {"delay_s": 60, "detail": {"status": 8}}, [9, 10, 11, 12, 15, 16, 8]),
            ("lost", {}, [10, 11, 12, 15, 16]),
        ],
    )
    async def test_a_callback_can_go_wrong_on_its_way(
        self, partner: Caller, shop: Shop, kind: str, fields: dict[str, Any], expected: list[int]
    ):
        await partner.fault("order_callback", kind, **fields)
        await partner.paid()
        await partner.order()
        for _ in range(7):
            await partner.later(1)
        await partner.later(60)
        assert shop.order_statuses() == expected


class TestPage:
    async def test_a_person_can_pay_at_a_machine(self, partner: Caller, shop: Shop):
        await partner.pay(pay_type=10)
        page = (await partner.http.get("/")).text
        assert "£35.00" in page
        assert PAYMENT in page
        await partner.http.post("/pay", data={"third_id": PAYMENT, "status": "3"})
        await partner.later(0)
        assert [body[0]["status"] for _, body in shop.callbacks] == [3]
        assert "Nothing to pay." in (await partner.http.get("/")).text

    async def test_paying_twice_is_told_to_the_person(self, partner: Caller):
        await partner.pay(pay_type=10)
        for expected in ("/", "/?notice=The+machine+no+longer+asks+for+this+payment."):
            answer = await partner.http.post("/pay", data={"third_id": PAYMENT, "status": "3"})
            assert (answer.status_code, answer.headers["location"]) == (303, expected)
        assert "no longer asks" in (await partner.http.get(expected)).text

    async def test_it_shows_what_the_machine_prints(self, partner: Caller):
        await partner.paid()
        await partner.order()
        await partner.later(3)
        page = (await partner.http.get("/")).text
        assert (ORDER in page, "printing" in page, "iPhone 15 Pro" in page) == (True, True, True)
