"""Pictures made by AI: their price reserved, made, kept before anything else is done with them, written down."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity

from activities.ports import AssetStore, GenerationBook, ImageGenerator, PictureCleaner, Prompts
from models.artwork import sha256_of
from models.errors import IntegrityBroken, NoPicture, NotThere, OrderRefused, OutcomeUnknown, ProviderUnavailable, RefusalCode
from models.generation import (
    CleanPicture,
    EndGeneration,
    GeneratedImage,
    GenerateImage,
    ImagePrompt,
    MakeImage,
    Prompt,
    answer_key,
    picture_name,
)

PHOTO_GONE = "We do not have your photo any more. Please choose it again."

DAILY_SPEND = "daily_spend"
"""The budget that stops everybody."""

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0.2, 1, 3, 8, 15))
"""Between tries to keep an answer that was paid for: it is nowhere but in this process, so nobody else can try again."""


class GenerationActivities:
    """The steps of a generation. Each may run twice: what was paid for is found again, what was written stands."""

    def __init__(
        self,
        store: AssetStore,
        generator: ImageGenerator,
        prompts: Prompts,
        cleaner: PictureCleaner,
        book: GenerationBook,
        *,
        pauses: Sequence[timedelta] = PAUSES,
    ) -> None:
        self._store = store
        self._generator = generator
        self._prompts = prompts
        self._cleaner = cleaner
        self._book = book
        self._pauses = pauses
        self._alarm_raised = False

    @activity.defn
    async def begin_generation(self, wish: GenerateImage) -> None:
        """Write the attempt and reserve its price. Raises `OrderRefused` (`budget_spent`)."""
        try:
            await self._book.begin(wish)
        except OrderRefused as refusal:
            self._raise_alarm(refusal)
            raise
        self._alarm_raised = False

    @activity.defn
    async def generate_image(self, request: MakeImage) -> GeneratedImage:
        """Have the picture made, unless an earlier try has: then it is found.

        The answer is kept as it came before anything else is done with it, so that from there on nothing can make us pay again.
        Raises `NoPicture` for an answer that cannot be used, `OutcomeUnknown` for one that could not be kept, `OrderRefused` for
        a style that is not offered any more, and what `ImageGenerator` raises.
        """
        wish = request.wish
        prompt = self._prompts.prompt(wish.template_id, wish.style)
        key = answer_key(wish.generation_id, request.number)
        kept = await self._find(key)
        answer = kept or await self._ask(wish, prompt, key)
        picture = await self._clean(answer)
        await self._store.put(picture.image.key, picture.data, media_type=picture.image.media_type)
        return GeneratedImage(
            generation_id=wish.generation_id,
            name=picture_name(wish.generation_id, picture.image),
            image=picture.image,
            prompt=prompt.text,
            prompt_version=prompt.version,
            model=self._generator.model,
            cost=wish.policy.price,
            was_found=kept is not None,
        )

    @activity.defn
    async def finish_generation(self, end: EndGeneration) -> None:
        """Write how it ended."""
        await self._book.finish(end.wish, end.result, at=end.at)

    async def _find(self, key: str) -> bytes | None:
        try:
            return await self._store.get(key)
        except NotThere:
            return None

    async def _ask(self, wish: GenerateImage, prompt: Prompt, key: str) -> bytes:
        photo = await self._photo(wish)
        asked = ImagePrompt(
            text=prompt.text,
            photo=photo,
            media_type=wish.photo.media_type if wish.photo else "image/png",
            ratio=wish.ratio,
        )
        answer = await self._generator.generate(asked)
        await self._keep(key, answer.data, answer.media_type)
        return answer.data

    async def _photo(self, wish: GenerateImage) -> bytes | None:
        if wish.photo is None:
            return None
        try:
            data = await self._store.get(wish.photo.key)
        except NotThere as error:
            raise OrderRefused(PHOTO_GONE, code=RefusalCode.UNKNOWN_PICTURE) from error
        if (found := sha256_of(data)) != wish.photo.sha256:
            raise IntegrityBroken(f"the stored photo is {found}, the customer sent {wish.photo.sha256}")
        return data

    async def _keep(self, key: str, data: bytes, media_type: str) -> None:
        """Store an answer. Temporal cannot repeat this: a try of its own would not have the bytes, and would pay for others."""
        for pause in (*self._pauses, None):
            try:
                await self._store.put(key, data, media_type=media_type)
            except IntegrityBroken as conflict:
                raise OutcomeUnknown("a try that was given up has kept its answer after all", provider="store") from conflict
            except ProviderUnavailable as outage:
                if pause is None:
                    raise OutcomeUnknown(
                        f"an answer that was paid for could not be kept: {outage.message}", provider=outage.provider
                    ) from outage
                activity.logger.warning("an answer that was paid for is not kept yet: %s", outage.message)
                await asyncio.sleep(pause.total_seconds())
            else:
                return

    async def _clean(self, answer: bytes) -> CleanPicture:
        try:
            return await self._cleaner.clean(answer)
        except OrderRefused as refusal:
            raise NoPicture(f"what came is not a picture that can be used: {refusal.message}", provider="ai") from refusal

    def _raise_alarm(self, refusal: OrderRefused) -> None:
        """Tell operators once that nobody gets a picture any more, and again only after there was room in between."""
        if refusal.facts.get("budget") != DAILY_SPEND or self._alarm_raised:
            return
        self._alarm_raised = True
        activity.logger.error(
            "the daily spend for AI pictures is used up: nobody gets one until %s", refusal.facts.get("retry_at")
        )
