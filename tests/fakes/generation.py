"""An AI, its prompts, a look at its pictures, and the rows of generations, in memory."""

from datetime import datetime
from uuid import UUID

from models.artwork import StoredImage, object_key, sha256_of
from models.design import StyleParameters
from models.errors import OrderRefused, RefusalCode
from models.generation import (
    CleanPicture,
    GenerateImage,
    GenerationResult,
    GenerationState,
    ImageAnswer,
    ImagePrompt,
    Prompt,
)
from tests.fakes.faults import Faults

UNUSABLE = b"not a picture at all"


class FakeGenerator:
    """Answers with what it was asked, and counts what it was paid for."""

    model = "fake-ai-1"

    def __init__(self) -> None:
        self.faults = Faults()
        self.paid: list[ImagePrompt] = []
        self.answers: list[bytes] = []
        """What it answers next instead."""

    async def generate(self, prompt: ImagePrompt) -> ImageAnswer:
        await self.faults.before("generate")
        self.paid.append(prompt)
        data = self.answers.pop(0) if self.answers else b"made of " + (prompt.photo or b"nothing") + prompt.text.encode()
        await self.faults.after("generate")
        return ImageAnswer(data=data, media_type="image/png", model=self.model)


class FakePrompts:
    """Says the style again; `sepia` is not offered."""

    def prompt(self, template_id: str, style: StyleParameters) -> Prompt:
        if style.get("keyword") == "sepia":
            raise OrderRefused("There is no style “sepia”. Please choose one of: noir.", code=RefusalCode.UNKNOWN_STYLE)
        return Prompt(text=f"{template_id}: {sorted(style.items())}", version="fake-3")


class FakeCleaner:
    """Takes everything for a picture but `UNUSABLE`."""

    async def clean(self, data: bytes) -> CleanPicture:
        if data == UNUSABLE:
            raise OrderRefused("This file is damaged.", code=RefusalCode.BAD_IMAGE)
        clean = b"clean: " + data
        digest = sha256_of(clean)
        key = object_key("generated", digest, "image/jpeg")
        image = StoredImage(key=key, sha256=digest, media_type="image/jpeg", width=1390, height=2896, size=len(clean))
        return CleanPicture(data=clean, image=image)


class FakeGenerationBook:
    """The rows of generations, kept as the real ones are: the first end stands."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.begun: dict[UUID, GenerateImage] = {}
        self.ended: dict[UUID, GenerationResult] = {}
        self.refusal: OrderRefused | None = None
        """What the budgets say of everything that begins."""

    async def begin(self, request: GenerateImage) -> None:
        await self.faults.before("begin")
        self.begun.setdefault(request.generation_id, request)
        if self.refusal is not None:
            self.ended[request.generation_id] = GenerationResult(
                state=GenerationState.REFUSED, reason=self.refusal.message, code=self.refusal.code
            )
            raise self.refusal
        await self.faults.after("begin")

    async def finish(self, request: GenerateImage, result: GenerationResult, *, at: datetime) -> None:
        await self.faults.before("finish")
        if request.generation_id in self.begun:
            self.ended.setdefault(request.generation_id, result)
        await self.faults.after("finish")
