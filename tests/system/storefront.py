"""What the published storefront sends: recorded bodies, and designs in the size that it composes."""

import base64
import itertools
import json
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image

IPHONE_15_PRO = (69.43, 145.12)
SHELL = "MS102509090019"
DEFAULT_DEVICE, MACHINE, FREE_MACHINE = "DEFAULTUK001", "CXYLOGD8OQUK", "FREEPROMO001"
CUSTOMER = {
    "customer_name": "Zebulon Quartermain",
    "customer_email": "zebulon.quartermain@example.org",
    "customer_phone": "+447700900987",
    "shipping_address_line1": "77 Thistledown Crescent",
    "shipping_address_line2": "",
    "shipping_city": "London",
    "shipping_postcode": "SW1A 1AA",
    "shipping_country": "United Kingdom",
}
WEB_BODY: dict[str, Any] = {
    "amount_pence": 3500,
    "brand": "APPLE",
    "model": "iPhone 15 Pro",
    "selected_add_ons": [],
    "add_ons_total": 0,
    "base_price": 35,
    "entry_source": "vanilla",
    "is_machine_collection": False,
    **CUSTOMER,
}
"""As recorded from the published storefront, but for `final_image_url` and the person."""
QR_BODY: dict[str, Any] = {
    "amount_pence": 4299,
    "brand": "APPLE",
    "model": "iPhone 15 Pro",
    "selected_add_ons": ["screen-protector"],
    "add_ons_total": 7.99,
    "base_price": 35,
    "entry_source": "qr",
    "is_machine_collection": True,
    "machine_id": MACHINE,
}
"""As recorded of a customer who scanned a machine and pays on the phone."""

_numbers = itertools.count(1)


@cache
def picture(number: int = 0, size: tuple[int, int] = (1390, 2905)) -> bytes:
    """A design in the size that the storefront composes; another number is another picture."""
    file = BytesIO()
    Image.new("RGB", size, (number % 256, number // 256 % 256, 90)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def new_picture() -> bytes:
    """A design that nobody had before, so that no print file of it exists."""
    return picture(next(_numbers))


def upload_form(data: bytes) -> dict[str, str]:
    """The form of `/api/images/upload-final` as recorded."""
    return {
        "template_id": "classic",
        "final_image_data": f"data:image/png;base64,{base64.b64encode(data).decode()}",
        "metadata": json.dumps({"uploadTimestamp": 1767225600, "source": "own_collection"}),
    }


def success_body(session_id: str, image_url: str) -> dict[str, Any]:
    """The body of `/process-payment-success` as recorded."""
    return {
        "session_id": session_id,
        "final_image_url": image_url,
        "order_data": {
            "finalImagePublicUrl": image_url,
            "imageSessionId": "session_1767225600",
            "mobile_shell_id": SHELL,
            "selectedModelData": {
                "mobile_model_id": "MM020250224000010",
                "mobile_shell_id": SHELL,
                "model_name": "iPhone 15 Pro",
                "brand_name": "APPLE",
                "price": "10.00",
                "width": "69.43",
                "height": "145.12",
                "stock": 2,
                "chinese_brand_id": "BR20250111000002",
            },
            "deviceId": DEFAULT_DEVICE,
        },
    }
