"""Pictures: as uploaded, as printed. Bytes live in the object store; these are their names and hashes."""

from hashlib import sha256
from uuid import UUID

from models.base import Contract, Instant, Sha256


def sha256_of(data: bytes) -> Sha256:
    """Return the digest that names and proves a picture."""
    return sha256(data).hexdigest()


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


class Upload(Contract):
    """A customer's final image: a fresh unguessable file name that leads to the stored bytes."""

    name: str
    template_id: str
    image: StoredImage
    created_at: Instant


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
