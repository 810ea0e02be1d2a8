"""What the process that reads photos is asked and answers: JSON and bytes, in frames of known length.

Not pickles: the one who answers has read a stranger's file, and what it says is believed no further than it can be checked.
"""

import json
import struct
from dataclasses import dataclass
from typing import Any, Final, Self

from models.errors import OrderRefused, RefusalCode

LENGTHS: Final = struct.Struct(">II")
"""Bytes of the JSON, and of what follows it."""


@dataclass(frozen=True, slots=True)
class KeptSize:
    """Pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A photo to keep, or why there is none."""

    data: bytes = b""
    media_type: str = ""
    size: KeptSize = KeptSize(0, 0)
    refusal: OrderRefused | None = None

    def to_frame(self) -> bytes:
        """Return the answer as it travels."""
        says: dict[str, Any] = {"media_type": self.media_type, "width": self.size.width, "height": self.size.height}
        if self.refusal is not None:
            says = {"code": self.refusal.code, "message": self.refusal.message, "facts": self.refusal.facts}
        return frame(says, self.data)

    @classmethod
    def from_frame(cls, says: dict[str, Any], data: bytes) -> Self:
        """Read an answer. Raises `KeyError` or `ValueError` for what is not one."""
        if "code" in says:
            refusal = OrderRefused(str(says["message"]), code=RefusalCode(says["code"]), facts=dict(says["facts"]))
            return cls(refusal=refusal)
        return cls(data, str(says["media_type"]), KeptSize(int(says["width"]), int(says["height"])))


def frame(says: dict[str, Any], data: bytes) -> bytes:
    """Return JSON and bytes as they travel."""
    text = json.dumps(says).encode()
    return LENGTHS.pack(len(text), len(data)) + text + data
