import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import stripe

from adapters.stripe.webhooks import StripeWebhooks, WebhookRefusal, WebhookRefused
from models.inbox import InboxSource
from tests.dev.emulators.stripe.support import World, stripe_world

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
OLD, NEW = "whsec_old", "whsec_new"


def webhooks(*secrets: str, livemode: bool = False) -> StripeWebhooks:
    return StripeWebhooks(secrets or (NEW, OLD), tolerance=timedelta(minutes=5), livemode=livemode)


def event(subject: dict[str, Any] | None = None, **changes: Any) -> bytes:
    default = {"id": "cs_1", "object": "checkout.session", "metadata": {}}
    values = {
        "id": "evt_1",
        "object": "event",
        "type": "checkout.session.completed",
        "livemode": False,
        "data": {"object": subject or default},
    }
    return json.dumps({**values, **changes}).encode()


def signed(body: bytes, secret: str = NEW, at: datetime = AT) -> str:
    return str(stripe.WebhookSignature.generate_signature_header(body.decode(), secret, int(at.timestamp())))


def refusal(body: bytes, signature: str | None, hooks: StripeWebhooks | None = None, at: datetime = AT) -> WebhookRefusal:
    with pytest.raises(WebhookRefused) as refused:
        (hooks or webhooks()).read(body, signature, received_at=at)
    return refused.value.reason


class TestSignature:
    @pytest.mark.parametrize("secret", [OLD, NEW])
    def test_each_secret_of_a_roll_over_is_taken(self, secret: str):
        message = webhooks().read(event(), signed(event(), secret), received_at=AT)
        assert (message.source, message.event_id) == (InboxSource.STRIPE, "evt_1")
        assert (message.kind, message.received_at) == ("checkout.session.completed", AT)

    def test_a_body_that_was_parsed_and_written_again_is_refused(self):
        body = json.dumps(json.loads(event()), indent=2).encode()
        assert refusal(body, signed(event())) is WebhookRefusal.SIGNATURE

    @pytest.mark.parametrize("signature", [None, "", "t=1", "v1=00", "t=x,v1=00", "nonsense", "t=1,v1=\u00e9"])
    def test_what_is_no_signature_is_refused(self, signature: str | None):
        assert refusal(event(), signature) is WebhookRefusal.SIGNATURE

    def test_somebody_elses_secret_is_refused(self):
        assert refusal(event(), signed(event(), "whsec_other")) is WebhookRefusal.SIGNATURE

    def test_bytes_that_are_no_text_are_refused(self):
        assert refusal(b"\xff\xfe", signed(event())) is WebhookRefusal.SIGNATURE

    def test_an_old_signature_is_told_apart_from_a_wrong_one(self):
        sent = AT - timedelta(minutes=5)
        assert webhooks().read(event(), signed(event(), at=sent), received_at=AT).event_id == "evt_1"
        assert refusal(event(), signed(event(), at=sent), at=AT + timedelta(seconds=1)) is WebhookRefusal.STALE

    def test_without_a_secret_nothing_is_taken(self):
        hooks = StripeWebhooks((), tolerance=timedelta(minutes=5), livemode=False)
        assert not hooks.is_enabled
        assert refusal(event(), signed(event(), ""), hooks) is WebhookRefusal.SIGNATURE

    @pytest.mark.parametrize("secret", ["", "  "])
    def test_an_empty_secret_is_a_mistake_that_is_seen_at_once(self, secret: str):
        with pytest.raises(ValueError, match="anybody's signature"):
            webhooks(secret)


class TestContent:
    @pytest.mark.parametrize("livemode", [True, False])
    def test_an_event_of_the_other_mode_is_refused(self, livemode: bool):
        body = event(livemode=not livemode)
        assert refusal(body, signed(body), webhooks(livemode=livemode)) is WebhookRefusal.LIVEMODE

    @pytest.mark.parametrize(
        "body",
        [b"[]", b"{}", b"not json", event(object="v2.core.event"), event(data={}), event(id=None), event(livemode="false")],
    )
    def test_what_is_no_snapshot_event_is_refused(self, body: bytes):
        assert refusal(body, signed(body)) is WebhookRefusal.PAYLOAD

    @pytest.mark.parametrize(
        ("subject", "reference"),
        [
            ({"id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1"}, "cs_1"),
            ({"id": "pi_1", "object": "payment_intent"}, "pi_1"),
            ({"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}, "pi_1"),
            ({"id": "re_1", "object": "refund", "payment_intent": "pi_1"}, "pi_1"),
            ({"id": "du_1", "object": "dispute", "payment_intent": "pi_1"}, "pi_1"),
            ({"id": "prod_1", "object": "product"}, "prod_1"),
        ],
    )
    def test_the_reference_is_the_id_by_which_the_payment_is_known(self, subject: dict[str, Any], reference: str):
        message = webhooks().read(event(subject), signed(event(subject)), received_at=AT)
        assert message.reference == reference

    @pytest.mark.parametrize("metadata", [None, {}, {"order_id": "7"}, {"order_id": None}])
    def test_an_object_that_names_no_order_of_ours_is_taken_all_the_same(self, metadata: Any):
        subject = {"id": "ch_1", "object": "charge", "metadata": metadata}
        assert webhooks().read(event(subject), signed(event(subject)), received_at=AT).order_id is None

    def test_the_order_is_named_by_metadata(self):
        order_id = uuid4()
        subject = {"id": "cs_1", "object": "checkout.session", "metadata": {"order_id": str(order_id)}}
        assert webhooks().read(event(subject), signed(event(subject)), received_at=AT).order_id == order_id


async def test_everything_that_the_emulator_sends_is_read():
    async with stripe_world() as world:
        kinds = await _read_all(world)
    assert {"checkout.session.completed", "charge.captured", "refund.created", "charge.dispute.created"} <= kinds


async def _read_all(world: World) -> set[str]:
    """Let money come and go, and read every webhook about it."""
    order_id = str(uuid4())
    payment = {"capture_method": "manual", "metadata": {"order_id": order_id}}
    _, intent = await world.authorized(metadata={"order_id": order_id}, payment_intent_data=payment)
    await world.client.v1.payment_intents.capture_async(intent)
    await world.steer.dashboard_refund(intent, 100)
    await world.steer.dispute(intent)
    await world.steer.webhooks_settled()
    hooks = webhooks(world.receiver.secret)
    messages = [hooks.read(body, signature, received_at=datetime.now(UTC)) for body, signature in world.receiver.requests]
    for message in messages:
        assert message.order_id is not None or message.reference == intent
    return {message.kind for message in messages}
