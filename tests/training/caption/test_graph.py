"""The graphs of a captioner against the torch network, and each row against itself alone."""

from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from app.training.caption.decode import SearchOptions, beam_search
from app.training.caption.graph import decoder_graph, start_graph
from app.training.caption.network import Captioner, CaptionerOptions
from app.training.caption.words import BOS, EOS, PAD, UNK
from app.training.common.graph import Graph
from app.training.common.search import TOP
from app.training.common.storage import halved, rounded

CELLS = ("gru", "lstm", "peephole_lstm", "working_memory_lstm")
GRID = (3, 4)
CHANNELS = 40
Array = NDArray[Any]


@cache
def network(cell: str, attention: int) -> Captioner:
    torch.manual_seed(7)
    made = Captioner(
        CaptionerOptions(
            vocabulary_size=61,
            channels=CHANNELS,
            cell=cell,
            embedding_size=32,
            hidden_size=48,
            attention_size=attention,
        )
    )
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3)
    return rounded(made).eval()


@cache
def session(cell: str, attention: int, kind: str) -> onnxruntime.InferenceSession:
    build = start_graph if kind == "start" else decoder_graph
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        halved(build(network(cell, attention), GRID)), options, providers=["CPUExecutionProvider"]
    )


def run(one: onnxruntime.InferenceSession, feeds: dict[str, Array]) -> dict[str, Array]:
    names = [output.name for output in one.get_outputs()]
    return dict(zip(names, one.run(names, feeds), strict=True))


def features(rows: int) -> Array:
    return np.random.default_rng(8).normal(size=(rows, CHANNELS, *GRID)).astype(np.float32)


def step_once(cell: str, attention: int, rows: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Inputs and outputs of a step after the begin."""
    begun = run(session(cell, attention, "start"), {"features": features(rows)})
    begun["token_ids"] = np.full(rows, BOS, np.int64)
    return begun, run(session(cell, attention, "decoder"), begun)


@pytest.mark.parametrize("attention", [0, 24], ids=["pooled", "attends"])
@pytest.mark.parametrize("cell", CELLS)
def test_graphs_and_network_agree(cell: str, attention: int) -> None:
    torch_network = network(cell, attention)
    maps = torch.from_numpy(features(5))
    with torch.no_grad():
        context, state = torch_network.begin(maps.mean((2, 3)), maps.flatten(2).transpose(1, 2))
        tokens = torch.full((5,), BOS)
        new, logs, weights = torch_network.next_words(context, state, tokens)
    feeds, found = step_once(cell, attention, 5)
    states = torch_network.cell.states
    expected = {"image": context.image, **dict(zip(states, state, strict=True))}
    if context.keys is not None and context.values is not None:
        expected |= {"keys": context.keys, "values": context.values}
    assert feeds.keys() == expected.keys() | {"token_ids"}
    for name, value in expected.items():
        np.testing.assert_allclose(feeds[name], value.numpy(), rtol=1e-4, atol=1e-5)
    top, ids = logs.topk(TOP, dim=1)
    np.testing.assert_allclose(found["log_probabilities"], top.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found["next_token_ids"], ids.numpy())
    for name, value in zip(states, new, strict=True):
        np.testing.assert_allclose(found[f"next_{name}"], value.numpy(), rtol=1e-4, atol=1e-5)
    if weights is not None:
        np.testing.assert_allclose(found["attention"], weights.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("attention", [0, 24], ids=["pooled", "attends"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_row_is_the_same_to_the_bit_beside_any_others(cell: str, attention: int) -> None:
    many = 19
    feeds, found = step_once(cell, attention, many)
    maps = features(many)
    for rows in ([0], [many - 1], [7, 3], list(range(4, 13))):
        begun = run(session(cell, attention, "start"), {"features": maps[rows]})
        for name, value in begun.items():
            np.testing.assert_array_equal(value, feeds[name][rows], err_msg=name)
        some = {name: value[rows] for name, value in feeds.items()}
        for name, value in run(session(cell, attention, "decoder"), some).items():
            np.testing.assert_array_equal(value, found[name][rows], err_msg=name)


@pytest.mark.parametrize("cell", CELLS)
def test_following_the_step_graph_is_the_greedy_search(cell: str) -> None:
    maps = features(4)
    torch_network = network(cell, 0)
    options = SearchOptions(beam_width=1, max_length=9, length_penalty=0.0, no_repeat_ngram=0)
    with torch.no_grad():
        greedy = beam_search(torch_network, torch.from_numpy(maps).mean((2, 3)), None, options)
    feeds = run(session(cell, 0, "start"), {"features": maps})
    tokens = np.full(len(maps), BOS, np.int64)
    said: list[list[int]] = [[] for _ in maps]
    for _ in range(options.max_length):
        found = run(session(cell, 0, "decoder"), feeds | {"token_ids": tokens})
        tokens = found["next_token_ids"][:, 0]
        feeds |= {name: found[f"next_{name}"] for name in torch_network.cell.states}
        for ids, token in zip(said, tokens.tolist(), strict=True):
            ids.append(token)
    for ids, plain in zip(said, greedy, strict=True):
        assert (ids[: ids.index(EOS)] if EOS in ids else ids) == plain


def test_special_words_are_never_answered() -> None:
    network("gru", 0)
    _, found = step_once("gru", 0, 8)
    assert not np.isin(found["next_token_ids"], [PAD, BOS, UNK]).any()
    assert (np.diff(found["log_probabilities"], axis=1) <= 0).all()


def test_a_vector_is_no_map() -> None:
    plain = start_graph(network("gru", 0), None).SerializeToString()
    vectors = features(2).mean((2, 3))
    one = onnxruntime.InferenceSession(plain, providers=["CPUExecutionProvider"])
    pooled = run(session("gru", 0, "start"), {"features": features(2)})["image"]
    found = run(one, {"features": vectors})["image"]
    np.testing.assert_allclose(found, pooled, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="needs a feature map"):
        start_graph(network("gru", 24), None)


def test_a_vocabulary_of_a_few_words_is_refused() -> None:
    few = Captioner(CaptionerOptions(vocabulary_size=TOP + 2, channels=4))
    with pytest.raises(ValueError, match="13 tokens are too few: a step answers 11"):
        decoder_graph(few, None)


def test_halving_keeps_small_weights_and_halves_large_ones() -> None:
    graph = Graph("weights")
    value = graph.input("value", np.float32, ("rows", 64))
    rng = np.random.default_rng(1)
    large = rng.normal(size=(64, 64)).astype(np.float16).astype(np.float32)
    small = rng.normal(size=64).astype(np.float32)
    result = graph.op("Add", graph.op("MatMul", value, large), small)
    graph.output("result", result, np.float32, ("rows", 64))
    model = graph.build()
    half = halved(model)
    kept = {t.data_type for t in onnx.load_from_string(half).graph.initializer}
    assert kept == {onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT}
    assert len(half) < 0.6 * model.ByteSize()
    rows = rng.normal(size=(3, 64)).astype(np.float32)
    answers = [
        run(
            onnxruntime.InferenceSession(stored, providers=["CPUExecutionProvider"]),
            {"value": rows},
        )["result"]
        for stored in (model.SerializeToString(), half)
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
