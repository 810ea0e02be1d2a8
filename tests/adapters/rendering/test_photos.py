"""What is kept of a photo: what people see of it, and nothing of what it says besides."""

import random
from io import BytesIO

import pytest
from PIL import Image

from adapters.rendering.jpeg import count_scans
from adapters.rendering.photos import KEPT_PIXELS, normalize_photo
from models.artwork import sha256_of
from models.errors import OrderRefused
from tests.adapters.rendering.photo_corpus import (
    HEIGHT,
    SECRETS,
    WIDTH,
    Bad,
    Good,
    bad,
    encoded,
    exif,
    good,
    portrait,
    sample,
    vips,
)

GOOD, BAD = good(), bad()


@pytest.mark.parametrize("photo", GOOD, ids=lambda photo: photo.name)
def test_what_is_kept_shows_what_people_see(photo: Good):
    kept = normalize_photo(photo.data)

    image = Image.open(BytesIO(kept.data))
    assert (image.size, kept.image.width, kept.image.height) == ((WIDTH, HEIGHT), WIDTH, HEIGHT)
    assert (kept.image.media_type, image.get_format_mimetype()) == (photo.media_type, photo.media_type)
    assert image.mode == ("RGBA" if len(photo.quarters[0]) == 4 else "RGB")
    shown = [image.getpixel((x, y)) for y in (HEIGHT // 4, HEIGHT * 3 // 4) for x in (WIDTH // 4, WIDTH * 3 // 4)]
    for quarter, expected in zip(shown, photo.quarters, strict=True):
        assert isinstance(quarter, tuple)
        far = max(abs(value - right) for value, right in zip(quarter, expected, strict=True))
        assert far <= photo.tolerance, (shown, photo.quarters)


@pytest.mark.parametrize("photo", GOOD, ids=lambda photo: photo.name)
def test_what_is_kept_says_nothing_but_its_pixels_and_is_named_by_them(photo: Good):
    kept = normalize_photo(photo.data)

    assert [secret for secret in SECRETS if secret in kept.data] == []
    assert set(Image.open(BytesIO(kept.data)).info) <= {
        "jfif",
        "jfif_version",
        "jfif_unit",
        "jfif_density",
        "dpi",
        "progressive",
        "progression",
    }
    assert kept.image.sha256 == sha256_of(kept.data)
    assert kept.image.key == f"photos/{kept.image.sha256}.{'png' if photo.media_type == 'image/png' else 'jpg'}"
    assert kept.image.size == len(kept.data)


@pytest.mark.parametrize("photo", GOOD, ids=lambda photo: photo.name)
def test_the_same_photo_is_always_kept_as_the_same_bytes(photo: Good):
    kept = normalize_photo(photo.data)

    assert normalize_photo(photo.data) == kept


@pytest.mark.parametrize("photo", BAD, ids=lambda photo: photo.name)
def test_what_cannot_be_used_is_refused_with_the_reason(photo: Bad):
    with pytest.raises(OrderRefused) as refused:
        normalize_photo(photo.data)

    assert refused.value.code is photo.code
    assert photo.words in refused.value.message


def test_a_photo_in_other_primaries_named_by_number_gets_its_colours():
    """(200, 100, 60) of Display P3 is a stronger orange in sRGB."""
    kept = Image.open(BytesIO(normalize_photo(sample("wide_gamut")).data))

    assert kept.getpixel((60, 80)) == pytest.approx((215, 93, 48), abs=3)


def test_black_ink_is_black():
    black = encoded(Image.new("CMYK", (WIDTH, HEIGHT), (0, 0, 0, 255)), "JPEG")

    assert max(vips(Image.open(BytesIO(normalize_photo(black).data)))(60, 80)) < 25


def test_a_jpeg_of_more_passes_than_anybody_makes_is_refused(monkeypatch: pytest.MonkeyPatch):
    ordinary = encoded(portrait(), "JPEG", progressive=True)
    assert count_scans(ordinary) == 10

    monkeypatch.setattr("adapters.rendering.photos.MAX_SCANS", 9)
    with pytest.raises(OrderRefused):
        normalize_photo(ordinary)


def test_passes_of_a_second_picture_do_not_count():
    assert count_scans(encoded(portrait(), "JPEG") + encoded(portrait(), "JPEG", progressive=True)) == 1


def test_more_than_25_megapixels_are_scaled_down_in_shape():
    kept = normalize_photo(encoded(portrait(size=(12_000, 3000)), "JPEG")).image

    assert kept.width * kept.height == pytest.approx(KEPT_PIXELS, rel=0.001)
    assert kept.width / kept.height == pytest.approx(4, rel=0.001)


def test_a_panorama_within_bounds_keeps_every_pixel():
    assert normalize_photo(encoded(portrait(size=(12_000, 2000)), "JPEG")).image.width == 12_000


def test_transparent_pixels_do_not_bleed_into_the_others_when_a_picture_is_scaled_down(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("adapters.rendering.photos.KEPT_PIXELS", 250_000)
    image = Image.new("RGBA", (600, 600), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 300, 600))

    kept = Image.open(BytesIO(normalize_photo(encoded(image, "PNG")).data))

    assert kept.size == (500, 500)
    edge = vips(kept.crop((240, 100, 260, 101)))
    seen = [edge(x, 0) for x in range(20)]
    assert {alpha for *_, alpha in seen} >= {0, 255}
    assert all((red, green) == (255, 0) for red, green, _, alpha in seen if alpha), seen


def test_a_photo_that_would_be_too_large_without_loss_is_kept_as_a_jpeg(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("adapters.rendering.photos.MAX_LOSSLESS", 10_000)
    noisy = Image.effect_noise((300, 400), 80).convert("RGB")

    assert normalize_photo(encoded(noisy, "PNG")).image.media_type == "image/jpeg"


def test_a_transparent_picture_that_would_be_too_large_without_loss_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("adapters.rendering.photos.MAX_LOSSLESS", 10_000)
    noisy = Image.effect_noise((300, 400), 80).convert("RGB")
    noisy.putalpha(100)

    with pytest.raises(OrderRefused, match="transparent"):
        normalize_photo(encoded(noisy, "PNG"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damage_anywhere_is_either_harmless_or_refused(kind: str):
    whole = encoded(portrait(), kind, exif=exif(6))
    dice = random.Random(kind)  # noqa: S311 - the same damage every time
    outcomes: set[str] = set()
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            kept = normalize_photo(bytes(damaged))
        except OrderRefused as refusal:
            outcomes.add(refusal.code)
        else:
            outcomes.add(kept.image.media_type)
    assert len(outcomes) > 1
