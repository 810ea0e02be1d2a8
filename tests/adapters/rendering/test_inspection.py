"""Pictures from strangers: what is taken, what is refused, and in which words."""

import random
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from adapters.rendering.inspection import CUSTOMER_PHOTO, FINAL_IMAGE, ImageLimits, inspect_image
from models.artwork import sha256_of
from models.errors import OrderRefused, RefusalCode

Encode = Callable[..., bytes]


def refusal(data: bytes, limits: ImageLimits = FINAL_IMAGE) -> OrderRefused:
    with pytest.raises(OrderRefused) as refused:
        inspect_image(data, limits=limits)
    return refused.value


class TestTaken:
    @pytest.mark.parametrize(
        ("kind", "media_type", "ending"),
        [("PNG", "image/png", "png"), ("JPEG", "image/jpeg", "jpg"), ("WEBP", "image/webp", "webp")],
    )
    def test_each_format_is_known_by_its_bytes_and_keyed_by_its_content(
        self, design: Image.Image, encode: Encode, kind: str, media_type: str, ending: str
    ):
        data = encode(design, kind)
        facts = inspect_image(data)
        assert (facts.media_type, facts.width, facts.height, facts.size) == (media_type, 1000, 2000, len(data))
        assert facts.sha256 == sha256_of(data)
        assert facts.key == f"uploads/{facts.sha256}.{ending}"

    def test_the_caller_names_the_folder(self, design: Image.Image, encode: Encode):
        assert inspect_image(encode(design, "PNG"), folder="designs").key.startswith("designs/")

    @pytest.mark.parametrize(
        ("orientation", "size"), [(1, (2000, 1000)), (3, (2000, 1000)), (5, (1000, 2000)), (8, (1000, 2000))]
    )
    def test_a_photo_taken_sideways_has_the_size_that_people_see(
        self, design: Image.Image, encode: Encode, orientation: int, size: tuple[int, int]
    ):
        sideways = design.transpose(Image.Transpose.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = orientation
        facts = inspect_image(encode(sideways, "JPEG", exif=exif), limits=CUSTOMER_PHOTO)
        assert (facts.width, facts.height) == size

    def test_a_picture_turned_by_its_exif_is_measured_upright_before_its_shape_is_judged(
        self, design: Image.Image, encode: Encode
    ):
        exif = Image.Exif()
        exif[0x0112] = 6
        inspect_image(encode(design.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif))
        assert refusal(encode(design, "JPEG", exif=exif)).code is RefusalCode.WRONG_RATIO

    @pytest.mark.parametrize("orientation", [0, 9, 4711])
    def test_an_orientation_that_does_not_exist_is_ignored(self, design: Image.Image, encode: Encode, orientation: int):
        exif = Image.Exif()
        exif[0x0112] = orientation
        assert inspect_image(encode(design, "JPEG", exif=exif)).height == 2000

    @pytest.mark.filterwarnings("ignore::UserWarning:PIL")
    def test_broken_exif_is_ignored_as_browsers_do(self, design: Image.Image, encode: Encode):
        assert inspect_image(encode(design, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")).height == 2000

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
    def test_every_ordinary_pixel_format_is_taken(self, design: Image.Image, encode: Encode, mode: str):
        picture = design.convert("L").convert(mode) if mode == "I;16" else design.convert(mode)
        assert inspect_image(encode(picture, "PNG")).width == 1000

    def test_a_phones_photo_with_a_second_picture_inside_is_a_photo(self, design: Image.Image, encode: Encode):
        depth_map = design.convert("L").resize((100, 200)).convert("RGB")
        data = encode(design, "MPO", save_all=True, append_images=[depth_map])
        assert inspect_image(data).media_type == "image/jpeg"


class TestRefused:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"picture",
            b"<svg xmlns='http://www.w3.org/2000/svg' width='1390' height='2833'/>",
            b"%PDF-1.7",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0",
            b"RIFF\x00\x00\x00\x00WEBP",
        ],
    )
    def test_what_is_no_picture_is_refused_with_advice(self, data: bytes):
        error = refusal(data)
        assert error.code is RefusalCode.BAD_IMAGE
        assert error.message.endswith("Please save it again and send it once more.")

    @pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PDF", "PPM"])
    def test_other_formats_are_refused_even_though_they_are_pictures(self, design: Image.Image, encode: Encode, kind: str):
        assert refusal(encode(design, kind)).code is RefusalCode.BAD_IMAGE

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    @pytest.mark.parametrize("kept", [0.3, 0.8, 0.98])
    def test_a_file_whose_end_is_missing_is_refused(self, design: Image.Image, encode: Encode, kind: str, kept: float):
        whole = encode(design, kind)
        assert refusal(whole[: int(len(whole) * kept)]).code is RefusalCode.BAD_IMAGE

    @pytest.mark.filterwarnings("ignore::UserWarning:PIL")
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
    def test_damage_anywhere_is_either_harmless_or_refused_but_never_a_crash(
        self, design: Image.Image, encode: Encode, kind: str
    ):
        whole = encode(design.resize((100, 200)), kind, **({"exif": Image.Exif()} if kind == "JPEG" else {}))
        limits = replace(FINAL_IMAGE, min_side=1)
        dice = random.Random(kind)  # noqa: S311
        for _ in range(300):
            damaged = bytearray(whole)
            for _ in range(dice.randint(1, 8)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            with suppress(OrderRefused):
                inspect_image(bytes(damaged), limits=limits)

    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_a_moving_picture_is_refused(self, design: Image.Image, encode: Encode, kind: str):
        frames = [design.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
        error = refusal(encode(design, kind, save_all=True, append_images=frames, duration=100))
        assert error.code is RefusalCode.BAD_IMAGE
        assert "moves" in error.message

    def test_cmyk_is_refused_because_screens_and_printers_disagree_on_it(self, design: Image.Image, encode: Encode):
        error = refusal(encode(design.convert("CMYK"), "JPEG"))
        assert error.code is RefusalCode.BAD_IMAGE
        assert "sRGB" in error.message

    def test_too_many_bytes_are_refused_before_anything_is_read(self):
        error = refusal(b"\x00" * 101, replace(FINAL_IMAGE, max_bytes=100))
        assert error.code is RefusalCode.IMAGE_TOO_LARGE

    @pytest.mark.parametrize("size", [(5001, 5000), (2000, 5001), (9000, 11_000), (20_000, 20_000), (65_500, 65_500)])
    def test_a_bomb_is_refused_by_its_header_and_never_unpacked(
        self, png_claiming: Callable[[int, int], bytes], size: tuple[int, int]
    ):
        bomb = png_claiming(*size)
        tracemalloc.start()
        try:
            error = refusal(bomb)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert error.code is RefusalCode.IMAGE_TOO_LARGE
        assert peak < 1_000_000

    def test_the_header_is_judged_before_the_pixels_are_decoded(
        self, png_claiming: Callable[[int, int], bytes], monkeypatch: pytest.MonkeyPatch
    ):
        def decoded(*_: Any) -> None:
            raise AssertionError("a pixel was decoded")

        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", decoded)
        assert refusal(png_claiming(6000, 6000)).code is RefusalCode.IMAGE_TOO_LARGE
        assert refusal(png_claiming(400, 800)).code is RefusalCode.BAD_IMAGE

    def test_a_text_chunk_that_unpacks_to_gigabytes_is_refused(self, design: Image.Image, encode: Encode):
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("Comment", "0" * 100_000_000, zip=True)
        assert refusal(encode(design, "PNG", pnginfo=chunks)).code is RefusalCode.BAD_IMAGE

    def test_a_picture_too_small_to_print_says_how_large_it_must_be(self, design: Image.Image, encode: Encode):
        error = refusal(encode(design.resize((999, 2000)), "PNG"))
        assert error.code is RefusalCode.BAD_IMAGE
        assert "999 × 2000" in error.message
        assert "1000" in error.message

    @pytest.mark.parametrize("size", [(1390, 1390), (2833, 1390), (1390, 4300)])
    def test_a_picture_that_has_no_phones_shape_is_refused(self, design: Image.Image, encode: Encode, size: tuple[int, int]):
        error = refusal(encode(design.resize(size), "PNG"))
        assert error.code is RefusalCode.WRONG_RATIO
        assert error.facts == {"width": size[0], "height": size[1]}

    def test_a_photo_may_have_any_shape(self, design: Image.Image, encode: Encode):
        assert inspect_image(encode(design.resize((3000, 800)), "JPEG"), limits=CUSTOMER_PHOTO).width == 3000
