"""What was dropped for good says so, and why."""

import httpx
import pytest

from api.routers.gone import GONE, GonePath
from tests.api.world import assert_problem


@pytest.mark.parametrize("gone", GONE, ids=lambda gone: f"{gone.method} {gone.path}")
async def test_a_dropped_path_answers_410_with_the_reason(stranded: httpx.AsyncClient, gone: GonePath):
    path = gone.path.replace("{path:path}", "anything/at/all").replace("{", "").replace("}", "")

    answer = await stranded.request(gone.method, path)

    assert assert_problem(answer, 410, code="gone")["detail"] == gone.reason


async def test_nobody_can_have_an_order_printed_by_asking(stranded: httpx.AsyncClient):
    for path in ("order/orderData", "print/trigger", "send-print-command", "submit-order"):
        assert_problem(await stranded.post(f"/api/chinese/{path}", json={"order_id": "1"}), 410)
