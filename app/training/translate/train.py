"""From sentence pairs to a published translator; knows the order of things, not the screen."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import JsonValue
from tokenizers import Tokenizer

from app.features.text import TOKENIZER_FILE
from app.serving.models.loader import TaskTypes
from app.tasks.translate.features import Subwords, TranslateFeatures
from app.tasks.translate.task import DECODER, ENCODER, TranslateTask
from app.training.common.loop import Fit
from app.training.common.members import Report, train_members
from app.training.common.network_facts import network_facts
from app.training.common.publish import Draft, library_versions, publish
from app.training.common.storage import halved, rounded
from app.training.translate.card import license_of, translate_card
from app.training.translate.data import TranslateData, read_pairs
from app.training.translate.fit import Pairs, Validation, fit_translator
from app.training.translate.graph import decoder_graph, encoder_graph
from app.training.translate.network import Translator
from app.training.translate.recipe import TranslateRecipe
from app.training.translate.subwords import fit_subwords

TASKS: TaskTypes = {"translate": TranslateTask}
_DRAWN: Final = ("A man is riding a bicycle.", "Two dogs are playing in the snow. They are happy.")


def train_translate(
    places: Sequence[str],
    recipe: TranslateRecipe,
    *,
    source: str = "en",
    name: str = "translate",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
    threads: int = 1,
) -> Path:
    """Train a translator on the pairs at `places` (see `read_pairs`), and publish it.

    Returns the version's folder. Subwords and checkpoint stand in `work / name`; the same call
    goes on from them. More `threads` are faster where as many cores are idle.

    Raises:
        FileNotFoundError: a file or folder is not there.
        ValueError: the pairs cannot be used.
        ModelRefused: the result does not pass the checks of loading.
    """
    data = read_pairs(places, source)
    draft = draft_translate(data, recipe, name=name, work=work / name, threads=threads)
    return publish(draft, repository, TASKS)


@dataclass(frozen=True)
class Material:
    """What a translator learns from and is chosen by."""

    data: TranslateData
    features: TranslateFeatures
    tokenizer: Tokenizer
    subwords: Subwords


def build_material(data: TranslateData, recipe: TranslateRecipe, work: Path) -> Material:
    """The subwords of the training pairs, kept in `work`."""
    path = work / TOKENIZER_FILE
    if not path.exists():  # another fit on the same pairs may give other pieces
        texts = (text for each in data.corpora for pair in each.train for text in pair)
        work.mkdir(parents=True, exist_ok=True)
        fit_subwords(texts, data.targets, recipe.vocabulary_size).save(str(path))
    features = TranslateFeatures(
        source=data.source,
        targets=data.targets,
        max_length=recipe.search.max_length,
        beam_width=recipe.search.beam_width,
        length_penalty=recipe.search.length_penalty,
        no_repeat_ngram=recipe.search.no_repeat_ngram,
    )
    tokenizer = Tokenizer.from_file(str(path))
    return Material(data, features, tokenizer, Subwords.load(path, features))


def train_network(
    material: Material,
    recipe: TranslateRecipe,
    threads: int,
    _: int,
    checkpoint: Path,
    report: Report,
) -> Fit:
    """A new network; goes on from `checkpoint`."""
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    network = Translator(recipe.network(len(material.subwords)))
    return fit_translator(
        network,
        Pairs(material.data.corpora, material.subwords, recipe.batches, recipe.seed),
        Validation(material.data.corpora, material.subwords),
        recipe.batches,
        recipe.training(),
        checkpoint=checkpoint,
        progress=report,
    )


def draft_translate(
    data: TranslateData, recipe: TranslateRecipe, *, name: str, work: Path, threads: int = 1
) -> Draft:
    """Train a network and put everything of a version together; `work` as in `train_translate`."""
    material = build_material(data, recipe, work)
    job = partial(train_network, material, recipe, threads)
    [fit] = train_members(job, 1, work / "network")
    network = fit.network
    assert isinstance(network, Translator)
    rounded(network)
    training = describe(material, recipe, fit, network)
    license = license_of(data)
    return Draft(
        name=name,
        task="translate",
        description=f"Translates from {data.source} into {', '.join(data.targets)}.",
        license=license,
        intended_use="Short everyday sentences, to be read with care. Research use.",
        network=network_facts(
            [network],
            cell=recipe.cell,
            num_layers=recipe.encoder_layers + 1,
            hidden_size=recipe.hidden_size,
        ),
        graphs={
            ENCODER: halved(encoder_graph(network)),
            DECODER: halved(decoder_graph(network, sorted(material.subwords.never))),
            TOKENIZER_FILE: material.tokenizer.to_str().encode(),
        },
        features=material.features.model_dump(mode="json"),
        training=training,
        card=translate_card(name, training, license),
        requests=golden_requests(material.features),
    )


def golden_requests(features: TranslateFeatures) -> tuple[dict[str, JsonValue], ...]:
    """Requests that become golden examples: each language, a wide beam, a greedy one, attention."""
    first = features.targets[0]
    plain: list[dict[str, JsonValue]] = [
        {"text": _DRAWN[0], "target": target} for target in features.targets
    ]
    return (
        *plain,
        {"text": _DRAWN[1], "target": first, "beam_width": 3, "num_translations": 2},
        {"text": _DRAWN[0], "target": first, "beam_width": 1, "attention": True},
    )


def describe(
    material: Material, recipe: TranslateRecipe, fit: Fit, network: Translator
) -> dict[str, JsonValue]:
    """Everything that the manifest says about the training."""
    values: dict[str, Any] = {
        "recipe": asdict(recipe),
        "network": network.describe(),
        "rows": {
            f"{each.name} {each.source}-{each.target}": {
                "train_pairs": len(each.train),
                "val_pairs": len(each.val),
            }
            for each in material.data.corpora
        },
        "split": "the validation part chose the step; no weight was learned from it",
        "data": material.data.sha256,
        "seed": recipe.seed,
        "validation_nats": round(fit.score, 4),
        "best_step": fit.best_step,
        "steps": fit.steps,
        "seconds": round(fit.seconds),
        "interrupted": fit.interrupted,
        "libraries": library_versions(),
    }
    plain: dict[str, JsonValue] = json.loads(json.dumps(values))
    return plain
