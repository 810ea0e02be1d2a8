"""The words for the AI: complete, versioned, and safe from what customers write."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres import seed
from adapters.prompts.book import PromptBook, PromptFile, label_of
from dev.emulators.gemini.looks import LOOKS
from models.errors import OrderRefused, RefusalCode

CATALOGUE = json.loads((Path(seed.__file__).parent / "catalogue.json").read_text())["ai_styles"]
FILE = PromptFile.read()
STYLES = [(template, style) for template, prompts in FILE.templates.items() for style in prompts.styles]
OWNED = re.compile(r"vogue|i-d\b|mtv|polaroid|kodak|nintendo|disney|pixar|marvel|adidas|nike|vhs", re.IGNORECASE)

HASHES = {"2026-11-25.1": "187981e9003d32c5a04ae930a294444e24738bd7a8caaabaa5a9421a39b7fc47"}
"""What was sent under each version: never change an entry, add one."""


@pytest.fixture
def book() -> PromptBook:
    return PromptBook.open()


def test_the_same_version_is_the_same_words():
    """Every picture is recorded with the version of its words: change a text, and it must be another version."""
    text = (Path(seed.__file__).parents[1] / "prompts" / "prompts.toml").read_text()
    said = text.split("\nversion = ", 1)[1]

    assert HASHES[FILE.version] == sha256(said.encode()).hexdigest(), "raise `version` in prompts.toml, and add its hash here"


def test_every_style_of_the_catalogue_has_words_and_no_other():
    offered = {
        (template, parameter, name)
        for template, choice in CATALOGUE.items()
        for parameter, names in choice.items()
        for name in names
    }

    assert {(template, FILE.templates[template].parameter, style.name) for template, style in STYLES} == offered


def test_every_style_is_told_from_the_others_by_its_look():
    labels = [label_of(style.text) for _, style in STYLES]

    assert len(set(labels)) == len(labels)
    assert set(labels) == set(LOOKS)


@pytest.mark.parametrize(("template", "style"), STYLES, ids=lambda part: getattr(part, "name", part))
def test_the_words_sent_name_nobodys_brand(book: PromptBook, template: str, style):
    choice = {FILE.templates[template].parameter: style.name}

    assert not OWNED.search(book.prompt(template, choice).text)


@pytest.mark.parametrize(
    ("template", "sent", "recorded"),
    [
        ("retro-remix", {"keyword": "80S NEON"}, {"keyword": "80s Neon"}),
        ("retro-remix", {"style": "vhs nostalgia"}, {"keyword": "VHS Nostalgia"}),
        (
            "retro-remix",
            {"keyword": "80s Neon", "optional_text": " Hi \n there "},
            {"keyword": "80s Neon", "optional_text": "Hi there"},
        ),
        ("retro-remix", {"keyword": "wild west 1880"}, {"keyword": "wild west 1880"}),
        ("cover-shoot", {"keyword": "Mono Mood"}, {"style": "Mono Mood"}),
        ("glitch-pro", {"mode": "chaos", "optional_text": "Hi"}, {"style": "Chaos"}),
        ("footy-fan", {"team": "Leeds", "style": "Fire Trail"}, {"style": "fire trail", "team": "Leeds"}),
    ],
)
def test_what_screens_send_is_recorded_in_the_catalogues_spelling(book: PromptBook, template, sent, recorded):
    assert book.resolve(template, sent) == recorded


@pytest.mark.parametrize(
    ("template", "sent"), [("cover-shoot", {"style": "Baroque"}), ("glitch-pro", {}), ("retro-remix", {"keyword": " "})]
)
def test_an_unknown_style_is_answered_with_the_list(book: PromptBook, template, sent):
    with pytest.raises(OrderRefused) as caught:
        book.resolve(template, sent)

    assert caught.value.code is RefusalCode.UNKNOWN_STYLE
    assert all(style.name in caught.value.message for style in FILE.templates[template].styles)


def test_a_template_without_ai_says_so(book: PromptBook):
    with pytest.raises(OrderRefused, match="has no picture made by AI") as caught:
        book.resolve("classic", {"style": "Mono Mood"})

    assert caught.value.code is RefusalCode.UNKNOWN_TEMPLATE


@pytest.mark.parametrize(
    ("template", "style"), [pair for pair in STYLES if pair[1].trademark], ids=lambda part: getattr(part, "name", part)
)
def test_styles_whose_names_somebody_may_own_can_be_switched_off(template: str, style):
    book = PromptBook.open(trademark_styles=False)

    assert not book.is_offered(template, style.name)
    assert PromptBook.open().is_offered(template, style.name)
    with pytest.raises(OrderRefused) as caught:
        book.resolve(template, {"style": style.name})
    assert f"{style.name}," not in caught.value.message.split("one of:")[1]


def test_the_recorded_choice_leads_to_the_same_words(book: PromptBook):
    sent = {"keyword": "wild west", "optional_text": "Ada"}

    assert book.prompt("retro-remix", sent) == book.prompt("retro-remix", book.resolve("retro-remix", sent))


@given(st.text(max_size=400))
def test_what_customers_write_stays_inside_of_its_quotation(text: str):
    """Their words are data: they end no quotation, start no line and fill no page."""
    prompt = PromptBook.open().prompt("retro-remix", {"keyword": "80s Neon", "optional_text": f"x{text}"}).text
    frame = PromptBook.open().prompt("retro-remix", {"keyword": "80s Neon", "optional_text": "x"}).text

    before, after = frame.split("“x”")
    assert prompt.startswith(f"{before}“")
    assert prompt.endswith(f"”{after}")
    written = prompt.removeprefix(f"{before}“").removesuffix(f"”{after}")
    assert len(written) <= 80
    assert not set(written) & set('"“”{}<>\n\\')


@given(st.text(max_size=400))
def test_a_look_in_the_customers_own_words_stays_inside_of_its_quotation(text: str):
    """Also in the line that opens the prompt, which is the strongest one."""
    written = PromptBook.open().prompt("retro-remix", {"keyword": f"x{text}"}).text
    plain = PromptBook.open().prompt("retro-remix", {"keyword": "x"}).text

    parts = re.split("[“”]", written)
    assert parts[::2] == re.split("[“”]", plain)[::2]
    assert len(parts) == 5


def test_no_team_is_named_where_names_that_somebody_may_own_are_switched_off():
    book = PromptBook.open(trademark_styles=False)

    assert book.resolve("footy-fan", {"style": "wave"}) == {"style": "wave"}
    with pytest.raises(OrderRefused, match="team") as caught:
        book.resolve("footy-fan", {"style": "wave", "team": "Leeds"})
    assert caught.value.code is RefusalCode.UNKNOWN_STYLE
