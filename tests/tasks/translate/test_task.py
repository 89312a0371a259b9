"""The translate task on a random network: against torch, alone and with others, what is refused."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput, ModelRefused
from app.features.text import TOKENIZER_FILE
from app.serving.runtime.session import Session
from app.tasks.translate.features import END, TranslateFeatures
from app.tasks.translate.task import DECODER, ENCODER, TranslateTask
from app.training.common.repetition import repeats
from app.training.translate.search import SearchOptions, translations_of
from tests.captioner import relisted
from tests.translator import (
    FEATURES,
    TEXTS,
    graphs,
    network,
    subwords,
    translate_task,
    write_translator,
)

TASK = translate_task()
WORDS = [
    *("A", "man", "woman", "walks", "in", "the", "park", "dogs", "run", "over", "green", "grass"),
    *("cat", "sleeps", "42", "Łódź", "and"),
]
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)


def text_of(task: TranslateTask, text: str, target: str = "de", **options: Any) -> str:
    (found,) = task.predict([task.encode(text, target, **options)])
    return found.candidates[0].text


@settings(max_examples=15)
@given(st.lists(SENTENCES, min_size=1, max_size=4), st.sampled_from([1, 2, 5]))
def test_the_service_says_what_the_torch_network_says(texts: list[str], width: int) -> None:
    options = SearchOptions(beam_width=width, max_length=20)
    known = subwords()
    rows = [known.source(known.encode(text), "fr") for text in texts]
    expected = translations_of(network(), rows, "fr", known, options)
    examples = [TASK.encode(text, "fr", beam_width=width) for text in texts]
    assume(all(len(each.sentences) == 1 for each in examples))  # long ones are cut
    assert [each.candidates[0].text for each in TASK.predict(examples)] == expected


REQUESTS = st.fixed_dictionaries(
    {
        "text": st.lists(SENTENCES, min_size=1, max_size=3).map(". ".join),
        "target": st.sampled_from(["de", "fr"]),
        "beam_width": st.integers(1, 5),
        "max_length": st.integers(1, 10),
        "attention": st.booleans(),
    }
)


@settings(max_examples=20)
@given(st.lists(REQUESTS, min_size=1, max_size=5), st.data())
def test_runs_that_join_or_leave_change_no_bit(
    requests: Sequence[dict[str, Any]], data: st.DataObject
) -> None:
    examples = [TASK.encode(**request) for request in requests]
    alone = [json.dumps(TASK.predict([each])[0].to_json()) for each in examples]
    together = [json.dumps(each.to_json()) for each in TASK.predict(examples)]
    assert together == alone

    waiting = list(enumerate(examples))
    runs: list[tuple[int, Any]] = []
    while waiting or any(not run.finished for _, run in runs):
        going = [(index, run) for index, run in runs if not run.finished]
        if batch := waiting[: data.draw(st.integers(0 if going else 1, 3))]:
            del waiting[: len(batch)]
            begun = TASK.begin([example for _, example in batch])
            new = [(index, run) for (index, _), run in zip(batch, begun, strict=True)]
            runs += new
            going += new
        if len(going) > 1 and data.draw(st.booleans()):
            left = going.pop(data.draw(st.integers(0, len(going) - 1)))  # as if it was cancelled
            runs.remove(left)
        TASK.step([run for _, run in going])
    for index, run in runs:
        assert json.dumps(run.prediction().to_json()) == alone[index]


def test_a_longer_source_beside_it_changes_no_bit() -> None:
    """Sums over the source must not depend on how far others are padded."""
    task = translate_task(FEATURES.model_copy(update={"max_source": 400}))
    longer = task.encode("the green grass " * 60, "de", attention=True)
    assert len(longer.sentences) == 1
    for words in range(1, 30, 3):
        example = task.encode(" ".join((WORDS * 2)[:words]), "de", attention=True)
        together = task.predict([longer, example])[1].to_json()
        assert json.dumps(together) == json.dumps(task.predict([example])[0].to_json())


def test_sentences_are_translated_one_by_one() -> None:
    first, second = "A man walks.", "Two dogs run!"
    whole = text_of(TASK, f" {first}\n\n{second} ")
    assert whole == f"{text_of(TASK, first)}\n\n{text_of(TASK, second)}"
    (found,) = TASK.predict(
        [TASK.encode(f"{first} {second}", "de", num_translations=2, attention=True)]
    )
    parts = [
        TASK.predict([TASK.encode(each, "de", num_translations=2, attention=True)])[0]
        for each in (first, second)
    ]
    for rank, candidate in enumerate(found.candidates):
        chosen = [part.candidates[rank] for part in parts]
        assert candidate.text == " ".join(each.text for each in chosen)
        assert candidate.score == pytest.approx(sum(each.score for each in chosen))
    answer: Any = found.to_json()
    expected: list[Any] = [part.to_json()["attention"] for part in parts]
    assert answer["attention"] == [each for part in expected for each in part]


def test_a_sentence_that_is_too_long_is_cut() -> None:
    text = " ".join(WORDS * 8)
    example = TASK.encode(text, "de")
    assert len(example.sentences) > 3
    assert all(len(each.source) <= FEATURES.max_source for each in example.sentences)
    assert all(each.source[-1] == END for each in example.sentences)
    said = [subwords().decode(list(each.source[1:-1])) for each in example.sentences]
    assert " ".join(said) == text
    noise = TASK.encode("漢" * 300, "de")
    assert sum(len(each.source) - 2 for each in noise.sentences) >= 900
    assert all(len(each.source) <= FEATURES.max_source for each in noise.sentences)


def test_attention_sums_up_to_one_per_word() -> None:
    for attention in ("multiplicative", "additive", "none"):
        task = translate_task(attention=attention)
        (found,) = task.predict([task.encode("A man in Łódź walks.", "fr", attention=True)])
        answer: Any = found.to_json()
        (part,) = answer["attention"]
        assert part["source"][0] == "<2fr>"
        assert part["source"][-1] == "</s>"
        assert part["words"]
        for each in part["words"]:
            assert len(each["weights"]) == len(part["source"])
            assert sum(each["weights"]) == pytest.approx(1.0, abs=1e-5)
        said = "".join(each["word"] for each in part["words"])
        assert said.replace(" ", "") == answer["text"].replace(" ", "")


def test_words_are_told_as_they_are_found() -> None:
    for text in ("A man walks. Two dogs!\nA cat sleeps.", "the 42 dogs", "漢字 and Łódź"):
        told: list[str] = []
        example = TASK.encode(text, "de", beam_width=1)
        (run,) = TASK.begin([replace(example, listener=told.append)])
        while not run.finished:
            TASK.step([run])
        assert "".join(told) == run.prediction().candidates[0].text
        assert all(told)


def test_no_phrase_is_said_twice() -> None:
    again = 0
    for text in TEXTS:
        free = text_of(TASK, text, no_repeat_ngram=0)
        again += repeats(free.lower().split())
        assert not repeats(text_of(TASK, text, no_repeat_ngram=2).lower().split(), 2)
    assert again >= 0


@pytest.mark.parametrize("text", ["A man.", "Łódź 漢字 \U0001f600", "</s> <2de> <0x41>", "\ud800x"])
def test_any_text_is_read_and_written_back(text: str) -> None:
    known = subwords()
    ids = known.encode(text)
    assert known.decode(ids) == text.replace("\ud800", "\ufffd")
    assert known.never.isdisjoint(ids)
    assert END not in ids


@pytest.mark.parametrize(
    ("options", "field", "allowed"),
    [
        ({"text": ""}, "text", "a text that is not empty"),
        ({"text": " \n "}, "text", "a text that is not empty"),
        ({"text": "A. " * 201}, "text", "at most 200 sentences in a text"),
        ({"target": "es"}, "target", "one of de, fr"),
        ({"source": "de"}, "source", "en, or null"),
        ({"beam_width": 11}, "beam_width", "a whole number, 1 to 10"),
        ({"num_translations": 6}, "num_translations", "a whole number, 1 to 5 (beam_width)"),
        ({"max_length": 21}, "max_length", "a whole number, 1 to 20"),
        ({"length_penalty": 6.0}, "length_penalty", "a number, 0 to 5"),
        ({"no_repeat_ngram": 11}, "no_repeat_ngram", "a whole number, 0 to 10"),
    ],
)
def test_what_cannot_be_answered(options: dict[str, Any], field: str, allowed: str) -> None:
    request: dict[str, Any] = {"text": "A man.", "target": "de"} | options
    with pytest.raises(InvalidInput) as caught:
        TASK.encode(**request)
    assert (caught.value.field, caught.value.allowed) == (field, allowed)


def test_languages_that_there_are_are_named() -> None:
    with pytest.raises(InvalidInput, match="it knows en to de, en to fr"):
        TASK.encode("A man.", "es")
    assert (
        TASK.encode("A man.", "de", source="en").sentences == TASK.encode("A man.", "de").sentences
    )


def load(folder: Path, **changes: Any) -> TranslateTask:
    manifest = relisted(folder)
    manifest = manifest.model_copy(update={"features": manifest.features | changes})
    return TranslateTask.load(folder, manifest, lambda name: Session((folder / name).read_bytes()))


def test_a_version_loads_and_others_are_refused(tmp_path: Path) -> None:
    folder = write_translator(tmp_path)
    assert text_of(load(folder), "A man.") == text_of(TASK, "A man.")
    with pytest.raises(ModelRefused, match=r"does not begin with <pad> </s> <2es>"):
        load(folder, targets=["es"])
    (folder / ENCODER).write_bytes(graphs()[1])
    with pytest.raises(ModelRefused, match=r"encoder\.onnx has no output hidden_state"):
        load(folder)
    (folder / ENCODER).write_bytes(graphs()[0])
    (folder / DECODER).write_bytes(graphs()[0])
    with pytest.raises(ModelRefused, match=r"decoder\.onnx has no input token_ids"):
        load(folder)
    (folder / TOKENIZER_FILE).unlink()
    with pytest.raises(ModelRefused, match=r"does not list tokenizer\.json"):
        load(folder)


@pytest.mark.parametrize("cell", ["lstm", "layernorm_lstm", "slstm"])
def test_other_cells_translate_too(cell: str) -> None:
    task = translate_task(cell=cell)
    known = subwords()
    rows = [known.source(known.encode("A man walks."), "de")]
    options = SearchOptions(beam_width=2, max_length=20)
    expected = translations_of(network(cell=cell), rows, "de", known, options)
    assert [text_of(task, "A man walks.", beam_width=2)] == expected


def test_features_are_checked() -> None:
    with pytest.raises(ValueError, match="targets"):
        TranslateFeatures(source="en", targets=())
    assert np.isfinite(FEATURES.length_penalty)
