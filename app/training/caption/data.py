"""Reads images with captions and splits them by image; knows files, not networks.

Two layouts are known. Flickr8k: `images-<split>*.tar` and `captions.csv.gz` with the columns image,
split, caption_number and caption. Anybody's own: image files, and one `captions.csv` with the
columns image and caption (and `split`, if the owner has one: train or val), parted by commas,
semicolons or tabs.
"""

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from app.training.common.text_files import csv_rows

Part = Literal["train", "val"]
PARTS: Final[tuple[Part, ...]] = ("train", "val")
_VALIDATION_SHARE: Final = 0.1


@dataclass(frozen=True)
class Captioned:
    """One image by its name, and all captions that people gave it."""

    image: str
    captions: tuple[str, ...]


@dataclass(frozen=True)
class CaptionData:
    """The images of both parts in the order of their names; where their bytes are is known here."""

    root: Path
    train: tuple[Captioned, ...]
    val: tuple[Captioned, ...]

    def of(self, part: Part) -> tuple[Captioned, ...]:
        """The images of a part."""
        return self.train if part == "train" else self.val

    def images(self, part: Part) -> Iterator[tuple[str, bytes]]:
        """Name and file content of every image of a part, in the order of `of(part)`.

        Raises:
            FileNotFoundError: one is missing.
        """
        names = [one.image for one in self.of(part)]
        if not _tars(self.root):
            for name in names:
                yield name, (self.root / name).read_bytes()
            return
        places = _members(self.root)
        open_files = {path: path.open("rb") for path in {places[name].path for name in names}}
        try:
            for name in names:
                place = places[name]
                file = open_files[place.path]
                file.seek(place.offset)
                yield name, file.read(place.size)
        finally:
            for file in open_files.values():
                file.close()

    def sha256(self) -> dict[str, str]:
        """File name -> sha256 of what was read; of loose image files one over all of them."""
        digests = {_captions_file(self.root).name: _digest(_captions_file(self.root))}
        tars = _tars(self.root)
        if tars:
            return digests | {path.name: _digest(path) for path in tars}
        every = hashlib.sha256()
        for part in PARTS:
            for name, content in self.images(part):
                every.update(f"{name} {len(content)}\n".encode())
                every.update(content)
        return digests | {"images": every.hexdigest()}


def read_captions(root: Path, *, seed: int = 0, encoding: str | None = None) -> CaptionData:
    """All images with captions in `root`.

    Without splits of the owner's a tenth of the images is for validation, drawn by a hash of
    `seed` and the image's name, so that an image with all its captions is in one part, and stays
    there when others are added. Of very few images one is drawn. `encoding` is that of a captions
    file that is neither UTF-8 nor has a byte-order mark.

    Raises:
        FileNotFoundError: no captions file, or no image of one in it.
        ValueError: the file cannot be read as it is meant, a column is missing, a caption is empty,
            or a part has no image.
    """
    parts: dict[Part, dict[str, list[str]]] = {part: {} for part in PARTS}
    path = _captions_file(root)
    drawn: set[str] = set()
    for line, row in csv_rows(path, ("image", "caption"), encoding):
        name, caption = row["image"].strip(), row["caption"].strip()
        if not caption or not name:
            raise ValueError(f"{path} line {line}: the {'caption' if name else 'image'} is empty")
        split = row.get("split", "").strip() or _drawn(name, seed)
        if not row.get("split", "").strip():
            drawn.add(name)
        if split in ("train", "val"):  # a public set may have more parts: they are not used
            parts["val" if split == "val" else "train"].setdefault(name, []).append(caption)
    if len(drawn) > 1:
        ways: tuple[tuple[Part, Part], ...] = (("val", "train"), ("train", "val"))
        for part, other in ways:
            if not parts[part] and drawn >= parts[other].keys():
                name = min(parts[other], key=lambda each: _hash(each, seed))
                parts[part][name] = parts[other].pop(name)
    both = set(parts["train"]) & set(parts["val"])
    if both:
        raise ValueError(f"{path}: {min(both)} is in two parts")
    for part, found in parts.items():
        if not found:
            raise ValueError(f"{path}: no image is in the part {part}")
    data = CaptionData(root, _sorted(parts["train"]), _sorted(parts["val"]))
    known = _members(root) if _tars(root) else None
    for name in sorted(parts["train"] | parts["val"]):
        if not (name in known if known is not None else (root / name).is_file()):
            raise FileNotFoundError(f"{path} names {name}, which is not in {root}")
    return data


@dataclass(frozen=True)
class _Place:
    path: Path
    offset: int
    size: int


def _members(root: Path) -> dict[str, _Place]:
    places = {}
    for path in _tars(root):
        with tarfile.open(path) as archive:
            for member in archive:
                places[member.name] = _Place(path, member.offset_data, member.size)
    return places


def _tars(root: Path) -> list[Path]:
    return sorted(root.glob("images-*.tar"))


def _captions_file(root: Path) -> Path:
    for name in ("captions.csv", "captions.csv.gz"):
        if (root / name).is_file():
            return root / name
    raise FileNotFoundError(f"no captions.csv or captions.csv.gz in {root}")


def _drawn(name: str, seed: int) -> Part:
    return "val" if _hash(name, seed) < _VALIDATION_SHARE * 2**32 else "train"


def _hash(name: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4])


def _sorted(found: dict[str, list[str]]) -> tuple[Captioned, ...]:
    return tuple(Captioned(name, tuple(found[name])) for name in sorted(found))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
