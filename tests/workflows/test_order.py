"""What an order promises while nothing goes wrong, and who may act on it."""

from models.order import OrderStatus
from tests.workflows.conftest import Shop


class TestWebOrder:
    async def test_lives_from_checkout_to_delivery(self, shop: Shop) -> None:
        """A paid web order passes every stage once, is captured once and printed once."""
        checkout = await shop.checkout()
        assert checkout.checkout_url == "https://checkout.example/1"

        await shop.pay()
        view = await shop.report_payment()
        assert view.authorized
        assert view.accepted

        result = await shop.print_and_deliver()

        assert result.status is OrderStatus.COMPLETED
        assert shop.story == [
            OrderStatus.AWAITING_PAYMENT,
            OrderStatus.PAID,
            OrderStatus.PREPARING,
            OrderStatus.SUBMITTING,
            OrderStatus.IN_PRODUCTION,
            OrderStatus.PRINTED,
            OrderStatus.TO_SHIP,
            OrderStatus.SHIPPED,
            OrderStatus.COMPLETED,
        ]
        assert len(shop.gateway.captured) == 1
        assert len(shop.manufacturer.accepted) == 1
        assert shop.manufacturer.confirmed == shop.manufacturer.announced
