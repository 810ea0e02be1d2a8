"""Pictures made by AI: what is asked, what it may cost, how it ends."""

from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID, uuid5

from pydantic import Field

from models.artwork import FILE_ENDINGS, StoredImage
from models.base import Contract, Instant, Minor, Sha256
from models.design import StyleParameters
from models.errors import RefusalCode
from models.order import Channel

_DESIGNS = UUID("b7a1f3d4-2f6e-5b80-8c55-91f0a4c7e3b6")
"""Namespace of generation ids."""

ANSWER_FOLDER = "answers"
"""Of the AI's answers as they came: the one class of objects that is named by what was asked, not by what came."""

REPEAT_WINDOW = timedelta(seconds=60)
"""Within this time of its success the same request is the same attempt, e.g. an impatient second click; later it is a new one."""


def session_hash(session_id: str) -> Sha256:
    """Return how a vending session is named here: its id is a bearer secret."""
    return sha256(session_id.encode()).hexdigest()


def generation_subject(*, requester: str, photo_sha256: str | None, template_id: str, style: StyleParameters) -> Sha256:
    """Return what makes two requests the same wish: who asks (`client` or `session`), of which photo, in which style."""
    parameters = "\n".join(f"{name}={value}" for name, value in sorted(style.items()))
    return sha256(f"{requester}\n{photo_sha256 or '-'}\n{template_id}\n{parameters}".encode()).hexdigest()


def generation_id_for(subject: Sha256, attempt: int) -> UUID:
    """Return the id of one attempt (from 1) at a wish; it names workflow, row and stored picture."""
    return uuid5(_DESIGNS, f"{subject}#{attempt}")


def design_workflow_id(generation_id: UUID) -> str:
    """Return the id of the one workflow that is this generation."""
    return f"design-{generation_id}"


def answer_key(generation_id: UUID, number: int) -> str:
    """Return where the AI's answer is kept as it came: known before anybody is asked, so that a repeat finds what was paid for.

    `number` counts the answers of a generation; it is raised when one that was paid for has no usable picture in it.
    """
    return f"{ANSWER_FOLDER}/{generation_id}-{number}"


def picture_name(generation_id: UUID, image: StoredImage) -> str:
    """Return the public file name of a generation's picture, the same at every repeat.

    Nobody can guess it: it is made of a picture that nobody has seen.
    """
    return f"{sha256(f'{generation_id}/{image.sha256}'.encode()).hexdigest()[:32]}.{FILE_ENDINGS[image.media_type]}"


def next_attempt(last: "Generation | None", *, at: datetime) -> int:
    """Return which attempt a request is, given the newest one at the same wish.

    A repeat is the attempt that runs, or that has just succeeded; after a failure, a refusal, or later it is the next one.
    """
    if last is None:
        return 1
    return last.attempt if last.state is GenerationState.STARTED or last.is_fresh(at) else last.attempt + 1


class GenerationState(StrEnum):
    """Where a generation stands."""

    STARTED = "started"
    MADE = "made"
    REFUSED = "refused"
    """The AI will not make this picture: the customer chooses another photo or style."""
    FAILED = "failed"
    """It could not be made in time."""


class GenerationPolicy(Contract):
    """What may be spent, frozen at the start of a generation; amounts in pence."""

    per_session: int = 20
    per_client_and_day: int = 30
    daily_spend: Minor = 20_000
    price: Minor = 11


class GenerateImage(Contract):
    """What a DesignWorkflow is started with.

    Attributes:
        client: Keyed hash of the address that asks, also for a machine's session.
        session: Hash of the vending session, where there is one.
        style: Resolved: names as the catalogue spells them.
        photo: The picture that the AI works from, as it was stored.
        ratio: Width ÷ height of the case; the model's nearest is asked for.
    """

    generation_id: UUID
    subject: Sha256
    attempt: int
    client: str = ""
    session: str = ""
    order_id: UUID | None = None
    channel: Channel = Channel.WEB
    template_id: str
    style: StyleParameters = Field(default_factory=dict)
    photo: StoredImage | None = None
    ratio: float = 0.48
    at: Instant
    policy: GenerationPolicy = GenerationPolicy()


class GeneratedImage(Contract):
    """A picture that was made and stored.

    Attributes:
        name: Its public file name.
        cost: Pence, for all answers that were paid for.
        was_found: Whether an earlier try had it made, and only its report was lost.
    """

    generation_id: UUID
    name: str
    image: StoredImage
    prompt: str
    prompt_version: str
    model: str
    cost: Minor
    was_found: bool = False


class GenerationResult(Contract):
    """How a generation ended; a refusal is an outcome, not a crash.

    Attributes:
        reason: For the customer, where there is no picture.
        code: Why it was refused, e.g. `budget_spent`; None for everything that was not.
        cost: Pence, also where nothing usable came of it.
        retry_at: From when on it may succeed, where that is known.
    """

    state: GenerationState
    picture: GeneratedImage | None = None
    reason: str = ""
    code: RefusalCode | None = None
    cost: Minor = 0
    retry_at: Instant | None = None


class MakeImage(Contract):
    """Ask: have the picture of a generation made, or find the one that was made.

    Attributes:
        number: Which answer of the AI, from 1; see `answer_key`.
    """

    wish: GenerateImage
    number: int = 1


class EndGeneration(Contract):
    """Ask: write how a generation ended."""

    wish: GenerateImage
    result: GenerationResult
    at: Instant


class Generation(Contract):
    """A generation as it is written down."""

    generation_id: UUID
    subject: Sha256
    attempt: int
    state: GenerationState
    template_id: str
    style: StyleParameters
    picture: GeneratedImage | None
    reason: str
    code: RefusalCode | None = None
    started_at: Instant
    finished_at: Instant | None

    def is_fresh(self, at: datetime) -> bool:
        """Say whether it succeeded so shortly ago that the same request means this picture, and not another one."""
        return self.state is GenerationState.MADE and self.finished_at is not None and at - self.finished_at < REPEAT_WINDOW


class Prompt(Contract):
    """What the AI is told.

    Attributes:
        version: Of the text, recorded with every picture: the same version is the same words.
    """

    text: str
    version: str


class ImagePrompt(Contract):
    """A request to the image model; `photo` never enters a Temporal payload.

    Attributes:
        ratio: Width ÷ height that is wanted.
    """

    text: str
    photo: bytes | None
    media_type: str = "image/png"
    ratio: float


class CleanPicture(Contract):
    """A picture that was checked and written anew: sRGB, upright, nothing in the file but pixels.

    `data` never enters a Temporal payload.
    """

    data: bytes
    image: StoredImage


class ImageAnswer(Contract):
    """The model's picture; `data` never enters a Temporal payload."""

    data: bytes
    media_type: str
    model: str
    text: str = ""
