"""What every contract has in common."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        message = "a time without a time zone is ambiguous: give it one"
        raise ValueError(message)
    return value.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_utc)]
"""A moment in UTC; a naive datetime is refused."""

Minor = Annotated[int, Field(ge=0, le=100_000_000)]
"""An amount of money in the currency's minor units (pence)."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hex."""


class Contract(BaseModel):
    """A value that crosses Temporal or a port.

    Frozen. It lives in histories for as long as the longest order, so a field is never removed or retyped and a new field
    always has a default.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
