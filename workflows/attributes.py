"""What the lists of Temporal's Web UI can be searched by. Clear text on the server, so nothing personal and no secret."""

from temporalio.common import SearchAttributeKey

ORDER_STATUS = SearchAttributeKey.for_keyword("OrderStatus")
"""`models.order.OrderStatus`."""
CHANNEL = SearchAttributeKey.for_keyword("Channel")
"""`models.order.Channel`."""
MACHINE_ID = SearchAttributeKey.for_keyword("MachineId")
"""The manufacturer's id of the machine that prints."""
ORDER_NUMBER = SearchAttributeKey.for_keyword("OrderNumber")
"""What people see, `PMC-000123`."""
MANUFACTURER_ORDER_ID = SearchAttributeKey.for_keyword("ManufacturerOrderId")
"""The manufacturer's `MSOR…`."""
AMOUNT_MINOR = SearchAttributeKey.for_int("AmountMinor")
"""The order's total in minor units."""
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
"""Whether the order waits for a person."""

SEARCH_ATTRIBUTES = (ORDER_STATUS, CHANNEL, MACHINE_ID, ORDER_NUMBER, MANUFACTURER_ORDER_ID, AMOUNT_MINOR, NEEDS_ATTENTION)
