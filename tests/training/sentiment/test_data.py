"""Reading labelled texts and splitting them: no text stands on two sides, and no near-duplicate."""

import os
import re
from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from app.training.sentiment.data import PARTS, TextSplit, all_texts, read_texts, text_sha256
from app.training.sentiment.near_duplicates import near_duplicate_groups, text_key, words_of
from tests.keywords import spelled, write_rows

DATA = Path(os.environ.get("UNROLL_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="UNROLL_DATA names no folder of data")


@pytest.fixture
def tweets(tmp_path: Path) -> Path:
    rows = [
        ("neutral", f"@united {shout} flight <b>{spelled(i)}</b> {end}")
        for i in range(400)
        for shout, end in (("my", "!"), ("MY", "http://t.co/x"))
    ]
    path = tmp_path / "airline_sentiment" / "tweets.csv.gz"
    write_rows(path, "airline_sentiment,text", rows)
    return tmp_path


def test_how_sure_a_label_is_comes_with_it(tmp_path: Path) -> None:
    rows = [("neutral", 0.5 if i % 2 else 1, f"flight {spelled(i)}") for i in range(100)]
    header = "airline_sentiment,airline_sentiment_confidence,text"
    write_rows(tmp_path / "airline_sentiment" / "tweets.csv.gz", header, rows)
    sure = {text: confidence for _, confidence, text in rows}
    train = read_texts(tmp_path, ("airline",)).train
    assert {one.text: one.confidence for one in train} == {
        one.text: sure[one.text] for one in train
    }


def test_tweets_that_differ_in_links_and_case_share_a_part(tweets: Path) -> None:
    split = read_texts(tweets, ("airline",))
    keys = [{text_key(one.text) for one in split.of(part)} for part in PARTS]
    assert not any(a & b for a, b in combinations(keys, 2))
    sizes = [len(split.of(part)) / 800 for part in PARTS]
    assert sum(sizes) == 1
    assert sizes == pytest.approx([0.8, 0.1, 0.1], abs=0.06)
    assert {(one.label, one.source) for one in split.train} == {("neutral", "airline")}


def test_the_part_of_a_tweet_does_not_depend_on_the_others(tweets: Path) -> None:
    before = read_texts(tweets, ("airline",))
    path = tweets / "airline_sentiment" / "tweets.csv.gz"
    rows = [(one.label, one.text) for one in before.report]
    write_rows(path, "airline_sentiment,text", rows)
    after = read_texts(tweets, ("airline",))
    assert (after.train, after.select, after.report) == ((), (), before.report)


@pytest.fixture
def treebank(tmp_path: Path) -> Path:
    sentences = [f"the plot {spelled(i)} , is {spelled(i)} at best ." for i in range(300)]
    phrases = [(1, " ".join(s.split()[a:b])) for s in sentences for a, b in ((0, 3), (2, 99))]
    phrases += [(0, sentence) for sentence in sentences]
    phrases += [(1, "a dull"), (1, "dull"), (1, "rather delightful")]
    write_rows(tmp_path / "sst2" / "train_phrases.csv.gz", "label,text", phrases)
    stripped = [(0, sentence.removesuffix(" .")) for sentence in sentences]
    write_rows(tmp_path / "sst2" / "sentences_stripped_train.csv.gz", "label,text", stripped)
    write_rows(tmp_path / "sst2" / "dev.csv.gz", "label,text", [(0, "what a dull , endless film")])
    return tmp_path


def contains(sentence: str, phrase: str) -> bool:
    whole, part = words_of(sentence), words_of(phrase)
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


def test_no_phrase_of_a_held_out_sentence_is_trained_on(treebank: Path) -> None:
    split = read_texts(treebank, ("sst2",))
    assert [one.text for one in split.report] == ["what a dull , endless film"]
    held = [one.text for one in (*split.select, *split.report)]
    trained = {one.text for one in split.train}
    assert "rather delightful" in trained
    assert trained.isdisjoint({"a dull", "dull"})
    assert not [t for t in trained if any(contains(sentence, t) for sentence in held)]
    assert len(split.train) > 500


def test_select_holds_a_tenth_of_the_sentences_with_their_punctuation(treebank: Path) -> None:
    split = read_texts(treebank, ("sst2",))
    assert 15 <= len(split.select) <= 50
    assert all(one.text.endswith("at best .") for one in split.select)
    assert {one.label for one in split.select} == {"negative"}


def test_reviews_are_split_by_stretches_with_gaps(tmp_path: Path) -> None:
    rows = [
        (label, number, f"{kind} {spelled(number)} is {kind} {spelled(number)} again")
        for label, kind in ((0, "woe"), (1, "joy"))
        for number in range(0, 12500, 10)
    ]
    write_rows(tmp_path / "imdb" / "train.csv.gz", "label,id,text", rows)
    split = read_texts(tmp_path, ("imdb",))
    by_text = {text: (label, number) for label, number, text in rows}
    places = sorted((*by_text[one.text], part) for part in PARTS for one in split.of(part, "imdb"))
    assert {place[2] for place in places} == set(PARTS)
    for (label, number, part), (next_label, next_number, next_part) in pairwise(places):
        if label == next_label and part != next_part:
            assert next_number - number >= 40


def test_a_held_out_text_is_not_trained_on_even_from_another_source(
    tweets: Path, treebank: Path
) -> None:
    alone = read_texts(tweets, ("airline",))
    copied = alone.report[0].text
    rows = [(one.label, one.text) for part in PARTS for one in alone.of(part)]
    write_rows(tweets / "airline_sentiment" / "tweets.csv.gz", "airline_sentiment,text", rows)
    phrases = [(1, copied), (1, "rather delightful")]
    write_rows(treebank / "sst2" / "train_phrases.csv.gz", "label,text", phrases)
    split = read_texts(treebank, ("airline", "sst2"))
    assert [one.text for one in split.of("train", "sst2")] == ["rather delightful"]


def test_all_texts_are_those_held_out_as_well_each_once(treebank: Path) -> None:
    split = read_texts(treebank, ("sst2",))
    whole = all_texts(treebank, ("sst2",))
    assert len(set(whole)) == len(whole)
    for part in PARTS:
        assert set(split.of(part)) <= set(whole)
    learned = {one.text for one in split.train}
    # phrases of held-out sentences, which no part has
    assert any(one.text not in learned for one in whole if one not in split.select + split.report)


def test_made_sentences_give_way_to_those_of_other_sources(treebank: Path) -> None:
    alone = read_texts(treebank, ("plain",))
    assert {part: len(alone.of(part)) > 100 for part in PARTS} == dict.fromkeys(PARTS, True)
    keys = {part: {text_key(one.text) for one in alone.of(part)} for part in PARTS}
    assert not any(a & b for a, b in combinations(keys.values(), 2))
    path = treebank / "sst2" / "train_phrases.csv.gz"
    given = (alone.report[0], alone.train[0])
    write_rows(path, "label,text", [(1, one.text.upper()) for one in given])
    both = read_texts(treebank)
    assert both.of("train", "sst2") == read_texts(treebank, ("sst2",)).of("train")
    theirs = {text_key(one.text.upper()) for one in given}
    for part in PARTS:
        left = [one for one in alone.of(part) if text_key(one.text) not in theirs]
        assert both.of(part, "plain") == left
        assert len(left) < len(alone.of(part)) or part == "select"


def test_wrong_folders_names_and_labels_are_refused(tmp_path: Path, tweets: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"'imdb' needs .*train\.csv\.gz"):
        read_texts(tweets, ("imdb",))
    with pytest.raises(FileNotFoundError, match=r"no labelled texts in .*train_phrases"):
        read_texts(tmp_path / "airline_sentiment")
    (tmp_path / "sst2").mkdir()
    (tmp_path / "sst2" / "dev.csv.gz").touch()
    with pytest.raises(FileNotFoundError, match=r"'sst2' needs .*train_phrases\.csv\.gz"):
        read_texts(tmp_path)
    with pytest.raises(ValueError, match=r"unknown source \['yelp'\]; known: "):
        read_texts(tweets, ("yelp",))
    path = tweets / "airline_sentiment" / "tweets.csv.gz"
    write_rows(path, "airline_sentiment,text", [("angry", "what")])
    with pytest.raises(ValueError, match="unknown label 'angry'"):
        read_texts(tweets, ("airline",))


def test_every_file_is_named_by_its_sha256(treebank: Path) -> None:
    digests = text_sha256(treebank, ["sst2"])
    assert sorted(digests) == [
        "sst2/dev.csv.gz",
        "sst2/sentences_stripped_train.csv.gz",
        "sst2/train_phrases.csv.gz",
    ]
    assert {len(digest) for digest in digests.values()} == {64}
    assert list(text_sha256(treebank, ["plain"])) == ["plain"]


@pytest.fixture(scope="module")
def public() -> TextSplit:
    return read_texts(DATA)


@needs_data
@pytest.mark.slow
def test_public_texts_have_the_stated_sizes(public: TextSplit) -> None:
    sizes = {
        (source, part): len(public.of(part, source))
        for source in ("airline", "sst2", "imdb")
        for part in PARTS
    }
    assert sizes == {
        ("airline", "train"): 8070,
        ("airline", "select"): 1056,
        ("airline", "report"): 1018,
        ("sst2", "train"): 57672,
        ("sst2", "select"): 716,
        ("sst2", "report"): 872,
        ("imdb", "train"): 19619,
        ("imdb", "select"): 2500,
        ("imdb", "report"): 2500,
    }


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("source", ["airline", "imdb"])
def test_no_group_of_public_near_duplicates_is_in_two_parts(public: TextSplit, source: str) -> None:
    placed = [(one.text, part) for part in PARTS for one in public.of(part, source)]
    parts: dict[int, set[str]] = {}
    groups = near_duplicate_groups([text for text, _ in placed])
    for group, (_, part) in zip(groups.tolist(), placed, strict=True):
        parts.setdefault(group, set()).add(part)
    assert all(len(found) == 1 for found in parts.values())


@needs_data
@pytest.mark.slow
def test_no_public_phrase_is_part_of_a_held_out_sentence(public: TextSplit) -> None:
    trained = {words_of(one.text) for one in public.of("train", "sst2")}
    for one in (*public.of("select", "sst2"), *public.of("report", "sst2")):
        words = words_of(one.text)
        ends = range(1, len(words) + 1)
        assert trained.isdisjoint({words[a:b] for b in ends for a in range(b)})


@needs_data
@pytest.mark.slow
def test_public_reviews_of_one_film_are_in_one_part(public: TextSplit) -> None:
    """Reviews with five rare names in common are of one film; a random split parts a third."""
    placed = [(one.text, part) for part in PARTS for one in public.of(part, "imdb")]
    holders: dict[str, list[int]] = {}
    for i, (text, _) in enumerate(placed):
        for name in set(re.findall(r"\b[A-Z][a-z]{3,}\b", text)):
            holders.setdefault(name, []).append(i)
    rare = [
        pair for found in holders.values() if len(found) <= 20 for pair in combinations(found, 2)
    ]
    films = [pair for pair, names in Counter(rare).items() if names >= 5]
    parted = [(a, b) for a, b in films if placed[a][1] != placed[b][1]]
    assert len(films) > 1000
    assert len(parted) < 0.04 * len(films)
