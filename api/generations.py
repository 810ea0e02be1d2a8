"""From "make me this picture" to the picture: which attempt it is, one workflow, and an address to ask at when it takes long."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from api.errors import RETRY_AFTER, Gone, NotFound, TryAgain
from api.forms import GenerationForm
from api.generation_client import AttemptEnded, GenerationClient
from api.pictures import Pictures
from api.ports import GenerationRecords, Styles
from api.pseudonyms import UNKNOWN, Pseudonyms
from config.groups import ArtworkSettings
from models.artwork import StoredImage
from models.design import StyleParameters
from models.errors import OrderRefused, RefusalCode
from models.generation import (
    GeneratedImage,
    GenerateImage,
    Generation,
    GenerationResult,
    GenerationState,
    generation_id_for,
    generation_subject,
    next_attempt,
    session_hash,
)
from models.order import Channel
from workflows.design import NOT_MADE
from workflows.options import GENERATION_LIMIT

log = structlog.get_logger(__name__)

ENDED_PASSED_OVER = 5
"""Attempts that ended between two looks, or without a trace in the database, e.g. because they were terminated."""
SURELY_OVER = GENERATION_LIMIT + timedelta(minutes=4)
"""After this Temporal is asked whether a generation that never ended still runs."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants made.

    Attributes:
        client: Pseudonym of who asks.
        session: Hash of the vending session that was named; empty for none.
    """

    client: str
    session: str
    template_id: str
    style: StyleParameters
    photo: StoredImage | None

    @property
    def subject(self) -> str:
        return generation_subject(
            requester=f"session {self.session}" if self.session else f"client {self.client}",
            photo_sha256=self.photo.sha256 if self.photo else None,
            template_id=self.template_id,
            style=self.style,
        )


@dataclass(frozen=True)
class Picture:
    """A picture that is there, and what it was made of."""

    template_id: str
    style: StyleParameters
    image: GeneratedImage


@dataclass(frozen=True)
class Underway:
    """A picture that is still being made, and the name to ask after it by."""

    handle: str


class Generations:
    """Has pictures made. The same request again, while it runs or shortly after, leads to the same picture and costs nothing."""

    def __init__(
        self,
        client: GenerationClient,
        records: GenerationRecords,
        styles: Styles,
        pictures: Pictures,
        pseudonyms: Pseudonyms,
        *,
        artwork: ArtworkSettings,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._records = records
        self._styles = styles
        self._pictures = pictures
        self._pseudonyms = pseudonyms
        self._wait = artwork.generate_wait
        self._policy = artwork.policy()
        self._clock = clock

    async def accept(self, form: GenerationForm, *, client: str) -> Wish:
        """Resolve a request's style and store its photo. Raises `OrderRefused` and `ProviderUnavailable`."""
        style = self._styles.resolve(form.template_id, form.style)
        photo = await self._pictures.accept_photo(form.image) if form.image else None
        return Wish(
            client=client,
            session=session_hash(form.session_id) if form.session_id else "",
            template_id=form.template_id,
            style=style,
            photo=photo.image if photo else None,
        )

    async def generate(self, wish: Wish) -> Picture | Underway:
        """Have the picture made and wait for it, but not for ever. Raises `OrderRefused` and `TryAgain`."""
        subject = wish.subject
        last = await self._records.find(subject)
        if last is not None and last.is_fresh(self._clock()):
            return _picture(last)
        first = next_attempt(last, at=self._clock())
        for attempt in range(first, first + ENDED_PASSED_OVER):
            generation_id = generation_id_for(subject, attempt)
            structlog.contextvars.bind_contextvars(generation_id=str(generation_id))
            try:
                await self._client.start(self._input(wish, subject, attempt))
            except AttemptEnded:
                ended = await self._records.find_by_id(generation_id)
                if ended is not None and ended.is_fresh(self._clock()):
                    return _picture(ended)
                continue
            result = await self._client.result(generation_id, wait=self._wait)
            if result is None:
                return Underway(self._pseudonyms.handle(generation_id))
            return Picture(wish.template_id, wish.style, self._present(result))
        raise TryAgain(NOT_MADE)

    async def commission(
        self,
        order_id: UUID,
        *,
        channel: Channel,
        template_id: str,
        parameters: StyleParameters,
        photo: StoredImage | None,
        ratio: float,
        client: str,
        again: bool,
    ) -> GenerateImage:
        """Return what an order asks of the AI: its own wish, whoever else has had the same made. Raises `OrderRefused`.

        `again` is another picture, however young the one is that was made before.
        """
        style = self._styles.resolve(template_id, parameters)
        subject = generation_subject(
            requester=f"order {order_id}", photo_sha256=photo.sha256 if photo else None, template_id=template_id, style=style
        )
        wish = Wish(client=client, session="", template_id=template_id, style=style, photo=photo)
        last = await self._records.find(subject)
        attempt = next_attempt(last, at=self._clock())
        if again and last is not None and last.state is GenerationState.MADE:
            attempt = last.attempt + 1
        asked = self._input(wish, subject, attempt)
        return asked.model_copy(update={"order_id": order_id, "channel": channel, "ratio": ratio})

    async def find(self, handle: str) -> Picture | Underway:
        """Return a picture that was asked for before, as long as it is known.

        Raises `NotFound`, `OrderRefused` when it was refused, `Gone` when it could not be made, `TryAgain`.
        """
        generation_id = self._pseudonyms.generation_id(handle)
        structlog.contextvars.bind_contextvars(generation_id=str(generation_id))
        found = await self._records.find_by_id(generation_id)
        if found is None or (found.state is GenerationState.STARTED and self._clock() - found.started_at > SURELY_OVER):
            if await self._client.is_running(generation_id):
                return Underway(handle)
            raise NotFound(UNKNOWN) if found is None else Gone(NOT_MADE)
        if found.state is GenerationState.STARTED:
            return Underway(handle)
        if found.state is GenerationState.FAILED:
            raise Gone(NOT_MADE)
        if found.state is GenerationState.REFUSED:
            raise OrderRefused(found.reason, code=found.code or RefusalCode.GENERATION_REFUSED)
        return _picture(found)

    def _input(self, wish: Wish, subject: str, attempt: int) -> GenerateImage:
        return GenerateImage(
            generation_id=generation_id_for(subject, attempt),
            subject=subject,
            attempt=attempt,
            client=wish.client,
            session=wish.session,
            channel=Channel.MACHINE if wish.session else Channel.WEB,
            template_id=wish.template_id,
            style=wish.style,
            photo=wish.photo,
            at=self._clock(),
            policy=self._policy,
        )

    def _present(self, result: GenerationResult) -> GeneratedImage:
        """Return the picture, or raise why there is none."""
        log.info("generation ended", state=result.state, code=result.code, cost=result.cost)
        if result.picture is not None:
            return result.picture
        if result.state is not GenerationState.REFUSED or result.code is None:
            raise TryAgain(NOT_MADE)
        raise OrderRefused(result.reason, code=result.code, facts=retry_facts(result.retry_at, at=self._clock()))


def retry_facts(retry_at: datetime | None, *, at: datetime) -> dict[str, str | int | float]:
    """Return when a refusal may be another answer, as the front door says it; nothing where that is not known."""
    return {} if retry_at is None else {RETRY_AFTER: max(1, math.ceil((retry_at - at).total_seconds()))}


def _picture(found: Generation) -> Picture:
    if found.picture is None:
        raise TryAgain(NOT_MADE)
    return Picture(found.template_id, found.style, found.picture)
