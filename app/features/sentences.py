"""Cuts a text into sentences, and tells what stands between them. Knows signs, no language.

A sentence ends behind `.`, `!`, `?` or their like, with any quotes and brackets that close there,
where white space and then anything but a small letter follows; and at every line break. So
"at 5 p.m. he left" stays whole; "Mr. Smith" does not, which no rule without a list of words knows.
"""

import re
from typing import Final

_SIGNS: Final = r".!?\u2026\u3002\uff01\uff1f"
_CLOSING: Final = "\"'\u2019\u201d\u00bb)]"
_BLANK: Final = r"[^\S\r\n]"  # any white space that breaks no line
_SMALL: Final = r"[a-z\u00df-\u00f6\u00f8-\u00ff]"
_END: Final = re.compile(
    rf"(?<=[{_SIGNS}])[{re.escape(_CLOSING)}]*{_BLANK}+(?=\S)(?!{_SMALL})"
    rf"|{_BLANK}*(?:\r\n|\n|\r)\s*"
)


def sentences(text: str) -> list[tuple[str, str]]:
    """(sentence, what stands behind it), in order; a sentence has no white space around it.

    Joined again, with the text's leading white space, they are the text. Empty for a text of white
    space.
    """
    found: list[tuple[str, str]] = []
    body = text.strip()
    start = 0
    for match in _END.finditer(body):
        # Closing quotes belong to the sentence.
        gap = match.group().lstrip(_CLOSING)
        end = match.end() - len(gap)
        if body[start:end].strip():
            found.append((body[start:end], gap))
            start = match.end()
    if start < len(body):
        found.append((body[start:], ""))
    return found


def pieces(sentence: str, most: int) -> list[str]:
    """A sentence in parts of at most `most` characters, cut at white space where there is some."""
    parts = []
    while len(sentence) > most:
        cut = sentence.rfind(" ", 1, most + 1)
        cut = most if cut < 1 else cut
        parts.append(sentence[:cut])
        sentence = sentence[cut:].lstrip(" ")
    return [*parts, sentence] if sentence else parts
