import contextlib
import socket
from datetime import timedelta
from io import BytesIO

import pytest
from google.genai import errors, types
from PIL import Image
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.gemini.answers import ANOTHER_PHOTO, LIKE_ANOTHER, NOT_THIS_TIME, OUR_ACCOUNT, REFUSALS
from adapters.gemini.errors import DAILY_QUOTA, UNTIL_TOMORROW, translate
from adapters.gemini.generator import GeminiGenerator, connect, nearest_ratio
from adapters.prompts.book import PromptBook
from config.groups import GeminiSettings
from dev.emulators.gemini.app import BLOCKED, MALFORMED, OPERATION, QUOTA, REFUSED, TEXT_ONLY
from dev.emulators.remote import Remote
from dev.emulators.serving import serving
from models.errors import GenerationRefused, NoPicture, OutcomeUnknown, ProviderRejected, ProviderUnavailable
from models.generation import ImagePrompt

CASE = 69.43 / 145.12


def photo(size: tuple[int, int] = (600, 800), kind: str = "JPEG", mode: str = "RGB") -> bytes:
    file = BytesIO()
    Image.new(mode, size, (200, 120, 40, 90)[: len(mode)]).save(file, kind)
    return file.getvalue()


def prompt(**changes: object) -> ImagePrompt:
    words = PromptBook.open().prompt("retro-remix", {"keyword": "80s Neon"}).text
    return ImagePrompt.model_validate({"text": words, "photo": photo(), "media_type": "image/jpeg", "ratio": CASE, **changes})


async def test_a_photo_comes_back_as_a_picture_in_the_style_and_the_nearest_ratio(generator: GeminiGenerator, gemini: Remote):
    answer = await generator.generate(prompt())

    with Image.open(BytesIO(answer.data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (768, 1376))
    assert (answer.media_type, answer.model) == ("image/jpeg", "gemini-3-pro-image")
    (paid,) = await gemini.ledger(OPERATION)
    assert (paid["look"], paid["aspect_ratio"], paid["image_size"], paid["has_photo"]) == ("Neon night", "9:16", "1K", True)


async def test_a_style_without_a_photo_is_made_too(generator: GeminiGenerator, gemini: Remote):
    answer = await generator.generate(prompt(photo=None))

    assert answer.data
    assert [paid["has_photo"] for paid in await gemini.ledger(OPERATION)] == [False]


@pytest.mark.parametrize(("kind", "media_type", "mode"), [("PNG", "image/png", "RGBA"), ("WEBP", "image/webp", "RGB")])
async def test_every_kind_of_stored_photo_is_sent(generator: GeminiGenerator, kind: str, media_type: str, mode: str):
    assert (await generator.generate(prompt(photo=photo((3000, 400), kind, mode), media_type=media_type))).data


async def test_a_model_of_one_size_is_not_asked_for_another(gemini: Remote, settings: GeminiSettings):
    async with connect(settings.model_copy(update={"model": "gemini-2.5-flash-image"})) as generator:
        assert (await generator.generate(prompt())).model == "gemini-2.5-flash-image"


@pytest.mark.parametrize(
    ("ratio", "name"), [(CASE, "9:16"), (0.62, "2:3"), (0.7, "2:3"), (0.75, "3:4"), (1.0, "1:1"), (2.9, "21:9")]
)
def test_the_nearest_ratio_is_the_one_that_loses_least(ratio: float, name: str):
    assert nearest_ratio(ratio) == name


def test_every_word_for_the_end_of_an_answer_has_a_meaning():
    """A new one in the SDK must be sorted by a person: asking again costs money, not asking again costs the customer."""
    words = {reason.value for reason in types.FinishReason}

    assert words - set(REFUSALS) - NOT_THIS_TIME - OUR_ACCOUNT == set()
    assert set(REFUSALS) & NOT_THIS_TIME == set()


@pytest.mark.parametrize("reason", sorted(set(REFUSALS) & {reason.value for reason in types.FinishReason}))
async def test_a_refusal_is_final_and_told_to_the_customer_in_our_words(generator: GeminiGenerator, gemini: Remote, reason: str):
    await gemini.fault(OPERATION, REFUSED, detail={"reason": reason, "text": "I cannot depict this person."})

    with pytest.raises(GenerationRefused) as caught:
        await generator.generate(prompt())

    assert caught.value.code == reason
    assert caught.value.message == REFUSALS[reason]
    assert "depict" not in caught.value.message


@pytest.mark.parametrize("reason", ["SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "JAILBREAK", "MODEL_ARMOR"])
async def test_a_refusal_of_the_request_itself_is_final_and_not_paid_for(generator: GeminiGenerator, gemini: Remote, reason: str):
    await gemini.fault(OPERATION, BLOCKED, detail={"reason": reason})

    with pytest.raises(GenerationRefused, match=ANOTHER_PHOTO) as caught:
        await generator.generate(prompt())

    assert caught.value.code == reason
    assert await gemini.ledger(OPERATION) == []


async def test_too_close_to_another_work_is_another_sentence(generator: GeminiGenerator, gemini: Remote):
    await gemini.fault(OPERATION, REFUSED, detail={"reason": "IMAGE_RECITATION"})

    with pytest.raises(GenerationRefused, match=LIKE_ANOTHER):
        await generator.generate(prompt())


@pytest.mark.parametrize(
    ("kind", "detail", "code"),
    [
        (REFUSED, {"reason": "NO_IMAGE"}, "NO_IMAGE"),
        (REFUSED, {"reason": "IMAGE_OTHER"}, "IMAGE_OTHER"),
        (TEXT_ONLY, {"text": "What a lovely photo!"}, "STOP"),
        (MALFORMED, {}, "MALFORMED"),
        (BLOCKED, {"reason": ""}, "NO_CANDIDATES"),
        (BLOCKED, {"reason": "OTHER"}, "OTHER"),
    ],
)
async def test_an_answer_without_a_usable_picture_is_no_refusal(
    generator: GeminiGenerator, gemini: Remote, kind: str, detail: dict[str, str], code: str
):
    await gemini.fault(OPERATION, kind, detail=detail)

    with pytest.raises(NoPicture) as caught:
        await generator.generate(prompt())

    assert caught.value.code == code


async def test_a_quota_says_how_long_to_wait(generator: GeminiGenerator, gemini: Remote):
    await gemini.fault(OPERATION, QUOTA, detail={"seconds": 17.5})

    with pytest.raises(ProviderUnavailable) as caught:
        await generator.generate(prompt())

    assert (caught.value.code, caught.value.retry_after) == ("RESOURCE_EXHAUSTED", timedelta(seconds=17.5))


async def test_a_header_that_says_how_long_to_wait_is_heard_too(generator: GeminiGenerator, gemini: Remote):
    await gemini.fault(OPERATION, "http_error", status=503, detail={"retry_after": 9})

    with pytest.raises(ProviderUnavailable) as caught:
        await generator.generate(prompt())

    assert caught.value.retry_after == timedelta(seconds=9)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_an_outage_is_asked_once_and_may_pass(generator: GeminiGenerator, gemini: Remote, status: int):
    """Retries are Temporal's: the SDK's own would be paid for and seen by nobody."""
    await gemini.fault(OPERATION, "http_error", status=status)

    with pytest.raises(ProviderUnavailable):
        await generator.generate(prompt())

    assert await gemini.call("GET", "/faults") == []
    assert await gemini.ledger(OPERATION) == []


async def test_an_answer_that_is_lost_may_have_been_paid_for_and_is_asked_for_once(generator: GeminiGenerator, gemini: Remote):
    await gemini.fault(OPERATION, "answer_lost")

    with pytest.raises(OutcomeUnknown):
        await generator.generate(prompt())

    assert len(await gemini.ledger(OPERATION)) == 1


@pytest.mark.parametrize("status", [408, 504])
async def test_a_deadline_of_theirs_may_have_been_paid_for(generator: GeminiGenerator, gemini: Remote, status: int):
    await gemini.fault(OPERATION, "http_error", status=status)

    with pytest.raises(OutcomeUnknown):
        await generator.generate(prompt())


async def test_an_answer_that_takes_too_long_may_have_been_paid_for(gemini: Remote, settings: GeminiSettings):
    await gemini.fault(OPERATION, "slow", delay_s=5)
    async with connect(settings.model_copy(update={"timeout": timedelta(milliseconds=200)})) as generator:
        with pytest.raises(OutcomeUnknown):
            await generator.generate(prompt())


async def test_nobody_there_means_that_nothing_was_done(settings: GeminiSettings):
    async with connect(settings.model_copy(update={"base_url": "http://127.0.0.1:1"})) as generator:
        with pytest.raises(ProviderUnavailable):
            await generator.generate(prompt())


async def test_a_wrong_key_is_our_mistake_and_not_shown(gemini: Remote, settings: GeminiSettings):
    async with connect(settings.model_copy(update={"api_key": SecretStr("another")})) as generator:
        with pytest.raises(ProviderRejected, match="API key not valid") as caught:
            await generator.generate(prompt())
    assert "another" not in str(caught.value)


async def test_an_unknown_model_is_our_mistake(settings: GeminiSettings):
    async with connect(settings.model_copy(update={"model": "gemini-9-pro"})) as generator:
        with pytest.raises(ProviderRejected, match="gemini-9-pro is not found"):
            await generator.generate(prompt())


async def test_a_photo_that_they_cannot_read_is_the_customers_to_change(generator: GeminiGenerator, gemini: Remote, monkeypatch):
    monkeypatch.setattr("adapters.gemini.generator._as_sent", lambda *_: b"not a picture")

    with pytest.raises(GenerationRefused, match=ANOTHER_PHOTO):
        await generator.generate(prompt())


async def test_an_account_that_is_shut_out_is_no_matter_of_the_photo(generator: GeminiGenerator, gemini: Remote):
    """Otherwise every customer would be told to choose another photo, and no operator anything."""
    await gemini.fault(OPERATION, REFUSED, detail={"reason": "PUP_LIMITED_DISABLED"})

    with pytest.raises(ProviderRejected, match="our account"):
        await generator.generate(prompt())


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value at 'generation_config.image_config.aspect_ratio'",
        "Invalid JSON payload received. Unknown name \"imageSize\" at 'generation_config.image_config': Cannot find field.",
        "Invalid image size: 8K. Supported are 1K, 2K, 4K.",
    ],
)
def test_a_field_of_ours_that_is_wrong_is_not_the_customers_photo(message: str):
    body = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}

    assert type(translate(errors.ClientError(400, body))) is ProviderRejected


def test_a_quota_of_a_day_is_not_waited_for():
    """Gemini hints at seconds for it, too; each try would be refused again while the customer waits."""
    violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}
    details = [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"},
    ]
    body = {"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": details}}

    limited = translate(errors.ClientError(429, body))

    assert isinstance(limited, ProviderUnavailable)
    assert (limited.code, limited.retry_after) == (DAILY_QUOTA, UNTIL_TOMORROW)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>a proxy's page</html>",
        b'{"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "%%%"}}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"inlineD',
    ],
)
async def test_an_answer_that_cannot_be_read_is_counted_as_paid(settings: GeminiSettings, body: bytes):
    """As an unknown exception it would be tried again without end, and be paid for each time."""

    async def answer(_: Request) -> Response:
        return Response(body, media_type="application/json")

    paths = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    async with serving(paths) as url, connect(settings.model_copy(update={"base_url": url})) as generator:
        with pytest.raises(NoPicture) as caught:
            await generator.generate(prompt(photo=None))

    assert caught.value.code == "UNREADABLE"


async def test_a_connection_that_never_stands_was_never_asked(settings: GeminiSettings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("adapters.gemini.generator.CONNECT_TIMEOUT_S", 0.05)
    with socket.socket() as full, contextlib.ExitStack() as callers:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with connect(settings.model_copy(update={"base_url": url, "timeout": timedelta(seconds=5)})) as generator:
            with pytest.raises(ProviderUnavailable):
                await generator.generate(prompt(photo=None))
