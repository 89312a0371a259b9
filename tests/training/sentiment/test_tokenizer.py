"""What the tokeniser makes of the ways people write."""

import pytest
from tokenizers import Tokenizer

from app.training.sentiment.tokenizer import fit_tokenizer

_TEXTS = [
    "i don't like it , it doesn't work :( not good !!",
    "so good , it's a wow film . xxuser xxlink",
    'the " best " ( worst ) film & more ...',
] * 20


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return fit_tokenizer(_TEXTS, 400)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I don't LIKE it!!!!!!", ["i", "don't", "like", "it", "!!"]),
        ("do n't like it 's", ["don't", "like", "it's"]),
        ("don\u2019t", ["don't"]),
        ("@someone_1 http://t.co/x?y=1", ["xxuser", "xxlink"]),
        ("good<br /><br />film", ["good", "film"]),
        ("`` best '' -lrb- worst -rrb-", ['"', "best", '"', "(", "worst", ")"]),
        ("not good :(", ["not", "good", ":("]),
        ("wow &amp; more", ["wow", "&", "more"]),
        ("...........", [".."]),
    ],
)
def test_normalises(tokenizer: Tokenizer, text: str, tokens: list[str]) -> None:
    assert tokenizer.encode(text).tokens == tokens


def test_long_drawn_letters_become_two(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("soooooo").ids == tokenizer.encode("soo").ids


def test_an_unknown_word_is_made_of_pieces_and_an_unknown_script_is_unknown(
    tokenizer: Tokenizer,
) -> None:
    pieces = tokenizer.encode("liked").tokens
    assert len(pieces) > 1
    assert "[unk]" not in pieces
    assert tokenizer.encode("\u5f88\u597d").tokens == ["[unk]"]


@pytest.mark.parametrize("text", ["\U0001f621", "\x00\x01", "\ufffd\u200b\u0301", "a" * 10_000])
def test_nothing_raises_and_offsets_stay_inside(tokenizer: Tokenizer, text: str) -> None:
    for start, end in tokenizer.encode(text).offsets:
        assert 0 <= start <= end <= len(text)


def test_pad_and_unknown_come_first(tokenizer: Tokenizer) -> None:
    assert tokenizer.token_to_id("[pad]") == 0
    assert tokenizer.token_to_id("[unk]") == 1


def test_the_file_alone_gives_the_same_tokens(tokenizer: Tokenizer) -> None:
    again = Tokenizer.from_str(tokenizer.to_str())
    text = "@x SOOOO good!!! do n't <br /> http://a.b"
    assert again.encode(text).ids == tokenizer.encode(text).ids
