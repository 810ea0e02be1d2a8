"""The object store, asked by the real SDK: a kept S3 server for what it keeps, a strict stub for what goes over the wire."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from botocore import exceptions as s3_errors
from botocore.parsers import ResponseParserError
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from adapters.r2 import CHUNK_SIZE, PART_SIZE, R2Store, open_store, translate
from config.groups import StorageSettings
from dev.emulators.s3 import S3EmulatorSettings, create_app
from dev.emulators.serving import serving
from models.artwork import sha256_of
from models.errors import IntegrityBroken, NotThere, ProviderRejected, ProviderUnavailable

PICTURE = bytes(range(256)) * 1000
KEY = f"uploads/{sha256_of(PICTURE)}.png"
LARGE = b"\x89PNG" * (PART_SIZE // 2)
"""Two parts and nothing over."""


def storage(endpoint: str, **changes: Any) -> StorageSettings:
    values = {
        "endpoint_url": endpoint,
        "bucket": "pictures",
        "access_key_id": "EXAMPLE-ACCESS-KEY",
        "secret_access_key": SecretStr("EXAMPLE-SECRET-KEY"),
    }
    return StorageSettings(**{**values, **changes})


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[str]:
    async with serving(create_app(S3EmulatorSettings(folder=tmp_path, buckets=("pictures",)))) as url:
        yield url


@pytest.fixture
async def store(endpoint: str) -> AsyncIterator[R2Store]:
    async with open_store(storage(endpoint)) as store:
        yield store


async def fail_next(endpoint: str, operation: str, **fault: Any) -> None:
    async with httpx.AsyncClient(base_url=endpoint) as http:
        answer = await http.post("/_emulator/faults", json={"operation": operation, **fault})
        assert answer.status_code == 201


async def receive(chunks: AsyncIterator[bytes], received: bytearray) -> None:
    async for chunk in chunks:
        received += chunk


class TestKeeping:
    async def test_what_is_put_can_be_read_and_found(self, store: R2Store):
        assert not await store.exists(KEY)
        await store.put(KEY, PICTURE, media_type="image/png")
        assert await store.exists(KEY)
        assert await store.get(KEY) == PICTURE

    async def test_an_object_carries_its_media_type_size_and_hash(self, store: R2Store):
        await store.put(KEY, PICTURE, media_type="image/webp")
        found = await store.stream(KEY)
        assert (found.media_type, found.size, found.sha256) == ("image/webp", len(PICTURE), sha256_of(PICTURE))
        assert b"".join([chunk async for chunk in found.chunks]) == PICTURE

    async def test_a_large_object_goes_up_in_parts_and_comes_back_whole(self, store: R2Store):
        await store.put("print/large.png", LARGE, media_type="image/png")
        found = await store.stream("print/large.png")
        assert (found.media_type, found.size, found.sha256) == ("image/png", len(LARGE), sha256_of(LARGE))
        assert await store.get("print/large.png") == LARGE

    async def test_an_empty_object_is_an_object(self, store: R2Store):
        await store.put("uploads/empty", b"", media_type="image/png")
        assert await store.get("uploads/empty") == b""

    async def test_an_absent_object_is_not_there(self, store: R2Store):
        with pytest.raises(NotThere):
            await store.get("uploads/nowhere.png")
        with pytest.raises(NotThere):
            await store.stream("uploads/nowhere.png")

    async def test_stores_with_different_prefixes_do_not_see_each_other(self, endpoint: str):
        async with open_store(storage(endpoint, prefix="staging/")) as staging, open_store(storage(endpoint)) as live:
            await staging.put(KEY, PICTURE, media_type="image/png")
            assert not await live.exists(KEY)
            assert await live.get(f"staging/{KEY}") == PICTURE

    async def test_an_object_is_never_replaced_by_other_content(self, store: R2Store):
        await store.put(KEY, PICTURE, media_type="image/png")
        with pytest.raises(IntegrityBroken):
            await store.put(KEY, b"another picture", media_type="image/png")
        assert await store.get(KEY) == PICTURE

    async def test_content_that_changed_behind_our_back_is_never_handed_out_whole(self, store: R2Store, tmp_path: Path):
        await store.put(KEY, PICTURE, media_type="image/png")
        (kept,) = [file for file in tmp_path.rglob("*") if file.is_file() and file.read_bytes() == PICTURE]
        kept.write_bytes(PICTURE[:-1] + b"!")
        with pytest.raises(IntegrityBroken):
            await store.get(KEY)
        received = bytearray()
        with pytest.raises(IntegrityBroken):
            await receive((await store.stream(KEY)).chunks, received)
        assert 0 < len(received) < len(PICTURE)


class TestRemoving:
    async def test_what_is_removed_is_gone_and_what_is_gone_is_removed(self, store: R2Store):
        await store.put(KEY, PICTURE, media_type="image/png")
        assert await store.delete([KEY, "uploads/nowhere.png"]) == {}
        assert not await store.exists(KEY)
        await store.put(KEY, PICTURE, media_type="image/png")
        assert await store.get(KEY) == PICTURE

    async def test_a_prefix_reaches_no_further_than_itself(self, endpoint: str, store: R2Store):
        await store.put(KEY, PICTURE, media_type="image/png")
        async with open_store(storage(endpoint, prefix="staging/")) as staging:
            assert await staging.delete([KEY]) == {}
        assert await store.exists(KEY)

    async def test_one_that_cannot_be_removed_is_named_and_keeps_no_other_from_it(self, store: R2Store, endpoint: str):
        keys = [f"uploads/{number}.png" for number in range(20)]
        for key in keys:
            await store.put(key, PICTURE, media_type="image/png")
        await fail_next(endpoint, "DELETE", kind="http_503")
        failed = await store.delete(keys)
        assert len(failed) == 1
        assert [key for key in keys if await store.exists(key)] == list(failed)
        assert "could not delete" in next(iter(failed.values()))


class TestProbe:
    async def test_a_bucket_that_can_be_read_is_healthy(self, store: R2Store):
        await store.probe()

    async def test_a_missing_bucket_is_not(self, endpoint: str):
        async with open_store(storage(endpoint, bucket="elsewhere")) as store:
            with pytest.raises(ProviderUnavailable) as unavailable:
                await store.probe()
        assert unavailable.value.code == "NoSuchBucket"

    async def test_a_wrong_secret_is_not(self, endpoint: str):
        async with open_store(storage(endpoint, secret_access_key=SecretStr("ANOTHER-SECRET"))) as store:
            with pytest.raises(ProviderUnavailable) as unavailable:
                await store.probe()
        assert unavailable.value.code == "SignatureDoesNotMatch"

    async def test_nobody_listening_is_not(self, port: int):
        async with open_store(storage(f"http://127.0.0.1:{port}")) as store:
            with pytest.raises(ProviderUnavailable) as unavailable:
                await store.probe()
        assert unavailable.value.code == "EndpointConnectionError"


class TestFaults:
    @pytest.mark.parametrize(
        "fault",
        [
            {"kind": "http_500"},
            {"kind": "http_503"},
            {"kind": "http_error", "status": 429},
            {"kind": "answer_lost"},
            {"kind": "down"},
        ],
    )
    async def test_a_put_that_failed_in_passing_can_be_repeated(self, store: R2Store, endpoint: str, fault: dict[str, Any]):
        await fail_next(endpoint, "PUT", **fault)
        with pytest.raises(ProviderUnavailable):
            await store.put(KEY, PICTURE, media_type="image/png")
        await store.put(KEY, PICTURE, media_type="image/png")
        assert await store.get(KEY) == PICTURE

    async def test_a_read_that_failed_in_passing_can_be_repeated(self, store: R2Store, endpoint: str):
        await store.put(KEY, PICTURE, media_type="image/png")
        await fail_next(endpoint, "GET", kind="http_500")
        with pytest.raises(ProviderUnavailable):
            await store.get(KEY)
        assert await store.get(KEY) == PICTURE

    async def test_an_outage_is_never_taken_for_an_absent_object(self, store: R2Store, endpoint: str):
        await fail_next(endpoint, "HEAD", kind="http_503")
        with pytest.raises(ProviderUnavailable):
            await store.exists(KEY)


@dataclass
class Stub:
    """An S3 endpoint that keeps nothing, records every request, refuses what R2 refuses, and answers as it is told."""

    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answers: dict[str, Callable[[], Response]] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        request = Request(scope, receive)
        await request.body()
        operation = self._operation(request)
        self.requests.append((operation, dict(request.headers)))
        await self._answer(operation, request)(scope, receive, send)

    def _operation(self, request: Request) -> str:
        query = request.query_params
        match request.method:
            case "POST" if "uploads" in query:
                return "CREATE"
            case "POST":
                return "COMPLETE"
            case "PUT" if "uploadId" in query:
                return "PART"
            case "DELETE":
                return "ABORT"
            case method:
                return method

    def _answer(self, operation: str, request: Request) -> Response:
        if any(name.startswith("x-amz-checksum") or name == "x-amz-trailer" for name in request.headers):
            return refusal("NotImplemented", 501)
        if request.headers.get("content-encoding") == "aws-chunked":
            return refusal("NotImplemented", 501)
        if operation in self.answers:
            return self.answers[operation]()
        match operation:
            case "HEAD":
                return Response(status_code=404)
            case "CREATE":
                return xml("<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>")
            case "COMPLETE":
                return xml('<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>')
            case _:
                return Response(status_code=200, headers={"etag": '"part"'})

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.requests]


def xml(body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{body}', status, headers, media_type="application/xml")


def refusal(code: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return xml(f"<Error><Code>{code}</Code><Message>refused</Message></Error>", status, headers)


@dataclass
class Wire:
    stub: Stub
    store: R2Store


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        stub = Stub()
        url = await stack.enter_async_context(serving(stub))
        yield Wire(stub, await stack.enter_async_context(open_store(storage(url, timeout=timedelta(seconds=2)))))


class TestWire:
    async def test_no_checksum_of_the_sdk_is_sent_and_the_body_is_signed_instead(self, wire: Wire):
        await wire.store.put("uploads/a.png", PICTURE, media_type="image/png")
        headers = dict(wire.stub.requests)["PUT"]
        assert not [name for name in headers if "checksum" in name or "trailer" in name]
        assert headers["x-amz-content-sha256"] == sha256_of(PICTURE)
        assert headers["x-amz-meta-sha256"] == sha256_of(PICTURE)
        assert headers["content-type"] == "image/png"
        assert not [name for name in headers if "acl" in name or "grant" in name]

    async def test_neither_is_one_sent_with_parts(self, wire: Wire):
        await wire.store.put("uploads/a.png", LARGE, media_type="image/png")
        assert wire.stub.operations == ["HEAD", "CREATE", "PART", "PART", "COMPLETE"]
        for _, headers in wire.stub.requests:
            assert not [name for name in headers if "checksum" in name or "trailer" in name]
        created = dict(wire.stub.requests)["CREATE"]
        assert (created["content-type"], created["x-amz-meta-sha256"]) == ("image/png", sha256_of(LARGE))
        assert [headers["content-length"] for operation, headers in wire.stub.requests if operation == "PART"] == [
            str(PART_SIZE)
        ] * 2

    async def test_exactly_one_part_is_sent_in_one_piece(self, wire: Wire):
        await wire.store.put("uploads/a.png", LARGE[:PART_SIZE], media_type="image/png")
        assert wire.stub.operations == ["HEAD", "PUT"]

    async def test_the_same_content_is_not_sent_twice(self, wire: Wire):
        wire.stub.answers["HEAD"] = lambda: Response(headers={"x-amz-meta-sha256": sha256_of(PICTURE)})
        await wire.store.put("uploads/a.png", PICTURE, media_type="image/png")
        assert wire.stub.operations == ["HEAD"]

    async def test_an_object_without_our_hash_proves_nothing_and_is_written_again(self, wire: Wire):
        wire.stub.answers["HEAD"] = Response
        await wire.store.put("uploads/a.png", PICTURE, media_type="image/png")
        assert wire.stub.operations == ["HEAD", "PUT"]

    @pytest.mark.parametrize("status", [500, 503])
    async def test_a_failed_call_goes_out_once_because_retries_belong_to_the_caller(self, wire: Wire, status: int):
        wire.stub.answers["PUT"] = lambda: refusal("InternalError", status)
        with pytest.raises(ProviderUnavailable):
            await wire.store.put("uploads/a.png", PICTURE, media_type="image/png")
        assert wire.stub.operations == ["HEAD", "PUT"]

    async def test_an_upload_whose_part_fails_is_abandoned(self, wire: Wire):
        wire.stub.answers["PART"] = lambda: refusal("ServiceUnavailable", 503)
        with pytest.raises(ProviderUnavailable):
            await wire.store.put("uploads/a.png", LARGE, media_type="image/png")
        assert wire.stub.operations == ["HEAD", "CREATE", "PART", "ABORT"]

    async def test_an_upload_that_cannot_even_be_abandoned_keeps_its_first_error(self, wire: Wire):
        wire.stub.answers["PART"] = lambda: refusal("SlowDown", 503)
        wire.stub.answers["ABORT"] = lambda: refusal("InternalError", 500)
        with pytest.raises(ProviderUnavailable) as unavailable:
            await wire.store.put("uploads/a.png", LARGE, media_type="image/png")
        assert unavailable.value.code == "SlowDown"
        assert unavailable.value.__cause__ is not None
        assert "upload-1" in unavailable.value.__cause__.__notes__[0]

    async def test_an_error_inside_a_200_is_an_error(self, wire: Wire):
        wire.stub.answers["COMPLETE"] = lambda: refusal("InternalError", 200)
        with pytest.raises(ProviderUnavailable):
            await wire.store.put("uploads/a.png", LARGE, media_type="image/png")

    async def test_the_providers_own_delay_is_passed_on(self, wire: Wire):
        wire.stub.answers["GET"] = lambda: refusal("TooManyRequests", 429, {"retry-after": "7"})
        with pytest.raises(ProviderUnavailable) as unavailable:
            await wire.store.get("uploads/a.png")
        assert unavailable.value.retry_after == timedelta(seconds=7)

    async def test_a_proxys_page_is_an_outage(self, wire: Wire):
        wire.stub.answers["CREATE"] = lambda: Response("<html><body>Please sign in", 200)
        with pytest.raises(ProviderUnavailable):
            await wire.store.put("uploads/a.png", LARGE, media_type="image/png")

    async def test_a_body_that_breaks_off_is_an_outage(self, wire: Wire):
        class Broken(Response):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                headers = [(b"content-length", str(3 * CHUNK_SIZE).encode()), (b"content-type", b"image/png")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": b"x" * CHUNK_SIZE, "more_body": True})

        wire.stub.answers["GET"] = Broken
        with pytest.raises(ProviderUnavailable):
            await wire.store.get("uploads/a.png")


REFUSALS = {
    # https://developers.cloudflare.com/r2/api/error-codes/
    ("Unauthorized", 401): ProviderUnavailable,
    ("AccessDenied", 403): ProviderUnavailable,
    ("ExpiredRequest", 400): ProviderUnavailable,
    ("SignatureDoesNotMatch", 403): ProviderUnavailable,
    ("NotEntitled", 403): ProviderUnavailable,
    ("InvalidBucketName", 400): ProviderRejected,
    ("NoSuchBucket", 404): ProviderUnavailable,
    ("NoSuchKey", 404): NotThere,
    ("InvalidObjectName", 400): ProviderRejected,
    ("EntityTooLarge", 400): ProviderRejected,
    ("MetadataTooLarge", 400): ProviderRejected,
    ("ObjectLockedByBucketPolicy", 403): ProviderRejected,
    ("MissingContentLength", 411): ProviderRejected,
    ("IncompleteBody", 400): ProviderUnavailable,
    ("InvalidDigest", 400): ProviderRejected,
    ("BadDigest", 400): ProviderUnavailable,
    ("InvalidRange", 416): ProviderRejected,
    ("PreconditionFailed", 412): ProviderRejected,
    ("EntityTooSmall", 400): ProviderRejected,
    ("NoSuchUpload", 404): ProviderUnavailable,
    ("InvalidPart", 400): ProviderRejected,
    ("InternalError", 500): ProviderUnavailable,
    ("ServiceUnavailable", 503): ProviderUnavailable,
    ("ClientDisconnect", 400): ProviderUnavailable,
    ("TooManyRequests", 429): ProviderUnavailable,
    ("NotImplemented", 501): ProviderRejected,
    # S3's own words, and answers that are not S3's.
    ("SlowDown", 503): ProviderUnavailable,
    ("RequestTimeout", 400): ProviderUnavailable,
    ("RequestTimeTooSkewed", 403): ProviderUnavailable,
    ("InvalidAccessKeyId", 403): ProviderUnavailable,
    ("NeverHeardOf", 400): ProviderRejected,
    ("NeverHeardOf", 522): ProviderUnavailable,
}


async def test_each_refusal_of_r2_has_a_meaning_of_ours(wire: Wire):
    meanings = {}
    for code, status in REFUSALS:
        wire.stub.answers["GET"] = partial(refusal, code, status)
        with pytest.raises((ProviderUnavailable, ProviderRejected), match=r"could not read uploads/a\.png") as refused:
            await wire.store.get("uploads/a.png")
        meanings[refused.value.code, status] = type(refused.value)
    assert meanings == REFUSALS


@pytest.mark.parametrize(("status", "error"), [(404, NotThere), (403, ProviderUnavailable), (500, ProviderUnavailable)])
def test_an_answer_without_a_body_is_judged_by_its_status(status: int, error: type[Exception]):
    answer: Any = {"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}}}
    assert type(translate(s3_errors.ClientError(answer, "HeadObject"), "look up a picture")) is error


PASSING = {
    *("ChecksumError", "ConnectTimeoutError", "ConnectionClosedError", "ConnectionError", "EndpointConnectionError"),
    *("FlexibleChecksumError", "HTTPClientError", "IncompleteReadError", "ProxyConnectionError", "ReadTimeoutError"),
    *("ResponseStreamingError", "SSLError"),
}
"""The classes of botocore after which the same call may succeed."""

KNOWN_CLASSES = 93
"""How many exception classes botocore had when PASSING was chosen from them."""


def sdk_errors() -> dict[str, type[Exception]]:
    return {
        name: kind
        for name, kind in inspect.getmembers(s3_errors, inspect.isclass)
        if issubclass(kind, Exception) and not issubclass(kind, Warning)
    }


def test_every_error_class_of_the_sdk_becomes_one_of_ours():
    """A new class in botocore fails the count: decide whether it passes by itself, then correct the number."""
    classes = sdk_errors()
    assert len(classes) == KNOWN_CLASSES, sorted(classes)
    for name, kind in classes.items():
        if issubclass(kind, s3_errors.ClientError):
            continue
        error = translate(kind.__new__(kind), "do it")
        assert type(error) is (ProviderUnavailable if name in PASSING else ProviderRejected), name
        assert error.code == name


@pytest.mark.parametrize(
    "error",
    [aiohttp.ClientPayloadError("cut"), TimeoutError(), ConnectionResetError(), ResponseParserError("no XML")],
)
def test_what_comes_through_from_under_the_sdk_is_an_outage(error: Exception):
    assert type(translate(error, "do it")) is ProviderUnavailable
