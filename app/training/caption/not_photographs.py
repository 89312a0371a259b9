"""Draws what a camera does not take: blanks, pages, windows, charts, diagrams, drawings, noise.

A captioner learns from them what it has nothing to say about. Knows pixels; no network, no caption.
"""

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_Rng = np.random.Generator
_Colour = tuple[int, int, int]
_WORDS: Final = (
    *("total", "order", "invoice", "date", "name", "amount", "next", "back", "save", "file"),
    *("edit", "view", "help", "search", "settings", "error", "open", "close", "the", "a", "of"),
    *("report", "price", "item", "page", "user", "login", "send", "message", "today", "2024"),
)


def not_photograph(kind: str, seed: int) -> bytes:
    """An image file of that kind, PNG or JPEG, 96 to 640 pixels wide; a seed gives the same one.

    Raises:
        KeyError: there is no such kind.
    """
    rng = np.random.default_rng((list(KINDS).index(kind), seed))
    size = (int(rng.integers(96, 640)), int(rng.integers(96, 640)))
    image = KINDS[kind](rng, size)
    if rng.random() < 0.15:
        image = image.convert("L").convert("RGB")
    if rng.random() < 0.15:  # as a scanner or a camera sees it
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.2))))
        image = _noisy(image, rng, float(rng.uniform(1, 5)))
    file = io.BytesIO()
    if rng.random() < 0.5:
        image.save(file, "PNG")
    else:
        image.save(file, "JPEG", quality=int(rng.integers(50, 95)))
    return file.getvalue()


def _noisy(image: Image.Image, rng: _Rng, deviation: float) -> Image.Image:
    pixels = np.asarray(image, np.float64)  # (height, width, 3)
    pixels = pixels + rng.normal(0.0, deviation, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _colour(rng: _Rng, low: int = 0, high: int = 256) -> _Colour:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


def _paper(rng: _Rng) -> _Colour:
    """Mostly white; else light, dark, or any colour."""
    chance = rng.random()
    if chance < 0.55:
        return (255, 255, 255)
    if chance < 0.75:
        return _colour(rng, 225)
    return _colour(rng, 0, 60) if chance < 0.9 else _colour(rng)


def _ink(rng: _Rng, paper: _Colour) -> _Colour:
    light = sum(paper) > 380
    return _colour(rng, 0, 90) if light else _colour(rng, 170)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _line(rng: _Rng, words: int) -> str:
    return " ".join(rng.choice(_WORDS, max(1, words)))


def _text(
    draw: ImageDraw.ImageDraw, rng: _Rng, box: tuple[float, float, float, float], ink: _Colour
) -> None:
    """Lines of words that fill a box (left, top, right, bottom)."""
    left, top, right, bottom = box
    size = int(rng.integers(8, 22))
    font = _font(size)
    while top + size < bottom:
        if rng.random() < 0.9:
            share = float(rng.uniform(0.4, 1.0))
            line = _line(rng, int(share * (right - left) / (3.2 * size)))
            draw.text((left, top), line, ink, font)
        top += size * 1.4


def _blank(rng: _Rng, size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size, _paper(rng))
    chance = rng.random()
    if chance < 0.3:
        return _noisy(image, rng, float(rng.uniform(0.5, 6)))
    if chance < 0.5:  # a page that is nearly empty
        draw = ImageDraw.Draw(image)
        draw.text((size[0] / 3, size[1] / 2), _line(rng, 2), _ink(rng, (255, 255, 255)), _font(14))
    return image


def _gradient(rng: _Rng, size: tuple[int, int]) -> Image.Image:
    ends = rng.uniform(0, 255, (2, 1, 1, 3))
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * columns / size[0] + np.sin(angle) * rows / size[1]
    share = ((along - along.min()) / (np.ptp(along) or 1.0))[:, :, None]
    return Image.fromarray((ends[0] * (1 - share) + ends[1] * share).astype(np.uint8))


def _page(rng: _Rng, size: tuple[int, int]) -> Image.Image:
    paper = _paper(rng)
    image = Image.new("RGB", size, paper)
    draw, ink = ImageDraw.Draw(image), _ink(rng, paper)
    margin = size[0] * float(rng.uniform(0.03, 0.15))
    columns = int(rng.integers(1, 3))
    width = (size[0] - 2 * margin) / columns
    draw.text((margin, margin / 2), _line(rng, 3), ink, _font(int(rng.integers(14, 32))))
    for column in range(columns):
        left = margin + column * width
        end = size[1] - margin * float(rng.uniform(0.5, 3))
        _text(draw, rng, (left, margin + 30, left + width * 0.92, end), ink)
    return image


def _window(rng: _Rng, size: tuple[int, int]) -> Image.Image:
    """A desktop, a phone or a page of the web: bars, buttons, rows, text."""
    paper = _paper(rng)
    image = Image.new("RGB", size, paper)
    draw, ink, bar = ImageDraw.Draw(image), _ink(rng, paper), _colour(rng)
    width, height = size
    top = float(rng.uniform(0.05, 0.14)) * height
    draw.rectangle((0, 0, width, top), fill=bar)
    draw.text((8, top / 4), _line(rng, 2), _ink(rng, bar), _font(max(8, int(top / 2))))
    side = float(rng.choice([0.0, 0.2, 0.3])) * width
    if side:
        draw.rectangle((0, top, side, height), fill=_colour(rng, 120, 250))
        _text(draw, rng, (6, top + 10, side - 4, height * 0.8), _ink(rng, (200, 200, 200)))
    rows = int(rng.integers(2, 9))
    step = (height - top) / rows
    for row in range(rows):
        y = top + row * step
        kind = int(rng.integers(4))
        box = (side + 8.0, y + 4, width - 8.0, y + step - 4)
        if kind == 0 and step > 12:
            radius = int(rng.integers(0, 12))
            draw.rounded_rectangle(box, radius, _colour(rng), _colour(rng))
        elif kind == 1:
            draw.line((side, y, width, y), ink)
            for column in range(1, 4):
                x = side + column * (width - side) / 4
                draw.line((x, y, x, y + step), ink)
        else:
            _text(draw, rng, box, ink)
    return image


def _chart(rng: _Rng, size: tuple[int, int]) -> Image.Image:
    paper = _paper(rng)
    image = Image.new("RGB", size, paper)
    draw, ink = ImageDraw.Draw(image), _ink(rng, paper)
    width, height = size
    left, bottom = 0.12 * width, 0.88 * height
    draw.line((left, 0.1 * height, left, bottom, 0.95 * width, bottom), ink, 2)
    draw.text((0.3 * width, 4), _line(rng, 3), ink, _font(14))
    if rng.random() < 0.5:
        for grid in np.linspace(0.15 * height, bottom, 6):
            draw.line((left, grid, 0.95 * width, grid), (200, 200, 200))
    kind, count = int(rng.integers(4)), int(rng.integers(3, 12))
    if kind == 0:
        step = 0.8 * width / count
        for bar in range(count):
            x, y = left + bar * step + 3, bottom - float(rng.uniform(0.05, 0.7)) * height
            draw.rectangle((x, y, x + step * 0.7, bottom), fill=_colour(rng))
    elif kind == 1:
        for _ in range(int(rng.integers(1, 5))):
            ys = bottom - np.abs(rng.normal(0, 0.05, 60).cumsum() + 0.3) * 0.7 * height
            points = list(zip(np.linspace(left, 0.95 * width, 60), ys.tolist(), strict=True))
            draw.line(points, _colour(rng), int(rng.integers(1, 4)))
    elif kind == 2:
        box, start = (0.25 * width, 0.2 * height, 0.75 * width, 0.8 * height), 0.0
        for share in rng.dirichlet(np.ones(count)):
            draw.pieslice(box, start, start + 360 * float(share), _colour(rng), paper)
            start += 360 * float(share)
    else:
        for x, y in rng.uniform(0.15, 0.85, (count * 20, 2)):
            draw.ellipse((x * width, y * height, x * width + 4, y * height + 4), _colour(rng))
    return image


def _diagram(rng: _Rng, size: tuple[int, int]) -> Image.Image:
    paper = _paper(rng)
    image = Image.new("RGB", size, paper)
    draw, ink = ImageDraw.Draw(image), _ink(rng, paper)
    spots = rng.uniform(0.05, 0.75, (int(rng.integers(3, 9)), 2)) * np.array(size)
    for one, other in pairwise(spots):
        draw.line((*(one + 20).tolist(), *(other + 20).tolist()), ink, int(rng.integers(1, 4)))
    for x, y in spots.tolist():
        box = (x, y, x + size[0] * float(rng.uniform(0.1, 0.25)), y + size[1] * 0.12)
        fill = paper if rng.random() < 0.5 else _colour(rng)
        draw.ellipse(box, fill, ink) if rng.random() < 0.3 else draw.rectangle(box, fill, ink)
        draw.text((x + 5, y + 4), _line(rng, 1), _ink(rng, fill), _font(11))
    return image


def _sketch(rng: _Rng, size: tuple[int, int]) -> Image.Image:
    """Lines of a pen: strokes, outlines, figures of sticks."""
    paper = _paper(rng)
    image = Image.new("RGB", size, paper)
    draw, ink = ImageDraw.Draw(image), _ink(rng, paper)
    scale = np.array(size)
    for _ in range(int(rng.integers(2, 14))):
        width = int(rng.integers(1, 6))
        if rng.random() < 0.2:
            ink = _colour(rng)
        start = rng.uniform(0.1, 0.9, 2)
        kind = int(rng.integers(4))
        if kind == 0:
            points = (start + rng.normal(0, 0.03, (25, 2)).cumsum(axis=0)) * scale
            draw.line([(x, y) for x, y in points.tolist()], ink, width, joint="curve")
        elif kind == 1:
            (x, y), radius = (start * scale).tolist(), float(rng.uniform(0.03, 0.2)) * size[0]
            draw.ellipse((x, y, x + radius, y + radius * rng.uniform(0.6, 1.4)), None, ink, width)
        elif kind == 2:
            corners = (start + rng.normal(0, 0.15, (int(rng.integers(3, 7)), 2))) * scale
            draw.polygon([(x, y) for x, y in corners.tolist()], None, ink, width)
        else:
            _figure(draw, (start * scale).tolist(), 0.25 * size[1], ink, width)
    return image


def _figure(
    draw: ImageDraw.ImageDraw, at: list[float], height: float, ink: _Colour, width: int
) -> None:
    (x, y), head = at, height / 5
    draw.ellipse((x - head / 2, y, x + head / 2, y + head), None, ink, width)
    hip = y + 0.65 * height
    draw.line((x, y + head, x, hip), ink, width)
    for side in (-1, 1):
        draw.line((x, hip, x + side * head, y + height), ink, width)
        draw.line((x, y + 0.35 * height, x + side * 1.2 * head, y + 0.55 * height), ink, width)


def _cartoon(rng: _Rng, size: tuple[int, int]) -> Image.Image:
    """Flat areas of colour: a sky, a ground, shapes on them, with or without outlines."""
    image = Image.new("RGB", size, _colour(rng, 60))
    draw = ImageDraw.Draw(image)
    width, height = size
    if rng.random() < 0.7:
        draw.rectangle((0, float(rng.uniform(0.4, 0.8)) * height, width, height), _colour(rng))
    outline = (0, 0, 0) if rng.random() < 0.5 else None
    for _ in range(int(rng.integers(2, 16))):
        x, y = (rng.uniform(0, 0.85, 2) * np.array(size)).tolist()
        w, h = (rng.uniform(0.05, 0.4, 2) * np.array(size)).tolist()
        kind, colour = int(rng.integers(4)), _colour(rng)
        if kind == 0:
            draw.ellipse((x, y, x + w, y + h), colour, outline, 2)
        elif kind == 1:
            draw.rectangle((x, y, x + w, y + h), colour, outline, 2)
        elif kind == 2:
            draw.polygon([(x, y + h), (x + w / 2, y), (x + w, y + h)], colour, outline)
        else:
            draw.chord((x, y, x + w, y + h), 0, float(rng.uniform(90, 350)), colour, outline)
    return image


def _noise(rng: _Rng, size: tuple[int, int]) -> Image.Image:
    grain = int(rng.choice([1, 1, 4, 16]))
    rows, columns = max(1, size[1] // grain), max(1, size[0] // grain)
    pixels = rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)


KINDS: Final[dict[str, Callable[[_Rng, tuple[int, int]], Image.Image]]] = {
    "blank": _blank,
    "gradient": _gradient,
    "page": _page,
    "window": _window,
    "chart": _chart,
    "diagram": _diagram,
    "sketch": _sketch,
    "cartoon": _cartoon,
    "noise": _noise,
}
"""Kinds of images that are none of a camera's."""
