"""Writes a translator as two ONNX graphs, the source's and one step; knows no words.

The host loops over the steps and keeps the states; a row's answer never depends on other rows.
"""

from collections.abc import Sequence

import numpy as np
import onnx

from app.training.common.graph import Graph
from app.training.common.recurrent import single_step
from app.training.common.search import TOP
from app.training.translate.network import MASKED, Translator

_NEVER = -1e30
_FEED = "feed"


def encoder_graph(network: Translator) -> onnx.ModelProto:
    """source_ids (batch, time) int64, lengths (batch,) int64 -> the first inputs of the decoder.

    Those are its states, `feed` (batch, embedding), `keys` and `values` (batch, time, size), and
    `mask` (batch, time).
    """
    o = network.options
    graph = Graph("encoder")
    source = graph.input("source_ids", np.int64, ("batch", "time"))
    lengths = graph.input("lengths", np.int64, ("batch",))
    steps = graph.op("Transpose", source, perm=[1, 0])  # (time, batch)
    embedding = graph.constant(network.embedding.weight, "embedding")
    words = graph.op("Gather", embedding, steps, axis=0)
    words = graph.op("Mul", words, np.array(network.embedding_scale, np.float32))
    outputs, _ = network.encoder.to_onnx(graph, words, lengths)
    size = network.encoder.output_size
    values = graph.op("Transpose", outputs, perm=[1, 0, 2])  # (batch, time, size)
    graph.output("values", values, np.float32, ("batch", "time", size))
    keys = graph.linear(values, network.keys)
    graph.output("keys", keys, np.float32, ("batch", "time", o.hidden_size))
    # Padding is zero behind a row's end. Summed along time, so that more of it changes no bit.
    total = graph.op("ReduceSum", outputs, np.array([0], np.int64), keepdims=0)
    count = graph.op("Cast", lengths, to=onnx.TensorProto.FLOAT)
    count = graph.op("Unsqueeze", count, np.array([1], np.int64))
    mean = graph.op("Div", total, count)
    first = graph.op("Tanh", graph.linear(mean, network.start))
    sizes = np.array(network.sizes, np.int64)
    parts = graph.op("Split", first, sizes, outputs=len(sizes), axis=1)
    for name, part, width in zip(network.cell.states, parts, network.sizes, strict=True):
        graph.output(name, part, np.float32, ("batch", width))
    zeros = np.zeros((1, o.embedding_size), np.float32)
    rows = graph.op("Shape", source, start=0, end=1)
    shape = graph.op("Concat", rows, np.array([o.embedding_size], np.int64), axis=0)
    feed = graph.op("Expand", zeros, shape)
    graph.output(_FEED, feed, np.float32, ("batch", o.embedding_size))
    inside = graph.op("Squeeze", graph.valid_steps(steps, lengths), np.array([2], np.int64))
    inside = graph.op("Transpose", inside, perm=[1, 0])  # (batch, time)
    mask = graph.op("Where", inside, np.array(0, np.float32), np.array(MASKED, np.float32))
    graph.output("mask", mask, np.float32, ("batch", "time"))
    return graph.build()


def decoder_graph(network: Translator, never: Sequence[int]) -> onnx.ModelProto:
    """One step for any number of rows, the likeliest `TOP` words found inside.

    token_ids (rows,) int64, what `encoder_graph` gives -> log_probabilities (rows, TOP) float32
    from the likeliest down, next_token_ids (rows, TOP) int64, `next_` states and attention (rows,
    time). The ids `never` are not answered.

    Raises:
        ValueError: there are fewer other ids than `TOP`.
    """
    o = network.options
    if o.vocabulary_size - len(never) < TOP:
        raise ValueError(f"{o.vocabulary_size} tokens are too few: a step answers {TOP} of them")
    graph = Graph("decoder")
    size = network.encoder.output_size
    tokens = graph.input("token_ids", np.int64, ("rows",))
    names = network.cell.states
    shapes = [("rows", width) for width in network.sizes]
    state = [graph.input(n, np.float32, s) for n, s in zip(names, shapes, strict=True)]
    feed = graph.input(_FEED, np.float32, ("rows", o.embedding_size))
    values = graph.input("values", np.float32, ("rows", "time", size))
    mask = graph.input("mask", np.float32, ("rows", "time"))
    embedding = graph.constant(network.embedding.weight, "embedding")
    word = graph.op("Gather", embedding, tokens, axis=0)
    word = graph.op("Mul", word, np.array(network.embedding_scale, np.float32))
    with graph.scope("cell"):
        new = single_step(graph, network.cell, graph.op("Concat", word, feed, axis=1), state)
    for name, value, shape in zip(names, new, shapes, strict=True):
        graph.output(f"next_{name}", value, np.float32, shape)
    with graph.scope("attention"):
        weights = _weights(graph, network, new[0], mask)
        line = graph.op("Unsqueeze", weights, np.array([1], np.int64))
        seen = graph.op("Squeeze", graph.op("MatMul", line, values), np.array([1]))
    graph.output("attention", weights, np.float32, ("rows", "time"))
    with graph.scope("words"):
        joined = graph.op("Concat", new[0], seen, axis=1)
        spoken = graph.op("Tanh", graph.linear(joined, network.combine))
        graph.output(f"next_{_FEED}", spoken, np.float32, ("rows", o.embedding_size))
        bias = network.bias.detach().clone()
        bias[list(never)] = _NEVER
        logits = graph.op("Gemm", spoken, embedding, graph.constant(bias, "bias"), transB=1)
        logs = graph.op("LogSoftmax", logits, axis=1)
        best, ids = graph.op("TopK", logs, np.array([TOP], np.int64), outputs=2, axis=1)
    graph.output("log_probabilities", best, np.float32, ("rows", TOP))
    graph.output("next_token_ids", ids, np.int64, ("rows", TOP))
    return graph.build()


def _weights(graph: Graph, network: Translator, hidden: str, mask: str) -> str:
    """(rows, time), as `Translator` computes them."""
    o = network.options
    if o.attention == "none":
        return graph.op("Softmax", mask, axis=1)
    keys = graph.input("keys", np.float32, ("rows", "time", o.hidden_size))
    if o.attention == "additive":
        query = graph.linear(hidden, network.query)
        query = graph.op("Unsqueeze", query, np.array([1], np.int64))
        mixed = graph.op("Tanh", graph.op("Add", keys, query))
        scores = graph.linear(mixed, network.energy)  # (rows, time, 1)
    else:
        # every row has a product of its own, always of the same shape
        column = graph.op("Unsqueeze", hidden, np.array([2], np.int64))
        scores = graph.op("MatMul", keys, column)  # (rows, time, 1)
        scores = graph.op("Mul", scores, np.array(o.hidden_size**-0.5, np.float32))
    flat = graph.op("Squeeze", scores, np.array([2], np.int64))
    return graph.op("Softmax", graph.op("Add", flat, mask), axis=1)
