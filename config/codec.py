"""Encrypts everything that Temporal keeps for us: inputs, results, details, summaries, failures.

Temporal's server, its database and its backups see workflow ids, types, search attributes and ciphertext.
"""

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from config.fields import Key

ENCODING = b"binary/encrypted"
CIPHER = b"AES-256-GCM"
_NONCE_BYTES = 12


class CodecError(Exception):
    """A payload cannot be decrypted."""


class UnknownCodecKey(CodecError):
    """A payload names a key that is not configured: it was retired too early, or this process has other settings."""

    def __init__(self, key_id: str, known: Sequence[str]) -> None:
        super().__init__(f"a payload is encrypted with key {key_id!r}, which is not in TEMPORAL_CODEC_KEYS ({', '.join(known)})")
        self.key_id = key_id


class EncryptedPayloadCodec(PayloadCodec):
    """AES-256-GCM under the first of `keys`; decrypts under any of them, so a key is rotated by putting a new one in front.

    The whole payload is encrypted, metadata included; the encoding, the cipher and the key id stay readable and are
    authenticated with it. Workflow and namespace are not: the codec endpoint and the replayer, which must read the same payload,
    know neither. A nonce is 96 random bits, so a key is good for 2³² payloads (NIST SP 800-38D, 8.3).

    A payload that is not encrypted is returned as it is. Somebody who signals an order by Temporal's CLI without the codec sends
    one, and refusing it would wedge that order for ever, because its history would hold an event that no worker can read. It
    proves nothing: whoever can write to Temporal can do so.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        """`keys` are 32 bytes each, the current one first. Raises `ValueError` when there is none."""
        if not keys:
            message = "a codec needs at least one key"
            raise ValueError(message)
        self._ciphers = {key.id: AESGCM(key.secret.get_secret_value()) for key in keys}
        self._current = keys[0].id

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises `UnknownCodecKey`, or `CodecError` for a payload that was altered."""
        return [self._decrypt(payload) if payload.metadata.get("encoding") == ENCODING else payload for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, payload.SerializeToString(), _readable_part(self._current))
        return Payload(
            metadata={"encoding": ENCODING, "encryption-cipher": CIPHER, "encryption-key-id": self._current.encode()},
            data=nonce + sealed,
        )

    def _decrypt(self, payload: Payload) -> Payload:
        key_id = payload.metadata.get("encryption-key-id", b"").decode("utf-8", errors="replace")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise UnknownCodecKey(key_id, list(self._ciphers))
        nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
        try:
            return Payload.FromString(cipher.decrypt(nonce, sealed, _readable_part(key_id)))
        except (InvalidTag, ValueError, DecodeError) as error:
            message = f"a payload does not open with key {key_id!r}: it was altered, or another key has that id here"
            raise CodecError(message) from error


def _readable_part(key_id: str) -> bytes:
    return b"\n".join((ENCODING, CIPHER, key_id.encode()))
