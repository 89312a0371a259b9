"""From made-up tweets to a published sentiment model that answers as it was trained."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.errors import ModelRefused
from app.serving.models.loader import load_version
from app.serving.models.manifest import Manifest, read_manifest
from app.tasks.sentiment import SentimentTask
from app.training.sentiment.data import all_texts, read_texts
from app.training.sentiment.fit import (
    learn,
    new_network,
    predict,
    relearn,
    train_phase,
    warm_up,
)
from app.training.sentiment.labels import LABELS
from app.training.sentiment.language_model import LanguageModel
from app.training.sentiment.material import Texts, build_material
from app.training.sentiment.ngram_rows import NgramOptions
from app.training.sentiment.recipe import SentimentRecipe, Share, shortened
from app.training.sentiment.train import texts_of, train_sentiment
from tests.keywords import spelled, write_rows

_WORDS = {"negative": "awful", "neutral": "scheduled", "positive": "lovely"}
RECIPE = replace(
    shortened(SentimentRecipe(), 40),
    vocabulary_size=300,
    embedding_size=16,
    hidden_size=16,
    warm_up_rows=2,
    negatives=16,
    shares={"airline": Share(16, copies=2)},
    ngrams=NgramOptions(bigrams=64, trigrams=64, characters=128),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    rows = [
        (label, f"@united flight {spelled(i)} was {word}, gate {spelled(i * 7 % 90)}")
        for i in range(150)
        for label, word in _WORDS.items()
    ]
    write_rows(root / "airline_sentiment" / "tweets.csv.gz", "airline_sentiment,text", rows)
    return root


@pytest.fixture(scope="module")
def texts(data: Path) -> tuple[Texts, Texts]:
    split = read_texts(data, ("airline",))
    return texts_of(split, "train"), texts_of(split, "select")


@pytest.mark.slow
def test_publishes_a_model_that_has_learned(data: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, ngrams=NgramOptions(bigrams=64, trigrams=64, characters=128))
    folder = train_sentiment(data, recipe, repository=tmp_path / "models", work=tmp_path / "work")
    manifest = read_manifest(folder)
    assert manifest.training["rows"] == {
        part: {"airline": len(read_texts(data, ("airline",)).of(part))}
        for part in ("train", "select", "report")
    }
    assert json.loads(json.dumps(manifest.training["recipe"]))["shares"]["airline"]["rows"] == 16
    model = load_version(folder, {"sentiment": SentimentTask})
    try:
        for label, word in _WORDS.items():
            example = model.task.encode(text=f"my flight was {word}", explain=True)
            answer = model.task.predict([example])[0].to_json()
            assert answer["label"] == label
            tokens = answer["explanation"]["tokens"]
            assert max(tokens, key=lambda token: token["contribution"])["token"] in word
    finally:
        model.close()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "Linear classifiers of token n-grams" in card


@pytest.mark.slow
def test_a_refit_learns_the_held_out_texts_by_what_was_found_without(
    data: Path, tmp_path: Path
) -> None:
    models, work = tmp_path / "models", tmp_path / "work"
    folder = train_sentiment(data, RECIPE, repository=models, work=work, refit=True)
    first, second = (read_manifest(models / "sentiment" / each) for each in ("1", "2"))
    assert folder == models / "sentiment" / "2"
    assert second.training["refit_of"] == "1"
    assert "refit_of" not in first.training
    assert second.training["rows"] == {"train": {"airline": len(all_texts(data, ("airline",)))}}
    assert second.training["factors"] == first.training["factors"]
    steps = [[phase["best_step"] for phase in told(each)] for each in (first, second)]
    assert steps[0] == steps[1]
    assert [phase["best_score"] for phase in told(second)] == [None]
    graphs = [(models / "sentiment" / each / "model.onnx").read_bytes() for each in ("1", "2")]
    assert graphs[0] != graphs[1]
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "are those of version 1" in " ".join(card.split())
    again = train_sentiment(data, RECIPE, repository=tmp_path / "again", work=work, refit=True)
    assert (again / "model.onnx").read_bytes() == graphs[1]  # from the checkpoints

    first_of, second_of = (models / "sentiment" / each for each in "12")
    on = replace(RECIPE, warm_ups=0)
    with pytest.raises(ValueError, match="needs start and refit_start"):
        train_sentiment(data, on, repository=models, work=work, refit=True, start=first_of)
    newest = train_sentiment(
        data,
        on,
        repository=models,
        work=tmp_path / "on",
        refit=True,
        start=first_of,
        refit_start=second_of,
    )
    assert newest == models / "sentiment" / "4"
    third, fourth = (read_manifest(models / "sentiment" / each).training for each in ("3", "4"))
    assert fourth["refit_of"] == "3"
    assert fourth["rows"] == second.training["rows"]
    origins: list[Any] = [training["start"] for training in (third, fourth)]
    assert [origin["version"] for origin in origins] == ["1", "2"]
    tokens = {(models / "sentiment" / each / "tokenizer.json").read_bytes() for each in "1234"}
    assert len(tokens) == 1
    with pytest.raises(ModelRefused, match="has learned the held-out texts"):
        train_sentiment(data, on, repository=models, work=tmp_path / "no", start=second_of)


def test_a_phase_that_ends_no_better_than_it_began_is_undone(
    texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    material = build_material(*texts, RECIPE)
    idle = replace(RECIPE.phases[0], loop=replace(RECIPE.phases[0].loop, learning_rate=1e-6))
    recipe = replace(RECIPE, phases=(RECIPE.phases[0], idle))
    learned = learn(material, recipe, tmp_path / "both")
    first = learn(material, replace(recipe, phases=recipe.phases[:1]), tmp_path / "both")
    assert [fit.best_step for fit in learned.phases] == [first.phases[0].best_step, 0]
    assert learned.phases[1].score == first.phases[0].score
    tokens = material.select["airline"].tokens
    kept = predict(first.network, tokens)
    np.testing.assert_array_equal(predict(learned.network, tokens), kept)
    again = relearn(material, recipe, tmp_path / "both", learned)
    assert [fit.steps for fit in again.phases] == [first.phases[0].best_step, 0]


def told(manifest: Manifest) -> list[dict[str, object]]:
    """What the manifest says of the phases."""
    phases: list[dict[str, object]] = json.loads(json.dumps(manifest.training["phases"]))
    return phases


def test_a_phase_that_was_cut_goes_on_where_it_was(
    texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    material = build_material(*texts, RECIPE)
    start = new_network(material, RECIPE)

    class Cut(Exception):
        pass

    def cut(progress: object) -> None:
        if progress.step == 25:  # type: ignore[attr-defined]
            raise Cut

    whole = train_phase(material, RECIPE, 0, start, None)
    with pytest.raises(Cut):
        train_phase(material, RECIPE, 0, start, tmp_path / "phase.pt", cut)
    resumed = train_phase(material, RECIPE, 0, start, tmp_path / "phase.pt")
    tokens = material.select["airline"].tokens
    np.testing.assert_allclose(
        predict(resumed.network, tokens), predict(whole.network, tokens), rtol=1e-3, atol=1e-3
    )


def test_the_warm_up_learns_what_follows_what(texts: tuple[Texts, Texts]) -> None:
    material = build_material(*texts, RECIPE)
    scores: list[float] = []

    def note(progress: object) -> None:
        if (score := progress.score) is not None:  # type: ignore[attr-defined]
            scores.append(score)

    first = warm_up(material, RECIPE, 0, None, None, note)
    assert scores[-1] < scores[0]
    assert isinstance(first.network, LanguageModel)
    second = warm_up(material, RECIPE, 1, first.network, None)
    assert second.score < first.score
    assert not any(p.isnan().any() for p in second.network.parameters())


def test_the_tokeniser_is_kept_beside_the_checkpoints(
    texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    file = tmp_path / "work" / "tokenizer.json"
    first = build_material(*texts, RECIPE, file)
    again = build_material(*texts, RECIPE, file)
    for one, other in zip(
        first.train["airline"].tokens, again.train["airline"].tokens, strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert first.train["airline"].labels.max() == len(LABELS) - 1


def test_predicting_keeps_the_order_of_texts(texts: tuple[Texts, Texts]) -> None:
    material = build_material(*texts, RECIPE)
    network = new_network(material, RECIPE).eval()
    torch.nn.init.normal_(network.head.weight)
    tokens = list(material.select["airline"].tokens)
    forward, backward = predict(network, tokens), predict(network, tokens[::-1])
    np.testing.assert_allclose(forward, backward[::-1], rtol=2e-2, atol=2e-2)
