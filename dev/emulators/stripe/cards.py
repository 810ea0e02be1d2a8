"""Stripe's test cards, https://docs.stripe.com/testing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TestCard:
    """A card number and what it does; `code` is why it is declined, `decline_code` the bank's own word."""

    __test__ = False

    number: str
    title: str
    brand: str = "visa"
    code: str | None = None
    decline_code: str | None = None
    message: str = ""
    disputed: bool = False
    fraud_warning: bool = False
    refund: str = "succeeded"
    """How a refund to it begins: `succeeded`, `pending` (then succeeds), `fails_later` (first succeeds)."""

    @property
    def last4(self) -> str:
        return self.number[-4:]


_DECLINED = "Your card was declined."

_ALL = (
    TestCard("4242424242424242", "Succeeds"),
    TestCard("5555555555554444", "Succeeds (Mastercard)", brand="mastercard"),
    TestCard("4000000000000002", "Declined", code="card_declined", decline_code="generic_decline", message=_DECLINED),
    TestCard(
        "4000000000009995",
        "Insufficient funds",
        code="card_declined",
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
    ),
    TestCard("4000000000000069", "Expired card", code="expired_card", message="Your card has expired."),
    TestCard("4000000000000127", "Wrong CVC", code="incorrect_cvc", message="Your card's security code is incorrect."),
    TestCard(
        "4000000000000119",
        "Processing error",
        code="processing_error",
        message="An error occurred while processing your card. Try again in a little bit.",
    ),
    TestCard("4000000000000259", "Succeeds, disputed as fraudulent", disputed=True),
    TestCard("4000000000005423", "Succeeds, early fraud warning", fraud_warning=True),
    TestCard("4000000000007726", "Refund pending, then succeeds", refund="pending"),
    TestCard("4000000000005126", "Refund succeeds, then fails", refund="fails_later"),
)

CARDS = {card.number: card for card in _ALL}
"""By number, the commonest first."""
