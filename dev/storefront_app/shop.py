"""The order pipeline as a storefront sees it: its public HTTP API, and nothing else of it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

Json = dict[str, Any]

REMEMBERED_S = 60.0
"""How long lists that hardly change are shown without asking again. Stock is always asked for."""


@dataclass
class Refused(Exception):
    """The API answered otherwise than hoped; `detail` is for the customer.

    Attributes:
        status: 503 when there was no answer at all.
        fields: What is wrong with which field, where the API says so.
    """

    status: int
    detail: str
    code: str = ""
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.detail, *self.fields))

    @property
    def is_passing(self) -> bool:
        """Whether the same again may well be answered."""
        return self.status in {429, 503}


@dataclass(frozen=True)
class Picture:
    """What `generate` answered: a picture, or (`status_url`) where to ask for it after so many seconds."""

    filename: str = ""
    url: str = ""
    status_url: str = ""
    ask_after: float = 0.0


@dataclass
class Shop:
    """Asks the API. Raises `Refused`.

    Attributes:
        http: Its base URL is the API's.
    """

    http: httpx.AsyncClient
    clock: Callable[[], float] = time.monotonic
    _remembered: dict[str, tuple[float, Json]] = field(default_factory=dict)

    async def brands(self) -> list[Json]:
        return list((await self._remember("/api/brands"))["brands"])

    async def models(self, brand_id: str, device_id: str) -> list[Json]:
        """The phones of a brand, with what the machine (empty: the one that prints web orders) has of them now."""
        asked = {"device_id": device_id} if device_id else {}
        return list((await self._ask("GET", f"/api/brands/{brand_id}/models", params=asked))["models"])

    async def templates(self) -> list[Json]:
        return list((await self._remember("/api/templates"))["templates"])

    async def styles(self, template_id: str) -> list[str]:
        return list((await self._remember(f"/api/styles/{template_id}"))["styles"])

    async def fonts(self) -> list[Json]:
        return list((await self._remember("/api/fonts"))["fonts"])

    async def colors(self, kind: str) -> list[Json]:
        return list((await self._remember(f"/api/colors/{kind}"))["colors"])

    async def stickers(self) -> list[Json]:
        """Packs of stickers; none from a shop that has none."""
        return list((await self._remember_if_there("/api/stickers/categories")).get("categories", []))

    async def backgrounds(self) -> list[Json]:
        """Packs of background pictures; none from a shop that has none."""
        return list((await self._remember_if_there("/api/backgrounds")).get("packs", []))

    async def add_photo(self, data: bytes) -> Json:
        return await self._ask("POST", "/api/photos", files={"image": ("photo", data)})

    async def generate(self, template_id: str, style: dict[str, str], photo: bytes) -> Picture:
        """Have the AI make a picture; takes up to a minute."""
        form = {"template_id": template_id, "style_params": json.dumps(style)}
        return await self._picture("POST", "/api/images/generate", data=form, files={"image": ("photo", photo)})

    async def generated(self, status_url: str) -> Picture:
        """Ask for a picture that was not there yet."""
        return await self._picture("GET", status_url)

    async def fetch(self, url: str) -> bytes:
        """Read a picture under a link that the API gave."""
        return (await self._send("GET", url)).content

    async def draw(self, body: Json) -> Json:
        return await self._ask("POST", "/api/designs", json=body)

    async def open_checkout(self, body: Json) -> Json:
        return await self._ask("POST", "/create-checkout-session", json=body)

    async def confirm_payment(self, session_id: str) -> Json:
        return await self._ask("POST", "/process-payment-success", json={"session_id": session_id, "order_data": {}})

    async def order(self, token: str) -> Json:
        return await self._ask("GET", f"/api/orders/{token}")

    async def _picture(self, method: str, url: str, **body: Any) -> Picture:
        answer = await self._send(method, url, **body)
        content = answer.json()
        if answer.status_code == 202:
            return Picture(status_url=content["status_url"], ask_after=float(answer.headers.get("Retry-After", 3)))
        return Picture(filename=content["filename"], url=content["public_url"])

    async def _remember_if_there(self, path: str) -> Json:
        try:
            return await self._remember(path)
        except Refused as refused:
            if refused.status != 404:
                raise
            return {}

    async def _remember(self, path: str) -> Json:
        at, known = self._remembered.get(path, (0.0, None))
        if known is None or self.clock() - at > REMEMBERED_S:
            known = await self._ask("GET", path)
            self._remembered[path] = (self.clock(), known)
        return known

    async def _ask(self, method: str, url: str, **body: Any) -> Json:
        content: Json = (await self._send(method, url, **body)).json()
        return content

    async def _send(self, method: str, url: str, **body: Any) -> httpx.Response:
        try:
            answer = await self.http.request(method, url, **body)
        except httpx.HTTPError as error:
            raise Refused(503, "The shop does not answer. Please try again in a moment; nothing is lost.") from error
        if answer.is_error:
            raise _refusal(answer)
        return answer


def _refusal(answer: httpx.Response) -> Refused:
    """Read problem details; what is none (a proxy's page) is named by its status."""
    try:
        problem = answer.json()
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return Refused(
            answer.status_code, f"The shop answers {answer.status_code}. Please try again in a moment; nothing is lost."
        )
    fields = tuple(f"{field['field']}: {field['message']}" for field in problem.get("errors", []))
    return Refused(answer.status_code, detail, str(problem.get("code", "")), fields)
