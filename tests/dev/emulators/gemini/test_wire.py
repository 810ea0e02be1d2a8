"""The emulated Gemini refuses what the real one refuses, remembers what was paid, and shows which style it was asked for."""

import base64
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from dev.emulators.gemini.app import OPERATION, create_app
from dev.emulators.gemini.looks import LOOKS
from dev.emulators.gemini.painting import paint
from dev.emulators.gemini.settings import GeminiEmulatorSettings
from dev.emulators.remote import Remote
from dev.emulators.serving import serving

PATH = "/v1beta/models/gemini-3-pro-image:generateContent"
KEY = {"x-goog-api-key": "key"}


def body(**changes: Any) -> dict[str, Any]:
    config = {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "9:16", "imageSize": "1K"}}
    return {"contents": [{"parts": [{"text": "Look: Neon night. A portrait."}]}], "generationConfig": config, **changes}


@pytest.fixture
async def gemini() -> AsyncIterator[Remote]:
    async with serving(create_app(GeminiEmulatorSettings(api_key="key"))) as url, Remote(url) as remote:
        yield remote


async def ask(gemini: Remote, asked: Any, *, path: str = PATH, headers: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(base_url=gemini.url, trust_env=False) as http:
        return await http.post(path, json=asked, headers=KEY if headers is None else headers)


async def test_an_answer_has_the_fields_that_the_real_one_has(gemini: Remote):
    answer = (await ask(gemini, body())).json()

    (candidate,) = answer["candidates"]
    text, picture = candidate["content"]["parts"]
    assert (candidate["finishReason"], candidate["content"]["role"], list(text)) == ("STOP", "model", ["text"])
    assert picture["inlineData"]["mimeType"] == "image/jpeg"
    assert answer["usageMetadata"]["candidatesTokenCount"] == 1120
    assert answer["modelVersion"] == "gemini-3-pro-image"
    with Image.open(BytesIO(base64.b64decode(picture["inlineData"]["data"]))) as image:
        assert image.size == (768, 1376)


def shape(**config: Any) -> dict[str, Any]:
    return body(generationConfig={"responseModalities": ["TEXT", "IMAGE"], "imageConfig": config})


PICTURE = {"mimeType": "image/jpeg", "data": base64.b64encode(b"not a picture").decode()}


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        (body(contents=[]), 400, "contents is not specified"),
        (body(contents=[{"parts": [{"inlineData": PICTURE}]}]), 400, "contents is not specified"),
        (body(surprise=1), 400, "Unknown name"),
        (body(generationConfig={"responseModalities": ["TEXT"]}), 400, "modalities"),
        (shape(aspectRatio="1:2"), 400, "aspect ratio"),
        (shape(imageSize="8K"), 400, "image size"),
        (body(contents=[{"parts": [{"text": "x"}, {"inlineData": PICTURE}]}]), 400, "Unable to process input image"),
        (body(contents=[{"parts": [{"text": "x"}, {"inlineData": {**PICTURE, "data": "*"}}]}]), 400, "Base64"),
        (body(contents=[{"parts": [{"text": "x"}, {"inlineData": {**PICTURE, "mimeType": "text/html"}}]}]), 400, "MIME"),
        ([], 400, "Invalid value"),
    ],
)
async def test_what_the_real_one_refuses_is_refused_and_costs_nothing(gemini: Remote, asked: Any, status: int, words: str):
    answer = await ask(gemini, asked)

    assert (answer.status_code, answer.json()["error"]["status"]) == (status, "INVALID_ARGUMENT")
    assert words in answer.json()["error"]["message"]
    assert await gemini.ledger(OPERATION) == []


@pytest.mark.parametrize(("headers", "status"), [({}, 403), ({"x-goog-api-key": "other"}, 400)])
async def test_a_key_is_needed(gemini: Remote, headers: dict[str, str], status: int):
    assert (await ask(gemini, body(), headers=headers)).status_code == status


async def test_an_unknown_model_is_not_there(gemini: Remote):
    assert (await ask(gemini, body(), path=PATH.replace("3-pro", "9-pro"))).status_code == 404


async def test_what_was_paid_survives_a_restart_and_is_forgotten_by_a_reset(tmp_path: Path):
    settings = GeminiEmulatorSettings(api_key="key", state_file=tmp_path / "gemini.sqlite")
    async with serving(create_app(settings)) as url, Remote(url) as gemini:
        await ask(gemini, body())
    async with serving(create_app(settings)) as url, Remote(url) as gemini:
        (paid,) = await gemini.ledger(OPERATION)
        assert (paid["look"], paid["finish_reason"]) == ("Neon night", "STOP")
        await gemini.reset()
        assert await gemini.ledger(OPERATION) == []


def test_every_style_is_painted_differently_and_always_the_same():
    small = {look: paint(None, label=look, ratio="1:1", size="1K") for look in list(LOOKS)[::5]}

    assert len(set(small.values())) == len(small)
    assert all(paint(None, label=look, ratio="1:1", size="1K") == data for look, data in small.items())


def test_customers_own_words_have_looks_of_their_own():
    assert paint(None, label="Wild West", ratio="1:1", size="1K") != paint(None, label="Deep Sea", ratio="1:1", size="1K")
