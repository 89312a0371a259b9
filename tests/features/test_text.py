"""Reading texts: any string, the same tokens as reading all of it, and where they stood."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from app.errors import InferenceFailed, ModelRefused
from app.features.text import (
    PAD_ID,
    TOKENIZER_FILE,
    UNKNOWN_ID,
    Span,
    TextReader,
    Tokens,
    said_once,
)
from tests.classifier import tokenizer, tokenizer_json

LONG = 10_000_000


@cache
def reader(max_tokens: int = 16) -> TextReader:
    return TextReader(tokenizer(), max_tokens)


@cache
def whole() -> Tokenizer:
    """The tokeniser as the reader sets it, for the naive way."""
    plain = tokenizer()
    plain.encode_special_tokens = True
    return plain


def naive(text: str, max_tokens: int) -> list[int]:
    """Tokenise everything, then cut."""
    encoding = whole().encode(text, add_special_tokens=False)
    return list(encoding.ids[:max_tokens])


def test_tokens_of_a_sentence() -> None:
    tokens = reader().read("The FILM was good.")
    assert len(tokens) == 5
    assert tokens.ids.dtype == np.int64
    assert [whole().id_to_token(each) for each in tokens.ids] == ["the", "film", "was", "good", "."]
    assert (tokens.truncated, tokens.unknown, tokens.spans) == (False, 0, None)


@pytest.mark.parametrize("text", ["", " \n\t", "<br />", "\u2003\u00a0\u3000", " <br/><br>\r\n"])
def test_nothing_may_be_left(text: str) -> None:
    tokens = reader().read(text, spans=True)
    assert (len(tokens), tokens.truncated, tokens.spans) == (0, False, ())


def test_longer_texts_are_cut() -> None:
    assert reader(3).read("good bad fine").truncated is False
    tokens = reader(3).read("good bad fine film", spans=True)
    assert len(tokens) == 3
    assert tokens.truncated
    assert tokens.spans is not None
    assert [each.piece for each in tokens.spans] == ["good", "bad", "fine"]


def test_unknown_tokens_are_counted() -> None:
    tokens = reader().read("good \u6f22\u5b57 \U0001f600 film")
    assert tokens.unknown == 2
    assert list(tokens.ids).count(UNKNOWN_ID) == 2


@pytest.mark.parametrize("text", ["[pad]", "a [unk] b", "[pad][pad] good"])
def test_names_of_special_tokens_are_text(text: str) -> None:
    tokens = reader().read(text)
    assert PAD_ID not in tokens.ids
    assert tokens.unknown == 0
    assert len(tokens) >= 3


def test_halves_of_pairs_are_unknown_and_keep_their_place() -> None:
    tokens = reader().read("good \ud83d bad \ude00\ud83d", spans=True)
    assert tokens.spans is not None
    assert [(each.piece, each.start, each.end) for each in tokens.spans] == [
        ("good", 0, 4),
        ("[unk]", 5, 6),
        ("bad", 7, 10),
        ("[unk]", 11, 12),
        ("[unk]", 12, 13),
    ]


@given(st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Zs"]), max_size=200))
@example("\x00")
@example("e" + "\u0301" * 100)
@example("\ufdfa" * 50)
@example("\U0001f468\u200d\U0001f469\u200d\U0001f467" * 20)
@example("\u202e" + "abc" + "\u2066")
def test_any_string_is_read(text: str) -> None:
    tokens = reader().read(text, spans=True)
    assert len(tokens) <= 16
    assert PAD_ID not in tokens.ids
    assert tokens.spans is not None
    assert len(tokens.spans) == len(tokens)
    for span in tokens.spans:
        assert 0 <= span.start <= span.end <= len(text)
    starts = [span.start for span in tokens.spans]
    assert starts == sorted(starts)


# What a pipeline like ours looks across: escapes, runs of white space, links, contractions.
FRAGMENTS = st.sampled_from(
    [
        *("good", "bad", "do", "n't", "n'", "t", " ", "  ", "\n", "<br />", "<br", "/>", "@", "@a"),
        *("http://", "https://x.y", "a", "aaa", "'", "!", ".", "\u6f22", "\U0001f600", "\u0301"),
        *("e\u0301", "\ufdfa", "\uac00", "\u1100", "\u1161", "[pad]", "\x00", "\ud800"),
    ]
)
PIECES = st.lists(
    st.tuples(st.lists(FRAGMENTS, min_size=1, max_size=4), st.integers(1, 900)), max_size=8
)


@settings(max_examples=150)
@given(pieces=PIECES, max_tokens=st.integers(1, 12))
@example(pieces=[(["do"], 1), (["<br />"], 900), (["n't "], 1), (["a "], 3000)], max_tokens=1)
@example(pieces=[(["do"], 1), ([" "], 5000), (["n't "], 1), (["a "], 3000)], max_tokens=1)
@example(pieces=[(["http://"], 1), (["a"], 5000), ([" bad"], 900)], max_tokens=2)
@example(pieces=[(["ab"], 5000), ([" bad"], 900)], max_tokens=12)
@example(pieces=[(["a"], 5000), ([" bad"], 900)], max_tokens=12)
def test_cutting_early_gives_the_same_tokens(
    pieces: list[tuple[list[str], int]], max_tokens: int
) -> None:
    text = "".join("".join(parts) * times for parts, times in pieces)
    tokens = reader(max_tokens).read(text)
    plain = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    everything = naive(plain, len(text) * 20)
    assert tokens.ids.tolist() == everything[:max_tokens]
    assert tokens.truncated == (len(everything) > max_tokens)


class Counting:
    """A tokeniser that notes how much it is given."""

    def __init__(self) -> None:
        self.inner = tokenizer()
        self.characters = 0

    def encode(self, text: str, **options: Any) -> Any:
        self.characters += len(text)
        return self.inner.encode(text, **options)

    def encode_batch(self, texts: list[str], **options: Any) -> Any:
        self.characters += sum(map(len, texts))
        return self.inner.encode_batch(texts, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_of_a_huge_text_little_is_tokenised() -> None:
    counting = Counting()
    text = "the film was good " * (LONG // 18)
    tokens = TextReader(counting, 1024).read(text)  # type: ignore[arg-type]
    assert tokens.ids.tolist() == naive(text[:20_000], 1024)
    assert tokens.truncated
    assert counting.characters < 20_000


def test_a_huge_word_is_tokenised_whole() -> None:
    counting = Counting()
    text = "ab" * 100_000
    tokens = TextReader(counting, 64).read(text)  # type: ignore[arg-type]
    assert tokens.ids.tolist() == naive(text, 64)
    assert len(text) <= counting.characters <= 2.4 * len(text)


def test_spans_cover_what_was_replaced() -> None:
    text = "@some_one: do n't miss <br />https://example.org/a?b=c&d GOOD!"
    spans = reader(64).read(text, spans=True).spans
    assert spans is not None
    covered = {each.piece: text[each.start : each.end] for each in spans}
    assert covered["xxuser"] == "@some_one"
    assert covered["don't"] == "do n't"
    assert covered["xxlink"].endswith("https://example.org/a?b=c&d")
    assert covered["good"] == "GOOD"
    ends = [0] + [each.end for each in spans]
    assert all(each.start >= end for each, end in zip(spans, ends, strict=False))


def save(folder: Path, content: bytes) -> Path:
    path = folder / TOKENIZER_FILE
    path.write_bytes(content)
    return path


def test_a_saved_tokeniser_is_loaded(tmp_path: Path) -> None:
    path = save(tmp_path, tokenizer_json().encode())
    assert TextReader.load(path, 8).read("good film").ids.tolist() == naive("good film", 8)


def test_truncation_and_padding_of_the_file_do_not_count(tmp_path: Path) -> None:
    plain = tokenizer()
    plain.enable_truncation(2)
    plain.enable_padding(length=50)
    path = save(tmp_path, plain.to_str().encode())
    tokens = TextReader.load(path, 8).read("good bad fine")
    assert tokens.ids.tolist() == naive("good bad fine", 8)
    assert not tokens.truncated


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no tokeniser: "),
        (b"{}", "is no tokeniser: "),
        (b"[]", "is no tokeniser: "),
        (b"nonsense", "is no tokeniser: "),
        (b"\xff\xfe", "is not UTF-8"),
        (tokenizer_json()[:-100].encode(), "is no tokeniser: "),
        (tokenizer_json().replace("(?=n't", "((?=n't").encode(), "is no tokeniser: "),
        (tokenizer_json().replace('"[pad]"', '"<pad>"').encode(), "[pad] must be the token 0"),
        (tokenizer_json().replace('"[unk]"', '"[pad ]"').encode(), "[unk] must be the token 1"),
    ],
    ids=["empty", "object", "list", "words", "bytes", "cut", "pattern", "pad", "unk"],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ModelRefused) as caught:
        TextReader.load(save(tmp_path, content), 8)
    assert caught.value.message.startswith(TOKENIZER_FILE)
    assert message in caught.value.message
    assert "\n" not in caught.value.message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=r"tokenizer\.json cannot be read: No such file"):
        TextReader.load(tmp_path / TOKENIZER_FILE, 8)


def test_max_tokens_is_positive() -> None:
    with pytest.raises(ValueError, match="max_tokens is 0"):
        TextReader(tokenizer(), 0)


class Panicking(Counting):
    """What the library does when its own code is wrong is no Exception."""

    def encode(self, text: str, **options: Any) -> Any:
        raise BaseException("a panic that quotes the text")


def test_a_panic_is_a_failure_that_tells_nothing() -> None:
    with pytest.raises(InferenceFailed) as caught:
        TextReader(Panicking(), 8).read("good")  # type: ignore[arg-type]
    assert "quotes" not in caught.value.message


@pytest.mark.parametrize(
    ("ids", "truncated", "kept"),
    [
        ([4, 5, 6] * 5, False, 3),
        ([4, 5, 6, 4, 7] * 2, False, 5),
        ([4, 5, 6] * 5 + [4], False, 16),  # something follows
        ([4, 5, 6] * 5 + [4], True, 3),  # cut within a repetition
        ([4, 5] * 6, False, 12),  # two tokens are no statement
        ([4] * 7, False, 7),
        ([4, 5, 6], False, 3),
        ([4], False, 1),
        ([], False, 0),
    ],
)
def test_what_is_said_again_is_read_once(ids: list[int], truncated: bool, kept: int) -> None:
    spans = tuple(Span("x", at, at + 1) for at in range(len(ids)))
    found = said_once(Tokens(np.array(ids, np.int64), truncated, spans))
    assert found.ids.tolist() == ids[:kept]
    assert found.spans == spans[:kept]
    assert found.truncated is truncated
