"""What Gemini's answers mean: a picture, a refusal, or an answer that was paid for and has no picture in it.

Gemini refuses with HTTP 200: no candidates at all and a block reason, or a candidate with a finish reason and no picture. The
words are listed at https://ai.google.dev/api/generate-content#FinishReason.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Final

import structlog
from google.genai import types
from PIL import Image, UnidentifiedImageError

from models.errors import GenerationRefused, NoPicture, ProviderRejected
from models.generation import ImageAnswer

log = structlog.get_logger(__name__)

PROVIDER: Final = "gemini"

ANOTHER_PHOTO: Final = "Our picture maker will not work with this photo or these words. Please choose another photo or style."
LIKE_ANOTHER: Final = "The picture came out too much like somebody else's work. Please choose another style or other words."

REFUSALS: Final = {
    "SAFETY": ANOTHER_PHOTO,
    "BLOCKLIST": ANOTHER_PHOTO,
    "PROHIBITED_CONTENT": ANOTHER_PHOTO,
    "SPII": ANOTHER_PHOTO,
    "IMAGE_SAFETY": ANOTHER_PHOTO,
    "IMAGE_PROHIBITED_CONTENT": ANOTHER_PHOTO,
    "JAILBREAK": ANOTHER_PHOTO,
    "MODEL_ARMOR": ANOTHER_PHOTO,
    "ESCALATION": ANOTHER_PHOTO,
    "RECITATION": LIKE_ANOTHER,
    "IMAGE_RECITATION": LIKE_ANOTHER,
    "LANGUAGE": "Our picture maker does not understand these words. Please write them in English, or choose a style.",
}
"""The same photo and words would be refused again, so nobody is asked again; what each tells the customer."""

OUR_ACCOUNT: Final = frozenset({"PUP_LIMITED_DISABLED"})
"""Gemini has shut us out: no photo helps, and an operator must know."""

NOT_THIS_TIME: Final = frozenset(
    {
        "FINISH_REASON_UNSPECIFIED",
        "STOP",
        "MAX_TOKENS",
        "OTHER",
        "IMAGE_OTHER",
        "NO_IMAGE",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "CONTINUATION",
    }
)
"""No picture, for no reason of the customer's: the next answer may have one, and is paid for like this one."""

MEDIA_TYPES: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
MAX_BYTES: Final = 40_000_000
_REMARK: Final = 300
"""Characters of the model's own words that are logged; they may speak of the person in the photo, so no more than that."""


def picture_of(answer: types.GenerateContentResponse, *, model: str) -> ImageAnswer:
    """Return the last picture in an answer: earlier ones are the model's drafts.

    Raises `GenerationRefused`, `ProviderRejected` when we are shut out, and `NoPicture` for everything else that has no picture
    which can be used.
    """
    if not answer.candidates:
        raise _blocked(answer)
    candidate = answer.candidates[0]
    pictures = list(_pictures(candidate))
    if pictures:
        return _usable(pictures[-1], model=answer.model_version or model)
    reason = candidate.finish_reason.value if candidate.finish_reason else "FINISH_REASON_UNSPECIFIED"
    log.info("gemini made no picture", reason=reason, said=_words(candidate)[:_REMARK])
    if reason in REFUSALS:
        raise GenerationRefused(REFUSALS[reason], provider=PROVIDER, code=reason)
    if reason in OUR_ACCOUNT:
        raise ProviderRejected(f"gemini does not work for our account ({reason})", provider=PROVIDER, code=reason)
    raise NoPicture(f"gemini answered without a picture ({reason})", provider=PROVIDER, code=reason)


def _blocked(answer: types.GenerateContentResponse) -> GenerationRefused | NoPicture:
    feedback = answer.prompt_feedback
    reason = feedback.block_reason.value if feedback and feedback.block_reason else "NO_CANDIDATES"
    if reason in {"NO_CANDIDATES", "BLOCKED_REASON_UNSPECIFIED", "OTHER"}:
        return NoPicture(f"gemini answered with nothing ({reason})", provider=PROVIDER, code=reason)
    return GenerationRefused(REFUSALS.get(reason, ANOTHER_PHOTO), provider=PROVIDER, code=reason)


def _pictures(candidate: types.Candidate) -> Iterator[bytes]:
    for part in (candidate.content.parts if candidate.content else None) or []:
        if part.inline_data is not None and part.inline_data.data and not part.thought:
            yield part.inline_data.data


def _words(candidate: types.Candidate) -> str:
    parts = (candidate.content.parts if candidate.content else None) or []
    return " ".join(part.text for part in parts if part.text and not part.thought)


def _usable(data: bytes, *, model: str) -> ImageAnswer:
    """Name the picture by what its bytes are; whether it is whole is found out when it is decoded, after it was kept."""
    if len(data) > MAX_BYTES:
        raise NoPicture(f"gemini answered with a picture of {len(data)} bytes", provider=PROVIDER, code="TOO_LARGE")
    try:
        with Image.open(BytesIO(data), formats=list(MEDIA_TYPES)) as image:
            kind = image.format or ""
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NoPicture("gemini answered with something that is no picture", provider=PROVIDER, code="MALFORMED") from error
    return ImageAnswer(data=data, media_type=MEDIA_TYPES[kind], model=model)
