"""Texts from outside that the database can be asked about."""

from typing import Annotated

from pydantic import AfterValidator


def _storable(value: str) -> str:
    """Refuse NUL: JSON and URLs can carry it, PostgreSQL cannot, and a step that fails on it would be tried again in vain."""
    if "\x00" in value:
        message = "must not contain the character NUL."
        raise ValueError(message)
    return value


Text = Annotated[str, AfterValidator(_storable)]
"""Any text but NUL."""
