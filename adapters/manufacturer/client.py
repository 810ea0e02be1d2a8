"""The manufacturer's interface, spoken in whichever dialect is configured.

Every method raises ``models.errors`` only. A call that makes the manufacturer do something and is not answered raises
``OutcomeUnknown``: it may have been carried out, and only a look-up by our own reference can tell.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from enum import IntEnum
from typing import Any, TypeVar

import httpx
import structlog
from pydantic import TypeAdapter, ValidationError

from adapters.manufacturer.payloads import (
    ONLINE_PAY_TYPE,
    BrandItem,
    Envelope,
    LoginData,
    OrderDataData,
    PayDataData,
    PrintListItem,
    StatusItem,
    StockItem,
    pounds,
)
from adapters.manufacturer.refusals import (
    PROVIDER,
    SUCCESS,
    TOKEN_REFUSED,
    Call,
    http_error,
    refusal,
    transport_error,
)
from adapters.manufacturer.session import TokenCache
from adapters.manufacturer.signature import Fields, SignedBody, dialect_for
from config.groups import ManufacturerSettings
from models.base import Minor
from models.errors import NeedsPerson, OutcomeUnknown, ProviderUnavailable
from models.order import Product
from models.production import (
    Announcement,
    ManufacturerBrand,
    ManufacturerOrderStatus,
    ManufacturerPaymentStatus,
    PaymentReference,
    PrintReference,
    StockLevel,
    Submission,
)

log = structlog.get_logger(__name__)

DataT = TypeVar("DataT")
ReferenceT = TypeVar("ReferenceT", bound=str)
StatusT = TypeVar("StatusT", bound=IntEnum)

_LOGIN = Call("user/login", changes=False)
_BRANDS = Call("brand/list", changes=False)
_STOCK = Call("stock/list", changes=False)
_ANNOUNCE = Call("order/payData", changes=True)
_CONFIRM = Call("order/payStatus", changes=True)
_PAYMENT_STATUSES = Call("order/getPayStatus", changes=False)
_SUBMIT = Call("order/orderData", changes=True)
_ORDER_STATUSES = Call("order/getOrderStatus", changes=False)
_PRINT_LIST = Call("order/printList", changes=False)

_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)
_LOGGED_IN = TypeAdapter(LoginData)
_ANNOUNCED = TypeAdapter(PayDataData)
_ACCEPTED = TypeAdapter(OrderDataData)
_STATUS_LIST = TypeAdapter(list[StatusItem])
_PRINT_QUEUE = TypeAdapter(list[PrintListItem])
_BRAND_LIST = TypeAdapter(list[BrandItem])
_STOCK_LIST = TypeAdapter(list[StockItem])


class ManufacturerClient:
    """Fits the port ``Manufacturer``. One object serves all concurrent calls of a process, so that they share one login."""

    def __init__(self, settings: ManufacturerSettings, http: httpx.AsyncClient) -> None:
        self._base_url = settings.base_url.rstrip("/")
        self._machine_pay_type = settings.machine_pay_type
        self._batch_size = settings.batch_size
        self._timeout = httpx.Timeout(settings.timeout.total_seconds(), connect=settings.connect_timeout.total_seconds())
        self._deadline = (settings.connect_timeout + settings.timeout).total_seconds()
        self._dialect = dialect_for(settings)
        self._tokens = TokenCache(self._log_in, settings.token_lifetime)
        self._http = http

    async def announce_payment(
        self, *, reference: PaymentReference, model_id: str, device_id: str, amount: Minor, at_machine: bool
    ) -> Announcement:
        """PayData: a payment at the machine is shown there, any other is only made known."""
        fields: Fields = {
            "third_id": reference,
            "mobile_model_id": model_id,
            "device_id": device_id,
            "pay_amount": pounds(amount),
            "pay_type": self._machine_pay_type if at_machine else ONLINE_PAY_TYPE,
        }
        announced = await self._call(_ANNOUNCE, self._dialect.sign(fields), _ANNOUNCED)
        _check_reference(_ANNOUNCE, asked=reference, answered=announced.third_id)
        return Announcement(reference=reference, manufacturer_payment_id=announced.id)

    async def confirm_payment(self, *, reference: PaymentReference, amount: Minor) -> None:
        """PayStatus (3). Some seconds later the manufacturer sends the same status to our own callback: that echo is no news."""
        fields: Fields = {"third_id": reference, "status": int(ManufacturerPaymentStatus.PAID), "pay_amount": pounds(amount)}
        await self._call(_CONFIRM, self._dialect.sign(fields), _ANYTHING)

    async def payment_statuses(self, references: Sequence[PaymentReference]) -> dict[PaymentReference, ManufacturerPaymentStatus]:
        return await self._statuses(_PAYMENT_STATUSES, references, ManufacturerPaymentStatus)

    async def submit_order(
        self, *, reference: PrintReference, payment_reference: PaymentReference, product: Product, picture_url: str
    ) -> Submission:
        """OrderData. ``third_pay_id`` is our own payment reference; the manufacturer's id of the payment is refused."""
        fields = {
            "third_id": reference,
            "third_pay_id": payment_reference,
            "mobile_model_id": product.model_id,
            "mobile_shell_id": product.shell_id,
            "device_id": product.device_id,
            "pic": picture_url,
        }
        accepted = await self._call(_SUBMIT, self._dialect.sign(fields), _ACCEPTED)
        _check_reference(_SUBMIT, asked=reference, answered=accepted.third_id)
        return accepted.to_submission()

    async def order_statuses(self, references: Sequence[PrintReference]) -> dict[PrintReference, ManufacturerOrderStatus]:
        return await self._statuses(_ORDER_STATUSES, references, ManufacturerOrderStatus)

    async def print_queue(self, device_id: str) -> list[Submission]:
        entries = await self._call(_PRINT_LIST, self._dialect.sign({"device_id": device_id}), _PRINT_QUEUE)
        return [
            Submission(
                reference=PrintReference(entry.third_id),
                manufacturer_order_id=entry.id,
                queue_number=entry.queue_no or None,
                status=_known_status(_PRINT_LIST, entry.third_id, entry.status, ManufacturerOrderStatus),
            )
            for entry in entries
            if entry.third_id
        ]

    async def brands(self) -> list[ManufacturerBrand]:
        return [item.to_brand() for item in await self._call(_BRANDS, self._dialect.sign({}), _BRAND_LIST)]

    async def stock(self, *, device_id: str, brand_id: str) -> list[StockLevel]:
        fields = {"device_id": device_id, "brand_id": brand_id}
        return [item.to_stock_level() for item in await self._call(_STOCK, self._dialect.sign(fields), _STOCK_LIST)]

    async def _statuses(self, call: Call, references: Sequence[ReferenceT], statuses: type[StatusT]) -> dict[ReferenceT, StatusT]:
        """Ask for all references, some at a time; one that is missing from the answers is not known there."""
        asked = dict.fromkeys(references)
        answers: dict[str, int] = {}
        for batch in _batches(list(asked), self._batch_size):
            items = await self._call(call, self._dialect.sign_references(batch), _STATUS_LIST)
            answers |= {item.third_id: item.status for item in items}
        return {
            reference: _known_status(call, reference, answers[reference], statuses) for reference in asked if reference in answers
        }

    async def _call(self, call: Call, body: SignedBody, data: TypeAdapter[DataT]) -> DataT:
        envelope = await self._authorized(call, body)
        if envelope.code != SUCCESS:
            raise refusal(call, envelope.code, envelope.msg)
        try:
            return data.validate_python(envelope.data)
        except ValidationError as error:
            message = f"{call.path}: success without the data that it is about"
            if call.changes:
                raise OutcomeUnknown(message, provider=PROVIDER) from error
            raise NeedsPerson(message, provider=PROVIDER) from error

    async def _authorized(self, call: Call, body: SignedBody) -> Envelope:
        """Send with a token where the dialect has tokens; one that is refused is replaced once."""
        if not self._dialect.needs_login:
            return await self._send(call, body)
        token = await self._tokens.current()
        envelope = await self._send(call, body, token)
        if envelope.code == TOKEN_REFUSED:
            log.info("the manufacturer no longer accepts the login token, logging in again")
            envelope = await self._send(call, body, await self._tokens.replacement(refused=token))
        if envelope.code == TOKEN_REFUSED:
            raise ProviderUnavailable(
                f"{call.path}: a new login token is refused too", provider=PROVIDER, code=str(envelope.code)
            )
        return envelope

    async def _log_in(self) -> str:
        envelope = await self._send(_LOGIN, self._dialect.sign_login())
        if envelope.code != SUCCESS:
            raise refusal(_LOGIN, envelope.code, envelope.msg)
        try:
            return _LOGGED_IN.validate_python(envelope.data).token
        except ValidationError as error:
            raise NeedsPerson(f"{_LOGIN.path}: success without a usable token", provider=PROVIDER) from error

    async def _send(self, call: Call, body: SignedBody, token: str | None = None) -> Envelope:
        headers = {"Content-Type": "application/json", **body.headers}
        if token is not None:
            headers["Authorization"] = token
        try:
            # httpx limits the time between two bytes; the deadline limits the call.
            async with asyncio.timeout(self._deadline):
                response = await self._http.post(
                    f"{self._base_url}/{call.path}", content=body.content, headers=headers, timeout=self._timeout
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise transport_error(call, error) from error
        if not response.is_success:
            raise http_error(call, response)
        try:
            return Envelope.model_validate_json(response.content)
        except ValidationError as error:
            raise call.interrupted("the answer is not one of theirs") from error


@asynccontextmanager
async def connect(settings: ManufacturerSettings) -> AsyncIterator[ManufacturerClient]:
    """A client with its own connections, which are closed at the end of the block; nothing is sent yet."""
    async with httpx.AsyncClient(follow_redirects=False) as http:
        yield ManufacturerClient(settings, http)


def _batches(references: Sequence[ReferenceT], size: int) -> Iterator[Sequence[ReferenceT]]:
    for start in range(0, len(references), size):
        yield references[start : start + size]


def _check_reference(call: Call, *, asked: str, answered: str) -> None:
    if asked != answered:
        raise NeedsPerson(f"{call.path}: asked under {asked}, answered for {answered}", provider=PROVIDER)


def _known_status(call: Call, reference: str, status: int, statuses: type[StatusT]) -> StatusT:
    if status not in {known.value for known in statuses}:
        # One new word of theirs must not stop the news of every other order.
        log.error("the manufacturer uses a status that nobody has classified", call=call.path, reference=reference, status=status)
        return statuses(0)
    return statuses(status)
