"""Whatever a camera, a scanner or a joker sends: the right pixels, or a refusal."""

import contextlib
import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.errors import InvalidInput
from app.features.image import ImageOptions, Pixels, normalised, read_pixels
from tests.captioner import encoded

PLAIN = ImageOptions(height=24, width=32, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))
MOST = 1_000_000


def scene(width: int = 320, height: int = 240) -> Image.Image:
    """Smooth, and other in every corner: red grows to the right, green downwards."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([across, down, np.full_like(across, 60)], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def read(content: bytes, options: ImageOptions = PLAIN, most: int = MOST) -> Pixels:
    return read_pixels(content, options, max_pixels=most)


EXPECTED = read(encoded(scene(), "PNG")).astype(int)


def far(pixels: Pixels) -> float:
    """How far pixels are from those of the scene, on average."""
    assert pixels.shape == (24, 32, 3)
    assert pixels.dtype == np.uint8
    return float(np.abs(pixels.astype(int) - EXPECTED).mean())


def test_the_scene_is_what_it_should_be() -> None:
    left, right = EXPECTED[12, 0], EXPECTED[12, -1]
    assert left[0] < 10
    assert right[0] > 245
    assert EXPECTED[0, 16, 1] < 10
    assert abs(EXPECTED[12, 16, 2] - 60) <= 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 90, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {"quality": 95}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_formats(kind: str, options: dict[str, Any]) -> None:
    assert far(read(encoded(scene(), kind, **options))) < 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_photograph_is_the_same_as_a_small_one(kind: str) -> None:
    assert far(read(encoded(scene(1000, 750), kind))) < 2.5


def test_a_photograph_that_waits_its_turn() -> None:
    assert far(read(encoded(scene(2400, 1800), "JPEG"), most=10_000_000)) < 2.5


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "RGBA", "LA", "YCbCr"])
def test_modes(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    source = Image.new("RGB", (50, 40), (255, 255, 255))
    found = read(encoded(source.convert(mode), kind))
    assert np.abs(found.astype(int) - 255).max() <= 1


def test_cmyk_keeps_its_colours() -> None:
    assert far(read(encoded(scene().convert("CMYK"), "JPEG", quality=95))) < 3


def test_grey_of_16_bits() -> None:
    grey = np.linspace(0, 65535, 64).astype(np.uint16)
    content = encoded(Image.fromarray(np.tile(grey, (32, 1))), "PNG")
    found = read(content)
    assert found[0, 0].max() < 10
    assert found[0, -1].min() > 245
    assert np.all(np.diff(found[0, :, 0].astype(int)) > 0)


def test_alpha_is_shown_on_white() -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 20, 40))
    found = read(encoded(image, "PNG"))
    assert tuple(found[5, 2]) == (255, 0, 0)
    assert tuple(found[5, -2]) == (255, 255, 255)  # and not the black that lies below
    half = Image.new("RGBA", (40, 40), (0, 0, 0, 128))
    assert abs(int(read(encoded(half, "WEBP", lossless=True))[0, 0, 0]) - 127) <= 1


def test_a_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (40, 40), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    content = encoded(image, "PNG", transparency=1)
    assert tuple(read(content)[3, 3]) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_camera_held_in_any_way(orientation: int, kind: str) -> None:
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = scene() if undo is None else scene().transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert far(read(encoded(stored, kind, exif=exif.tobytes()))) < 2.5


def test_crop_takes_the_middle_and_squash_takes_all() -> None:
    wide = Image.new("RGB", (90, 30), (0, 0, 255))
    wide.paste((255, 0, 0), (30, 0, 60, 30))
    content = encoded(wide, "PNG")
    square = replace(PLAIN, height=16, width=16)
    cropped = read(content, replace(square, resize="crop"))
    assert (cropped[:, 1:-1] == (255, 0, 0)).all()  # the filter sees a little beyond the edge
    squashed = read(content, square)
    assert tuple(squashed[8, 0]) == (0, 0, 255)
    assert tuple(squashed[8, 8]) == (255, 0, 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 60_000), (60_000, 1), (33, 7)])
@pytest.mark.parametrize("resize", ["crop", "squash"])
def test_any_shape(size: tuple[int, int], resize: Any) -> None:
    options = ImageOptions(24, 32, PLAIN.mean, PLAIN.std, resize=resize)
    found = read(encoded(Image.new("RGB", size, (9, 200, 70)), "PNG"), options)
    assert (found == (9, 200, 70)).all()


def test_normalised_values_and_layouts() -> None:
    pixels = np.stack([EXPECTED.astype(np.uint8), 255 - EXPECTED.astype(np.uint8)])
    expected = (pixels / 255 - np.array(PLAIN.mean)) / np.array(PLAIN.std)
    planes = normalised(pixels, PLAIN)
    assert planes.dtype == np.float32
    assert planes.shape == (2, *PLAIN.shape)
    np.testing.assert_allclose(planes, expected.transpose(0, 3, 1, 2), atol=1e-6)
    last = ImageOptions(24, 32, PLAIN.mean, PLAIN.std, layout="NHWC")
    assert last.shape == (24, 32, 3)
    np.testing.assert_array_equal(normalised(pixels, last), planes.transpose(0, 2, 3, 1))


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def bomb_png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bomb_webp(kind: bytes, width: int, height: int) -> bytes:
    if kind == b"VP8X":
        head = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        head = b"\x2f" + (width - 1 | (height - 1) << 14).to_bytes(4, "little") + bytes(8)
    else:
        head = b"\x50\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(8)
    body = b"WEBP" + kind + struct.pack("<I", len(head)) + head
    return b"RIFF" + struct.pack("<I", len(body)) + body + bytes(20)


def bomb_jpeg(width: int, height: int) -> bytes:
    content = bytearray(encoded(scene(64, 64), "JPEG"))
    at = content.index(b"\xff\xc0")  # start of frame: length, precision, height, width
    content[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        bomb_png(50_000, 50_000),
        bomb_png(2**31 - 1, 2**31 - 1),
        bomb_webp(b"VP8X", 2**24, 2**24),
        bomb_webp(b"VP8L", 16_384, 16_384),
        bomb_webp(b"VP8 ", 16_383, 16_383),
        bomb_jpeg(65_500, 65_500),
        encoded(Image.new("RGB", (1001, 1000)), "PNG"),
    ],
)
def test_bombs_are_stopped_at_their_header(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="pixels are too many") as caught:
        read(content)
    assert (caught.value.field, caught.value.allowed) == (
        "image",
        "at most 1000000 pixels in one image",
    )


def moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (0, 100, 200)]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_moves_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInput, match="animated"):
        read(moving(kind))


def test_a_second_picture_behind_a_jpeg_is_no_movement() -> None:
    file = io.BytesIO()
    scene().save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    assert far(read(file.getvalue())) < 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\xff\xd8\xff",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"\x89PNG\r\n\x1a\n" + bytes(40),
        encoded(Image.new("RGB", (20, 20)), "GIF"),
        encoded(Image.new("RGB", (20, 20)), "TIFF"),
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"%PDF-1.4",
    ],
)
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(content)
    assert caught.value.field == "image"
    assert "JPEG, PNG or WebP" in caught.value.allowed


WHOLE = {kind: encoded(scene(97, 61), kind) for kind in ("JPEG", "PNG", "WEBP")}
PIXELS = {kind: read(content) for kind, content in WHOLE.items()}


@given(st.sampled_from(sorted(WHOLE)), st.floats(0, 1, exclude_max=True))
def test_what_is_cut_short_is_refused_or_was_whole(kind: str, part: float) -> None:
    content = WHOLE[kind]
    try:
        found = read(content[: int(part * len(content))])
    except InvalidInput:
        return
    np.testing.assert_array_equal(found, PIXELS[kind])


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damage_never_escapes(kind: str, data: st.DataObject) -> None:
    content = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidInput):
        assert read(bytes(content)).shape == (24, 32, 3)
