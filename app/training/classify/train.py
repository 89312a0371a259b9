"""From one's own labelled texts to a published classifier; knows the order of things."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import JsonValue
from tokenizers import Tokenizer

from app.serving.models.loader import TaskTypes
from app.serving.models.manifest import read_manifest
from app.tasks.sentiment import SentimentFeatures, SentimentTask
from app.training.classify.card import classifier_card, licence_of
from app.training.classify.data import PLAIN, Labelled, TableForm, Tell, read_labelled, split
from app.training.classify.recipe import SOURCE, recipe_for
from app.training.classify.warm_start import (
    started_network,
    started_recipe,
    take_tokens,
    terms_of,
)
from app.training.common.network_facts import network_facts
from app.training.common.publish import GRAPH, Draft, publish
from app.training.common.understanding import Told, fit_understanding
from app.training.sentiment.batches import Encoded
from app.training.sentiment.blend import blend
from app.training.sentiment.data import Part
from app.training.sentiment.fit import learn, train_ngrams
from app.training.sentiment.labels import LABELS
from app.training.sentiment.material import Material, token_ids, tokenizer_for
from app.training.sentiment.mixture import Mixture
from app.training.sentiment.network import TextClassifier
from app.training.sentiment.recipe import SentimentRecipe, shortened
from app.training.sentiment.train import MAX_TOKENS, describe, golden_requests, group_of, plain

TASKS: TaskTypes = {"classify": SentimentTask, "sentiment": SentimentTask}
THRESHOLD = 0.5
"""A label that a text may have beside others is given from this probability on."""

_SPLIT = (
    "80 : 10 : 10 by a hash of the words, near-duplicates together; of a label with fewer than 100 "
    "texts a tenth each"
)


def train_classifier(
    data: Path,
    form: TableForm = PLAIN,
    *,
    cell: str = "lstm",
    hidden_size: int = 128,
    steps: int | None = None,
    seed: int = 0,
    start: Path | None = None,
    name: str = "classifier",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
    tell: Tell = print,
) -> tuple[Path, dict[Part, Labelled]]:
    """Learn the labels of one's own texts, calibrate and publish.

    Returns the folder of the new version and the parts of the texts; of these `train` was learned,
    `select` stopped the training and calibrated, and `report` did nothing. `steps` shortens the
    training. `start` is the folder of a published text classifier to begin with: its tokens,
    embedding and recurrence, and its terms. Checkpoints stand in `work / name`, by what the data
    are; the same call goes on from them. It is published as a sentiment model if its labels are
    among those of one.

    Raises:
        FileNotFoundError, ValueError: as `read_labelled` and `split`.
        ModelRefused: the result does not pass the checks of loading, or `start` has other layers.
    """
    labelled = read_labelled(data, form, tell)
    parts = split(labelled, tell)
    recipe = recipe_for(parts["train"], cell=cell, hidden_size=hidden_size, seed=seed)
    if start is not None:
        recipe = started_recipe(recipe, start)
    if steps is not None:
        recipe = shortened(recipe, steps)
    folder = work / name / _fingerprint(labelled, start)
    if start is not None:
        take_tokens(start, folder)
    texts = parts["train"].texts
    tokenizer = tokenizer_for(lambda: texts, recipe.vocabulary_size, folder / "tokenizer.json")
    material = Material(
        tokenizer,
        {SOURCE: _encoded(tokenizer, parts["train"])},
        {SOURCE: _encoded(tokenizer, parts["select"])},
    )
    begun = None if start is None else started_network(material, recipe, start)
    learned = learn(material, recipe, folder, begun)
    mixture = Mixture(learned.network, train_ngrams(material, recipe))
    factors = blend([group_of(mixture, material.select[SOURCE])])
    training = describe(recipe, learned) | {
        "data": dict(labelled.sha256),
        "rows": plain({part: len(of.texts) for part, of in parts.items()}),
        "split": _SPLIT,
        "network": plain(learned.network.describe()),
        "max_tokens": MAX_TOKENS,
        "factors": [round(factor, 4) for factor in factors],
        "start": None if start is None else terms_of(start),
    }
    rates = () if labelled.several else tuple(parts["train"].marks.mean(axis=0).tolist())
    told = fit_understanding([texts], rates)
    files = {
        "model.onnx": mixture.graph(factors, len(labelled.labels)).SerializeToString(),
        "tokenizer.json": tokenizer.to_str().encode(),
        **told.files,
    }
    draft = _draft(name, labelled, recipe, learned.network, files, told, training)
    return publish(draft, repository, TASKS), parts


def _draft(
    name: str,
    data: Labelled,
    recipe: SentimentRecipe,
    network: TextClassifier,
    files: Mapping[str, bytes],
    told: Told,
    training: dict[str, JsonValue],
) -> Draft:
    features = SentimentFeatures(
        labels=data.labels,
        max_tokens=MAX_TOKENS,
        chunk_length=network.options.chunk_length,
        threshold=THRESHOLD if data.several else None,
        understanding=told.options,
    )
    fits = not data.several and set(data.labels) <= set(LABELS)
    return Draft(
        name=name,
        task="sentiment" if fits else "classify",
        description=f"Tells which of {len(data.labels)} labels a text has, as its maker gave them.",
        license=licence_of(training),
        intended_use="Texts of the kind that it has learned.",
        network=network_facts(
            [network],
            cell=recipe.cell,
            num_layers=recipe.num_layers,
            hidden_size=recipe.hidden_size,
        ),
        graphs=files,
        features=features.model_dump(mode="json"),
        training=training,
        card=classifier_card(name, features, training),
        # not of its maker's texts: what is published shows none of them
        requests=golden_requests(),
    )


def _encoded(tokenizer: Tokenizer, data: Labelled) -> Encoded:
    return Encoded(token_ids(tokenizer, data.texts), data.classes().astype(np.int64))


def _fingerprint(data: Labelled, start: Path | None) -> str:
    """Another for other texts, labels or beginnings: their checkpoints do not mix."""
    begun = None if start is None else read_manifest(start).files[GRAPH].sha256
    known = json.dumps([data.labels, data.several, data.texts, data.marks.tolist(), begun])
    return hashlib.sha256(known.encode()).hexdigest()[:12]
