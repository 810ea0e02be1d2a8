from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulators.control import Controls, control_routes
from dev.emulators.faults import HTTP_FAULTS, Fault, FaultKind, Faults, suffer
from dev.emulators.serving import serving
from dev.emulators.state import Clock, Document, Store

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class TestClock:
    def test_a_frozen_clock_stands_still_until_it_is_advanced(self):
        clock = Clock()
        clock.freeze()
        clock.set(NOON)
        assert clock.now() == NOON
        clock.advance(timedelta(days=3))
        assert clock.now() == NOON + timedelta(days=3)

    def test_a_running_clock_goes_on_from_where_it_was_set(self):
        clock = Clock()
        clock.set(NOON)
        first, second = clock.now(), clock.now()
        assert NOON <= first <= second < NOON + timedelta(minutes=1)

    def test_a_resumed_clock_runs_on_from_where_it_was_frozen(self):
        clock = Clock()
        clock.freeze()
        clock.set(NOON)
        clock.resume()
        assert not clock.frozen
        assert NOON <= clock.now() < NOON + timedelta(minutes=1)

    def test_a_time_without_a_zone_is_refused(self):
        with pytest.raises(ValueError, match="timezone-aware"):
            Clock().set(datetime(2026, 5, 4))  # noqa: DTZ001 - that is the point

    def test_the_clock_survives_a_restart(self, tmp_path: Path):
        clock = Clock(Store(tmp_path / "state.db"))
        clock.freeze()
        clock.set(NOON)
        assert Clock(Store(tmp_path / "state.db")).now() == NOON


class TestStore:
    def test_documents_survive_a_restart_in_the_order_in_which_they_were_first_put(self, tmp_path: Path):
        store = Store(tmp_path / "deep" / "state.db")
        orders = store.collection("orders")
        orders.put("b", {"n": 1})
        orders.put("a", {"n": 2})
        orders.put("b", {"n": 3})
        store.collection("other").put("b", {"n": 4})
        store.close()

        again = Store(tmp_path / "deep" / "state.db").collection("orders")
        assert again.items() == [("b", {"n": 3}), ("a", {"n": 2})]

    def test_what_was_deleted_or_cleared_is_gone_after_a_restart(self, tmp_path: Path):
        store = Store(tmp_path / "state.db")
        store.collection("orders").put("a", {})
        store.collection("orders").put("b", {})
        store.collection("orders").delete("a")
        assert list(Store(tmp_path / "state.db").collection("orders")) == ["b"]
        store.clear()
        assert len(Store(tmp_path / "state.db").collection("orders")) == 0
        assert len(store.collection("orders")) == 0

    def test_what_is_not_json_is_refused_before_it_is_kept(self):
        orders = Store().collection("orders")
        with pytest.raises(TypeError):
            orders.put("a", {"at": NOON})
        assert "a" not in orders


class TestFaults:
    def test_a_fault_waits_for_the_good_ones_and_is_used_up(self):
        faults = Faults()
        faults.add(Fault(operation="capture", kind="http_500", after=1, times=2))
        taken = [faults.take("capture") is not None for _ in range(4)]
        assert taken == [False, True, True, False]

    def test_a_fault_meets_its_own_operation_only_unless_it_is_for_any(self):
        faults = Faults()
        faults.add(Fault(operation="capture", kind="http_500"))
        assert faults.take("refund") is None
        faults.add(Fault(kind="down", times=None))
        taken = [faults.take(name) for name in ("refund", "capture", "capture")]
        assert [fault and fault.kind for fault in taken] == ["down", "http_500", "down"]

    def test_only_the_kinds_that_are_asked_for_are_used_up(self):
        faults = Faults()
        faults.add(Fault(kind="duplicate"))
        assert faults.take("webhook", kinds=HTTP_FAULTS) is None
        assert faults.take("webhook", kinds={"duplicate"}) is not None

    def test_pending_tells_what_is_left(self):
        faults = Faults()
        faults.add(Fault(kind="slow", delay_s=1.5, times=3, after=1))
        faults.take("any")
        faults.take("any")
        assert faults.pending() == [Fault(kind="slow", delay_s=1.5, times=2, after=0)]

    @pytest.mark.parametrize("fault", [Fault(operation="captrue", kind="slow"), Fault(operation="capture", kind="slwo")])
    def test_a_fault_that_could_never_happen_is_refused(self, fault: Fault):
        with pytest.raises(ValueError, match="unknown"):
            Faults(operations={"capture"}).add(fault)

    def test_a_fault_about_one_id_leaves_every_other_call_alone(self):
        faults = Faults(knows_ids=True)
        faults.add(Fault(operation="ask", kind="down", about="OREN1", after=1))
        taken = [faults.take("ask", ids=ids) is not None for ids in ((), {"OREN2"}, {"OREN1", "OREN2"}, {"OREN2"}, {"OREN1"})]
        assert taken == [False, False, False, False, True]

    def test_a_fault_about_an_id_is_refused_where_nobody_tells_what_a_call_is_about(self):
        with pytest.raises(ValueError, match="about"):
            Faults().add(Fault(kind="down", about="OREN1"))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A toy provider with one operation, `work`, served over real sockets."""
    controls = Controls.open(operations={"work"})
    app = FastAPI()
    app.include_router(control_routes(controls))
    app.state.controls = controls

    @app.post("/work")
    async def work(request: Request) -> Response:
        async def really() -> Response:
            controls.ledger.append("work", amount=1)
            return JSONResponse({"ok": True})

        fault = controls.faults.take("work", HTTP_FAULTS)
        return await suffer(fault, really, lambda status: JSONResponse({"ok": False}, status))

    async with serving(app) as url, httpx.AsyncClient(base_url=url, timeout=5) as http:
        yield http


class TestOverHttp:
    @pytest.mark.parametrize(
        ("fault", "status", "work_done"),
        [
            ({"kind": "slow", "delay_s": 0.01}, 200, True),
            ({"kind": "http_500"}, 500, False),
            ({"kind": "http_503"}, 503, False),
            ({"kind": "http_error", "status": 429}, 429, False),
            ({"kind": "error_body_200"}, 200, False),
            ({"kind": "answer_lost", "status": 500}, 500, True),
            ({"kind": "down", "status": 503}, 503, False),
        ],
    )
    async def test_each_fault_answers_as_it_says(self, client: httpx.AsyncClient, fault: Document, status: int, work_done: bool):
        assert (await client.post("/_emulator/faults", json=fault)).status_code == 201
        assert (await client.post("/work")).status_code == status
        assert bool((await client.get("/_emulator/ledger")).json()) is work_done
        assert (await client.get("/_emulator/faults")).json() == []
        assert (await client.post("/work")).json() == {"ok": True}

    async def test_a_refusal_can_say_when_to_come_back(self, client: httpx.AsyncClient):
        fault = {"kind": "http_error", "status": 429, "detail": {"retry_after": 7}}
        await client.post("/_emulator/faults", json=fault)
        answer = await client.post("/work")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")

    @pytest.mark.parametrize(("kind", "work_done"), [("answer_lost", True), ("down", False)])
    async def test_a_lost_connection_is_an_error_at_the_client(self, client: httpx.AsyncClient, kind: str, work_done: bool):
        await client.post("/_emulator/faults", json={"kind": kind})
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/work")
        assert bool((await client.get("/_emulator/ledger")).json()) is work_done

    async def test_a_lost_answer_can_outlast_the_clients_patience(self, client: httpx.AsyncClient):
        await client.post("/_emulator/faults", json={"kind": "answer_lost", "delay_s": 30})
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/work", timeout=0.05)
        assert len((await client.get("/_emulator/ledger", params={"operation": "work"})).json()) == 1

    async def test_an_unknown_operation_is_refused(self, client: httpx.AsyncClient):
        answer = await client.post("/_emulator/faults", json={"operation": "wrok", "kind": "slow"})
        assert answer.status_code == 422
        assert "known are ['work']" in answer.json()["detail"]

    async def test_the_clock_is_set_advanced_and_frozen(self, client: httpx.AsyncClient):
        answer = await client.put("/_emulator/clock", json={"frozen": True})
        assert answer.json()["frozen"] is True
        answer = await client.put("/_emulator/clock", json={"now": NOON.isoformat(), "advance_s": 3600})
        assert datetime.fromisoformat(answer.json()["now"]) == NOON + timedelta(hours=1)
        assert (await client.get("/_emulator/clock")).json() == answer.json()
        assert (await client.put("/_emulator/clock", json={"now": "2026-05-04T12:00:00"})).status_code == 422

    async def test_reset_forgets_everything(self, client: httpx.AsyncClient):
        await client.put("/_emulator/clock", json={"advance_s": 86400, "frozen": True})
        await client.post("/work")
        await client.post("/_emulator/faults", json={"kind": "down"})
        assert (await client.post("/_emulator/reset")).status_code == 204
        assert (await client.get("/_emulator/ledger")).json() == []
        assert (await client.get("/_emulator/faults")).json() == []
        assert (await client.get("/_emulator/clock")).json()["frozen"] is False


def test_a_refusals_status_comes_from_its_kind_unless_it_is_free():
    assert Fault(kind=FaultKind.HTTP_503, status=429).answer_status == 503
    assert Fault(kind=FaultKind.HTTP_ERROR).answer_status == 500
    assert Fault(kind=FaultKind.DOWN).answer_status is None
    assert Fault(kind="quota", status=429).answer_status == 429
