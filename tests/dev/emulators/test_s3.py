"""The S3 emulator, asked by the real SDK over a real socket."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import aioboto3
import httpx
import pytest
from aiobotocore.config import AioConfig
from botocore.exceptions import ClientError, HTTPClientError

from dev.emulators.s3 import S3EmulatorSettings, create_app
from dev.emulators.serving import serving

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client


@pytest.fixture
def settings(tmp_path: Path) -> S3EmulatorSettings:
    return S3EmulatorSettings(folder=tmp_path, buckets=("prints", "uploads"))


@pytest.fixture
async def endpoint(settings: S3EmulatorSettings) -> AsyncIterator[str]:
    async with serving(create_app(settings)) as url:
        yield url


@pytest.fixture
async def s3(endpoint: str, settings: S3EmulatorSettings) -> "AsyncIterator[S3Client]":
    async with _client(endpoint, settings.access_key, settings.secret_key) as client:
        yield client


def _client(endpoint: str, access_key: str, secret_key: str):
    return aioboto3.Session().client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="auto",
        config=AioConfig(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def _code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


async def test_its_buckets_are_there_and_keep_what_is_put_into_them(s3: "S3Client"):
    await s3.put_object(Bucket="prints", Key="ab/cd.png", Body=b"picture", ContentType="image/png")

    found = await s3.get_object(Bucket="prints", Key="ab/cd.png")
    assert await found["Body"].read() == b"picture"
    assert found["ContentType"] == "image/png"
    assert [bucket["Name"] for bucket in (await s3.list_buckets())["Buckets"]] == ["prints", "uploads"]


async def test_what_was_stored_is_there_after_a_restart(settings: S3EmulatorSettings):
    for attempt in range(2):
        async with (
            serving(create_app(settings)) as endpoint,
            _client(endpoint, settings.access_key, settings.secret_key) as client,
        ):
            if attempt == 0:
                await client.put_object(Bucket="prints", Key="kept", Body=b"kept")
            else:
                found = await client.get_object(Bucket="prints", Key="kept")
                assert await found["Body"].read() == b"kept"


async def test_an_object_that_is_not_there_is_answered_as_s3_answers(s3: "S3Client"):
    with pytest.raises(ClientError) as refused:
        await s3.get_object(Bucket="prints", Key="nowhere")
    assert _code(refused) == "NoSuchKey"


async def test_a_wrong_secret_is_refused(endpoint: str, settings: S3EmulatorSettings):
    async with _client(endpoint, settings.access_key, "ANOTHER-SECRET") as stranger:
        with pytest.raises(ClientError) as refused:
            await stranger.list_objects_v2(Bucket="prints")
    assert _code(refused) == "SignatureDoesNotMatch"


async def test_a_presigned_link_works_and_a_forged_one_does_not(s3: "S3Client"):
    await s3.put_object(Bucket="prints", Key="one", Body=b"one")
    await s3.put_object(Bucket="prints", Key="two", Body=b"two")
    link = await s3.generate_presigned_url("get_object", Params={"Bucket": "prints", "Key": "one"}, ExpiresIn=60)

    async with httpx.AsyncClient() as http:
        assert (await http.get(link)).content == b"one"
        assert (await http.get(link.replace("/one?", "/two?"))).status_code == 403


async def test_a_fault_hits_the_named_operation_and_is_used_up(s3: "S3Client", endpoint: str):
    async with httpx.AsyncClient(base_url=endpoint) as http:
        answer = await http.post("/_emulator/faults", json={"operation": "PUT", "kind": "http_503"})
        assert answer.status_code == 201

    with pytest.raises(ClientError) as failed:
        await s3.put_object(Bucket="prints", Key="late", Body=b"late")
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert "Contents" not in await s3.list_objects_v2(Bucket="prints")
    await s3.put_object(Bucket="prints", Key="late", Body=b"late")


async def test_an_answer_can_be_lost_after_the_object_was_stored(s3: "S3Client", endpoint: str):
    async with httpx.AsyncClient(base_url=endpoint) as http:
        await http.post("/_emulator/faults", json={"operation": "PUT", "kind": "answer_lost"})

    with pytest.raises((ClientError, HTTPClientError)):
        await s3.put_object(Bucket="prints", Key="stored", Body=b"stored")
    found = await s3.get_object(Bucket="prints", Key="stored")
    assert await found["Body"].read() == b"stored"


async def test_a_fault_that_could_never_happen_is_refused(endpoint: str):
    async with httpx.AsyncClient(base_url=endpoint) as http:
        answer = await http.post("/_emulator/faults", json={"operation": "GET", "kind": "wrong_signature"})
    assert answer.status_code == 422
