"""The translator in torch and in ONNX: training and stepping, attention of each kind."""

from typing import Any

import numpy as np
import pytest
import torch

from app.serving.runtime.session import Session
from app.tasks.translate.features import END
from app.training.translate.graph import decoder_graph, encoder_graph
from app.training.translate.network import (
    ATTENTIONS,
    Attention,
    Translator,
    TranslatorOptions,
    padded,
)
from tests.translator import network, subwords


def one_batch() -> Any:
    known = subwords()
    rows = [known.source(known.encode(text), "de") for text in ("A man walks.", "Two dogs")]
    targets = [known.encode(text) for text in ("Ein Mann", "Zwei Hunde gehen in den Park.")]
    source, lengths = padded(rows)
    target, _ = padded([[known.tags["de"], *each, END] for each in targets])
    return source, lengths, target


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_training_and_stepping_are_the_same(attention: Attention) -> None:
    one = network(attention)
    source, lengths, target = one_batch()
    with torch.no_grad():
        outputs = one(source, lengths, target[:-1])
        logits = one.logits(outputs)
        logits[:, :, list(subwords().never)] = -torch.inf
        logs = torch.log_softmax(logits, dim=2)
        never = torch.zeros(len(subwords()), dtype=torch.bool)
        never[list(subwords().never)] = True
        context, state = one.begin(source, lengths)
        for time, tokens in enumerate(target[:-1]):
            state, found = one.next_words(context, state, tokens, never)
            torch.testing.assert_close(found, logs[time], atol=1e-5, rtol=1e-5)
        alone, _ = one.begin(source[: lengths[1], 1:], lengths[1:])  # padding has no effect
    torch.testing.assert_close(context.values[1, : lengths[1]], alone.values[0])
    torch.testing.assert_close(context.keys[1, : lengths[1]], alone.keys[0])


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_the_graphs_are_the_network(attention: Attention) -> None:
    one = network(attention)
    source, lengths, target = one_batch()
    encoder, decoder = (
        Session(bytes(graph.SerializeToString()))
        for graph in (encoder_graph(one), decoder_graph(one, sorted(subwords().never)))
    )
    feeds = {"source_ids": source.T.numpy().copy(), "lengths": lengths.numpy()}
    given = encoder.run(feeds)
    with torch.no_grad():
        context, state = one.begin(source, lengths)
        for name, value in zip((*one.cell.states, "feed"), state, strict=True):
            np.testing.assert_allclose(given[name], value.numpy(), atol=1e-5)
        np.testing.assert_allclose(given["values"], context.values.numpy(), atol=1e-5)
        after, weights = one.step(context, state, one.embed(target[0]))
        logits = one.logits(after[-1])
        logits[:, list(subwords().never)] = -torch.inf
        best, ids = torch.log_softmax(logits, dim=1).topk(11, dim=1)
    names = {each.name for each in decoder.inputs} - {"token_ids"}
    inputs = {name: given[name] for name in names}
    found = decoder.run({"token_ids": target[0].numpy(), **inputs})
    np.testing.assert_allclose(found["log_probabilities"], best.numpy(), atol=1e-4)
    np.testing.assert_array_equal(found["next_token_ids"], ids.numpy())
    np.testing.assert_allclose(found["attention"], weights.numpy(), atol=1e-5)
    np.testing.assert_allclose(found["next_feed"], after[-1].numpy(), atol=1e-5)
    inside = np.arange(source.shape[0])[None, :] < lengths.numpy()[:, None]
    assert (found["attention"][~inside] == 0).all()


def test_networks_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown cell 'none'"):
        TranslatorOptions(500, "none")
    with pytest.raises(ValueError, match="unknown attention 'all'"):
        TranslatorOptions(500, attention="all")  # type: ignore[arg-type]
    small = Translator(TranslatorOptions(12, embedding_size=4, encoder_size=4, hidden_size=4))
    with pytest.raises(ValueError, match="12 tokens are too few"):
        decoder_graph(small, [0, 2, 3])
