"""From labelled texts to a published sentiment model; knows the order of things, not the screen."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from pydantic import JsonValue

from app.features.text import TOKENIZER_FILE
from app.serving.models.loader import TaskTypes
from app.tasks.sentiment import SentimentFeatures, SentimentTask
from app.training.common.loop import Fit
from app.training.common.network_facts import network_facts
from app.training.common.publish import Draft, library_versions, publish
from app.training.common.understanding import Told, fit_understanding
from app.training.sentiment.batches import Encoded
from app.training.sentiment.blend import Group, blend, combine
from app.training.sentiment.card import sentiment_card, terms_of
from app.training.sentiment.data import (
    PARTS,
    Part,
    Text,
    TextSplit,
    all_texts,
    read_texts,
    text_sha256,
)
from app.training.sentiment.fit import (
    Learned,
    learn,
    of_ngrams,
    predict,
    relearn,
    settle,
    train_ngrams,
)
from app.training.sentiment.labels import LABELS
from app.training.sentiment.material import Material, Texts, build_material, with_all
from app.training.sentiment.mixture import Mixture
from app.training.sentiment.network import TextClassifier
from app.training.sentiment.ngram_fit import with_gate
from app.training.sentiment.ngrams import NgramClassifier
from app.training.sentiment.recipe import SentimentRecipe
from app.training.sentiment.warm_start import (
    load_ngrams,
    moved,
    origin,
    started,
    take_tokenizer,
)

TASKS: TaskTypes = {"sentiment": SentimentTask}
MAX_TOKENS = 4096
BASE_RATES: Final = (0.3, 0.4, 0.3)  # of the labels, about as in what people write every day

Facts: TypeAlias = Mapping[str, JsonValue]

_SPLITS: Final = {
    "airline": "airline by a hash of the words, near-duplicates together",
    "sst2": "sst2: report is the dev file, select a tenth of the training sentences with all their "
    "phrases",
    "imdb": "imdb by film; no text of these has a near-duplicate in another part",
    "plain": "plain: report was written by hand, select has words of its own in the templates of "
    "train, and no text has the same words as one in another part",
    "facts": "facts: a tenth is select",
    "sentences": "sentences: a tenth is select",
    "everyday": "everyday: select and report were written by hand, and no other text has the words "
    "of one of them",
}
_WHOLE: Final = (
    "none: every text of the sources was learned, each once, but for the everyday sentences that "
    "were written by hand"
)


def train_sentiment(
    data: Path,
    recipe: SentimentRecipe,
    *,
    name: str = "sentiment",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
    refit: bool = False,
    start: Path | None = None,
    refit_start: Path | None = None,
) -> Path:
    """Train, calibrate and publish; returns the folder of the new version.

    Checkpoints stand in `work / name`; the same call goes on from them. With `refit` another
    version follows, which has learned from the held-out texts as well, by the steps and factors
    that were found without: more texts make a better network, but no figure of its own.

    `start` is the folder of a published version to go on from, with its tokens and weights; it
    must not have learned the held-out texts. The refit then begins as `refit_start`, a refit of
    `start` itself, whose weights are moved by as much as learning moved those of `start` (Ilharco
    et al. 2023, "Editing Models with Task Arithmetic", section 2), and settles in for a few steps.

    Raises:
        ValueError: only one of `start` and `refit_start` is there for a refit.
        FileNotFoundError: a source is not below `data`.
        ModelRefused: the result does not pass the checks of loading, `start` has other layers or
            has learned the held-out texts, or `refit_start` has other tokens.
    """
    if refit and (start is None) is not (refit_start is None):
        raise ValueError("a refit that goes on from a version needs start and refit_start")
    split = read_texts(data, tuple(recipe.shares))
    folder = work / name
    if start is not None:
        take_tokenizer(start, refit_start, folder)
    material = build_material(
        texts_of(split, "train"), texts_of(split, "select"), recipe, folder / TOKENIZER_FILE
    )
    learned = learn(material, recipe, folder, started(material, recipe, start))
    mixture = Mixture(learned.network, _ngrams(material, recipe, start))
    groups = {source: group_of(mixture, each) for source, each in material.select.items()}
    factors = blend([one for source, one in groups.items() if recipe.shares[source].blended])
    read = texts_of(split, "train")
    told = fit_understanding([[one.text for one in read[source]] for source in read], BASE_RATES)
    facts: dict[str, JsonValue] = {
        "data": dict(text_sha256(data, recipe.shares)),
        "network": plain(learned.network.describe()),
        "max_tokens": MAX_TOKENS,
        "factors": [round(factor, 4) for factor in factors],
        "select_accuracy": _ablation(groups, factors, mixture.experts),
    }

    def published(learned: Learned, mixture: Mixture, own: Facts) -> Path:
        files = {
            "model.onnx": mixture.graph(factors, len(LABELS)).SerializeToString(),
            TOKENIZER_FILE: material.tokenizer.to_str().encode(),
            **told.files,
        }
        training = describe(recipe, learned) | dict(own) | facts
        return publish(
            _draft(name, recipe, learned.network, files, told, training), repository, TASKS
        )

    rows: dict[str, object] = {part: _counted(texts_of(split, part)) for part in PARTS}
    own: dict[str, JsonValue] = {"rows": plain(rows), "split": _split_of(recipe)}
    if start is not None:
        own["start"] = origin(start)
    version = published(learned, mixture, own)
    if not refit or any(fit.interrupted for fit in (*learned.warm_ups, *learned.phases)):
        return version
    texts = by_source(all_texts(data, tuple(recipe.shares)))
    everything = with_all(material, texts, recipe.labels)
    own = {"rows": plain({"train": _counted(texts)}), "refit_of": version.name, "split": _WHOLE}
    if start is None or refit_start is None:
        again = relearn(everything, recipe, folder, learned)
    else:
        network = moved(material, recipe, learned.network, start, refit_start)
        again = replace(learned, network=settle(everything, recipe, network, folder))
        own["start"] = origin(refit_start)
    ngrams = _ngrams(everything, recipe, refit_start)
    return published(again, Mixture(again.network, ngrams), own)


def _split_of(recipe: SentimentRecipe) -> str:
    told = [how for source, how in _SPLITS.items() if source in recipe.shares]
    return "; ".join([*told, "no text has the words of one in a held-out part"])


def _ngrams(
    material: Material, recipe: SentimentRecipe, start: Path | None
) -> NgramClassifier | None:
    """Those of the version in `start`, with a gate for the sources of the recipe, or new ones."""
    if start is None or recipe.ngrams is None:
        return train_ngrams(material, recipe)
    of_start = load_ngrams(recipe.ngrams, len(LABELS), start)
    return with_gate(of_start, *of_ngrams(material, recipe))


def _draft(
    name: str,
    recipe: SentimentRecipe,
    network: TextClassifier,
    files: Mapping[str, bytes],
    told: Told,
    training: dict[str, JsonValue],
) -> Draft:
    features = SentimentFeatures(
        labels=LABELS,
        max_tokens=MAX_TOKENS,
        chunk_length=network.options.chunk_length,
        understanding=told.options,
    )
    terms = terms_of(recipe.shares)
    return Draft(
        name=name,
        task="sentiment",
        description=terms.description,
        license=terms.license,
        intended_use=terms.intended_use,
        network=network_facts(
            [network],
            cell=recipe.cell,
            num_layers=recipe.num_layers,
            hidden_size=recipe.hidden_size,
        ),
        graphs=files,
        features=features.model_dump(mode="json"),
        training=training,
        card=sentiment_card(name, training),
        requests=golden_requests(),
    )


def group_of(mixture: Mixture, data: Encoded) -> Group:
    """What `blend` chooses the factors by, of the texts of one source."""
    logits = predict(mixture.network, data.tokens).astype(np.float64)
    return mixture.parts(logits, data.tokens), data.labels


def _ablation(groups: Mapping[str, Group], factors: Sequence[float], experts: int) -> JsonValue:
    """Per source the accuracy of the network, of the n-grams, and of both, on `select`."""
    of_network = len(factors) - experts
    kept = {
        "network": [*factors[:of_network], *[0.0] * experts],
        "ngrams": [*[0.0] * of_network, *factors[of_network:]],
        "both": list(factors),
    }
    return {
        source: {
            part: round(float((combine(logits, some).argmax(axis=1) == labels).mean()), 4)
            for part, some in kept.items()
        }
        for source, (logits, labels) in groups.items()
    }


def texts_of(split: TextSplit, part: Part) -> Texts:
    """The texts of a part of the split by source."""
    return by_source(split.of(part))


def by_source(texts: Iterable[Text]) -> Texts:
    """The texts of every source, in their order."""
    sources: dict[str, list[Text]] = {}
    for one in texts:
        sources.setdefault(one.source, []).append(one)
    return sources


def describe(recipe: SentimentRecipe, learned: Learned) -> dict[str, JsonValue]:
    """Recipe, steps, score and time of every round and phase, and the library versions."""
    return {
        "recipe": plain(asdict(recipe)),
        "warm_ups": [_told(fit) for fit in learned.warm_ups],
        "phases": [_told(fit) for fit in learned.phases],
        "libraries": library_versions(),
    }


def _counted(texts: Texts) -> dict[str, int]:
    return {source: len(several) for source, several in sorted(texts.items())}


def plain(values: Mapping[str, object]) -> JsonValue:
    """Through JSON, so that a tuple is the list that a reader of the manifest gets."""
    plain: JsonValue = json.loads(json.dumps(values))
    return plain


def _told(fit: Fit) -> dict[str, JsonValue]:
    return {
        "best_score": None if math.isnan(fit.score) else round(fit.score, 5),
        "best_step": fit.best_step,
        "steps": fit.steps,
        "seconds": round(fit.seconds),
        "interrupted": fit.interrupted,
    }


def golden_requests() -> tuple[dict[str, JsonValue], ...]:
    """Kinds of texts: plain, tweeted, negated, foreign, marked up, long."""
    long = " ".join(
        f"Scene {number} drags on and the dialogue does not help, yet the music is lovely."
        for number in range(1, 40)
    )
    return (
        {"text": "The staff were kind and the room was spotless."},
        {"text": "@VirginAmerica you cancelled my flight AGAIN!!!! \U0001f621 http://t.co/abc"},
        {"text": "It is not bad at all, I would not miss it."},
        {"text": "what time does the 3 pm flight to Boston board?"},
        {"text": "\u5f88\u597d\u7684\u7535\u5f71"},
        {"text": "Sooooo looooong.<br /><br />I don't recommend it :("},
        {"text": long},
        {"text": "A dull story, saved by its two leads."},
    )
