"""Draws small images for golden requests: shapes, no photographs. Knows nothing of captions."""

import base64
import io

from PIL import Image, ImageDraw
from pydantic import JsonValue

_SIZE = (96, 72)


def drawn_images() -> tuple[Image.Image, ...]:
    """A ball on grass, a house under a sun, two figures at the sea, and plain grey."""
    meadow = Image.new("RGB", _SIZE, (140, 190, 235))
    draw = ImageDraw.Draw(meadow)
    draw.rectangle((0, 42, 96, 72), fill=(60, 140, 50))
    draw.ellipse((36, 30, 60, 54), fill=(205, 40, 35))
    house = Image.new("RGB", _SIZE, (110, 170, 240))
    draw = ImageDraw.Draw(house)
    draw.ellipse((70, 6, 88, 24), fill=(250, 220, 60))
    draw.polygon([(16, 36), (40, 14), (64, 36)], fill=(120, 50, 40))
    draw.rectangle((22, 36, 58, 66), fill=(225, 205, 170))
    beach = Image.new("RGB", (72, 96), (215, 190, 130))
    draw = ImageDraw.Draw(beach)
    draw.rectangle((0, 0, 72, 40), fill=(40, 95, 170))
    for left in (16, 42):
        draw.ellipse((left + 2, 40, left + 12, 50), fill=(70, 45, 35))
        draw.rectangle((left, 50, left + 14, 82), fill=(30, 30, 60))
    return meadow, house, beach, Image.new("L", _SIZE, 128)


def drawn_requests() -> tuple[dict[str, JsonValue], ...]:
    """Golden requests: every drawing, with the default search, greedily, and with candidates."""
    options: tuple[dict[str, JsonValue], ...] = (
        {},
        {"beam_width": 1},
        {"beam_width": 5, "num_captions": 3},
        {"max_length": 6, "length_penalty": 0.0},
    )
    return tuple(
        {**more, "image": _base64(image)}
        for image, more in zip(drawn_images(), options, strict=True)
    )


def _base64(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
