"""A published graph gives its weights back."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models

from app.errors import ModelRefused
from app.training.sentiment.material import Material
from app.training.sentiment.mixture import Mixture
from app.training.sentiment.network import ClassifierOptions, TextClassifier
from app.training.sentiment.recipe import SentimentRecipe
from app.training.sentiment.warm_start import load_weights, moved

OPTIONS = ClassifierOptions(30, 3, embedding_size=6, hidden_size=5)


def test_a_network_with_the_weights_of_a_graph_answers_as_it_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    published, fresh = TextClassifier(OPTIONS).eval(), TextClassifier(OPTIONS).eval()
    torch.nn.init.normal_(published.head.weight)
    torch.nn.init.normal_(published.head.bias)
    (tmp_path / "model.onnx").write_bytes(Mixture(published).graph([2.0], 3).SerializeToString())
    load_weights(fresh, tmp_path)
    token_ids, lengths = torch.randint(0, 30, (4, 9)), torch.tensor([9, 1, 4, 7])
    with torch.no_grad():
        expected, found = published(token_ids, lengths), fresh(token_ids, lengths)
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)  # half precision
    assert not torch.equal(expected, torch.zeros_like(expected))


def test_a_refit_is_moved_as_far_as_its_sibling(tmp_path: Path) -> None:
    torch.manual_seed(1)
    networks = [TextClassifier(OPTIONS) for _ in range(3)]
    for network, name in zip(networks, ("start", "other", ""), strict=True):
        torch.nn.init.normal_(network.head.weight)
        if name:
            (tmp_path / name).mkdir()
            graph = Mixture(network).graph([1.0], 3).SerializeToString()
            (tmp_path / name / "model.onnx").write_bytes(graph)
    start, other, learned = networks
    tokenizer = Tokenizer(models.BPE(vocab={str(n): n for n in range(30)}, merges=[]))
    material, recipe = Material(tokenizer, {}, {}), SentimentRecipe(embedding_size=6, hidden_size=5)
    found = moved(material, recipe, learned, tmp_path / "start", tmp_path / "other")
    expected = other.head.weight + learned.head.weight - start.head.weight
    torch.testing.assert_close(found.head.weight, expected, rtol=1e-4, atol=1e-4)


def test_other_sizes_are_refused(tmp_path: Path) -> None:
    graph = Mixture(TextClassifier(OPTIONS)).graph([1.0], 3)
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    other = TextClassifier(ClassifierOptions(30, 3, embedding_size=6, hidden_size=7))
    with pytest.raises(ModelRefused, match="other layers"):
        load_weights(other, tmp_path)
