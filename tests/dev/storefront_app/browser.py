"""A browser without scripts: it reads forms out of pages, fills them in, and presses their buttons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin

import httpx

File = tuple[str, bytes]
"""A file's name and content."""


@dataclass
class Form:
    """A form as it is sent when nobody changes anything; `buttons` are the names and values of those that can be pressed."""

    action: str
    method: str
    is_multipart: bool
    values: dict[str, str] = field(default_factory=dict)
    offered: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Collects forms, text and the elements that tests ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.alerts: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag == "form":
            self.forms.append(
                Form(found.get("action", ""), found.get("method", "get"), found.get("enctype", "").startswith("multi"))
            )
        elif self.forms:
            self._read_control(self.forms[-1], tag, found)
        if tag not in {"input", "img", "meta", "link", "rect", "circle"}:
            self._open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, found = self._open[-1] if self._open else ("", {})
        if tag == "textarea":
            self.forms[-1].values[found["name"]] = data
        if found.get("role") == "alert":
            self.alerts.append(data.strip())
        if data.strip():
            self.words.append(data.strip())

    def _read_control(self, form: Form, tag: str, found: dict[str, str]) -> None:
        name, value, kind = found.get("name", ""), found.get("value", ""), found.get("type", "")
        if tag == "button" and "disabled" not in found:
            form.buttons.append((name, value))
        elif tag == "textarea":
            form.values[name] = ""
        elif tag == "option":
            select = next(attributes["name"] for opened, attributes in reversed(self._open) if opened == "select")
            form.offered.setdefault(select, []).append(value)
            if "selected" in found or select not in form.values:
                form.values[select] = value
        elif tag == "input" and kind == "file":
            form.files.append(name)
        elif tag == "input" and kind in {"radio", "checkbox"}:
            form.offered.setdefault(name, []).append(value)
            if "checked" in found:
                form.values[name] = found.get("value", "on")
        elif tag == "input":
            form.values[name] = value


@dataclass
class Page:
    """One page that was answered."""

    answer: httpx.Response
    forms: list[Form]
    text: str
    alerts: list[str]
    tags: list[tuple[str, dict[str, str]]]

    @classmethod
    def of(cls, answer: httpx.Response) -> Self:
        reader = _Reader()
        reader.feed(answer.text)
        reader.close()
        return cls(answer, reader.forms, " ".join(reader.words), reader.alerts, reader.tags)

    @property
    def path(self) -> str:
        return self.answer.url.path

    @property
    def looks_again_after(self) -> int | None:
        """Seconds until the page loads itself again."""
        return next((int(found["content"]) for tag, found in self.tags if tag == "meta" and "http-equiv" in found), None)

    def form(self, button: tuple[str, str] | None = None) -> Form:
        """The form that has this button, or the page's last one."""
        return next(form for form in reversed(self.forms) if button is None or button in form.buttons)

    def links(self) -> list[str]:
        return [found["href"] for tag, found in self.tags if tag == "a"]

    def pictures(self) -> list[str]:
        return [found["src"] for tag, found in self.tags if tag == "img"]


class Browser:
    """A customer's browser at one storefront; it follows redirects, but not to other sites."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def open(self, url: str) -> Page:
        return await self._follow(await self.http.get(url))

    async def press(
        self,
        page: Page,
        button: tuple[str, str] | None = None,
        changes: Mapping[str, str] | None = None,
        files: Mapping[str, File] | None = None,
    ) -> Page:
        """Send the form of a button with some fields changed."""
        form = page.form(button)
        unknown = set(changes or {}) - set(form.values) - set(form.offered) | set(files or {}) - set(form.files)
        assert not unknown, f"the form has no {unknown}"
        values = {**form.values, **(changes or {}), **dict([button] if button and button[0] else [])}
        url = urljoin(str(page.answer.url), form.action)
        if form.method == "get":
            return await self._follow(await self.http.get(url, params=values))
        if not form.is_multipart:
            return await self._follow(await self.http.post(url, data=values))
        sent: dict[str, File] = dict.fromkeys(form.files, ("", b"")) | dict(files or {})
        return await self._follow(await self.http.post(url, data=values, files=sent))

    async def _follow(self, answer: httpx.Response) -> Page:
        while answer.is_redirect and answer.next_request and answer.next_request.url.host == self.http.base_url.host:
            answer = await self.http.get(answer.next_request.url)
        return Page.of(answer)
