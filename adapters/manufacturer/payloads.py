"""What the manufacturer's answers look like, and how its values become ours.

The manufacturer answers HTTP 200 to nearly everything and says in the body's ``code`` whether it agreed, so an answer counts as
success only when the envelope says 200 *and* the data holds what the call is made for.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from models.base import Minor
from models.production import (
    ManufacturerBrand,
    ManufacturerOrderId,
    ManufacturerOrderStatus,
    ManufacturerPaymentId,
    PrintReference,
    StockLevel,
    Submission,
)

ONLINE_PAY_TYPE = 12
"""Money that was taken online, or none at all; the same in both dialects."""


def _millimetres(value: Any) -> Any:
    """Sizes arrive as text; an empty or unreadable one means that there is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


Required = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Millimetres = Annotated[float | None, BeforeValidator(_millimetres)]


class WireModel(BaseModel):
    """Part of an answer; fields that we do not know are ignored, numbers are taken where text is expected.

    What was answered never stands in a validation error: it can be a login token.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True, hide_input_in_errors=True)


class Envelope(WireModel):
    """The frame of every answer; ``data`` is absent from error answers."""

    code: int
    msg: str | None = None
    data: Any = None


class LoginData(WireModel):
    """``user/login``; the token is sent as a header, so it must be fit for one."""

    token: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$")]


class PayDataData(WireModel):
    """``order/payData``; ``id`` is theirs, ``third_id`` is our own reference again."""

    id: Annotated[ManufacturerPaymentId, StringConstraints(min_length=1)]
    third_id: Required


class OrderDataData(WireModel):
    """``order/orderData``."""

    id: Annotated[ManufacturerOrderId, StringConstraints(min_length=1)]
    third_id: Required
    queue_no: str | None = None
    status: int | None = None

    def to_submission(self) -> Submission:
        """An accepted order; a status that we cannot read does not make the acceptance undone."""
        status = ManufacturerOrderStatus.WAITING_TO_PRINT
        if self.status is not None and self.status in set(ManufacturerOrderStatus):
            status = ManufacturerOrderStatus(self.status)
        return Submission(
            reference=PrintReference(self.third_id),
            manufacturer_order_id=self.id,
            queue_number=self.queue_no or None,
            status=status,
        )


class StatusItem(WireModel):
    """One line of ``order/getPayStatus`` or ``order/getOrderStatus``."""

    third_id: Required
    status: int


class PrintListItem(WireModel):
    """One line of ``order/printList``; orders that other sellers placed may carry no ``third_id``."""

    id: ManufacturerOrderId | None = None
    third_id: str | None = None
    queue_no: str | None = None
    status: int


class BrandItem(WireModel):
    """One line of ``brand/list``; ``name`` is Chinese."""

    id: Required
    name: str
    e_name: str

    def to_brand(self) -> ManufacturerBrand:
        return ManufacturerBrand(brand_id=self.id, name=self.name, english_name=self.e_name)


class StockItem(WireModel):
    """One line of ``stock/list``; ``price``, where it is sent, is in yuan and none of ours."""

    mobile_model_name: str
    mobile_model_id: Required
    mobile_shell_id: Required
    width: Millimetres = None
    height: Millimetres = None
    stock: int

    def to_stock_level(self) -> StockLevel:
        return StockLevel(
            model_id=self.mobile_model_id,
            model_name=self.mobile_model_name,
            shell_id=self.mobile_shell_id,
            width_mm=self.width,
            height_mm=self.height,
            stock=self.stock,
        )


def pounds(amount: Minor) -> Decimal:
    """Pence as the shortest decimal number of pounds with at least one digit after the point: 35.0, 42.99, 0.0."""
    exact = Decimal(amount) / 100
    return exact.quantize(Decimal("0.01" if amount % 10 else "0.1"))
