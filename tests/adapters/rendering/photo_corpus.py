"""Photos as strangers send them: good ones of every kind, each with what must become of it, and bad ones with the reason.

All show the same: a portrait of 240 × 320 px with a colour in each quarter, so that turns, flips and wrong colours are seen.
Everything is made here but HEIC, for which no encoder is installed: `heic/` holds a few kilobytes of it.
"""

import struct
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pyvips
from PIL import Image, ImageCms

from models.errors import RefusalCode

SAMPLES = Path(__file__).parent / "heic"
WIDTH, HEIGHT = 240, 320
RED, LIME, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
QUARTERS = (RED, LIME, BLUE, WHITE)
"""Upper left, upper right, lower left, lower right."""
INKS = ((237, 28, 36), (0, 166, 81), (46, 49, 146), WHITE)
"""The same of pure inks on coated paper, as every design program shows them."""
SECRETS = (
    b"Exif",
    b"Example Camera",
    b"Example Owner",
    b"ICC_PROFILE",
    b"iCCP",
    b"eXIf",
    b"EXIF",
    b"XMP",
    b"<script",
    b"PK\x03\x04",
    b"ftyp",
)
"""What may be in a file that comes in, and must not be in one that is kept."""

Pixel = tuple[int, ...]


@dataclass(frozen=True)
class Good:
    """A photo that is taken, and what is kept of it."""

    name: str
    data: bytes
    media_type: str = "image/jpeg"
    quarters: tuple[Pixel, ...] = QUARTERS
    tolerance: int = 4


@dataclass(frozen=True)
class Bad:
    """A file that is refused, and words of the sentence that says why."""

    name: str
    data: bytes
    words: str
    code: RefusalCode = RefusalCode.BAD_IMAGE


def portrait(mode: str = "RGB", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    image = Image.new("RGB", size)
    width, height = size[0] // 2, size[1] // 2
    for place, colour in zip(((0, 0), (width, 0), (0, height), (width, height)), QUARTERS, strict=True):
        image.paste(colour, (*place, place[0] + width, place[1] + height))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    """What a camera writes: its name, where it was, and how it was held."""
    tags = Image.Exif()
    tags[0x010F] = "Example Camera"
    tags[0x0112] = orientation
    tags.get_ifd(0x8825).update({1: "N", 2: (51.0, 28.0, 40.0), 3: "W", 4: (0.0, 0.0, 5.0)})
    return tags


HELD = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How the sensor saw the portrait, by the orientation that undoes it."""


def as_held(orientation: int) -> Image.Image:
    transpose = HELD[orientation]
    return portrait() if transpose is None else portrait().transpose(transpose)


def profile(name: str) -> bytes:
    """A profile that libvips brings along: `p3`, `srgb`, `cmyk`."""
    return bytes(pyvips.Image.profile_load(name))


def vips(image: Image.Image, interpretation: str = "srgb") -> pyvips.Image:
    pixels = pyvips.Image.new_from_memory(image.tobytes(), image.width, image.height, len(image.getbands()), "uchar")
    return pixels.copy(interpretation=interpretation)


def sixteen_bit() -> bytes:
    image = (vips(portrait()) * 257).cast("ushort").copy(interpretation="rgb16")
    return bytes(image.pngsave_buffer(bitdepth=16))


def translucent(mode: str = "RGBA") -> Image.Image:
    """The portrait whose first quarter is not there, and whose second one is half there."""
    image = portrait("RGBA")
    image.paste((255, 0, 0, 0), (0, 0, WIDTH // 2, HEIGHT // 2))
    image.paste((0, 255, 0, 128), (WIDTH // 2, 0, WIDTH, HEIGHT // 2))
    return image.convert(mode)


THROUGH = ((255, 0, 0, 0), (0, 255, 0, 128), (*BLUE, 255), (*WHITE, 255))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def archive() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("page.html", "<script>alert(1)</script>")
    return file.getvalue()


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.heic").read_bytes()


def palette_with_hole() -> bytes:
    image = portrait("RGB").quantize(4)
    hole = image.getpixel((WIDTH // 4, HEIGHT // 4))
    return encoded(image, "PNG", transparency=hole)


def good() -> list[Good]:
    jpeg, png = encoded(portrait(), "JPEG", quality=95), encoded(portrait(), "PNG")
    grey = tuple((value,) * 3 for value in (76, 150, 29, 255))
    page = b"<html><script>alert(document.domain)</script>"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    in_p3 = vips(portrait()).icc_transform("p3", input_profile="srgb", depth=8)
    ink = portrait("CMYK")
    film = struct.pack(">I", 24) + b"ftypmp42" + b"\x00" * 1000
    rgb_jpeg = encoded(portrait(), "JPEG", quality=95, keep_rgb=True)
    return [
        *(Good(f"JPEG held as {held}", encoded(as_held(held), "JPEG", quality=95, exif=exif(held))) for held in HELD),
        Good("JPEG with an orientation that does not exist", encoded(portrait(), "JPEG", exif=exif(9))),
        Good("PNG held sideways", encoded(as_held(6), "PNG", exif=exif(6)), "image/png"),
        Good("WebP held sideways", encoded(as_held(8), "WEBP", quality=95, exif=exif(8)), tolerance=12),
        Good("progressive JPEG", encoded(portrait(), "JPEG", progressive=True)),
        Good("JPEG with less colour", encoded(portrait(), "JPEG", subsampling="4:2:0")),
        Good("JPEG with restart markers", encoded(portrait(), "JPEG", restart_marker_blocks=3)),
        Good("JPEG whose components are RGB", rgb_jpeg),
        Good("grey JPEG", encoded(portrait("L"), "JPEG"), quarters=grey),
        Good("CMYK JPEG", encoded(ink, "JPEG", quality=95), quarters=INKS, tolerance=50),
        Good(
            "CMYK JPEG with a profile", encoded(ink, "JPEG", quality=95, icc_profile=profile("cmyk")), quarters=INKS, tolerance=50
        ),
        Good("JPEG in Display P3", bytes(in_p3.jpegsave_buffer(Q=95, profile="p3", subsample_mode="off")), tolerance=8),
        Good("PNG in Display P3", bytes(in_p3.pngsave_buffer(profile="p3")), "image/png"),
        Good("JPEG with sRGB spelled out", encoded(portrait(), "JPEG", icc_profile=srgb)),
        Good("JPEG with a broken profile", encoded(portrait(), "JPEG", icc_profile=b"not a profile" * 20)),
        Good("JPEG with a profile for ink", encoded(portrait(), "JPEG", icc_profile=profile("cmyk"))),
        Good("JPEG with a huge profile", encoded(portrait(), "JPEG", icc_profile=srgb + bytes(2_000_000))),
        Good(
            "JPEG with a second picture", encoded(portrait(), "MPO", save_all=True, append_images=[portrait("L").convert("RGB")])
        ),
        Good("JPEG with a film behind it", encoded(portrait(), "JPEG", exif=exif()) + film),
        Good("JPEG that is an archive too", jpeg + archive()),
        Good("JPEG that is a page too", with_segment(jpeg, 0xFE, page) + page),
        Good("JPEG with XMP", with_segment(jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\x00<x:XMP>Example Owner</x:XMP>")),
        Good("JPEG with odd bytes between its segments", jpeg[:2] + b"\xff\xff\xff" + jpeg[2:]),
        Good("JPEG with a page behind its pixels", jpeg[:-2] + page + jpeg[-2:]),
        Good("PNG with text that unpacks to 100 MB", png[:33] + unpacking(100_000_000) + png[33:], "image/png", tolerance=0),
        Good("PNG", png, "image/png", tolerance=0),
        Good(
            "PNG that is a page too",
            png[:-12] + chunk(b"tEXt", b"Comment\x00" + page) + png[-12:] + page,
            "image/png",
            tolerance=0,
        ),
        Good("interlaced PNG", bytes(vips(portrait()).pngsave_buffer(interlace=True)), "image/png", tolerance=0),
        Good("PNG of 16 bits", sixteen_bit(), "image/png", tolerance=0),
        Good("grey PNG of 16 bits", encoded(portrait("L").convert("I;16").point(lambda v: v * 257), "PNG"), "image/png", grey, 1),
        Good(
            "PNG of 1 bit", encoded(portrait("L").point(lambda v: 255 * (v > 100)).convert("1"), "PNG"), "image/png", one_bit(), 0
        ),
        Good("PNG with a palette", encoded(portrait().quantize(4), "PNG"), "image/png", tolerance=0),
        Good(
            "PNG with a palette and a hole",
            palette_with_hole(),
            "image/png",
            ((*RED, 0), (*LIME, 255), (*BLUE, 255), (*WHITE, 255)),
            0,
        ),
        Good("PNG with alpha", encoded(translucent(), "PNG"), "image/png", THROUGH, 0),
        Good("PNG with an alpha that hides nothing", encoded(portrait("RGBA"), "PNG"), "image/png", tolerance=0),
        Good("WebP", encoded(portrait(), "WEBP", quality=95), tolerance=12),
        Good("lossless WebP", encoded(portrait(), "WEBP", lossless=True)),
        Good("WebP with alpha", encoded(translucent(), "WEBP", lossless=True, exact=True), "image/png", THROUGH, 0),
        Good("HEIC held sideways, second of two, with place and owner", sample("sideways"), tolerance=12),
        Good("HEIC with alpha", sample("transparent"), "image/png", ((0, 0, 0, 0), (*LIME, 255), (*BLUE, 255), (*WHITE, 255)), 8),
    ]


def one_bit() -> tuple[Pixel, ...]:
    """Lime and white are brighter than red and blue."""
    return ((0, 0, 0), WHITE, (0, 0, 0), WHITE)


def bad() -> list[Bad]:
    jpeg, png, webp = (encoded(portrait(), kind) for kind in ("JPEG", "PNG", "WEBP"))
    heic = sample("sideways")
    frames: dict[str, Any] = {
        "save_all": True,
        "append_images": [portrait().transpose(Image.Transpose.ROTATE_180)],
        "duration": 100,
    }
    too_many, damaged = RefusalCode.IMAGE_TOO_LARGE, "damaged"
    return [
        Bad("nothing", b"", damaged),
        Bad("a word", b"picture", damaged),
        Bad("zeros", bytes(1000), damaged),
        *(Bad(f"the beginning of a {name}", data[:12], damaged) for name, data in (("PNG", png), ("JPEG", jpeg), ("WebP", webp))),
        *(Bad(f"two thirds of a {name}", data[: len(data) * 2 // 3], damaged) for name, data in (("PNG", png), ("JPEG", jpeg))),
        *(Bad(f"two thirds of a {name}", data[: len(data) * 2 // 3], damaged) for name, data in (("WebP", webp), ("HEIC", heic))),
        Bad("a PNG with a wrong checksum", png[:-20] + b"\x00\x00" + png[-18:], damaged),
        Bad("a JPEG without its end", jpeg[:-2], damaged),
        Bad("a GIF", encoded(portrait(), "GIF"), "a GIF"),
        Bad("a BMP", encoded(portrait(), "BMP"), "a BMP"),
        Bad("a TIFF", encoded(portrait(), "TIFF"), "a TIFF"),
        Bad("a PDF", encoded(portrait(), "PDF"), "a PDF"),
        Bad("an AVIF", encoded(portrait(), "AVIF"), "an AVIF"),
        Bad("a film", struct.pack(">I", 24) + b"ftypqt  \x00\x00\x00\x00qt  ", "a film"),
        Bad("an archive", archive(), "an archive"),
        Bad("a drawing", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "a drawing"),
        Bad("a bare drawing", b"\xef\xbb\xbf\n <SVG width='900' height='900'/>", "a drawing"),
        Bad("a page", b"<!DOCTYPE html><title>x</title>", "a web page"),
        Bad("a PNG that moves", encoded(portrait(), "PNG", **frames), "moves"),
        Bad("a WebP that moves", encoded(portrait(), "WEBP", **frames), "moves"),
        Bad("a HEIC that moves", heic.replace(b"ftypheix", b"ftyphevc"), "moves"),
        Bad("a HEIC in HDR", sample("wide_gamut").replace(b"nclx\x00\x0c\x00\x0d", b"nclx\x00\x0c\x00\x10"), "HDR"),
        Bad("a thread", encoded(Image.new("RGB", (1, 20_000)), "PNG"), "too many pixels", too_many),
        Bad("a short thread", encoded(Image.new("RGB", (1, 5000)), "PNG"), "too small"),
        Bad("a stamp", encoded(portrait(size=(199, 400)), "JPEG"), "199 × 400"),
        Bad("a PNG that claims 60 000 × 60 000 pixels", claiming_png(60_000, 60_000), "too many pixels", too_many),
        Bad("a JPEG that claims 65 500 × 65 500 pixels", claiming_jpeg(65_500, 65_500), "too many pixels", too_many),
        Bad(
            "a progressive JPEG that claims 8000 × 6000", claiming_jpeg(8000, 6000, progressive=True), "too many pixels", too_many
        ),
        Bad("an interlaced PNG that claims 8000 × 6000", claiming_png(8000, 6000, interlaced=True), "too many pixels", too_many),
        Bad("too many bytes", png + bytes(10_000_000), "10 MB", too_many),
    ]


def claiming_png(width: int, height: int, *, interlaced: bool = False) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def claiming_jpeg(width: int, height: int, *, progressive: bool = False) -> bytes:
    data = encoded(portrait(), "JPEG", progressive=progressive)
    place = data.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def unpacking(size: int) -> bytes:
    return chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(b"0" * size, 9))
