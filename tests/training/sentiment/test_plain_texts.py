"""Made sentences: labels that follow from the words, words that the other part does not have."""

from collections import Counter
from itertools import islice

import pytest

from app.training.sentiment.near_duplicates import words_of
from app.training.sentiment.plain_judged import JUDGED
from app.training.sentiment.plain_texts import plain_texts
from app.training.sentiment.plain_words import BAD, FIELDS, GOOD

_DENIALS = {"not", "never", "hardly", "far", "anything", "less", "isn", "wasn", "isnt", "wasnt"}
_DENIALS |= {"expected", "thought", "worst"}


def _made(part: str, count: int = 3000) -> list[tuple[str, str]]:
    return list(plain_texts("train" if part == "train" else "select", count))


def test_labels_are_balanced_and_sentences_differ() -> None:
    made = _made("train")
    assert Counter(label for _, label in made) == dict.fromkeys(
        ("negative", "neutral", "positive"), 1000
    )
    assert len({text.lower() for text, _ in made}) == len(made)
    assert all(text == text.strip() and "{" not in text and "  " not in text for text, _ in made)


def test_the_same_seed_makes_the_same_sentences() -> None:
    assert _made("train", 50) == _made("train")[:50]
    other = list(islice(plain_texts("train", 50, seed=1), 50))
    assert other != _made("train", 50)


@pytest.mark.parametrize("good", [True, False])
def test_a_word_that_judges_is_denied_where_the_label_is_the_contrary(good: bool) -> None:
    """Of "{thing} is {adjective}", whichever way it is put."""
    contrary = set(BAD if good else GOOD)
    label = "positive" if good else "negative"
    checked = 0
    for text, given in _made("train"):
        words = words_of(text.replace("\u2019", "'"))
        if given == label and len(words) < 6 and contrary & set(words):
            before = set(words[: min(words.index(word) for word in contrary & set(words))])
            assert before & _DENIALS, text
            checked += 1
    assert checked > 20


def test_a_part_has_words_that_the_other_has_not() -> None:
    told = {
        part: {w for text, _ in _made(part) for w in words_of(text)} for part in ("train", "select")
    }
    slots = {word for field in FIELDS for word in (*field.things, *field.good, *field.bad)}
    single = {word for word in slots | set(GOOD) | set(BAD) if word.isalpha()}
    once = {word for word in single if sum(word in told[part] for part in told) == 1}
    # a few stand in two lists, or in a template
    assert len(once) > 0.9 * len(single & (told["train"] | told["select"]))
    assert 0.1 < len(once & told["select"]) / len(once) < 0.35


def test_sentences_written_by_hand_differ_and_have_every_label() -> None:
    labels = Counter(label for _, label in JUDGED)
    assert min(labels.values()) >= 40
    assert len({text for text, _ in JUDGED}) == len(JUDGED)
