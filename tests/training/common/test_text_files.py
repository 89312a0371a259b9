"""Tables of texts as people write them: read by the rules of CSV, or refused with the line."""

import gzip
from pathlib import Path

import pytest

from app.training.common.text_files import csv_rows, read_text

COLUMNS = ("image", "caption")
CAPTION = 'a dog, and a cat; "two" of them\nat home'


def rows(folder: Path, content: str, encoding: str = "utf-8") -> list[tuple[int, dict[str, str]]]:
    path = folder / "captions.csv"
    path.write_bytes(content.encode(encoding))
    return csv_rows(path, COLUMNS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write(tmp_path: Path, encoding: str, end: str, delimiter: str) -> None:
    cells = [("Image ", " caption"), ("0.jpg", '"a dog, and a cat; ""two"" of them\nat home"')]
    lines = [*(delimiter.join(row) for row in cells), "", delimiter, "1.jpg" + delimiter + "b", ""]
    found = rows(tmp_path, end.join(lines), encoding)
    assert found == [
        (2, {"image": "0.jpg", "caption": CAPTION}),
        (6, {"image": "1.jpg", "caption": "b"}),
    ]


def test_packed_tables(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfimage,caption\n0.jpg,a\n"))
    assert csv_rows(path, COLUMNS) == [(2, {"image": "0.jpg", "caption": "a"})]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "image,caption\n0.jpg,a red thing\n1.jpg,a dog, and a cat\n",
            r"line 3 has 3 cells, and the header 2: put quotes around a text that holds ',', "
            r'perhaps 1.jpg,"a dog, and a cat"',
        ),
        ("image;caption\n0.jpg;one; two", r'perhaps 0.jpg;"one; two"'),
        ("image,split,caption\n0.jpg,train\n", "line 2 has 2 cells, and the header 3: 0.jpg,train"),
        ('image,caption\n0.jpg,"a dog\n1.jpg,a cat\n', "line 2: unexpected end of data"),
        ('image,caption\n0.jpg,a\n1.jpg,"a" dog\n', "line 3: ',' expected after '\"'"),
        ("picture,caption\n0.jpg,a\n", "needs the columns image and caption; its first line is:"),
        ("0.jpg,a dog\n", "its first line is: 0.jpg,a dog"),
        ("", "needs the columns image and caption"),
    ],
)
def test_what_would_be_misread_is_named(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rows(tmp_path, content)


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_bytes("image,caption\n0.jpg,zwölf\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"captions.csv line 2, byte 23: 0xf6 is not utf-8"):
        csv_rows(path, COLUMNS)
    assert csv_rows(path, COLUMNS, "cp1252")[0][1]["caption"] == "zwölf"
    assert read_text(path, "cp1252").endswith("zwölf\n")
