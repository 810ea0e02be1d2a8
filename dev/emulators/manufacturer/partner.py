"""The manufacturer's business rules: what it knows, what it accepts, and the words with which it refuses.

Texts that were recorded or documented stand at the top; for cases that no record shows the emulator refuses with a text of its
own, so that a client meets unknown texts too.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from dev.emulators.control import Controls
from dev.emulators.manufacturer.agenda import Agenda
from dev.emulators.manufacturer.callbacks import CallbackSender
from dev.emulators.manufacturer.printing import PrintQueue
from dev.emulators.manufacturer.records import IN_THE_QUEUE, PAID, UNPRINTED, Payment, PrintOrder, Records
from dev.emulators.manufacturer.seed import BRAND_NAMES, BRANDS, MODEL_NAMES, SHELLS, SHOPS, goods
from dev.emulators.manufacturer.settings import ManufacturerEmulatorSettings
from dev.emulators.manufacturer.wire import PARAMETERS_WRONG, TOKEN_MISSING, Fields, Refusal

PAYMENT_MISSING = "Payment information does not exist"
DEVICE_UNAVAILABLE = "device is unavailable"
NO_PERMISSION = "No permission to access the current device"
ALREADY_EXISTS = "third_id already exist"

_PAYMENT_REFERENCE = re.compile(r"PYEN\d{12}")
_ORDER_REFERENCE = re.compile(r"OREN\d{12}")
_PICTURE = re.compile(r"https?://\S{1,990}")
_STATUSES_OF_A_PAYMENT = range(1, 6)
_PAY_TYPES = range(13)


class Partner:
    """One method per call; each takes the checked fields and returns ``data``, or raises Refusal."""

    def __init__(
        self,
        settings: ManufacturerEmulatorSettings,
        controls: Controls,
        records: Records,
        agenda: Agenda,
        callbacks: CallbackSender,
        queue: PrintQueue,
    ) -> None:
        self._settings = settings
        self._controls = controls
        self._records = records
        self._agenda = agenda
        self._callbacks = callbacks
        self._queue = queue

    def seed(self) -> None:
        """Set up the machines that are not known yet."""
        for device_id in self._settings.devices:
            self._records.add_device(device_id, {shell.shell_id: self._settings.stock_per_shell for shell in SHELLS})

    def restore(self) -> None:
        """Take up again the payment statuses that were on their way when the emulator stopped."""
        for payment in self._records.payments.all():
            self._enter(payment)

    def log_in(self, fields: Fields) -> dict[str, str]:
        self.check_account(fields)
        token = secrets.token_urlsafe(32)
        self._records.tokens.put(token, {"issued_at": self._now().isoformat()})
        self._controls.ledger.append("logged_in")
        return {"id": "MEA102503010001", "account": self._settings.account, "token": token}

    def check_account(self, fields: Fields) -> None:
        if (fields.text("account"), fields.text("password")) != (self._settings.account, self._settings.password):
            raise Refusal("account or password error")

    def check_token(self, token: str | None) -> None:
        issued = self._records.tokens.get(token or "")
        if issued is None or datetime.fromisoformat(issued["issued_at"]) + self._settings.token_lifetime <= self._now():
            raise Refusal("token is invalid or expired", TOKEN_MISSING)

    def list_brands(self, _: Fields) -> list[dict[str, str]]:
        return [{"id": brand.id, "name": brand.name, "e_name": brand.e_name} for brand in BRANDS]

    def list_stock(self, fields: Fields) -> list[dict[str, Any]]:
        stock, brand_id = self._records.stock(self._device(fields)), fields.text("brand_id")
        if brand_id not in BRAND_NAMES:
            raise Refusal("brand does not exist")
        return [
            {
                "mobile_model_name": shell.model_name,
                "mobile_model_id": shell.model_id,
                "mobile_shell_id": shell.shell_id,
                "width": shell.width,
                "height": shell.height,
                "stock": stock[shell.shell_id],
                "price": shell.price,
            }
            for shell in SHELLS
            if shell.brand_id == brand_id and shell.shell_id in stock
        ]

    def list_shops(self, fields: Fields) -> dict[str, Any]:
        page, rows = fields.whole("page"), fields.whole("rows")
        if page < 1 or rows < 1:
            raise Refusal("parameter error: page", PARAMETERS_WRONG)
        shown = SHOPS[(page - 1) * rows : page * rows]
        return {"total": len(SHOPS), "list": [{"id": shop_id, "name": name} for shop_id, name in shown]}

    def list_goods(self, fields: Fields) -> list[dict[str, str]]:
        shop_id = fields.text("shop_id")
        if shop_id not in dict(SHOPS):
            raise Refusal("shop does not exist")
        return [goods(number, shop_id, shell) for number, shell in enumerate(SHELLS, start=1)]

    def announce_payment(self, fields: Fields) -> dict[str, str]:
        third_id, amount, pay_type = fields.text("third_id"), fields.amount("pay_amount"), fields.whole("pay_type")
        model_id, device_id = fields.text("mobile_model_id"), fields.text("device_id")
        if not _PAYMENT_REFERENCE.fullmatch(third_id) or pay_type not in _PAY_TYPES:
            raise Refusal("parameter error: third_id or pay_type", PARAMETERS_WRONG)
        if third_id in self._records.payments:
            raise Refusal(ALREADY_EXISTS)
        self._available_device(device_id)
        if model_id not in MODEL_NAMES:
            raise Refusal("mobile model does not exist")
        payment = Payment(
            id=self._issue("MSPY"),
            third_id=third_id,
            device_id=device_id,
            mobile_model_id=model_id,
            pay_amount=amount,
            pay_type=pay_type,
            at_machine=pay_type == self._settings.machine_pay_type,
        )
        self._records.payments.keep(third_id, payment)
        self._controls.ledger.append("payment_announced", **payment.model_dump(exclude={"status"}, exclude_none=True))
        return {"id": payment.id, "third_id": third_id}

    def announce_payment_status(self, fields: Fields) -> None:
        payment, status = self._payment(fields.text("third_id")), fields.whole("status")
        if status not in _STATUSES_OF_A_PAYMENT:
            raise Refusal("parameter error: status", PARAMETERS_WRONG)
        if "pay_amount" in fields and Decimal(fields.amount("pay_amount")) != Decimal(payment.pay_amount):
            raise Refusal("payment amount is inconsistent")
        if payment.at_machine:
            raise Refusal("payment status is reported by the machine")
        if PAID in (payment.status, payment.announced_status) and status != PAID:
            raise Refusal("payment has been completed")
        self._controls.ledger.append("payment_status_announced", third_id=payment.third_id, status=status)
        now = self._now()
        announced = payment.model_copy(
            update={
                "announced_status": status,
                "settles_at": now + self._settings.payment_settles_after,
                "echo_at": now + self._settings.payment_echo_after,
            }
        )
        if self._settings.payment_settles_after <= timedelta(0):
            announced = announced.model_copy(update={"status": status, "settles_at": None})
        self._records.payments.keep(payment.third_id, announced)
        self._enter(announced)

    def pay_at_machine(self, third_id: str, status: int) -> Payment:
        """The customer acts at the machine: 2 paying, 3 paid, 4 failed, 5 abnormal.

        Raises KeyError for a reference that is not known, ValueError where the machine does not ask for this payment.
        """
        payment = self._records.payments.get(third_id)
        if payment is None:
            raise KeyError(third_id)
        if not payment.at_machine or payment.status == PAID:
            raise ValueError(f"{third_id} is {'paid' if payment.at_machine else 'no payment at a machine'}")
        paid = payment.model_copy(update={"status": status})
        self._records.payments.keep(third_id, paid)
        self._controls.ledger.append("machine_payment", third_id=third_id, status=status, pay_amount=payment.pay_amount)
        self._callbacks.send(
            "payment_callback",
            [
                {
                    "third_id": third_id,
                    "pay_type": payment.pay_type,
                    "pay_amount": float(payment.pay_amount),
                    "pay_date": f"{self._now():%Y-%m-%d %H:%M:%S}",
                    "status": status,
                }
            ],
            at=self._now(),
        )
        return paid

    def payment_statuses(self, third_ids: Sequence[str]) -> list[dict[str, Any]]:
        found = [self._records.payments.get(third_id) for third_id in third_ids]
        return [{"third_id": payment.third_id, "status": payment.status} for payment in found if payment]

    def order_statuses(self, third_ids: Sequence[str]) -> list[dict[str, Any]]:
        found = [self._records.orders.get(third_id) for third_id in third_ids]
        return [{"third_id": order.third_id, "status": order.status} for order in found if order]

    def submit_order(self, fields: Fields) -> dict[str, Any]:
        third_id, third_pay_id, pic = fields.text("third_id"), fields.text("third_pay_id"), fields.text("pic")
        model_id, shell_id = fields.text("mobile_model_id"), fields.text("mobile_shell_id")
        device_id = fields.text("device_id")
        if not _ORDER_REFERENCE.fullmatch(third_id) or not _PICTURE.fullmatch(pic):
            raise Refusal("parameter error: third_id or pic", PARAMETERS_WRONG)
        if third_id in self._records.orders:
            raise Refusal(ALREADY_EXISTS)
        self._available_device(device_id)
        self._check_paid(self._payment(third_pay_id))
        self._check_shell(device_id, model_id, shell_id)
        order = PrintOrder(
            id=self._issue("MSOR"),
            third_id=third_id,
            third_pay_id=third_pay_id,
            device_id=device_id,
            mobile_model_id=model_id,
            mobile_model_name=MODEL_NAMES[model_id],
            mobile_shell_id=shell_id,
            pic=pic,
            queue_no=f"{(self._records.next_number(f'queue:{device_id}') - 1) % 999 + 1:03d}",
        )
        self._controls.ledger.append("order_accepted", **order.model_dump(exclude_none=True, exclude={"status"}))
        self._queue.take_in(order)
        return {"id": order.id, "third_id": third_id, "queue_no": order.queue_no, "status": order.status}

    def print_queue(self, fields: Fields) -> list[dict[str, Any]]:
        device_id = self._device(fields)
        shown = {"id", "third_id", "mobile_model_name", "pic", "queue_no", "status"}
        queue = self._records.orders.where(lambda order: order["device_id"] == device_id and order["status"] in IN_THE_QUEUE)
        return [order.model_dump(include=shown) for order in queue]

    def _enter(self, payment: Payment) -> None:
        third_id = payment.third_id

        async def settle(_: datetime) -> None:
            current = self._payment(third_id)
            self._records.payments.keep(
                third_id, current.model_copy(update={"status": current.announced_status, "settles_at": None})
            )

        async def echo(due_at: datetime) -> None:
            current = self._payment(third_id)
            self._records.payments.keep(third_id, current.model_copy(update={"echo_at": None}))
            self._callbacks.send("payment_callback", {"third_id": third_id, "status": current.announced_status}, at=due_at)

        if payment.settles_at is not None:
            self._agenda.put(f"settle:{third_id}", payment.settles_at, settle)
        if payment.echo_at is not None:
            self._agenda.put(f"echo:{third_id}", payment.echo_at, echo)

    def _check_paid(self, payment: Payment) -> None:
        if payment.settles_at is not None:
            raise Refusal(PAYMENT_MISSING)
        if payment.status != PAID:
            raise Refusal("payment has not been completed")
        attempts = self._records.orders.where(lambda order: order["third_pay_id"] == payment.third_id)
        if self._settings.one_print_per_payment and any(order.status not in UNPRINTED for order in attempts):
            raise Refusal("payment has been used by another order")

    def _check_shell(self, device_id: str, model_id: str, shell_id: str) -> None:
        stock = self._records.stock(device_id)
        if shell_id not in stock or (model_id, shell_id) not in {(shell.model_id, shell.shell_id) for shell in SHELLS}:
            raise Refusal("mobile shell does not exist")
        if stock[shell_id] == 0:
            raise Refusal("insufficient stock")

    def _payment(self, third_id: str) -> Payment:
        payment = self._records.payments.get(third_id)
        if payment is None:
            raise Refusal(PAYMENT_MISSING)
        return payment

    def _device(self, fields: Fields) -> str:
        device_id = fields.text("device_id")
        if not self._records.is_permitted(device_id):
            raise Refusal(NO_PERMISSION)
        return device_id

    def _available_device(self, device_id: str) -> None:
        if not self._records.is_permitted(device_id):
            raise Refusal(NO_PERMISSION)
        if not self._records.is_online(device_id):
            raise Refusal(DEVICE_UNAVAILABLE)

    def _issue(self, prefix: str) -> str:
        return f"{prefix}10{self._now():%y%m%d}{self._records.next_number(prefix):06d}"

    def _now(self) -> datetime:
        return self._controls.clock.now()
