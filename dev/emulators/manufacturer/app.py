"""The emulated manufacturer as an ASGI app.

Its own interface is at ``/mobileShell/en``, its controls are at ``/_emulator``, and ``/`` shows the machines to a person.

Every answer to a business question is HTTP 200; the body's ``code`` decides, as at the real one.
"""

import contextlib
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulators.control import Controls, control_routes
from dev.emulators.faults import HTTP_FAULTS, suffer
from dev.emulators.manufacturer.agenda import Agenda
from dev.emulators.manufacturer.callbacks import CALLBACK_FAULTS, OPERATIONS, CallbackSender
from dev.emulators.manufacturer.pages import page_routes
from dev.emulators.manufacturer.partner import DEVICE_UNAVAILABLE, NO_PERMISSION, PAYMENT_MISSING, Partner
from dev.emulators.manufacturer.printing import PrintQueue
from dev.emulators.manufacturer.records import Records
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings
from dev.emulators.manufacturer.steering import steering_routes
from dev.emulators.manufacturer.wire import (
    MEDIA_TYPE_WRONG,
    METHOD_WRONG,
    NOT_FOUND,
    PARAMETERS_WRONG,
    REFUSED,
    TOKEN_MISSING,
    Fields,
    Refusal,
    check_guide_signature,
    check_interface_signature,
    ids_in,
    parse_body,
    references,
    refused,
    success,
    texts_in,
)

BASE_PATH = "/mobileShell/en"
UPLOAD_TYPE = "23"

REFUSALS = {
    "device_unavailable": Refusal(DEVICE_UNAVAILABLE),
    "no_permission": Refusal(NO_PERMISSION),
    "payment_missing": Refusal(PAYMENT_MISSING),
    "token_expired": Refusal("token is invalid or expired", TOKEN_MISSING),
}
"""Faults that refuse a call as documented, once per ``times``."""
REFUSED_IN_OTHER_WORDS = "refused"
"""The fault that refuses with ``detail`` ``{"msg", "code"}``."""

ON_FIELDS: dict[str, Callable[[Partner, Fields], object]] = {
    "user/login": Partner.log_in,
    "brand/list": Partner.list_brands,
    "stock/list": Partner.list_stock,
    "shop/list": Partner.list_shops,
    "goods/list": Partner.list_goods,
    "order/payData": Partner.announce_payment,
    "order/payStatus": Partner.announce_payment_status,
    "order/orderData": Partner.submit_order,
    "order/printList": Partner.print_queue,
}
ON_REFERENCES: dict[str, Callable[[Partner, list[str]], object]] = {
    "order/getPayStatus": Partner.payment_statuses,
    "order/getOrderStatus": Partner.order_statuses,
}
UPLOAD = "file/upload"


class ManufacturerEmulator:
    """One emulated manufacturer, with everything that it remembers and does by itself."""

    def __init__(self, settings: ManufacturerEmulatorSettings) -> None:
        self.settings = settings
        self._http = httpx.AsyncClient(trust_env=False)
        self.controls = Controls.open(
            settings.state_file,
            operations=[*ON_FIELDS, *ON_REFERENCES, UPLOAD, *OPERATIONS],
            kinds=[*HTTP_FAULTS, *CALLBACK_FAULTS, *REFUSALS, REFUSED_IN_OTHER_WORDS],
            knows_ids=True,
        )
        self.records = Records(self.controls.store)
        self.agenda = Agenda(self.controls.clock)
        self.callbacks = CallbackSender(settings, self.controls, self.records, self.agenda, self._http)
        self.queue = PrintQueue(settings, self.controls, self.records, self.agenda, self.callbacks, self._http)
        self.partner = Partner(settings, self.controls, self.records, self.agenda, self.callbacks, self.queue)
        self.uploads: dict[str, tuple[bytes, str]] = {}
        self.calls: Counter[str] = Counter()
        self.controls.on_reset.append(self._forget)
        self.controls.on_clock_change.append(self.agenda.settle)
        self.partner.seed()

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Go on where a stopped emulator left off, and run until the server stops."""
        self.partner.restore()
        self.queue.restore()
        self.callbacks.restore()
        async with self._http, self.agenda.running():
            yield
        self.controls.close()

    async def call(self, request: Request) -> Response:
        """Answer one call of the interface, or suffer the fault that was ordered for it."""
        operation = request.path_params["operation"]
        self.calls[operation] += 1

        async def work() -> Response:
            return await self._answer(request, operation)

        ids = ids_in(await request.body()) if operation != UPLOAD else frozenset[str]()
        return await suffer(self.controls.faults.take(operation, HTTP_FAULTS, ids=ids), work, _broken)

    async def uploaded(self, request: Request) -> Response:
        """Serve an uploaded picture."""
        content, content_type = self.uploads.get(request.path_params["name"], (b"", ""))
        return Response(content, media_type=content_type) if content else Response(status_code=404)

    async def _answer(self, request: Request, operation: str) -> Response:
        try:
            return success(await self._do(request, operation))
        except Refusal as refusal:
            self.controls.ledger.append("call_refused", path=operation, msg=refusal.msg, code=refusal.code)
            return refused(refusal)

    async def _do(self, request: Request, operation: str) -> object:
        if request.method != "POST":
            raise Refusal(f"Request method '{request.method}' not supported", METHOD_WRONG)
        if operation == UPLOAD:
            return await self._upload(request)
        if operation not in ON_FIELDS and operation not in ON_REFERENCES:
            raise Refusal("not found", NOT_FOUND)
        body = await self._authenticated_body(request, operation)
        self._refuse_if_ordered(operation, texts_in(body))
        if operation in ON_FIELDS:
            return ON_FIELDS[operation](self.partner, Fields(body))
        return ON_REFERENCES[operation](self.partner, references(body, self.settings.dialect))

    async def _authenticated_body(self, request: Request, operation: str) -> Any:
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise Refusal("content type not supported", MEDIA_TYPE_WRONG)
        body = parse_body(await request.body())
        self._authenticate(request, body, needs_token=operation != "user/login")
        return body

    def _authenticate(self, request: Request, signed: Any, *, needs_token: bool) -> None:
        if self.settings.dialect == "guide":
            check_guide_signature(signed, self.settings.fixed_key)
            self.partner.check_account(Fields(signed))
            return
        if request.headers.get("req_source") != "en":
            raise Refusal("parameter error: req_source", PARAMETERS_WRONG)
        sign = request.headers.get("sign")
        check_interface_signature(signed, sign, system_name=self.settings.system_name, fixed_key=self.settings.fixed_key)
        if needs_token:
            self.partner.check_token(request.headers.get("authorization"))

    async def _upload(self, request: Request) -> str:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refusal("content type not supported", MEDIA_TYPE_WRONG)
        async with request.form() as form:
            fields = {key: value for key, value in form.items() if isinstance(value, str)}
            self._authenticate(request, fields, needs_token=True)
            file = form.get("file")
            if not isinstance(file, UploadFile) or fields.get("type") != UPLOAD_TYPE:
                raise Refusal("parameter error: file or type", PARAMETERS_WRONG)
            self._refuse_if_ordered(UPLOAD, frozenset())
            content = await file.read()
            sha256 = hashlib.sha256(content).hexdigest()
            name = f"{sha256}-{file.filename}"
            self.uploads[name] = (content, file.content_type or "application/octet-stream")
        self.controls.ledger.append("file_uploaded", name=name, sha256=sha256, byte_count=len(content))
        return f"{request.base_url}uploads/{name}"

    def _refuse_if_ordered(self, operation: str, ids: frozenset[str]) -> None:
        fault = self.controls.faults.take(operation, [*REFUSALS, REFUSED_IN_OTHER_WORDS], ids=ids)
        if fault is None:
            return
        if fault.kind == REFUSED_IN_OTHER_WORDS:
            raise Refusal(str(fault.detail.get("msg", "unknown error")), int(fault.detail.get("code", REFUSED)))
        raise REFUSALS[fault.kind]

    async def _forget(self) -> None:
        await self.agenda.clear()
        self.uploads.clear()
        self.calls.clear()
        self.callbacks.reset()
        self.partner.seed()


def create_app(settings: ManufacturerEmulatorSettings | None = None) -> FastAPI:
    """Build the app; ``app.state.emulator`` is the ManufacturerEmulator behind it, for tests in the same process."""
    emulator = ManufacturerEmulator(settings or ManufacturerEmulatorSettings())
    app = FastAPI(title="Emulated manufacturer", lifespan=emulator.lifespan)
    app.state.emulator = emulator
    app.include_router(control_routes(emulator.controls))
    app.include_router(steering_routes(emulator))
    app.include_router(page_routes(emulator))
    app.add_route(BASE_PATH + "/{operation:path}", emulator.call, methods=["GET", "POST", "PUT", "DELETE"])
    app.add_route("/uploads/{name}", emulator.uploaded, methods=["GET"])
    return app


def _broken(status: int) -> Response:
    return JSONResponse({"msg": "internal error", "code": REFUSED}, status_code=status)
