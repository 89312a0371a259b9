"""A text in sentences: where it is cut, and that nothing of it is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.features.sentences import pieces, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A dog.", ["A dog."]),
        ("A dog. A cat!  Who?", ["A dog.", "A cat!", "Who?"]),
        ('He said "Stop!" Then he left.', ['He said "Stop!"', "Then he left."]),
        ("at 5 p.m. he left. 7 stayed.", ["at 5 p.m. he left.", "7 stayed."]),
        ("It costs 3.50 here", ["It costs 3.50 here"]),
        ("A dog\nA cat\r\n\r\n A cow", ["A dog", "A cat", "A cow"]),
        ("Wait... what? \u00bfQu\u00e9?", ["Wait... what?", "\u00bfQu\u00e9?"]),
        ("Il dort\u00a0! Elle lit\u00a0?\u00a0Oui.", ["Il dort\u00a0!", "Elle lit\u00a0?", "Oui."]),
        ("  spaces  ", ["spaces"]),
        ("", []),
        (" \n\t ", []),
        ("...", ["..."]),
        ("? ! .", ["?", "!", "."]),
    ],
)
def test_where_a_text_is_cut(text: str, expected: list[str]) -> None:
    assert [each for each, _ in sentences(text)] == expected


@given(st.text("aA.!?\"') \n\r\t\u00a0\u3002", max_size=40))
def test_nothing_is_lost(text: str) -> None:
    found = sentences(text)
    assert "".join(each + gap for each, gap in found) == text.strip()
    for each, gap in found:
        assert each == each.strip()
        assert each
        assert not gap.strip()


@given(st.text("ab ", max_size=60).map(str.strip), st.integers(1, 20))
def test_long_sentences_are_cut_at_spaces(text: str, most: int) -> None:
    parts = pieces(text, most)
    assert all(1 <= len(part) <= most for part in parts)
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    if most > 4 and all(len(word) <= 4 for word in text.split(" ")):
        assert " ".join(part.strip() for part in parts).split() == text.split()
