"""Temporal keeps ciphertext only, and yesterday's ciphertext stays readable after today's key change."""

import dataclasses

import pytest
from pydantic import SecretBytes
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError

from config.codec import CodecError, EncryptedPayloadCodec, UnknownCodecKey
from config.fields import Key
from config.groups import TemporalSettings
from config.temporal import data_converter
from models.order import Address, Customer

OLD = Key(id="2025", secret=SecretBytes(b"o" * 32))
NEW = Key(id="2026", secret=SecretBytes(b"n" * 32))
PAYLOAD = Payload(metadata={"encoding": b"json/plain", "messageType": b"Customer"}, data=b'"Ada Lovelace"')
CUSTOMER = Customer(
    name="Ada Lovelace",
    email="ada@example.com",
    address=Address(line1="12 St James's Square", city="London", postcode="SW1Y 4JH", country="GB"),
)


def settings(*keys: Key) -> TemporalSettings:
    return TemporalSettings(address="127.0.0.1:7233", codec_keys=keys)


async def test_what_is_encoded_comes_back_whole_and_is_unreadable_in_between():
    codec = EncryptedPayloadCodec([NEW])

    (sealed,) = await codec.encode([PAYLOAD])

    assert b"Ada" not in sealed.SerializeToString()
    assert b"Customer" not in sealed.SerializeToString()
    assert sealed.metadata["encoding"] == b"binary/encrypted"
    assert sealed.metadata["encryption-key-id"] == b"2026"
    assert await codec.decode([sealed]) == [PAYLOAD]


async def test_the_same_payload_never_looks_the_same():
    """Equal ciphertexts would tell that two customers chose the same thing."""
    codec = EncryptedPayloadCodec([NEW])

    first, second = await codec.encode([PAYLOAD, PAYLOAD])

    assert first.data != second.data


async def test_a_payload_from_before_a_rotation_is_readable_after_it():
    (before,) = await EncryptedPayloadCodec([OLD]).encode([PAYLOAD])
    rotated = EncryptedPayloadCodec([NEW, OLD])

    (after,) = await rotated.encode([PAYLOAD])

    assert after.metadata["encryption-key-id"] == b"2026"
    assert await rotated.decode([before, after]) == [PAYLOAD, PAYLOAD]


async def test_a_retired_key_is_named():
    (sealed,) = await EncryptedPayloadCodec([OLD]).encode([PAYLOAD])

    with pytest.raises(UnknownCodecKey, match=r"key '2025', which is not in TEMPORAL_CODEC_KEYS \(2026\)"):
        await EncryptedPayloadCodec([NEW]).decode([sealed])


async def test_another_key_under_the_same_id_is_an_error_and_not_garbage():
    (sealed,) = await EncryptedPayloadCodec([OLD]).encode([PAYLOAD])
    impostor = Key(id=OLD.id, secret=NEW.secret)

    with pytest.raises(CodecError, match="does not open with key '2025'"):
        await EncryptedPayloadCodec([impostor]).decode([sealed])


@pytest.mark.parametrize("position", [0, 11, 12, -1])
async def test_an_altered_payload_is_refused(position: int):
    codec = EncryptedPayloadCodec([NEW])
    (sealed,) = await codec.encode([PAYLOAD])
    data = bytearray(sealed.data)
    data[position] ^= 1

    with pytest.raises(CodecError):
        await codec.decode([Payload(metadata=dict(sealed.metadata), data=bytes(data))])


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 12])
async def test_a_truncated_payload_is_refused(data: bytes):
    codec = EncryptedPayloadCodec([NEW])
    (sealed,) = await codec.encode([PAYLOAD])

    with pytest.raises(CodecError):
        await codec.decode([Payload(metadata=dict(sealed.metadata), data=data)])


async def test_the_key_id_cannot_be_changed_to_that_of_an_equal_key():
    """The readable part is authenticated together with the rest."""
    (sealed,) = await EncryptedPayloadCodec([OLD]).encode([PAYLOAD])
    renamed = Payload(metadata={**sealed.metadata, "encryption-key-id": b"copy"}, data=sealed.data)

    with pytest.raises(CodecError):
        await EncryptedPayloadCodec([OLD, Key(id="copy", secret=OLD.secret)]).decode([renamed])


async def test_a_payload_in_clear_text_passes():
    """A signal from Temporal's CLI must not wedge an order for ever."""
    assert await EncryptedPayloadCodec([NEW]).decode([PAYLOAD]) == [PAYLOAD]


def test_a_codec_without_keys_cannot_be_made():
    with pytest.raises(ValueError, match="at least one key"):
        EncryptedPayloadCodec([])


async def test_contracts_survive_converter_and_codec():
    converter = data_converter(settings(NEW))

    payloads = await converter.encode([CUSTOMER])

    assert b"Ada" not in payloads[0].SerializeToString()
    assert await converter.decode(payloads, [Customer]) == [CUSTOMER]


async def test_a_failure_says_nothing_in_clear_text_neither_message_nor_stack_nor_details():
    converter = data_converter(settings(NEW))
    failure = Failure()

    await converter.encode_failure(_failed_for("Ada Lovelace"), failure)

    on_the_server = failure.SerializeToString()
    assert failure.application_failure_info.type == "PaymentDeclined"
    for secret in (b"Ada", b"example.com", b"test_codec.py", b"sensitive_function_name"):
        assert secret not in on_the_server
    read = await converter.decode_failure(failure)
    assert isinstance(read, ApplicationError)
    assert read.message == "no money from Ada Lovelace"
    assert read.details == ({"email": "ada@example.com"},)
    assert isinstance(read.cause, ApplicationError)
    assert read.cause.message == "bank of Ada Lovelace"


async def test_a_failure_from_before_a_rotation_is_readable_after_it():
    failure = Failure()
    await data_converter(settings(OLD)).encode_failure(_failed_for("Ada Lovelace"), failure)

    read = await data_converter(settings(NEW, OLD)).decode_failure(failure)

    assert str(read) == "PaymentDeclined: no money from Ada Lovelace"


def test_the_converter_differs_from_pydantics_in_codec_and_failures_only():
    ours = data_converter(settings(NEW))
    names = {field.name for field in dataclasses.fields(ours) if field.init}

    different = {name for name in names if getattr(ours, name) != getattr(pydantic_data_converter, name)}
    assert different == {"payload_codec", "failure_converter_class"}


def _failed_for(customer: str) -> Exception:
    def sensitive_function_name() -> None:
        error = ApplicationError(f"no money from {customer}", {"email": "ada@example.com"}, type="PaymentDeclined")
        raise error from ValueError(f"bank of {customer}")

    try:
        sensitive_function_name()
    except ApplicationError as error:
        return error
    raise AssertionError
