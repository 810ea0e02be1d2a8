"""The two sides of the emulated manufacturer: a caller that signs independently of our client, and our end of the callbacks."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulators.manufacturer.app import ManufacturerEmulator

PNG = b"\x89PNG\r\n\x1a\n" + b"the picture"
DEVICE = "DEV000000001"
MODEL, SHELL = "MM020250224000010", "MS102509090019"


@dataclass
class Shop:
    """Our side: acknowledges callbacks (or not), and serves the pictures that are printed."""

    url: str = ""
    acknowledgement: Any = field(default_factory=lambda: {"msg": "ok", "code": 200, "data": "success"})
    callbacks: list[tuple[str, Any]] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    picture: Response = field(default_factory=lambda: Response(PNG, media_type="image/png"))

    def reset(self) -> None:
        self.acknowledgement = {"msg": "ok", "code": 200, "data": "success"}
        self.callbacks.clear()
        self.picture = Response(PNG, media_type="image/png")

    def order_statuses(self) -> list[int]:
        return [item["status"] for kind, body in self.callbacks if kind == "order" for item in body]

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.arrived.clear()
            await self.arrived.wait()

    async def callback(self, request: Request) -> Response:
        self.callbacks.append((request.path_params["kind"], await request.json()))
        self.arrived.set()
        return JSONResponse(self.acknowledgement)

    async def image(self, _: Request) -> Response:
        return self.picture


@dataclass
class Caller:
    """Calls one emulator, signing in the most straightforward way."""

    emulator: ManufacturerEmulator
    http: httpx.AsyncClient
    token: str | None = None
    picture_url: str = "http://img.invalid/a.png"

    async def send(self, path: str, text: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        response = await self.http.post(
            f"/mobileShell/en/{path}", content=text, headers={"content-type": "application/json", **(headers or {})}
        )
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    async def __call__(self, path: str, body: Any = None) -> dict[str, Any]:
        if self.emulator.settings.dialect == "guide":
            return await self.send(path, json.dumps(self.signed(body or {})))
        return await self.send(path, json.dumps(body or {}), self.headers(body or {}))

    def signed(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body of the guide dialect with account, password and sign."""
        body = {**body, "account": "EXAMPLE-ACCOUNT", "password": "EXAMPLE-PASSWORD"}
        text = "".join(f"{key}{body[key]}" for key in sorted(body)) + "EXAMPLE-FIXED-VALUE"
        return {**body, "sign": hashlib.md5(text.encode()).hexdigest()}

    def headers(self, body: Any) -> dict[str, str]:
        values = "".join(str(body[key]) for key in sorted(body)) if isinstance(body, dict) else ""
        sign = hashlib.md5(f"{values}mobileShellEXAMPLE-FIXED-VALUE".encode()).hexdigest()
        return {"sign": sign, "req_source": "en"} | ({"authorization": self.token} if self.token else {})

    async def log_in(self) -> None:
        """What the interface dialect wants first."""
        login = await self("user/login", {"account": "EXAMPLE-ACCOUNT", "password": "EXAMPLE-PASSWORD"})
        self.token = login["data"]["token"]

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        response = await self.http.request(method, f"/_emulator/{path}", json=body)
        return response.json() if response.content else None

    async def later(self, seconds: float) -> None:
        """Let time pass on the emulator's clock, and everything that is due in it happen."""
        await self.control("PUT", "clock", {"advance_s": seconds})

    async def fault(self, operation: str, kind: str, **fields: Any) -> None:
        response = await self.http.post("/_emulator/faults", json={"operation": operation, "kind": kind, **fields})
        assert response.status_code == 201

    async def pay(self, third_id: str = "PYEN260101000001", pay_type: int = 12, **changes: Any) -> dict[str, Any]:
        body = {"mobile_model_id": MODEL, "device_id": DEVICE, "third_id": third_id, "pay_amount": 35.0, "pay_type": pay_type}
        return await self("order/payData", body | changes)

    async def paid(self, third_id: str = "PYEN260101000001") -> None:
        assert (await self.pay(third_id))["code"] == 200
        assert (await self("order/payStatus", {"third_id": third_id, "status": 3}))["code"] == 200

    async def order(self, third_id: str | None = "OREN260101000001", **changes: Any) -> dict[str, Any]:
        """Order a print, but for `changes`; a field that is None is left out."""
        body = {
            "third_pay_id": "PYEN260101000001",
            "third_id": third_id,
            "mobile_model_id": MODEL,
            "mobile_shell_id": SHELL,
            "pic": self.picture_url,
            "device_id": DEVICE,
        }
        changed = {name: value for name, value in {**body, **changes}.items() if value is not None}
        return await self("order/orderData", changed)

    async def status(self, third_id: str = "OREN260101000001") -> int:
        status: int = (await self.control("GET", f"orders/{third_id}"))["status"]
        return status

    def stock(self, shell_id: str = SHELL) -> int:
        return self.emulator.records.stock(DEVICE)[shell_id]


Start = Callable[..., AbstractAsyncContextManager[Caller]]
