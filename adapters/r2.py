"""Cloudflare R2: where pictures are kept. Speaks S3, so any S3 will do.

Retries belong to the caller: every call goes out once. Nothing here has an unknown outcome, because what a key holds never
changes: the same `put` again is harmless, so whatever may pass is `ProviderUnavailable`.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore import exceptions as s3_errors
from botocore.parsers import ResponseParserError

from config.groups import StorageSettings
from models.artwork import sha256_of
from models.base import Sha256
from models.errors import IntegrityBroken, NotThere, OrderPipelineError, ProviderRejected, ProviderUnavailable

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

PROVIDER: Final = "r2"

PART_SIZE: Final = 8 * 1024 * 1024
"""Bytes of a part, and the size above which an upload has parts. R2 wants all parts but the last of one size, 5 MiB or more."""

CHUNK_SIZE: Final = 64 * 1024
"""Bytes that a stream gives at a time."""

_DIGEST: Final = "sha256"
"""Object metadata that holds the content's hash; our own, because R2 and AWS disagree on checksum headers."""

_CONNECTIONS: Final = 50
_DELETED_AT_ONCE: Final = 8
_PROBE_KEY: Final = "health/probe"

_ABSENT: Final = frozenset({"NoSuchKey", "404", "NotFound"})

_TRANSIENT_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 525, 526, 530})
"""HTTP statuses after which the same request may succeed; 520 and up are Cloudflare's own."""

_TRANSIENT_CODES: Final = frozenset(
    {
        # Busy or broken: https://developers.cloudflare.com/r2/api/error-codes/
        "InternalError",
        "ServiceUnavailable",
        "SlowDown",
        "TooManyRequests",
        # Damaged or lost on the way.
        "BadDigest",
        "ClientDisconnect",
        "IncompleteBody",
        "RequestTimeout",
        "XAmzContentSHA256Mismatch",
        # Somebody writes the same key, or our unfinished upload was cleaned away: begin again.
        "ConditionalRequestConflict",
        "NoSuchUpload",
        "OperationAborted",
        # Keys, clock or bucket are set up wrong. An operator mends that while orders wait, so no order dies of it.
        "AccessDenied",
        "ExpiredRequest",
        "Forbidden",
        "InvalidAccessKeyId",
        "NoSuchBucket",
        "NotEntitled",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "Unauthorized",
        "401",
        "403",
    }
)

_TRANSIENT_ERRORS: Final = (
    s3_errors.HTTPClientError,  # timeouts, closed connections, broken bodies
    s3_errors.ConnectionError,  # never connected: DNS, refused, TLS, proxy
    s3_errors.ChecksumError,
    s3_errors.FlexibleChecksumError,
    s3_errors.IncompleteReadError,
    ResponseParserError,  # a proxy's page instead of an answer
    aiohttp.ClientError,  # aiobotocore lets these through while a body is read
    OSError,
)
_OUR_MISTAKES: Final = (s3_errors.BotoCoreError, s3_errors.UndefinedModelAttributeError)
"""What is left of botocore: wrong parameters, regions, addresses, credentials. No repetition mends these."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that is being read.

    Attributes:
        media_type: As it was stored.
        size: Bytes.
        sha256: What was stored beside it; None for an object that somebody else put there.
        chunks: The content, to be read once. When it is not what was stored, `IntegrityBroken` or `ProviderUnavailable` comes
            *instead of the last chunk*, so a receiver that counts bytes never takes it for whole.
    """

    media_type: str
    size: int
    sha256: Sha256 | None
    chunks: AsyncIterator[bytes]


class R2Store:
    """Keeps pictures in one bucket. Objects are private: people and machines read them through us."""

    def __init__(self, client: "S3Client", *, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    async def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Store the bytes, unless the same bytes are there already.

        Raises `IntegrityBroken` when other content is kept under this key: objects never change. `ProviderUnavailable`,
        `ProviderRejected`.
        """
        digest = sha256_of(data)
        kept = await self._digest_of(key)
        if kept == digest:
            return
        if kept:
            raise IntegrityBroken(f"{key} holds {kept} and would be replaced by {digest}")
        if len(data) > PART_SIZE:
            await self._put_in_parts(key, data, digest=digest, media_type=media_type)
            return
        with _our_errors("store", key):
            await self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + key,
                Body=data,
                ContentType=media_type,
                Metadata={_DIGEST: digest},
            )

    async def get(self, key: str) -> bytes:
        """Read an object. Raises `NotThere`, `IntegrityBroken`, `ProviderUnavailable`, `ProviderRejected`."""
        found = await self.stream(key)
        return b"".join([chunk async for chunk in found.chunks])

    async def stream(self, key: str) -> StoredObject:
        """Begin to read an object; its content is passed on as it comes, never held whole. Raises as `get`."""
        with _our_errors("read", key):
            answer = await self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        digest = answer["Metadata"].get(_DIGEST)

        async def chunks() -> AsyncIterator[bytes]:
            found = sha256()
            held_back = b""
            with _our_errors("read", key):
                body = answer["Body"]
                async with body:
                    while chunk := await body.read(CHUNK_SIZE):
                        found.update(chunk)
                        if held_back:
                            yield held_back
                        held_back = chunk
            if digest and found.hexdigest() != digest:
                raise IntegrityBroken(f"{key} holds {found.hexdigest()}, {digest} was stored")
            yield held_back

        return StoredObject(
            media_type=answer["ContentType"],
            size=answer["ContentLength"],
            sha256=digest,
            chunks=chunks(),
        )

    async def exists(self, key: str) -> bool:
        """Say whether the object is there, without reading it. Raises `ProviderUnavailable`, `ProviderRejected`."""
        return await self._digest_of(key) is not None

    async def delete(self, keys: Collection[str]) -> dict[str, str]:
        """Remove objects and return why each that may still be there could not be; one that is not there is removed already.

        One request for each and a few at a time: a request for many carries a checksum that not every S3 takes.
        """
        turns = asyncio.Semaphore(_DELETED_AT_ONCE)

        async def delete(key: str) -> str | None:
            async with turns:
                try:
                    with _our_errors("delete", key):
                        await self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)
                except (NotThere, ProviderUnavailable, ProviderRejected) as error:
                    return None if isinstance(error, NotThere) else error.message
            return None

        reasons = zip(keys, await asyncio.gather(*(delete(key) for key in keys)), strict=True)
        return {key: reason for key, reason in reasons if reason is not None}

    async def probe(self) -> None:
        """Make sure that the bucket can be read with our keys; for `/health`. Raises `ProviderUnavailable`, `ProviderRejected`.

        Asks for an object that nobody stores: unlike HEAD, the answer tells a missing key from a missing bucket, and unlike
        HeadBucket it is allowed to tokens that are limited to objects.
        """
        try:
            with _our_errors("probe", _PROBE_KEY):
                answer = await self._client.get_object(Bucket=self._bucket, Key=self._prefix + _PROBE_KEY)
                answer["Body"].close()
        except NotThere:
            return

    async def _digest_of(self, key: str) -> str | None:
        """Return the hash kept beside an object, empty for one without; None when there is no object."""
        try:
            with _our_errors("look up", key):
                answer = await self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except NotThere:
            return None
        return answer["Metadata"].get(_DIGEST, "")

    async def _put_in_parts(self, key: str, data: bytes, *, digest: Sha256, media_type: str) -> None:
        bucket, name = self._bucket, self._prefix + key
        with _our_errors("store", key):
            upload = await self._client.create_multipart_upload(
                Bucket=bucket, Key=name, ContentType=media_type, Metadata={_DIGEST: digest}
            )
            upload_id = upload["UploadId"]
            try:
                parts: list[CompletedPartTypeDef] = []
                for number, start in enumerate(range(0, len(data), PART_SIZE), start=1):
                    part = await self._client.upload_part(
                        Bucket=bucket, Key=name, UploadId=upload_id, PartNumber=number, Body=data[start : start + PART_SIZE]
                    )
                    parts.append({"ETag": part["ETag"], "PartNumber": number})
                await self._client.complete_multipart_upload(
                    Bucket=bucket, Key=name, UploadId=upload_id, MultipartUpload={"Parts": parts}
                )
            except Exception as error:
                await self._abandon(name, upload_id, error)
                raise

    async def _abandon(self, name: str, upload_id: str, reason: Exception) -> None:
        """Throw the parts away. What is left when even that fails, or when we die, R2 removes by itself after seven days."""
        try:
            await self._client.abort_multipart_upload(Bucket=self._bucket, Key=name, UploadId=upload_id)
        except (s3_errors.ClientError, *_TRANSIENT_ERRORS) as error:
            reason.add_note(f"the upload {upload_id} could not be abandoned: {error}")


@cache
def _session() -> aioboto3.Session:
    """What botocore knows of S3 takes 60 ms of processor time to read; once is enough for a process."""
    return aioboto3.Session()


@asynccontextmanager
async def open_store(settings: StorageSettings) -> AsyncIterator[R2Store]:
    """Open the store. One for each process: it holds the connections."""
    config = AioConfig(
        signature_version="s3v4",
        connect_timeout=settings.connect_timeout.total_seconds(),
        read_timeout=settings.timeout.total_seconds(),
        retries={"total_max_attempts": 1, "mode": "standard"},
        s3={"addressing_style": "path"},
        # botocore's own checksums (CRC32 in headers and trailers) are refused by R2, as 501 or as a misleading 401.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=_CONNECTIONS,
    )
    async with _session().client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key.get_secret_value(),
        config=config,
    ) as client:
        yield R2Store(client, bucket=settings.bucket, prefix=settings.prefix)


@contextmanager
def _our_errors(action: str, key: str) -> Iterator[None]:
    try:
        yield
    except (s3_errors.ClientError, *_TRANSIENT_ERRORS, *_OUR_MISTAKES) as error:
        raise translate(error, f"{action} {key}") from error


def translate(error: Exception, task: str) -> OrderPipelineError:
    """Return our error for one of the SDK's; `task` says what could not be done."""
    if isinstance(error, s3_errors.ClientError):
        return _refusal(error, task)
    message = f"could not {task}: {error}"
    code = type(error).__name__
    if isinstance(error, _TRANSIENT_ERRORS):
        return ProviderUnavailable(message, provider=PROVIDER, code=code)
    return ProviderRejected(message, provider=PROVIDER, code=code)


def _refusal(error: s3_errors.ClientError, task: str) -> OrderPipelineError:
    code = error.response["Error"].get("Code", "")
    answer = error.response.get("ResponseMetadata", {})
    message = f"could not {task}: {error}"
    if code in _ABSENT:
        return NotThere(message, provider=PROVIDER, code=code)
    if code in _TRANSIENT_CODES or answer.get("HTTPStatusCode") in _TRANSIENT_STATUSES:
        return ProviderUnavailable(message, provider=PROVIDER, code=code, retry_after=_retry_after(answer.get("HTTPHeaders", {})))
    return ProviderRejected(message, provider=PROVIDER, code=code)


def _retry_after(headers: dict[str, str]) -> timedelta | None:
    seconds = headers.get("retry-after", "")
    return timedelta(seconds=int(seconds)) if seconds.isascii() and seconds.isdigit() else None
