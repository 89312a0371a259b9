"""The share of a text that is in a language: what holds for any table, and one of two languages."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import ModelRefused
from app.features.familiarity import FAMILIARITY_FILE, Familiarity, fit_familiarity
from app.training.sentiment.everyday_judged import EVERYDAY
from app.training.sentiment.everyday_select import SELECT
from app.training.sentiment.everyday_texts import everyday_texts

FOREIGN = (
    "der Zug kommt um neun und wir müssen zum Bahnhof gehen",
    "jestem bardzo zadowolony z tego zakupu",
    "très déçu, le colis n'est jamais arrivé",
)


@pytest.fixture(scope="module")
def table() -> Familiarity:
    learned = [*(text for text, _ in everyday_texts(3000)), *(text for text, _ in SELECT)]
    return fit_familiarity(learned[::2], learned[1::2])


def test_one_language_is_told_from_others(table: Familiarity) -> None:
    judged = [text for several in EVERYDAY.values() for text, _ in several]
    shares = [table.understood(text) for text in judged]
    assert np.median(shares) > 0.9
    assert np.mean(np.array(shares) < 0.5) < 0.2
    for text in FOREIGN:
        assert table.understood(text) < 0.5, text


def test_half_of_a_text_is_half_understood(table: Familiarity) -> None:
    english = "we should not have left the dog alone in the garden near the old station"
    both = table.understood(f"{english} {FOREIGN[1]} {FOREIGN[1]}")
    assert 0.2 < both < 0.8


@pytest.mark.parametrize("text", ["", " ", ":-)", "12 + 7 = 19", "\U0001f600\U0001f600", "...!"])
def test_nothing_is_understood_without_letters(table: Familiarity, text: str) -> None:
    assert table.understood(text) == 0.0


@pytest.mark.parametrize("text", ["とても良い", "Привет, как дела?", "هذا رائع", "很好"])
def test_nothing_is_understood_of_another_script(table: Familiarity, text: str) -> None:
    assert table.understood(text) < 0.01


def test_links_handles_and_markup_do_not_count(table: Familiarity) -> None:
    plain = table.understood("the dog is at the station")
    marked = table.understood("@qxzvwk the dog is<br />at the station http://qx.zz/kqv")
    assert marked == pytest.approx(plain)


@settings(max_examples=200)
@given(st.text())
def test_any_text_has_a_share(text: str) -> None:
    table = Familiarity(np.full((30,) * 4, 40, np.uint8), 2.5, 3.0, 0.2)
    assert 0.0 <= table.understood(text) <= 1.0


def test_a_table_comes_back_from_its_file(table: Familiarity, tmp_path: Path) -> None:
    path = tmp_path / FAMILIARITY_FILE
    path.write_bytes(table.to_bytes())
    again = Familiarity.load(path)
    np.testing.assert_array_equal(again.bits, table.bits)
    assert (again.usual, again.limit, again.width) == (table.usual, table.limit, table.width)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FAMILIARITY_FILE
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"characters\.npz is no table"):
        Familiarity.load(path)


def test_a_table_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FAMILIARITY_FILE
    np.savez(path, bits=np.zeros((2, 2), np.uint8), scale=np.array([2.0, 3.0, 0.1]))
    with pytest.raises(ModelRefused, match=r"not uint8 \(30, 30, 30, 30\)"):
        Familiarity.load(path)
