"""The caption task on tiny graphs: options, shared steps, versions that are refused."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InferenceFailed, InvalidInput, ModelRefused
from app.features.image import normalised
from app.serving.models.manifest import read_manifest
from app.serving.runtime.session import Session
from app.tasks.caption.features import BOS, EOS, VOCABULARY_FILE, read_vocabulary, text_of
from app.tasks.caption.run import CaptionExample, CaptionPrediction
from app.tasks.caption.task import DECODER, ENCODER, START, CaptionTask
from app.training.common.repetition import repeats
from tests.captioner import (
    ATTENDING,
    FEATURES,
    IMAGE,
    WORDS,
    as_text,
    caption_task,
    decoder_graph,
    encoder_graph,
    graphs,
    png,
    relisted,
    start_graph,
    write_captioner,
)

TASK = caption_task()
ATTENTIVE = caption_task(ATTENDING)


def by_hand(example: CaptionExample) -> list[str]:
    """The greedy caption, from the sessions alone, one row, nothing shared."""
    encoder, start, decoder = (Session(graphs()[name]) for name in (ENCODER, START, DECODER))
    pixels = normalised(example.pixels[None], IMAGE.options())
    state = start.run(encoder.run({"pixels": pixels}))
    token, words = BOS, list[str]()
    while len(words) < example.search.max_length:
        out = decoder.run({"token_ids": np.array([token], np.int64), **state})
        state["hidden_state"] = out["next_hidden_state"]
        ranked = out["next_token_ids"][0].tolist()
        token = ranked[1] if ranked[0] == EOS and not words else ranked[0]
        if token == EOS:
            break
        words.append(WORDS[token])
    return words


@given(st.integers(0, 500))
def test_one_beam_is_greedy(seed: int) -> None:
    example = TASK.encode(png(seed), beam_width=1)
    (found,) = TASK.predict([example])
    assert list(found.candidates[0].words) == by_hand(example)


EXAMPLES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 10), st.integers(1, 7), st.booleans()),
    min_size=1,
    max_size=7,
)


def encoded(options: Sequence[tuple[int, int, int, bool]]) -> list[CaptionExample]:
    return [
        ATTENTIVE.encode(
            png(seed), beam_width=width, num_captions=width, max_length=length, attention=attention
        )
        for seed, width, length, attention in options
    ]


def as_json(predictions: Sequence[CaptionPrediction]) -> list[str]:
    return [json.dumps(each.to_json()) for each in predictions]


@given(EXAMPLES, st.data())
def test_runs_that_join_or_leave_change_no_bit(
    options: list[tuple[int, int, int, bool]], data: st.DataObject
) -> None:
    examples = encoded(options)
    alone = [as_json(ATTENTIVE.predict([example]))[0] for example in examples]
    assert as_json(ATTENTIVE.predict(examples)) == alone

    waiting = list(enumerate(examples))
    runs: list[tuple[int, Any]] = []
    while waiting or any(not run.finished for _, run in runs):
        going = [(index, run) for index, run in runs if not run.finished]
        joining = data.draw(st.integers(0 if going else 1, 3))
        if batch := waiting[:joining]:
            del waiting[:joining]
            begun = ATTENTIVE.begin([example for _, example in batch])
            new = [(index, run) for (index, _), run in zip(batch, begun, strict=True)]
            runs += new
            going += new
        if len(going) > 1 and data.draw(st.booleans()):
            left = going.pop(data.draw(st.integers(0, len(going) - 1)))  # as if it was cancelled
            runs.remove(left)
        ATTENTIVE.step([run for _, run in going])
    for index, run in runs:
        assert as_json([run.prediction()]) == [alone[index]]


def test_words_are_told_as_they_are_found() -> None:
    for seed in range(20):
        told: list[str] = []
        example = TASK.encode(png(seed), beam_width=1)
        listening = CaptionExample(example.pixels, example.search, False, told.append)
        (run,) = TASK.begin([listening])
        for step in itertools.count(1):
            TASK.step([run])
            if run.finished:
                break
            assert len(told) == step
        text = run.prediction().candidates[0].to_json()["text"]
        assert "".join(told) == text


def test_a_caption_says_no_phrase_twice_if_so_asked() -> None:
    endless = caption_task(FEATURES.model_copy(update={"max_length": 40}), ends=False)
    blocked = caption_task(
        FEATURES.model_copy(update={"max_length": 40, "no_repeat_ngram": 3}), ends=False
    )
    for seed in range(5):
        (free,) = endless.predict([endless.encode(png(seed))])
        assert repeats(free.candidates[0].words)
        for task, ngram in ((endless, 3), (blocked, None)):
            (found,) = task.predict([task.encode(png(seed), no_repeat_ngram=ngram)])
            assert len(found.candidates[0].words) == 40
            assert not repeats(found.candidates[0].words)


def test_the_answer() -> None:
    example = TASK.encode(png(2), beam_width=4, num_captions=3)
    answer = TASK.predict([example])[0].to_json()
    assert answer.keys() == {"text", "score", "candidates"}
    candidates: Any = answer["candidates"]
    assert len(candidates) == 3
    assert (answer["text"], answer["score"]) == (candidates[0]["text"], candidates[0]["score"])
    for each in candidates:
        assert each.keys() == {"text", "score", "probability", "truncated"}
        assert 0 < each["probability"] < 1
        assert each["truncated"] == (len(each["text"].replace(",", " ,").split()) == 7)


def test_attention_sums_up_to_one_per_word() -> None:
    (found,) = ATTENTIVE.predict([ATTENTIVE.encode(png(2), attention=True)])
    answer: Any = found.to_json()
    assert answer["attention"]["grid"] == [2, 2]
    words = answer["attention"]["words"]
    assert text_of([each["word"] for each in words]) == answer["text"]
    assert words
    for each in words:
        assert len(each["weights"]) == 4
        assert sum(each["weights"]) == pytest.approx(1.0)
    silent: Any = ATTENTIVE.predict([ATTENTIVE.encode(png(2))])[0].to_json()
    assert "attention" not in silent
    assert silent["text"] == answer["text"]


def test_base64_and_bytes_are_the_same() -> None:
    plain = TASK.encode(png(5)).pixels
    for text in (as_text(png(5)), f"data:image/png;base64,{as_text(png(5))}"):
        np.testing.assert_array_equal(TASK.encode(text).pixels, plain)


@pytest.mark.parametrize("text", ["", "!!!!", "YWJj", "data:image/png;base64,x", "YWJ", "ä"])
def test_texts_that_are_no_image(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TASK.encode(text)
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    ("options", "field", "allowed"),
    [
        ({"beam_width": 0}, "beam_width", "a whole number, 1 to 10"),
        ({"beam_width": 11}, "beam_width", "a whole number, 1 to 10"),
        ({"num_captions": 4}, "num_captions", "a whole number, 1 to 3 (beam_width)"),
        ({"num_captions": 0}, "num_captions", "a whole number, 1 to 3 (beam_width)"),
        ({"max_length": 8}, "max_length", "a whole number, 1 to 7"),
        ({"max_length": 0}, "max_length", "a whole number, 1 to 7"),
        ({"length_penalty": -0.1}, "length_penalty", "a number, 0 to 5"),
        ({"length_penalty": float("nan")}, "length_penalty", "a number, 0 to 5"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram", "a whole number, 0 to 10"),
        ({"no_repeat_ngram": 11}, "no_repeat_ngram", "a whole number, 0 to 10"),
        ({"attention": True}, "attention", "false for this model"),
        ({"max_pixels": 50}, "image", "at most 50 pixels in one image"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], field: str, allowed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TASK.encode(png(1), **options)
    assert (caught.value.field, caught.value.allowed) == (field, allowed)


def test_both_layouts_say_the_same() -> None:
    image = IMAGE.model_copy(update={"layout": "NHWC"})
    other = caption_task(FEATURES.model_copy(update={"image": image}))
    for seed in range(5):
        content = png(seed)
        found, expected = (t.predict([t.encode(content)])[0] for t in (other, TASK))
        assert found.to_json() == expected.to_json()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["a", "dog", ",", "a", "cat", "."], "a dog, a cat."),
        (["the", "man", "'s", "hat", "does", "n't", "fit"], "the man's hat doesn't fit"),
        (["t-shirt", "&", "jeans"], "t-shirt & jeans"),
        ([], ""),
    ],
)
def test_words_become_a_text(words: list[str], text: str) -> None:
    assert text_of(words) == text


def test_a_network_that_is_not_a_number_fails() -> None:
    broken = bytearray(decoder_graph())
    bias = np.float32(-1e30).tobytes()
    broken[broken.index(bias) : broken.index(bias) + 4] = np.float32(np.nan).tobytes()
    sessions = [Session(each) for each in (encoder_graph(), start_graph(), bytes(broken))]
    task = CaptionTask(FEATURES, WORDS, *sessions)
    with pytest.raises(InferenceFailed, match="not a number"):
        task.predict([task.encode(png(1))])


def load(folder: Path, **changes: Any) -> CaptionTask:
    manifest = relisted(folder)
    manifest = manifest.model_copy(update={"features": manifest.features | changes})
    return CaptionTask.load(folder, manifest, lambda name: Session((folder / name).read_bytes()))


def test_a_version_loads(tmp_path: Path) -> None:
    folder = write_captioner(tmp_path, features=ATTENDING)
    task = load(folder)
    assert task.attends
    golden = read_manifest(folder).golden[1]
    request: Any = golden.request
    assert task.predict([task.encode(**request)])[0].to_json() == golden.answer


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (VOCABULARY_FILE, b"[", "not JSON"),
        (VOCABULARY_FILE, b'{"a": 1}', "no list of words"),
        (VOCABULARY_FILE, b'["<pad>", "<bos>", "<eos>", "<unk>", 7]', "no list of words"),
        (VOCABULARY_FILE, b'["<bos>", "<pad>", "<eos>", "<unk>"]', "does not begin with <pad>"),
        (DECODER, encoder_graph(), "decoder.onnx has no output log_probabilities"),
        (START, encoder_graph(), "start.onnx has no output hidden_state"),
        (ENCODER, decoder_graph(), "encoder.onnx has 3 inputs, not one"),
    ],
)
def test_versions_that_do_not_fit_are_refused(
    tmp_path: Path, file: str, content: bytes, message: str
) -> None:
    folder = write_captioner(tmp_path)
    (folder / file).write_bytes(content)
    with pytest.raises(ModelRefused, match=message):
        load(folder)


def test_features_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = write_captioner(tmp_path)
    with pytest.raises(ModelRefused, match=r"decoder.onnx has no output attention"):
        load(folder, grid=[2, 2])
    with pytest.raises(ModelRefused, match=r"encoder.onnx has no output nothing"):
        load(folder, encoder_output="nothing")
    (folder / VOCABULARY_FILE).unlink()
    with pytest.raises(ModelRefused, match="does not list vocabulary"):
        load(folder)


def test_a_vocabulary_is_read(tmp_path: Path) -> None:
    path = tmp_path / VOCABULARY_FILE
    path.write_text(json.dumps(WORDS), encoding="utf-8")
    assert read_vocabulary(path) == WORDS
