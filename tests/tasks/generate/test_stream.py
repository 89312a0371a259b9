"""A text that goes on: its parts are the whole, to the bit, whatever it is cut into."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.tasks.generate.run import CHUNK, GeneratePrediction
from app.tasks.generate.stream import TextStream, numbers_of
from app.tasks.generate.task import GenerateTask
from tests.writer import TEXT, generate_task

TASK = generate_task()
STREAM = TextStream(TASK)
ALPHABET = "".join(sorted(set(TEXT)))


def step(
    state: bytes, text: str = "", max_length: int = 0, task: GenerateTask = TASK, **options: Any
) -> tuple[bytes, GeneratePrediction]:
    """(where it has come to, what was answered)."""
    stream = STREAM if task is TASK else TextStream(task)
    example = task.encode_on(stream.read(state), text, max_length, **options)
    (prediction,) = task.predict([example])
    assert prediction.end is not None
    return stream.packed(prediction.end), prediction


def text_of(prediction: GeneratePrediction) -> str:
    return prediction.samples[0].text


@settings(max_examples=12)
@given(st.text(ALPHABET, max_size=CHUNK + 5), st.integers(0, 99), st.data())
def test_the_whole_is_its_parts(prompt: str, seed: int, data: st.DataObject) -> None:
    first = STREAM.first
    whole, answer = step(first, prompt, 24, seed=seed)
    cut, lengths = data.draw(st.integers(0, len(prompt))), data.draw(st.permutations([1, 7, 16]))
    state = step(first, prompt[:cut])[0] if cut else first
    state, part = step(state, prompt[cut:], lengths[0], seed=seed)
    texts = [text_of(part)]
    for length in lengths[1:]:
        state, part = step(state, max_length=length)
        texts.append(text_of(part))
    assert "".join(texts) == text_of(answer)
    assert state == whole


def test_a_stream_writes_what_one_request_writes() -> None:
    (known,) = TASK.predict([TASK.encode("abc", 30, seed=7, log_probabilities=True)])
    _, answer = step(STREAM.first, "abc", 30, seed=7, log_probabilities=True)
    assert answer.to_json() == known.to_json()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_does_not_matter_who_shares_the_batch(cell: str) -> None:
    task = generate_task(cell)
    stream = TextStream(task)
    first = stream.first
    alone, answer = step(first, "abc", 10, task, seed=3)
    others = [task.encode("dad", 15, seed=1, num_samples=3), task.encode("", 4, seed=2)]
    example = task.encode_on(stream.read(first), "abc", 10, seed=3)
    _, found, _ = task.predict([others[0], example, others[1]])
    assert found.end is not None
    assert stream.packed(found.end) == alone
    assert text_of(found) == text_of(answer)


def test_a_stop_ends_where_it_begins_and_the_text_goes_on_from_there() -> None:
    first = STREAM.first
    _, answer = step(first, "abc", 30, seed=7)
    whole = text_of(answer)
    stop = whole[11:14]
    place = whole.index(stop)
    state, before = step(first, "abc", 30, seed=7, stop=stop)
    assert (text_of(before), before.samples[0].finish) == (whole[:place], "stop")
    assert state == (step(first, "abc", place, seed=7)[0] if place else step(first, "abc")[0])
    # Without the stop it goes on as if there had been none.
    rest = step(state, max_length=30 - place, seed=None if place else 7)[1]
    assert text_of(before) + text_of(rest) == whole


def test_a_stop_at_once_writes_nothing() -> None:
    first = STREAM.first
    _, answer = step(first, "abc", 1, seed=7)
    state, stopped = step(first, "abc", 5, seed=7, stop=text_of(answer))
    assert text_of(stopped) == ""
    assert np.array_equal(
        STREAM.tensors_of(state)["last"], STREAM.tensors_of(step(first, "abc")[0])["last"]
    )


def test_random_numbers_go_on_and_begin_anew_with_a_seed() -> None:
    state, _ = step(STREAM.first, "abc", 10, seed=7)
    assert numbers_of(state) == (7, 10)
    assert numbers_of(step(state, "ab")[0]) == (7, 10)
    assert numbers_of(step(state, max_length=5)[0]) == (7, 15)
    assert numbers_of(step(state, max_length=5, seed=8)[0]) == (8, 5)
    assert numbers_of(STREAM.first) != numbers_of(STREAM.first)


def test_what_was_read_is_scored_across_requests() -> None:
    _, known = step(STREAM.first, "abcab", log_probabilities=True)
    state, first = step(STREAM.first, "abc", log_probabilities=True)
    _, second = step(state, "ab", log_probabilities=True)
    assert (first.prompt or ()) + (second.prompt or ()) == known.prompt


def test_nothing_to_do_is_refused() -> None:
    for options in ({}, {"text": "", "max_length": 0}):
        with pytest.raises(InvalidInput, match="nothing to read"):
            TASK.encode_on(STREAM.read(STREAM.first), **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as caught:
        TASK.encode_on(STREAM.read(STREAM.first), "abcX")
    assert caught.value.field == "text"


def test_states_as_tensors() -> None:
    state, _ = step(STREAM.first, "abc", 3)
    tensors = STREAM.tensors_of(state)
    assert STREAM.state_from(tensors) == state
    for broken in (
        {**tensors, "more": tensors["last"]},
        {name: each for name, each in tensors.items() if name != "seed"},
        {**tensors, "last": tensors["last"] + 1000},
    ):
        with pytest.raises(ValueError, match=r"state|unit"):
            STREAM.state_from(broken)
    with pytest.raises(ValueError, match="no state of"):
        STREAM.read(state[:-1])
