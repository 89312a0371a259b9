"""Sentence pairs: how a TSV is split, made-up names; and what translations are worth."""

from pathlib import Path

import numpy as np
import pytest

from app.training.translate.copying import has_names, with_new_names
from app.training.translate.data import read_pairs
from app.training.translate.scores import bleu, chrf, signatures


def test_a_tsv_is_split_by_its_sources(tmp_path: Path) -> None:
    lines = [f"number {n // 2}\tNummer {n // 2} {n}\tmore" for n in range(3000)]
    (tmp_path / "numbers.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (corpus,) = read_pairs([f"{tmp_path / 'numbers.tsv'}:en-de"]).corpora
    assert (corpus.name, corpus.target) == ("numbers", "de")
    assert 2 <= len(corpus.val) <= 60
    assert len(corpus.train) + len(corpus.val) == 3000
    assert not {one for one, _ in corpus.train} & {one for one, _ in corpus.val}
    assert corpus.train[0] == ("number 0", "Nummer 0 0")


def test_names_are_replaced_on_both_sides() -> None:
    draw = np.random.default_rng(0)
    pair = ("Tom saw 3 dogs in Boston with Anna.", "Tom sah 3 Hunde in Boston mit Anne.")
    for _ in range(20):
        one, other = with_new_names(pair, draw)
        new = one.split()
        assert new[1:2] + new[3:5] + new[6:] == ["saw", "dogs", "in", "with", "Anna."]
        assert other == f"{new[0]} sah {new[2]} Hunde in {new[5]} mit Anne."
        assert new[2].isdigit()
        assert (new[0], new[5]) != ("Tom", "Boston")
    assert has_names(pair)
    assert not has_names(("A dog.", "Ein Hund."))


def test_scores_are_those_of_sacrebleu() -> None:
    references = ["Ein Mann geht in den Park.", "Zwei Hunde."]
    assert bleu(references, references) == pytest.approx(100)
    assert chrf(references, references) == pytest.approx(100)
    assert bleu([each.lower() for each in references], references) < 90
    first, second = signatures()
    assert "tok:13a" in first
    assert "case:mixed" in second
