"""From texts to a published language model; knows the order of things, not the screen."""

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue
from tokenizers import Tokenizer
from torch import Tensor

from app.features.text import TOKENIZER_FILE
from app.serving.models.loader import TaskTypes
from app.tasks.generate.features import GenerateFeatures
from app.tasks.generate.task import GRAPH, GenerateTask
from app.training.common.loop import Fit
from app.training.common.members import Report, train_members
from app.training.common.network_facts import network_facts
from app.training.common.publish import Draft, library_versions, publish
from app.training.common.storage import halved, rounded
from app.training.generate.card import generate_card, license_of
from app.training.generate.data import TextData, read_texts
from app.training.generate.fit import fit_language_model
from app.training.generate.network import LanguageModel, initial_states, language_model_graph
from app.training.generate.recipe import GenerateRecipe
from app.training.generate.units import fit_units

TASKS: TaskTypes = {"generate": GenerateTask}
_GOLDEN_CHARACTERS = 40


def train_generate(
    data: Path,
    recipe: GenerateRecipe,
    *,
    name: str = "generate",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
) -> Path:
    """Train a language model on the text file or folder `data`, and publish it as a new version.

    Returns the version's folder. The units and the checkpoint stand in `work / name`; the same
    call goes on from them.

    Raises:
        FileNotFoundError: there is no text.
        ValueError: a text cannot be used.
        ModelRefused: the result does not pass the checks of loading.
    """
    draft = draft_generate(read_texts(data), recipe, name=name, work=work / name)
    return publish(draft, repository, TASKS)


@dataclass(frozen=True)
class Material:
    """What a network learns from and is chosen by: ids (n,) int64."""

    tokenizer: Tokenizer
    train: Tensor
    val: Tensor


def build_material(data: TextData, recipe: GenerateRecipe, work: Path) -> Material:
    """The units of the training text, kept in `work`, and both parts as ids.

    Characters of the validation part that the training part lacks are left out: they cannot be
    predicted, and `describe` counts them.
    """
    path = work / TOKENIZER_FILE
    if path.exists():  # another fit on the same text may give other pieces
        tokenizer = Tokenizer.from_file(str(path))
    else:
        tokenizer = fit_units(data.train, recipe.unit, recipe.vocabulary_size)
        work.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(path))
    train, val = (torch.tensor(tokenizer.encode(text).ids) for text in (data.train, data.val))
    return Material(tokenizer, train, val)


def train_network(
    material: Material, recipe: GenerateRecipe, _: int, checkpoint: Path, report: Report
) -> Fit:
    """A new network, trained on one thread; goes on from `checkpoint`."""
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    network = LanguageModel(recipe.network(material.tokenizer.get_vocab_size()))
    return fit_language_model(
        network,
        material.train,
        material.val,
        recipe.windows,
        recipe.training(),
        checkpoint=checkpoint,
        progress=report,
    )


def draft_generate(data: TextData, recipe: GenerateRecipe, *, name: str, work: Path) -> Draft:
    """Train a network and put everything of a version together; `work` as in `train_generate`."""
    material = build_material(data, recipe, work)
    job = partial(train_network, material, recipe)
    [fit] = train_members(job, 1, work / "network")
    network = fit.network
    assert isinstance(network, LanguageModel)
    rounded(network)
    training = describe(data, material, recipe, fit, network)
    license = license_of(data)
    return Draft(
        name=name,
        task="generate",
        description="Goes on writing from a beginning, and scores texts.",
        license=license,
        intended_use="To show what a character network learns, and to tell likely text from "
        "unlikely. What it writes says nothing true.",
        network=network_facts(
            [network],
            cell=recipe.cell,
            num_layers=recipe.num_layers,
            hidden_size=recipe.hidden_size,
        ),
        graphs={
            GRAPH: halved(language_model_graph(network)),
            TOKENIZER_FILE: material.tokenizer.to_str(pretty=True).encode(),
        },
        features=GenerateFeatures(
            unit=recipe.unit, initial=initial_states(network.options)
        ).model_dump(mode="json"),
        training=training,
        card=generate_card(name, training, license),
        requests=golden_requests(data),
    )


def golden_requests(data: TextData) -> tuple[dict[str, JsonValue], ...]:
    """Requests that become golden examples: likeliest texts, a drawn one, and one that scores.

    Other processors round differently, and one other character changes all that follow. So most of
    them are short.
    """
    head = data.train[:_GOLDEN_CHARACTERS]
    return (
        {"prompt": head, "max_length": 30, "temperature": 0.0, "seed": 1},
        {"prompt": head, "max_length": 12, "seed": 7, "num_samples": 2, "top_p": 0.9},
        {"prompt": "", "max_length": 20, "temperature": 0.0, "seed": 2, "stop": "\n"},
        {
            "prompt": data.train[: 3 * _GOLDEN_CHARACTERS],
            "max_length": 0,
            "log_probabilities": True,
            "seed": 3,
        },
    )


def describe(
    data: TextData, material: Material, recipe: GenerateRecipe, fit: Fit, network: LanguageModel
) -> dict[str, JsonValue]:
    """Everything that the manifest says about the training."""
    values: dict[str, Any] = {
        "recipe": asdict(recipe),
        "network": network.describe(),
        "rows": {
            part.file: {"train_characters": len(part.train), "val_characters": len(part.val)}
            for part in data.parts
        },
        "split": "the last tenth of each file chose the step; no weight was learned from it",
        "unknown_characters": len(set(data.val) - set(data.train)),
        "data": data.sha256,
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
