"""Words of captions and the vocabulary: what counts as a word, and which ones are kept."""

import json

import pytest

from app.training.caption.words import BOS, EOS, PAD, UNK, build_vocabulary, joined, words_of


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A black dog , running .", "a black dog running"),
        ('A man in a "Red Sox" t-shirt!', "a man in a red sox t-shirt"),
        ("the dog 's mouth", "the dog 's mouth"),
        ("The dog's mouth", "the dog 's mouth"),
        ("two players ' shirts; #21 & #3", "two players shirts 21 3"),
        (" - .", ""),
    ],
)
def test_words_are_lower_case_without_punctuation(caption: str, words: str) -> None:
    assert words_of(caption) == words.split()


def test_joined_words_are_split_into_the_same_words() -> None:
    words = words_of("A dog 's t-shirt , wet")
    assert joined(words) == "a dog's t-shirt wet"
    assert words_of(joined(words)) == words


def test_rare_words_are_unknown_and_the_order_is_by_frequency() -> None:
    captions = [["b", "a", "c"], ["b", "a"], ["b", "rare"]]
    vocabulary = build_vocabulary(captions, least=2)
    assert vocabulary.tokens == ("<pad>", "<bos>", "<eos>", "<unk>", "b", "a")
    assert vocabulary.counts == (0, 0, 3, 2, 3, 2)
    assert vocabulary.encode(["a", "rare", "b"]) == [5, UNK, 4]
    assert vocabulary.decode([BOS, 5, UNK, 4, EOS, PAD]) == ["a", "b"]
    assert json.loads(vocabulary.to_json()) == list(vocabulary.tokens)


def test_words_of_one_frequency_stand_in_the_alphabets_order_and_may_be_limited() -> None:
    captions = [["z", "y", "x"], ["x", "z", "y"]]
    assert build_vocabulary(captions, least=1, most=2).tokens[4:] == ("x", "y")
