"""Data URLs, as the storefront sends the final picture."""

import base64

import pytest

from adapters.rendering.data_url import MAX_DATA_URL, parse_data_url
from models.errors import OrderRefused, RefusalCode

PICTURE = bytes(range(256))
TEXT = base64.b64encode(PICTURE).decode()


@pytest.mark.parametrize("kind", ["png", "jpeg", "jpg", "webp", "PNG"])
def test_the_bytes_come_out_whatever_kind_the_url_claims(kind: str):
    assert parse_data_url(f"data:image/{kind};base64,{TEXT}") == PICTURE


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT,
        "data:image/png;base64,",
        f"data:image/svg+xml;base64,{TEXT}",
        f"data:image/gif;base64,{TEXT}",
        f"data:text/html;base64,{TEXT}",
        f"data:image/png,{TEXT}",
        f"data:image/png;charset=utf-8;base64,{TEXT}",
        f" data:image/png;base64,{TEXT}",
        f"https://example.com/#data:image/png;base64,{TEXT}",
        f"data:image/png;base64,{TEXT[:-1]}",
        f"data:image/png;base64,{TEXT}\n",
        f"data:image/png;base64,{TEXT[:8]} {TEXT[8:]}",
        f"data:image/png;base64,{TEXT}AAAA",
        "data:image/png;base64,AA-_",
        "data:image/png;base64,ÄÖÜß",
    ],
)
def test_anything_but_strict_base64_of_a_picture_is_refused(text: str):
    with pytest.raises(OrderRefused) as refused:
        parse_data_url(text)
    assert refused.value.code is RefusalCode.BAD_IMAGE


def test_a_url_that_is_too_long_is_refused_without_decoding_it():
    with pytest.raises(OrderRefused) as refused:
        parse_data_url("not even a data URL" * (MAX_DATA_URL // 10))
    assert refused.value.code is RefusalCode.IMAGE_TOO_LARGE
    assert "15 MB" in refused.value.message


def test_the_longest_url_is_taken():
    prefix = "data:image/png;base64,"
    body = "A" * ((MAX_DATA_URL - len(prefix)) // 4 * 4)
    assert len(parse_data_url(prefix + body)) == len(body) // 4 * 3
