"""Packed bodies: what is unpacked, how far, and which answers are packed."""

import gzip
import zlib

import pytest

from app.api.bodies.encodings import encoding_of, packed, unpacked, wanted_encoding
from app.api.errors import RequestRefused

CONTENT = b"a tensor" * 100


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_there_and_back(encoding: str) -> None:
    assert unpacked(packed(CONTENT, encoding), encoding, len(CONTENT)) == CONTENT
    assert unpacked(packed(b"", encoding), encoding, 1) == b""
    assert len(packed(CONTENT, encoding)) < len(CONTENT) / 4


def test_the_usual_tools_understand_it() -> None:
    assert gzip.decompress(packed(CONTENT, "gzip")) == CONTENT
    assert zlib.decompress(packed(CONTENT, "deflate")) == CONTENT


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (gzip.compress(CONTENT + b"!", mtime=0), 413),
        (gzip.compress(b"0" * 100_000_000, 1, mtime=0), 413),
        (gzip.compress(CONTENT, mtime=0)[:-1], 400),
        (gzip.compress(CONTENT, mtime=0) + b"!", 400),
        (gzip.compress(CONTENT, mtime=0) * 2, 400),
        (zlib.compress(CONTENT), 400),
        (CONTENT, 400),
        (b"", 400),
    ],
)
def test_what_is_not_unpacked(content: bytes, status: int) -> None:
    with pytest.raises(RequestRefused) as caught:
        unpacked(content, "gzip", len(CONTENT))
    assert caught.value.status_code == status


@pytest.mark.parametrize(
    ("header", "encoding"),
    [("", ""), ("identity", ""), ("gzip", "gzip"), (" Deflate ", "deflate")],
)
def test_the_encoding_of_a_request(header: str, encoding: str) -> None:
    assert encoding_of(header) == encoding


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("deflate, gzip", "deflate"),
        ("br, zstd;q=1.0, GZIP;q=0.5", "gzip"),
        ("gzip; q=0", ""),
        ("gzip;q=0.0, deflate;q=0.1", "deflate"),
        ("identity, *", ""),
        ("gzipped", ""),
        (",;,", ""),
    ],
)
def test_the_encoding_of_an_answer(header: str, encoding: str) -> None:
    assert wanted_encoding(header) == encoding
