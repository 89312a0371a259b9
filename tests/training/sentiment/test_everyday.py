"""Everyday sentences: what is judged is never learned, and templates say what they are to say."""

import gzip
import random
from collections import Counter
from pathlib import Path

from app.training.sentiment.card import terms_of
from app.training.sentiment.data import OPEN, SOURCES, all_texts, read_texts
from app.training.sentiment.everyday_judged import EVERYDAY
from app.training.sentiment.everyday_more import MORE
from app.training.sentiment.everyday_select import SELECT
from app.training.sentiment.everyday_talk import TALK
from app.training.sentiment.everyday_templates import WORK
from app.training.sentiment.everyday_texts import everyday_texts, filled
from app.training.sentiment.natural_texts import natural_texts, open_texts
from app.training.sentiment.near_duplicates import text_key
from app.training.sentiment.polar_words import leaning
from app.training.sentiment.recipe import open_recipe
from tests.keywords import write_rows

JUDGED = [one for several in EVERYDAY.values() for one in several]


def test_two_hundred_sentences_are_judged_and_none_is_chosen_by() -> None:
    keys = {text_key(text) for text, _ in JUDGED}
    assert len(keys) == len(JUDGED) == 200
    assert not keys & {text_key(text) for text, _ in SELECT}
    assert min(Counter(label for _, label in JUDGED).values()) > 50


def test_no_training_text_has_the_words_of_a_held_out_one() -> None:
    split = read_texts(Path("nowhere"), ("everyday",))
    held = {text_key(one.text) for one in (*split.report, *split.select)}
    assert len(split.report) == 200
    assert len(split.train) > 20_000
    assert not held & {text_key(one.text) for one in split.train}


def test_nobody_learns_what_is_judged_not_even_with_all_texts() -> None:
    learned = {text_key(one.text) for one in all_texts(Path("nowhere"), ("everyday",))}
    assert not learned & {text_key(text) for text, _ in (*JUDGED, *SELECT)}
    assert len(learned) > 20_000


def test_slots_are_filled_and_labels_have_their_shares() -> None:
    made = list(everyday_texts(3000))
    assert made[:50] == list(everyday_texts(50))
    assert not any("{" in text or "}" in text or "|" in text for text, _ in made)
    shares = {label: count / 3000 for label, count in Counter(one for _, one in made).items()}
    assert abs(shares["neutral"] - 0.4) < 0.05
    assert abs(shares["negative"] - 0.3) < 0.05


def test_every_template_gives_several_sentences() -> None:
    rng = random.Random(0)
    for line in (WORK + TALK + MORE).splitlines():
        assert line[:2] in ("+ ", "- ", "0 "), line
        texts = {filled(line[2:], rng) for _ in range(40)}
        assert len(texts) > 1 or "{" not in line, line
        assert not any("{" in text or not text for text in texts), line


def test_a_word_that_pleases_or_hurts_is_no_fact() -> None:
    assert leaning("The train leaves at nine.") == "none"
    assert leaning("What a wonderful view.") == "glad"
    assert leaning("He was killed in the storm.") == "sorry"
    assert leaning("It is not a wonderful view.") == "mixed"
    assert leaning("Is it a wonderful view?") == "mixed"


def test_facts_and_distant_labels_come_out_of_running_text(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.tsv.gz"
    with gzip.open(pairs, "wt", encoding="utf-8") as lines:
        lines.write("The bus stops here.\tx\nI adore this town.\ty\nHe hates noise.\tz\n")
    captions, news, papers = (tmp_path / f"{name}.csv.gz" for name in ("c", "n", "p"))
    write_rows(captions, "image,caption", [("a.jpg", "Two dogs run on a beach .")])
    write_rows(
        news, "text", [("The group named a new chairman on Monday. Profit fell by 3 percent.",)]
    )
    write_rows(papers, "text", [("The powers of the States are numerous and indefinite.",)])
    found = {text: label for text, label, _ in natural_texts(pairs, pairs, captions, news, papers)}
    assert found == {
        "The bus stops here.": "neutral",
        "I adore this town.": "positive",
        "He hates noise.": "negative",
        "Two dogs run on a beach": "neutral",
        "The group named a new chairman on Monday.": "neutral",
        "The powers of the States are numerous and indefinite.": "neutral",
    }
    assert {text: label for text, label, _ in open_texts(pairs, pairs, papers)} == {
        text: found[text] for text in found if not text.startswith(("Two dogs", "The group"))
    }


def test_weights_for_any_use_are_learned_from_what_may_be_used_for_anything() -> None:
    recipe = open_recipe()
    assert set(recipe.shares) == set(OPEN)
    files = {file for source in OPEN for file in SOURCES[source][0]}
    assert {file.split("/")[0] for file in files} == {"translation", "federalist"}
    assert recipe.ngrams is None  # whose experts are one for each public set
    assert "Apache-2.0" in terms_of(recipe.shares).license
    for source in set(SOURCES) - set(OPEN):
        assert "research" in terms_of([*recipe.shares, source]).license, source
