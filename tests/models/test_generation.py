"""Which attempt a request is, and under which names its picture is kept."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from models.artwork import StoredImage
from models.generation import (
    REPEAT_WINDOW,
    Generation,
    GenerationState,
    answer_key,
    generation_id_for,
    generation_subject,
    next_attempt,
    picture_name,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def generation(state: GenerationState) -> Generation:
    return Generation(
        generation_id=uuid4(),
        subject="0" * 64,
        attempt=3,
        state=state,
        template_id="retro-remix",
        style={},
        picture=None,
        reason="",
        started_at=NOW - timedelta(minutes=5),
        finished_at=None if state is GenerationState.STARTED else NOW,
    )


@pytest.mark.parametrize(
    ("state", "later", "attempt"),
    [
        (GenerationState.STARTED, timedelta(hours=1), 3),
        (GenerationState.MADE, REPEAT_WINDOW - SECOND, 3),
        (GenerationState.MADE, REPEAT_WINDOW, 4),
        (GenerationState.REFUSED, timedelta(0), 4),
        (GenerationState.FAILED, timedelta(0), 4),
    ],
)
def test_a_repeat_is_the_attempt_that_runs_or_has_just_succeeded_and_otherwise_the_next(
    state: GenerationState, later: timedelta, attempt: int
) -> None:
    assert next_attempt(generation(state), at=NOW + later) == attempt


def test_the_first_request_is_the_first_attempt() -> None:
    assert next_attempt(None, at=NOW) == 1


def test_a_wish_is_the_same_in_whichever_order_its_parameters_come() -> None:
    one = generation_subject(requester="a", photo_sha256=None, template_id="t", style={"a": "1", "b": "2"})
    other = generation_subject(requester="a", photo_sha256=None, template_id="t", style={"b": "2", "a": "1"})
    assert one == other


def test_names_differ_by_attempt_by_picture_and_by_answer() -> None:
    """What one of them leads to is never what another one does."""
    images = [StoredImage(key="k", sha256=digit * 64, media_type="image/jpeg", width=1, height=2, size=3) for digit in ("1", "2")]
    ids = [generation_id_for("0" * 64, attempt) for attempt in (1, 2)]
    assert len({picture_name(one, image) for one in ids for image in images}) == 4
    assert len({answer_key(one, number) for one in ids for number in (1, 2, 3)}) == 6
