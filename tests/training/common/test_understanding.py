"""When a version gets a table of characters, and when it is better without one."""

from app.features.familiarity import FAMILIARITY_FILE
from app.training.common.understanding import THRESHOLD, fit_understanding
from app.training.sentiment.everyday_texts import everyday_texts

TEXTS = [text for text, _ in everyday_texts(1500)]


def test_texts_in_a_language_get_a_table_and_a_threshold() -> None:
    told = fit_understanding([TEXTS[:700], TEXTS[700:]], (0.2, 0.8))
    assert list(told.files) == [FAMILIARITY_FILE]
    assert told.options is not None
    assert (told.options.threshold, told.options.base_rates) == (THRESHOLD, (0.2, 0.8))


def test_a_handful_of_texts_gets_none() -> None:
    told = fit_understanding([TEXTS[:8]])
    assert (dict(told.files), told.options) == ({}, None)


def test_texts_in_letters_that_the_table_has_not_get_none() -> None:
    told = fit_understanding([["Сегодня вторник, и поезд опять опоздал на час."] * 200])
    assert (dict(told.files), told.options) == ({}, None)
