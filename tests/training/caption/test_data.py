"""Readers of captioned images: both layouts, the split by image, and what is refused."""

import csv
import gzip
import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.training.caption.data import read_captions

Row = tuple[str, ...]


def write_flickr(root: Path, rows: Sequence[Row], images: Sequence[str]) -> None:
    """The layout of the public set: the bytes of an image are its name."""
    with gzip.open(root / "captions.csv.gz", "wt", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "split", "caption_number", "caption"), *rows])
    for number in range(2):
        with tarfile.open(root / f"images-train-{number}.tar", "w") as archive:
            for name in images[number::2]:
                member = tarfile.TarInfo(name)
                member.size = len(name)
                archive.addfile(member, io.BytesIO(name.encode()))


def write_own(root: Path, rows: Sequence[Row], header: Row = ("image", "caption")) -> None:
    with (root / "captions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    for row in rows:
        (root / row[0]).parent.mkdir(exist_ok=True)
        (root / row[0]).write_bytes(row[0].encode())


FLICKR = [
    ("b.jpg", "train", "0", "A dog , running ."),
    ("b.jpg", "train", "1", "A dog runs"),
    ("a.jpg", "train", "0", "Two men"),
    ("v.jpg", "val", "0", "A child"),
    ("x.jpg", "extra", "0", "Not in use"),
]


def test_the_public_layout_keeps_its_splits_and_all_captions(tmp_path: Path) -> None:
    write_flickr(tmp_path, FLICKR, ["a.jpg", "b.jpg", "v.jpg", "x.jpg"])
    data = read_captions(tmp_path)
    assert [one.image for one in data.train] == ["a.jpg", "b.jpg"]
    assert data.train[1].captions == ("A dog , running .", "A dog runs")
    assert [one.image for one in data.val] == ["v.jpg"]
    assert list(data.images("train")) == [("a.jpg", b"a.jpg"), ("b.jpg", b"b.jpg")]
    assert set(data.sha256()) == {"captions.csv.gz", "images-train-0.tar", "images-train-1.tar"}


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    write_flickr(tmp_path, FLICKR, ["a.jpg", "v.jpg"])
    with pytest.raises(FileNotFoundError, match=r"names b\.jpg, which is not in"):
        read_captions(tmp_path)


def test_own_images_are_split_by_image_and_stay_where_they_are(tmp_path: Path) -> None:
    rows = [(f"{n}.png", f"caption {k} of {n}") for n in range(60) for k in range(3)]
    write_own(tmp_path, rows)
    data = read_captions(tmp_path, seed=1)
    train, val = ({one.image for one in part} for part in (data.train, data.val))
    assert train | val == {name for name, _ in rows}
    assert not train & val
    assert 1 <= len(val) <= 15
    assert all(len(one.captions) == 3 for one in (*data.train, *data.val))

    write_own(tmp_path, [*rows, *((f"{n}.png", "later") for n in range(60, 90))])
    later = read_captions(tmp_path, seed=1)
    assert val <= {one.image for one in later.val}
    assert train <= {one.image for one in later.train}
    assert {one.image for one in read_captions(tmp_path, seed=2).val} != {
        one.image for one in later.val
    }


def test_own_images_may_lie_in_folders_and_bring_their_split(tmp_path: Path) -> None:
    rows = [("x/a.png", "train", "One"), ("x/b.png", "val", "Two"), ("x/c.png", "test", "Three")]
    write_own(tmp_path, rows, ("image", "split", "caption"))
    data = read_captions(tmp_path)
    assert list(data.images("val")) == [("x/b.png", b"x/b.png")]
    assert [one.image for one in data.train] == ["x/a.png"]
    before = data.sha256()
    (tmp_path / "x/a.png").write_bytes(b"other")
    assert read_captions(tmp_path).sha256()["images"] != before["images"]


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (("file", "caption"), [("a", "b")], "needs the columns image and caption"),
        (("image", "caption"), [("a.png", " ")], "line 2: the caption is empty"),
        (("image", "caption"), [("a.png", "one")], "no image is in the part"),
        (
            ("image", "split", "caption"),
            [("a.png", "train", "one"), ("a.png", "val", "two")],
            r"a\.png is in two parts",
        ),
    ],
)
def test_wrong_captions_are_refused(
    tmp_path: Path, header: Row, rows: Sequence[Row], message: str
) -> None:
    write_own(tmp_path, rows, header)
    with pytest.raises(ValueError, match=message):
        read_captions(tmp_path)


def test_a_folder_without_captions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no captions\.csv"):
        read_captions(tmp_path)


@pytest.mark.skipif("UNROLL_DATA" not in os.environ, reason="reads the public set")
def test_the_public_set_has_its_numbers() -> None:
    data = read_captions(Path(os.environ["UNROLL_DATA"]) / "flickr8k")
    assert (len(data.train), len(data.val)) == (6000, 1000)
    assert all(len(one.captions) == 5 for one in data.train + data.val)
    _, content = next(data.images("val"))
    assert content.startswith(b"\xff\xd8")


def test_few_images_are_enough(tmp_path: Path) -> None:
    write_own(tmp_path, [("0.png", "a"), ("1.png", "b"), ("2.png", "c")])
    for seed in range(20):
        data = read_captions(tmp_path, seed=seed)
        assert (len(data.train), len(data.val)) in ((2, 1), (1, 2))


def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path: Path) -> None:
    write_own(tmp_path, [(f"{n}.png", f"caption {n}") for n in range(20)])
    path = tmp_path / "captions.csv"
    plain = read_captions(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    marked = read_captions(tmp_path)
    assert (marked.train, marked.val) == (plain.train, plain.val)


def test_a_comma_outside_quotes_cuts_no_caption(tmp_path: Path) -> None:
    write_own(tmp_path, [("0.png", "a dog"), ("1.png", "a cat")])
    path = tmp_path / "captions.csv"
    path.write_text(path.read_text() + "1.png,a dog, and a cat\n")
    with pytest.raises(ValueError, match=r"captions.csv line 4 has 3 cells, and the header 2"):
        read_captions(tmp_path)


@pytest.mark.parametrize(("row", "words"), [(" ,a", "the image is"), ("1.png, ", "the caption is")])
def test_empty_cells_are_named(tmp_path: Path, row: str, words: str) -> None:
    (tmp_path / "captions.csv").write_text(f"image,caption\n{row}\n")
    with pytest.raises(ValueError, match=f"captions.csv line 2: {words} empty"):
        read_captions(tmp_path)
