"""Before they are decoded, files that are damaged, endless or absurd are refused."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from app.errors import InvalidInput
from app.features.image_files import look_through, pixels_at_start
from tests.attack.images import chunk, jpeg_of_fill, jpeg_of_scans, jpeg_of_segments, png
from tests.captioner import encoded
from tests.captioner import png as small_png


def nothing() -> None:
    """There is no hurry."""


def look(content: bytes, most: int = 1_000_000, check: Callable[[], None] = nothing) -> None:
    look_through(content, most, check)


def picture(kind: str, **options: bool) -> bytes:
    return encoded(Image.effect_noise((90, 60), 50).convert("RGB"), kind, **options)


SOUND = {
    "PNG": picture("PNG"),
    "JPEG": picture("JPEG"),
    "progressive": picture("JPEG", progressive=True),
    "WEBP": picture("WEBP"),
    "WEBP without loss": picture("WEBP", lossless=True),
}


@pytest.mark.parametrize("kind", SOUND)
def test_what_is_sound_passes(kind: str) -> None:
    look(SOUND[kind])
    look(SOUND[kind] + b"what a camera leaves behind")
    assert pixels_at_start(SOUND[kind][:1000]) == 5400


@pytest.mark.parametrize("kind", SOUND)
def test_what_is_cut_short_is_refused_wherever(kind: str) -> None:
    content = SOUND[kind]
    for length in range(12, len(content), 1 + len(content) // 97):
        with pytest.raises(InvalidInput):
            look(content[:length])


def test_a_damaged_png_is_refused_whichever_bit_it_is() -> None:
    content = bytearray(small_png(3))
    for place in range(8, len(content)):
        content[place] ^= 1 << place % 8
        with pytest.raises(InvalidInput):
            look(bytes(content))
        content[place] ^= 1 << place % 8
    look(bytes(content))


def repacked(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A PNG of one IDAT chunk with what is in it changed, and the checksum of the chunk anew."""
    at = content.index(b"IDAT")
    (length,) = struct.unpack_from(">I", content, at - 4)
    data = change(content[at + 4 : at + 4 + length])
    return content[: at - 4] + chunk(b"IDAT", data) + content[at + 8 + length :]


def other_pixel(data: bytes) -> bytes:
    """The same pixels but for one, unpacked and packed, with the checksum of what they were."""
    pixels = bytearray(zlib.decompress(data))
    pixels[50] ^= 1
    return zlib.compress(bytes(pixels))[:-4] + data[-4:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_pixel, "cannot be unpacked"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "cannot be unpacked"),
        (lambda data: data[:-4], "ends too early"),
        (lambda data: zlib.compress(bytes(100_000_000)), "more than its pixels"),
    ],
    ids=["another pixel", "another checksum", "no checksum", "without an end"],
)
def test_the_checksum_of_the_pixels_of_a_png(change: Callable[[bytes], bytes], words: str) -> None:
    content = SOUND["PNG"]
    assert content.count(b"IDAT") == 1
    with pytest.raises(InvalidInput, match=words):
        look(repacked(content, change))
    look(repacked(content, lambda data: zlib.compress(zlib.decompress(data), 1)))


def test_pixels_that_are_packed_tightly_are_all_looked_at() -> None:
    """Their end comes out of the packer when nothing more goes in."""
    for side in (500, 1023, 1024, 1025):
        file = io.BytesIO()
        Image.new("RGB", (side, side)).save(file, "PNG")
        look(file.getvalue(), 2_000_000)


def test_damage_beside_the_image_does_not_matter() -> None:
    text = bytearray(chunk(b"tEXt", b"Comment\0none"))
    text[-1] ^= 1
    look(png(8, 8, bytes(text)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (jpeg_of_scans(200, 64), "scans"),
        (jpeg_of_scans(40, 1000), "scans"),
        (jpeg_of_fill(), "segments"),
        (jpeg_of_segments(), "segments"),
        (png(8, 8, chunk(b"tEXt") * 30_000), "chunks"),
        (png(900_000, 1), "on one side"),
        (png(1001, 1000), "too many"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT") + chunk(b"IEND"), "header"),
    ],
    ids=["scans", "scans of a large one", "fill", "segments", "chunks", "side", "pixels", "header"],
)
def test_what_would_take_long_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        look(content)


def test_a_few_scans_more_than_usual_pass() -> None:
    look(jpeg_of_scans(30, 64))


def test_it_asks_whether_to_go_on() -> None:
    class Late(Exception):
        pass

    def check() -> None:
        raise Late

    for content in (png(8, 8, chunk(b"tEXt") * 5000), SOUND["JPEG"]):
        with pytest.raises(Late):
            look(content, check=check)
