"""Text files in every encoding: read as they are meant, or refused with file, line and byte."""

import pytest

from app.features.decoding import decoded

TEXT = "Één\nzwölf, “naïve”\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"\xff\xfe\0\0", "utf-32-le"),
        (b"\0\0\xfe\xff", "utf-32-be"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_say_what_a_file_is(mark: bytes, encoding: str, end: str) -> None:
    content = mark + TEXT.replace("\n", end).encode(encoding)
    assert decoded(content, "a.txt") == TEXT
    assert decoded(content, "a.txt", "cp1252") == TEXT, "what is told is for other files"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-16-be"])
def test_other_encodings_are_told(encoding: str) -> None:
    content = TEXT.encode(encoding)
    with pytest.raises(ValueError, match=r"a\.txt line 1"):
        decoded(content, "a.txt")
    assert decoded(content, "a.txt", encoding) == TEXT


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        (b"one\ntwo \xe9\n", None, "a.txt line 2, byte 9: 0xe9 is not utf-8; convert the file"),
        (b"one\ntwo \xe9\n", None, "say --encoding cp1252"),
        (b"\xef\xbb\xbfone\n\xe9", "cp1252", "a.txt line 2, byte 5: 0xe9 is not utf-8"),
        (b"\xff\xfea\0b", None, "a.txt line 1, byte 3: 0x62 is not utf-16-le"),
        (b"one\xff\xff", "ascii", "a.txt line 1, byte 4: 0xff is not ascii"),
        (b"\xe9", "klingon", "--encoding: there is no encoding 'klingon'"),
        ("Ann\nLee".encode("utf-16-le"), None, "a.txt line 1 holds a zero byte"),
        (b"PK\x03\x04\n\0\0", None, "a.txt line 2 holds a zero byte: it is no text"),
        ("a\nb\ufffd".encode(), None, "a.txt line 2 holds U.FFFD, which stands for a character"),
    ],
)
def test_what_cannot_be_read_is_named(content: bytes, encoding: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decoded(content, "a.txt", encoding)


def test_without_an_option_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"convert the file to UTF-8$"):
        decoded(b"\xe9", "a.txt", hint="")
