"""A photo as it is kept."""

from dataclasses import dataclass
from typing import Final, Self

from models.artwork import HasSize, StoredImage, object_key, sha256_of

FOLDER: Final = "photos"


@dataclass(frozen=True, slots=True)
class NormalizedPhoto:
    """The bytes, and their facts with the key to store them under: `photos/<sha256>.<ending>`."""

    data: bytes
    image: StoredImage

    @classmethod
    def of(cls, data: bytes, media_type: str, size: HasSize) -> Self:
        """Name the photo by its content. Raises `KeyError` for a media type that is not kept."""
        digest = sha256_of(data)
        image = StoredImage(
            key=object_key(FOLDER, digest, media_type),
            sha256=digest,
            media_type=media_type,
            width=size.width,
            height=size.height,
            size=len(data),
        )
        return cls(data, image)
