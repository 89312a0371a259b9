"""The generate task on a random network: against the network by hand, alone and with others."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput, ModelRefused
from app.features.text import TOKENIZER_FILE
from app.serving.runtime.session import Session
from app.tasks.generate.features import BEGIN, Units
from app.tasks.generate.run import CHUNK
from app.tasks.generate.task import GRAPH, GenerateTask
from app.training.generate.units import fit_units
from tests.captioner import relisted
from tests.writer import FEATURES, TEXT, generate_task, graph, network, units, write_writer

TASK = generate_task()
ALPHABET = "".join(sorted(set(TEXT)))


def answer(task: GenerateTask, prompt: str, max_length: int, **options: Any) -> list[Any]:
    (found,) = task.predict([task.encode(prompt, max_length, **options)])
    samples: Any = found.to_json()["samples"]
    return list(samples)


def by_hand(text: str) -> list[float]:
    """The log-probability of each character, from the torch network in one go."""
    ids = units().encode(text, "text")
    with torch.no_grad():
        logits, _ = network()(torch.tensor([[BEGIN, *ids[:-1]]]).T)
    logits[:, :, BEGIN] = -torch.inf
    logs = torch.log_softmax(logits[:, 0], dim=1)
    return [float(logs[time, token]) for time, token in enumerate(ids)]


@settings(max_examples=15)
@given(st.text(ALPHABET, min_size=1, max_size=3 * CHUNK))
def test_a_prompt_is_scored_as_the_network_scores_it(prompt: str) -> None:
    (sample,) = answer(TASK, prompt, 0, log_probabilities=True)
    assert sample["text"] == ""
    assert sample["finish"] == "length"
    assert sample["characters"] == []
    assert "".join(each["text"] for each in sample["prompt"]) == prompt
    found = [each["log_probability"] for each in sample["prompt"]]
    np.testing.assert_allclose(found, by_hand(prompt), atol=2e-4)


@settings(max_examples=15)
@given(st.text(ALPHABET, max_size=CHUNK + 3), st.integers(0, 1000))
def test_what_is_written_is_scored_alike_when_it_is_read(prompt: str, seed: int) -> None:
    (sample,) = answer(TASK, prompt, 20, seed=seed, log_probabilities=True)
    assert len(sample["text"]) == 20
    assert "".join(each["text"] for each in sample["characters"]) == sample["text"]
    found = [each["log_probability"] for each in sample["prompt"] + sample["characters"]]
    np.testing.assert_allclose(found, by_hand(prompt + sample["text"]), atol=2e-4)


def test_a_temperature_of_zero_writes_the_likeliest() -> None:
    (sample,) = answer(TASK, "ab", 15, temperature=0.0)
    text = "ab"
    for character in sample["text"]:
        scores = {each: by_hand(text + each)[-1] for each in ALPHABET}
        assert scores[character] >= max(scores.values()) - 1e-4
        text += character


def test_the_same_seed_writes_the_same_text() -> None:
    texts = {answer(TASK, "ab", 30, seed=seed)[0]["text"] for seed in range(4)}
    assert len(texts) == 4
    assert answer(TASK, "ab", 30, seed=3) == answer(generate_task(), "ab", 30, seed=3)
    several = answer(TASK, "ab", 30, seed=3, num_samples=4)
    assert [each["seed"] for each in several] == [3, 4, 5, 6]
    for each in several:
        assert answer(TASK, "ab", 30, seed=each["seed"]) == [each]
    drawn = answer(TASK, "ab", 30)[0]
    assert answer(TASK, "ab", 30, seed=drawn["seed"]) == [drawn]


OPTIONS = st.fixed_dictionaries(
    {
        "prompt": st.text(ALPHABET, max_size=2 * CHUNK + 2),
        "max_length": st.integers(1, 12),
        "seed": st.integers(0, 100),
        "num_samples": st.integers(1, 3),
        "temperature": st.sampled_from([0.0, 0.7, 1.0]),
        "stop": st.sampled_from(["", "a", "ab", "\n"]).map(lambda each: [each] if each else []),
        "log_probabilities": st.just(True),
    }
)


@settings(max_examples=20)
@given(st.lists(OPTIONS, min_size=1, max_size=6), st.data())
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


@pytest.mark.parametrize("stop", ["a", "ab", ["d", "\n"], ["cab", "bd", "dd"], ["zzz"]])
def test_a_text_ends_before_the_first_stop(stop: str | list[str]) -> None:
    stops = [stop] if isinstance(stop, str) else stop
    for seed in range(12):
        (free,) = answer(TASK, "b", 40, seed=seed)
        (sample,) = answer(TASK, "b", 40, seed=seed, stop=stop, log_probabilities=True)
        places = [free["text"].find(each) for each in stops if each in free["text"]]
        if places:
            assert (sample["text"], sample["finish"]) == (free["text"][: min(places)], "stop")
        else:
            assert (sample["text"], sample["finish"]) == (free["text"], "length")
        assert "".join(each["text"] for each in sample["characters"]) == sample["text"]


@pytest.mark.parametrize("length", [0, 1, 2, 4])
def test_what_was_told_stays(length: int) -> None:
    """A stop that has begun may not be told, since it may not be part of the text."""
    for seed in range(4):
        (free,) = answer(TASK, "c", 30, seed=seed)
        stop = (free["text"][12 : 12 + length],) if length else ()  # there is one for sure
        told: list[str] = []
        plain = TASK.encode("c", 30, seed=seed, stop=stop)
        (whole,) = TASK.predict([plain])
        assert (whole.samples[0].finish == "stop") is bool(length)
        (run,) = TASK.begin([replace(plain, listener=told.append)])
        while not run.finished:
            TASK.step([run])
            assert whole.samples[0].text.startswith("".join(told))
        assert "".join(told) == whole.samples[0].text
        assert all(told)


@pytest.mark.parametrize(
    ("options", "field", "allowed"),
    [
        ({"prompt": "axyb"}, "prompt", "text of the 8 characters that the model has learned"),
        ({"prompt": "[begin]"}, "prompt", "text of the"),
        ({"prompt": "\ud800"}, "prompt", "text of the"),
        ({"max_length": 401}, "max_length", "a whole number, 0 to 400"),
        ({"max_length": -1}, "max_length", "a whole number, 0 to 400"),
        ({"max_length": 0}, "max_length", "1 to 400, or 0 with a prompt and log_probabilities"),
        (
            {"max_length": 0, "prompt": "", "log_probabilities": True},
            "max_length",
            "1 to 400, or 0 with a prompt and log_probabilities",
        ),
        ({"temperature": -0.1}, "temperature", "a number, 0 to 10"),
        ({"temperature": float("nan")}, "temperature", "a number, 0 to 10"),
        ({"top_k": 0}, "top_k", "a whole number, 1 to 8"),
        ({"top_k": 9}, "top_k", "a whole number, 1 to 8"),
        ({"top_p": 0.0}, "top_p", "a number, more than 0, up to 1"),
        ({"top_p": 1.1}, "top_p", "a number, more than 0, up to 1"),
        ({"seed": -1}, "seed", "a whole number, 0 to 9007199254740991"),
        ({"seed": 2**53}, "seed", "a whole number, 0 to 9007199254740991"),
        ({"num_samples": 17}, "num_samples", "a whole number, 1 to 16"),
        ({"stop": ""}, "stop", "texts of 1 to 64 characters, at most 8"),
        ({"stop": ["a", "b" * 65]}, "stop[1]", "texts of 1 to 64 characters, at most 8"),
        ({"stop": ["a"] * 9}, "stop", "texts of 1 to 64 characters, at most 8"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], field: str, allowed: str) -> None:
    request: dict[str, Any] = {"prompt": "ab", "max_length": 5} | options
    with pytest.raises(InvalidInput) as caught:
        TASK.encode(**request)
    assert caught.value.field == field
    assert caught.value.allowed.startswith(allowed)


def test_unknown_characters_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"does not know 'x', 'é'; the first one is at char.* 2"):
        TASK.encode("abéx", 5)


def test_pieces_of_words_are_written_too() -> None:
    text = "the cat sat on the mat. the cat ate. " * 20
    known = Units(fit_units(text, "subword", 40))
    assert "the" in known.pieces or " the" in known.pieces
    for sample in (text, "mat the", "t h e"):
        assert "".join(known.pieces[each] for each in known.encode(sample, "text")) == sample
    with pytest.raises(InvalidInput, match="'z'"):
        known.encode("the zoo", "text")


def load(folder: Path, **changes: Any) -> GenerateTask:
    manifest = relisted(folder)
    manifest = manifest.model_copy(update={"features": manifest.features | changes})
    return GenerateTask.load(folder, manifest, lambda name: Session((folder / name).read_bytes()))


def test_defaults_are_those_of_the_manifest(tmp_path: Path) -> None:
    task = load(write_writer(tmp_path, temperature=0.0, top_k=3, top_p=0.5))
    example = task.encode("ab", 5)
    assert example.sampling.temperature == 0
    assert (example.sampling.top_k, example.sampling.top_p) == (3, 0.5)
    assert task.encode("ab", 5, temperature=1.0).sampling.temperature == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("abc", "knows 9 units, tokenizer.json has 4"), (TEXT + "e", "tokenizer.json has 10")],
)
def test_units_that_do_not_fit_are_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = write_writer(tmp_path)
    fit_units(text, "character", 0).save(str(folder / TOKENIZER_FILE))
    with pytest.raises(ModelRefused, match=message):
        load(folder)


def test_other_files_are_refused(tmp_path: Path) -> None:
    folder = write_writer(tmp_path)
    good = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
    for content, message in (
        ("{", "is no tokeniser"),
        (good.replace("[begin]", "[start]"), r"is not \[begin\]"),
    ):
        (folder / TOKENIZER_FILE).write_text(content, encoding="utf-8")
        with pytest.raises(ModelRefused, match=message):
            load(folder)
    (folder / TOKENIZER_FILE).unlink()
    with pytest.raises(ModelRefused, match=r"does not list tokenizer\.json"):
        load(folder)


@pytest.mark.parametrize("cell", ["gru", "peephole_lstm", "mlstm"])
def test_other_cells_write_too(cell: str) -> None:
    task = GenerateTask(FEATURES, units(), Session(graph(cell, 1)))
    assert len(answer(task, "ab", 10)[0]["text"]) == 10
    assert GRAPH == "model.onnx"
