"""What the body of a callback says, whatever it is written in: an object or a list of them, JSON or a form.

The sender is a stranger: what is returned is flat, of bounded size, and holds nothing that the database cannot.
"""

import json
import math
from collections.abc import Mapping
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

MAX_ITEMS = 200
MAX_FIELDS = 50
LONGEST_TEXT = 2000
"""Characters that are kept of a text; those of the documented callbacks have at most twenty."""

_NOT_READ = (ValueError, RecursionError, HTTPException, MultiPartException)
"""Broken JSON, JSON that is nested too deeply, a broken form."""


async def read_items(request: Request) -> list[dict[str, Any]]:
    """Return what a callback says, item by item; what cannot be read is kept as text, for a person to look at.

    An empty body says nothing. Of a longer list than anybody sends the first `MAX_ITEMS` are returned, and how many follow.
    """
    body = await request.body()
    text = body.decode("utf-8-sig", errors="replace").replace("\x00", "")
    if not text.strip():
        return []
    try:
        said = await _parse(request, text)
        items = said if isinstance(said, list) else [said]
        kept = [_item(item) for item in items[:MAX_ITEMS] if item not in ({}, None)]
    except _NOT_READ:
        return [_unreadable(text)]
    return kept if len(items) <= MAX_ITEMS else [*kept, _unreadable(f"{len(items) - MAX_ITEMS} more items were sent")]


async def _parse(request: Request, text: str) -> Any:
    """Parse by what it is, and by its Content-Type only where that is needed: senders do not always tell the truth about it."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _multipart(request)
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        if "json" in media_type or "=" not in text:
            raise
        return dict(parse_qsl(text.strip(), keep_blank_values=True, max_num_fields=MAX_FIELDS))


async def _multipart(request: Request) -> dict[str, Any]:
    async with request.form(max_files=0, max_fields=MAX_FIELDS) as form:
        if not form:
            raise MultiPartException("nothing is in it")
        return dict(form)


def _item(item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        return _unreadable(json.dumps(item, ensure_ascii=False))
    return {_storable(name): _flat(value) for name, value in islice(item.items(), MAX_FIELDS)}


def _flat(value: Any) -> Any:
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return _storable(json.dumps(value, ensure_ascii=False)) if isinstance(value, dict | list) else value


def _storable(text: str) -> str:
    """Take out what a JSON text may hold and PostgreSQL does not: the character NUL, and lone surrogates."""
    return text[:LONGEST_TEXT].replace("\x00", "").encode("utf-8", "replace").decode()


def _unreadable(text: str) -> dict[str, Any]:
    return {"unreadable": _storable(text)}
