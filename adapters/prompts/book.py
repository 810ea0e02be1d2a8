"""What the AI is told for each template and style: our own words, read from `prompts.toml`.

What customers write themselves goes in as quoted data, bounded and stripped of what could end the quotation.
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from models.catalog import match_name
from models.design import StyleParameters
from models.errors import OrderRefused, RefusalCode
from models.generation import Prompt

LONGEST_WORDS: Final = 80
"""Characters of a customer's own words that are used."""
CHOICE: Final = ("style", "keyword", "mode")
"""Under which names screens send the choice of a style."""
TEXT: Final = "optional_text"
TEAM: Final = "team"

_LOOK = re.compile(r"\s*Look: ([^.]+)\.")
_Words = Annotated[str, StringConstraints(strip_whitespace=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Style(_Part):
    """One style of a template; `trademark` says that somebody may own its name."""

    name: str
    text: _Words
    trademark: bool = False


class TemplatePrompts(_Part):
    """The styles of one template, and what else it takes."""

    parameter: str
    takes_own_words: bool
    takes_text: bool
    takes_team: bool = False
    own_words: _Words = ""
    team_words: str = ""
    styles: tuple[Style, ...]


class PromptFile(_Part):
    """`prompts.toml`."""

    version: str
    frame: _Words
    optional_text: str
    templates: Mapping[str, TemplatePrompts]

    @classmethod
    def read(cls) -> Self:
        """Read the file that ships with this package."""
        return cls.model_validate(tomllib.loads((files(__package__) / "prompts.toml").read_text(encoding="utf-8")))


class PromptBook:
    """The port `activities.ports.Prompts`, and what the front door asks before anything is started."""

    def __init__(self, file: PromptFile, *, trademark_styles: bool = True) -> None:
        self._file = file
        self._with_trademarks = trademark_styles

    @classmethod
    def open(cls, *, trademark_styles: bool = True) -> Self:
        """Read the prompts; without `trademark_styles` nothing is offered whose name somebody may own, nor any team."""
        return cls(PromptFile.read(), trademark_styles=trademark_styles)

    @property
    def version(self) -> str:
        """Name the words: the same version is the same words."""
        return self._file.version

    def is_offered(self, template_id: str, style_name: str) -> bool:
        """Say whether a style of the catalogue may be chosen."""
        template = self._file.templates.get(template_id)
        return template is not None and self._find(template, style_name) is not None

    def resolve(self, template_id: str, parameters: Mapping[str, str]) -> StyleParameters:
        """Return what a screen sent as it is recorded: known parameters only, names as the catalogue spells them.

        Raises `OrderRefused` (`unknown_style`) with what may be chosen.
        """
        template = self._template(template_id)
        asked = next((value for name in CHOICE if (value := _plain(str(parameters.get(name) or "")))), "")
        style = self._find(template, asked)
        if style is None and not (template.takes_own_words and asked and not self._is_hidden(template, asked)):
            raise self._unknown(template, asked)
        resolved = {template.parameter: style.name if style else asked}
        for name, is_taken in ((TEXT, template.takes_text), (TEAM, template.takes_team)):
            if is_taken and (value := _plain(str(parameters.get(name) or ""))):
                if name == TEAM and not self._with_trademarks:
                    raise self._no_teams(template)
                resolved[name] = value
        return resolved

    def prompt(self, template_id: str, style: StyleParameters) -> Prompt:
        """Return the words for a choice. Raises `OrderRefused` (`unknown_style`) with what may be chosen."""
        template = self._template(template_id)
        known = self.resolve(template_id, style)
        chosen = self._find(template, known[template.parameter])
        words = known[template.parameter]
        look = chosen.text if chosen else template.own_words.format(label=_quoted(words.title()), words=_quoted(words))
        if TEAM in known:
            look += template.team_words.format(team=_quoted(known[TEAM]))
        exception = self._file.optional_text.format(text=_quoted(known[TEXT])) if TEXT in known else ""
        frame = self._file.frame.format(text_exception=exception)
        return Prompt(text=f"{look}\n\n{frame}", version=self._file.version)

    def _template(self, template_id: str) -> TemplatePrompts:
        template = self._file.templates.get(template_id)
        if template is None:
            known = ", ".join(self._file.templates)
            raise OrderRefused(
                f"The template “{template_id[:60]}” has no picture made by AI. These have: {known}.",
                code=RefusalCode.UNKNOWN_TEMPLATE,
                facts={"known": known},
            )
        return template

    def _find(self, template: TemplatePrompts, name: str) -> Style | None:
        wanted = match_name(name)
        return next((style for style in self._offered(template) if match_name(style.name) == wanted), None)

    def _offered(self, template: TemplatePrompts) -> list[Style]:
        return [style for style in template.styles if self._with_trademarks or not style.trademark]

    def _is_hidden(self, template: TemplatePrompts, name: str) -> bool:
        """Whether a customer's own words are the name of a style that is switched off."""
        return any(match_name(style.name) == match_name(name) for style in template.styles)

    def _no_teams(self, template: TemplatePrompts) -> OrderRefused:
        known = ", ".join(style.name for style in self._offered(template))
        return OrderRefused(
            f"Pictures with the name of a team are not offered. Without it, please choose one of: {known}.",
            code=RefusalCode.UNKNOWN_STYLE,
            facts={"known": known},
        )

    def _unknown(self, template: TemplatePrompts, asked: str) -> OrderRefused:
        known = ", ".join(style.name for style in self._offered(template))
        what = f"There is no style “{asked}”." if asked else "No style was chosen."
        return OrderRefused(f"{what} Please choose one of: {known}.", code=RefusalCode.UNKNOWN_STYLE, facts={"known": known})


def label_of(prompt: str) -> str:
    """Return the short name of a prompt's look."""
    found = _LOOK.match(prompt)
    return found[1] if found else ""


def _plain(text: str) -> str:
    """Return a customer's words as one bounded line without control characters and without what could end a quotation."""
    spaced = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in text)
    return re.sub(r"\s+", " ", re.sub(r"[\"“”„«»`{}<>\\]", "", spaced)).strip()[:LONGEST_WORDS].strip()


def _quoted(text: str) -> str:
    return f"“{_plain(text)}”"
