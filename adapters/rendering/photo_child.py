"""The process that reads photos: `python -m adapters.rendering.photo_child`, started and asked by `photo_process`.

It has no secret, cannot write a file, and is given up as soon as a photo makes it fail.
"""

import logging
import os
import resource
import sys
from typing import BinaryIO, Final

from adapters.rendering.photo_frames import LENGTHS, Answer, KeptSize
from adapters.rendering.photos import normalize_photo
from models.errors import OrderRefused

ADDRESS_SPACE: Final = 1_200_000_000
"""Bytes. At most 380 MB of them are ever used, 790 MB are reserved: threads and libraries keep room that they never touch."""


def main() -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not get between the answers
    logging.getLogger("pyvips").setLevel(logging.ERROR)  # libvips remarks on every oddity of every camera
    limit()
    serve(sys.stdin.buffer, answers)


def limit() -> None:
    """Take away what reading a photo does not need; a core dump would be a copy of it."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer each photo with what is kept of it."""
    while lengths := questions.read(LENGTHS.size):
        says, size = LENGTHS.unpack(lengths)
        questions.read(says)
        answers.write(_answer(questions.read(size)).to_frame())
        answers.flush()


def _answer(data: bytes) -> Answer:
    try:
        photo = normalize_photo(data)
    except OrderRefused as refusal:
        return Answer(refusal=refusal)
    return Answer(photo.data, photo.image.media_type, KeptSize(photo.image.width, photo.image.height))


if __name__ == "__main__":
    main()
