"""From made-up tickets to published classifiers that answer as they were trained."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from app.serving.models.loader import load_version
from app.serving.models.manifest import read_manifest
from app.serving.runtime.session import Session
from app.tasks.sentiment import SentimentTask
from app.training.classify.data import TableForm, nobody
from app.training.classify.evaluate import classifier_score, evaluate_classifier, record_classifier
from app.training.classify.recipe import recipe_for
from app.training.classify.train import TASKS, train_classifier
from app.training.classify.warm_start import started_network, started_recipe
from app.training.sentiment.batches import Encoded
from app.training.sentiment.blend import blend
from app.training.sentiment.fit import losses
from app.training.sentiment.material import Material
from app.training.sentiment.ngram_fit import fit_ngrams
from app.training.sentiment.ngram_rows import NgramOptions
from tests.keywords import spelled

TOPICS = {"billing": "invoice", "delivery": "parcel", "login": "password"}


def tickets(folder: Path, labels: dict[str, str], name: str = "tickets.csv") -> Path:
    rows = [
        f"my {word} number {spelled(i)} is wrong since {spelled(i * 7 % 61)},{label}\n"
        for i in range(50)
        for label, word in labels.items()
    ]
    path = folder / name
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    return path


def test_a_published_classifier_knows_its_labels(tmp_path: Path) -> None:
    data = tickets(tmp_path, TOPICS)
    arguments = {"steps": 10, "hidden_size": 8, "repository": tmp_path / "models"}
    folder, parts = train_classifier(data, work=tmp_path / "work", tell=nobody, **arguments)  # type: ignore[arg-type]
    assert folder == tmp_path / "models" / "classifier" / "1"
    manifest = read_manifest(folder)
    assert manifest.task == "classify"
    assert "the texts of their maker alone" in manifest.license
    assert manifest.training["rows"] == {part: len(of.texts) for part, of in parts.items()}
    kept = (folder / "manifest.json").read_text(encoding="utf-8")
    assert "my invoice" not in kept  # the texts are not published
    model = load_version(folder, TASKS)
    try:
        (strange,) = model.task.predict([model.task.encode(text="Сегодня вторник")])
        assert strange.abstained is True
        for label, word in TOPICS.items():
            example = model.task.encode(text=f"where is my {word}?", explain=True)
            answer = model.task.predict([example])[0].to_json()
            assert answer["label"] == label
            assert "labels" not in answer
            tokens = answer["explanation"]["tokens"]
            assert max(tokens, key=lambda token: token["contribution"])["token"] in word
    finally:
        model.close()

    rows = evaluate_classifier(folder, parts)
    assert [row.method for row in rows] == ["classifier/1", "linear SVM", "logistic regression"]
    assert [row.accuracy for row in rows] == [1.0, 1.0, 1.0]
    record_classifier(folder, rows)
    assert "| classifier/1 |" in (folder / "README.md").read_text(encoding="utf-8")
    load_version(folder, TASKS).close()  # the card's checksum went with it
    assert classifier_score(folder, parts["report"]).value == 1.0

    more = tmp_path / "more.csv"
    more.write_text(data.read_text(encoding="utf-8") + "one more invoice,billing\n")
    again, _ = train_classifier(more, work=tmp_path / "work", tell=nobody, **arguments)  # type: ignore[arg-type]
    # other texts are learned anew, not taken from the checkpoints of these
    assert (again / "model.onnx").read_bytes() != (folder / "model.onnx").read_bytes()


def test_several_labels_a_text(tmp_path: Path) -> None:
    pairs = {"a+b": "invoice and parcel", "a": "invoice", "b": "parcel", "": "greeting"}
    folder, parts = train_classifier(
        tickets(tmp_path, pairs),
        TableForm(separator="+"),
        steps=20,
        hidden_size=8,
        repository=tmp_path / "models",
        work=tmp_path / "work",
        tell=nobody,
    )
    assert read_manifest(folder).features["threshold"] == 0.5
    model = load_version(folder, TASKS)
    try:
        for labels, words in pairs.items():
            example = model.task.encode(text=f"my {words} number is wrong")
            answer = model.task.predict([example])[0].to_json()
            assert sorted(answer["labels"]) == [each for each in labels.split("+") if each]
    finally:
        model.close()
    row = evaluate_classifier(folder, parts)[0]
    assert row.accuracy == row.micro_f1 == 1.0


def test_labels_of_sentiment_make_a_sentiment_model(tmp_path: Path) -> None:
    data = tickets(tmp_path, {"negative": "trouble", "positive": "praise"})
    folder, _ = train_classifier(
        data, steps=2, hidden_size=4, repository=tmp_path, work=tmp_path / "work", tell=nobody
    )
    assert read_manifest(folder).task == "sentiment"
    load_version(folder, {"sentiment": SentimentTask}).close()


def test_the_loss_of_several_labels_is_that_of_each_by_itself() -> None:
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.0]])
    labels = torch.tensor([[1, 0], [1, 1]])
    shares = 1 / (1 + np.exp(-logits.numpy()))
    marks = labels.numpy()
    expected = -(marks * np.log(shares) + (1 - marks) * np.log(1 - shares)).sum(axis=1)
    np.testing.assert_allclose(losses(logits, labels, 0.0).numpy(), expected, rtol=1e-5)
    smoothed = losses(logits, labels, 0.2).numpy()
    wanted = marks * 0.8 + 0.1
    again = -(wanted * np.log(shares) + (1 - wanted) * np.log(1 - shares)).sum(axis=1)
    np.testing.assert_allclose(smoothed, again, rtol=1e-5)


def test_several_labels_are_calibrated_each_by_itself() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3))
    marks = (rng.random(logits.shape) < 1 / (1 + np.exp(-2.0 * logits))).astype(np.int64)
    (factor,) = blend([([logits], marks)])
    assert factor == pytest.approx(2.0, abs=0.1)


def test_a_label_that_all_texts_have_or_none_is_answered_so() -> None:
    tokens = tuple(np.array(ids, np.int32) for ids in ([2, 3], [3], [2], [2, 2], [3, 3]))
    marks = np.array([[int(2 in ids), 1, 0] for ids in tokens], np.int64)
    options = NgramOptions(bigrams=8, trigrams=8, characters=16)
    pieces = ["[pad]", "[unk]", "yes", "no"]
    said, _ = fit_ngrams([Encoded(tokens, marks)], pieces, 3, options).parts(tokens)
    np.testing.assert_array_equal(said[:, 0] > 0, marks == 1)
    weighed = replace(Encoded(tokens, marks), weights=np.ones(5, np.float32))
    assert weighed.weights.shape == (5,)


def test_a_classifier_begins_with_the_language_of_another(tmp_path: Path) -> None:
    data = tickets(tmp_path, TOPICS)
    places = {"repository": tmp_path / "models", "work": tmp_path / "work", "tell": nobody}
    first, _ = train_classifier(data, steps=3, hidden_size=8, **places)  # type: ignore[arg-type]
    other = tickets(tmp_path, {"money": "invoice", "post": "parcel"}, "other.csv")
    second, _ = train_classifier(other, steps=3, start=first, name="second", **places)  # type: ignore[arg-type]
    manifest = read_manifest(second)
    assert "went on from classifier/1, whose terms hold" in " ".join(manifest.license.split())
    assert manifest.training["warm_ups"] == []
    assert (second / "tokenizer.json").read_bytes() == (first / "tokenizer.json").read_bytes()
    assert manifest.network.hidden_size == 8
    load_version(second, TASKS).close()


def test_the_embedding_and_the_recurrence_are_taken_and_the_head_is_new(tmp_path: Path) -> None:
    data = tickets(tmp_path, TOPICS)
    folder, parts = train_classifier(
        data, steps=3, hidden_size=8, repository=tmp_path, work=tmp_path / "work", tell=nobody
    )
    recipe = started_recipe(recipe_for(parts["train"], cell="gru", hidden_size=5, seed=0), folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    material = Material(tokenizer, {}, {})
    recipe = replace(recipe, labels=("one", "other"))
    network = started_network(material, recipe, folder)
    session = Session(folder / "model.onnx")
    assert (recipe.cell, recipe.hidden_size, recipe.warm_ups) == ("lstm", 8, 0)
    assert session.outputs[0].shape[-1] == 3
    assert network.head.weight.shape == (2, 32)
    assert not network.head.weight.any()
    assert network.embedding.weight.abs().sum() > 0
