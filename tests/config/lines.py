"""The log of the process, caught."""

import io
import json
import logging
from typing import Any, Literal

from config.groups import LoggingSettings
from config.logging import configure_logging


class Lines:
    """What was written to the log."""

    def __init__(self) -> None:
        self.written = io.StringIO()

    @property
    def text(self) -> str:
        return self.written.getvalue()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def only(self) -> dict[str, Any]:
        (line,) = self.all()
        return line

    def start(self, line_format: Literal["json", "console"] = "json") -> None:
        configure_logging(LoggingSettings(level="INFO", format=line_format))
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(self.written)
