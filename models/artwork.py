"""Pictures: as uploaded, as printed. Bytes live in the object store; these are their names and hashes."""

from enum import StrEnum
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from models.base import Contract, Instant, Sha256

PRINT_WIDTH = 1390
"""Pixels across every print file, whatever the shell; the storefront composes its canvas to the same width."""

RATIO_TOLERANCE = 0.01
"""How far, relatively, a picture's height ÷ width may be from its shell's.

Below this the renderer stretches, and nobody sees it (at most 1.5 mm on the tallest case). It must stay under the 1.7 % between
the closest two shells that are sold for one phone, or a picture would fit the wrong one.
"""

SHELL_WIDTHS_MM = (30.0, 200.0)
SHELL_HEIGHTS_MM = (100.0, 300.0)
SHELL_RATIOS = (1.2, 3.0)
"""Height ÷ width of anything that a phone case can be; outside of these bounds the manufacturer's size is a mistake."""


def is_printable(width_mm: float, height_mm: float) -> bool:
    """Say whether a printable area of this size can belong to a phone case at all."""
    return (
        SHELL_WIDTHS_MM[0] <= width_mm <= SHELL_WIDTHS_MM[1]
        and SHELL_HEIGHTS_MM[0] <= height_mm <= SHELL_HEIGHTS_MM[1]
        and SHELL_RATIOS[0] <= height_mm / width_mm <= SHELL_RATIOS[1]
    )


def print_size(width_mm: float, height_mm: float) -> tuple[int, int]:
    """Return the print file's width and height in pixels for a shell's printable area.

    Raises `ValueError` for an area that no phone case has.
    """
    if not is_printable(width_mm, height_mm):
        raise ValueError(f"no phone case has a printable area of {width_mm} × {height_mm} mm")
    return PRINT_WIDTH, round(PRINT_WIDTH * height_mm / width_mm)


def sha256_of(data: bytes) -> Sha256:
    """Return the digest that names and proves a picture."""
    return sha256(data).hexdigest()


PRINT_FOLDER = "print"
"""Where print files are kept; only our own renderers write there."""

FILE_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
"""The media types that are kept, each with the ending of its file names."""


def object_key(folder: str, digest: Sha256, media_type: str) -> str:
    """Return the store's key of a picture, `<folder>/<sha256>.<ending>`: it names the content and nobody.

    Raises `KeyError` for a media type that is not kept.
    """
    return f"{folder}/{digest}.{FILE_ENDINGS[media_type]}"


class StoredImage(Contract):
    """A picture in the object store.

    Attributes:
        key: Object key; made of the content's hash, so it never changes and names nobody.
        media_type: `image/png`, `image/jpeg` or `image/webp`, as sniffed from the bytes.
        width: Pixels, orientation applied.
        height: Pixels, orientation applied.
        size: Bytes.
    """

    key: str
    sha256: Sha256
    media_type: str
    width: int
    height: int
    size: int


class HasSize(Protocol):
    """Anything that is so many pixels wide and tall."""

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...


def fits(picture: HasSize, width_mm: float, height_mm: float) -> bool:
    """Say whether a picture has the shape of the shell; False for a shell whose size is a mistake, so nothing is sold for it."""
    if not is_printable(width_mm, height_mm):
        return False
    shell_ratio = height_mm / width_mm
    return abs(picture.height / picture.width - shell_ratio) <= RATIO_TOLERANCE * shell_ratio


class PictureKind(StrEnum):
    """What a named picture is for."""

    FINAL = "final"
    """A finished design, to be ordered: sent by the storefront, or drawn by us from a design document."""
    PHOTO = "photo"
    """What a customer designs with."""
    GENERATED = "generated"
    """Made by AI."""
    PREVIEW = "preview"
    """A finished design in small."""


class Upload(Contract):
    """A customer's picture: a fresh unguessable file name that leads to the stored bytes.

    Attributes:
        template_id: Of a final image; None for everything else.
    """

    name: str
    template_id: str | None = None
    image: StoredImage
    created_at: Instant
    kind: PictureKind = PictureKind.FINAL


class PrintFile(Contract):
    """What is printed: PNG, sRGB, 1390 px wide, height by the shell's millimetres.

    The row (approved_sha256, shell_id, renderer_version, sha256) is the proof that approved equals printed.
    """

    key: str
    sha256: Sha256
    approved_sha256: Sha256
    shell_id: str
    renderer_version: str
    width: int
    height: int
    size: int


class RenderRequest(Contract):
    """Scale the approved picture to the shell: 1390 px × round(1390 × height_mm / width_mm)."""

    width_mm: float
    height_mm: float


class RenderedImage(Contract):
    """A rendered print file before it is stored; `data` never enters a Temporal payload."""

    data: bytes
    sha256: Sha256
    width: int
    height: int
    renderer_version: str


class ImageLink(Contract):
    """A signed link `/image/<name>?token=…` of ours, with its own expiry; `name` says whose file it is."""

    url: str
    name: str
    order_id: UUID | None = None
    expires_at: Instant
