"""What the Gemini emulator must know."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class GeminiEmulatorSettings(BaseModel):
    """One API key and the image models that it may use.

    Attributes:
        models: Every other name is answered with 404.
        sizeless: Models that make pictures of one size, and refuse to be asked for another.
        state_file: SQLite file that survives a restart; None keeps everything in memory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_key: str = "gemini-key-of-the-emulator"
    models: tuple[str, ...] = ("gemini-3-pro-image", "gemini-2.5-flash-image")
    sizeless: tuple[str, ...] = ("gemini-2.5-flash-image",)
    state_file: Path | None = None
