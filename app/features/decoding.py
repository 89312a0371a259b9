"""Bytes of a text file to text, without a guess. Knows encodings; not what a text is for.

A byte-order mark says what a file is, else it is UTF-8. No other encoding is guessed: the common
ones differ in a few letters only, and a guess that is wrong by these is learned without a trace.
(charset-normalizer took French in Windows-1252 for cp1257, and made ê a ź.)
"""

import codecs
from typing import Final

_MARKS: Final = (  # UTF-32 first: its mark begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOST: Final = "\ufffd"  # stands where a conversion has lost a character
OPTION: Final = ", or say --encoding cp1252, utf-16-le or whatever it is"


def decoded(content: bytes, name: str, encoding: str | None = None, hint: str = OPTION) -> str:
    """The text of a file called `name`, with line ends as \\n and without its byte-order mark.

    `encoding` is that of files that are neither UTF-8 nor marked; `hint` says where it can be told.

    Raises:
        ValueError: it is in another encoding, is no text, or holds characters that were lost in a
            conversion. The message names file, line and byte.
    """
    mark, own = next(((m, e) for m, e in _MARKS if content.startswith(m)), (b"", "utf-8"))
    content = content[len(mark) :]
    try:
        text = content.decode(own)
    except UnicodeDecodeError as error:
        if mark or encoding is None:
            raise ValueError(_where(content, name, own, error, hint)) from None
        text = _told(content, name, encoding, hint)
    else:
        if "\0" in text and encoding is not None and not mark:
            text = _told(content, name, encoding, hint)
    for character, what in (("\0", f"a zero byte: it is no text, or UTF-16{hint}"), (_LOST, _GONE)):
        at = text.find(character)
        if at >= 0:
            line = text.count("\n", 0, at) + 1
            raise ValueError(f"{name} line {line} holds {what}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


_GONE: Final = (
    "U+FFFD, which stands for a character that was lost: convert it again from where it comes from"
)


def _told(content: bytes, name: str, encoding: str, hint: str) -> str:
    try:
        return content.decode(encoding)
    except LookupError:
        raise ValueError(f"--encoding: there is no encoding {encoding!r}") from None
    except UnicodeDecodeError as error:
        raise ValueError(_where(content, name, encoding, error, hint)) from None


def _where(content: bytes, name: str, encoding: str, error: UnicodeDecodeError, hint: str) -> str:
    line = content.count(b"\n", 0, error.start) + 1
    return (
        f"{name} line {line}, byte {error.start + 1}: 0x{content[error.start]:02x} is not "
        f"{encoding}; convert the file to UTF-8{hint}"
    )
