"""The table of docs/http-contract.md and the app say the same of every path."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.routers.gone import GONE

DOCUMENT = Path(__file__).parents[2] / "docs" / "http-contract.md"
WORDS = {"kept", "new", "410", "operators", "later"}
UNDOCUMENTED = {"/docs/oauth2-redirect", "/codec/encode", "/codec/decode", "/codec/sign-in"}
"""The framework's own, and Temporal's codec: nobody called them before."""


class Row(NamedTuple):
    method: str
    path: str
    word: str
    remark: str

    @property
    def place(self) -> str:
        """Method and path, whatever the parameters are called."""
        return f"{self.method} {re.sub(r'{[^}]*}', '{}', self.path)}"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    lines = re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \| (\S+) \| ?(.*?) ?\|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return [Row(*line) for line in lines]


@pytest.fixture
def served(stranded_app: FastAPI) -> set[str]:
    routes = [route for route in iter_route_contexts(stranded_app.routes) if route.path not in UNDOCUMENTED]
    places = {(method, str(route.path)) for route in routes for method in route.methods or ()}
    automatic = {("HEAD", path) for method, path in places if method == "GET"} - {("HEAD", "/image/{name}")}
    return {Row(method, path, "", "").place for method, path in places - automatic}


def test_every_path_is_sorted_once(rows: list[Row]):
    assert len(rows) > 80
    assert {row.word for row in rows} == WORDS
    assert [place for place, times in Counter(row.place for row in rows).items() if times > 1] == []


def test_what_is_kept_or_new_is_served(rows: list[Row], served: set[str]):
    assert {row.place for row in rows if row.word in {"kept", "new"}} - served == set()


def test_whatever_is_served_is_in_the_table(rows: list[Row], served: set[str]):
    assert served - {row.place for row in rows if row.word in {"kept", "new", "410", "operators"}} == set()


def test_what_comes_later_is_not_served_yet(rows: list[Row], served: set[str]):
    assert served & {row.place for row in rows if row.word == "later"} == set()


def test_what_is_gone_is_gone_for_the_reason_that_is_written_down(rows: list[Row]):
    assert [(row.method, row.path, row.remark) for row in rows if row.word == "410"] == [tuple(gone) for gone in GONE]
