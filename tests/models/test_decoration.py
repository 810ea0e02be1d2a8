import pytest

from models.decoration import decoration_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CAT/1", "cat/1.png"),
        ("POP-ART/2", "pop art/2"),
        ("GRAFFITI/3", "GRAFITTI/3.PNG"),
        ("BACKGROUND-GRAFFITI/3", "background grafitti/3.webp"),
        ("MAMAS AND PAPAS/1", "mamas-and-papas/1.jpg"),
    ],
)
def test_spellings_of_one_sticker_are_one(one: str, other: str):
    assert decoration_key(one) == decoration_key(other)


@pytest.mark.parametrize(("one", "other"), [("SPACE/1", "BACKGROUND-SPACE/1"), ("CAT/1", "CAT/11"), ("CAT/1", "CATS/1")])
def test_different_ones_are_different(one: str, other: str):
    assert decoration_key(one) != decoration_key(other)


@pytest.mark.parametrize("name", ["", "CAT", "CAT/", "/1", "CAT/.png", "CAT/thumbnails/1", "../1", "??/!!"])
def test_what_names_nothing_is_refused(name: str):
    with pytest.raises(ValueError, match="does not name a sticker"):
        decoration_key(name)
