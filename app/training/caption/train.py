"""From images with captions to a published captioner; knows the order of things, not the screen."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue

from app.serving.models.loader import TaskTypes
from app.serving.models.manifest import read_manifest
from app.tasks.caption.task import CaptionTask
from app.training.caption.card import FLICKR_LICENSE, OWN_LICENSE, caption_card
from app.training.caption.critical import Critic
from app.training.caption.data import PARTS, CaptionData, read_captions
from app.training.caption.drawn import drawn_requests
from app.training.caption.encode import EncoderFile, encode_images, read_encoder
from app.training.caption.features import Features
from app.training.caption.fit import Captions, Validation, fit_captioner, log_frequencies
from app.training.caption.graph import decoder_graph, start_graph
from app.training.caption.network import Captioner
from app.training.caption.recipe import CaptionRecipe
from app.training.caption.start import start_from
from app.training.caption.words import Vocabulary, build_vocabulary, words_of
from app.training.common.loop import Fit, fit
from app.training.common.members import Report, train_members
from app.training.common.network_facts import network_facts
from app.training.common.publish import Draft, library_versions, publish
from app.training.common.storage import halved, rounded

TASKS: TaskTypes = {"caption": CaptionTask}
ENCODER, START, DECODER = "encoder.onnx", "start.onnx", "decoder.onnx"
VOCABULARY = "vocabulary.json"


def train_caption(
    data: Path,
    encoder: Path,
    recipe: CaptionRecipe,
    *,
    name: str = "caption",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
    encoding: str | None = None,
    start: Path | None = None,
) -> Path:
    """Train a decoder on what the ONNX file `encoder` sees, and publish both as a new version.

    Returns the version's folder. Features and checkpoints stand in `work / name`; the same call
    goes on from them. `encoding` as `read_captions` has it. `start`: the folder of a version whose
    decoder this one goes on from.

    Raises:
        FileNotFoundError: there are no captions in `data`, or an image of one, or no encoder.
        ValueError: the captions cannot be used, or the encoder does not take images.
        ModelRefused: the result does not pass the checks of loading, or `start` does not fit.
    """
    draft = draft_caption(
        read_captions(data, seed=recipe.seed, encoding=encoding),
        read_encoder(encoder),
        recipe,
        name=name,
        work=work / name,
        start=start,
    )
    return publish(draft, repository, TASKS)


@dataclass(frozen=True)
class Material:
    """What a decoder learns from and is chosen by."""

    data: CaptionData
    vocabulary: Vocabulary
    train: Features
    val: Features


def build_material(
    data: CaptionData, encoder: EncoderFile, recipe: CaptionRecipe, work: Path
) -> Material:
    """The vocabulary of the training captions, and features of all images, kept in `work`."""
    vocabulary = build_vocabulary(
        (words_of(caption) for one in data.train for caption in one.captions),
        least=recipe.least,
        most=recipe.most,
    )
    cells = recipe.attention_size > 0
    train, val = (
        encode_images(
            encoder,
            data.images(part),
            work / f"features-{part}",
            views=recipe.views if part == "train" else None,
            cells=cells,
        )
        for part in PARTS
    )
    return Material(data, vocabulary, train, val)


def train_decoder(
    material: Material,
    recipe: CaptionRecipe,
    _: int,
    checkpoint: Path,
    report: Report,
    *,
    start: Path | None = None,
) -> Fit:
    """A new decoder, trained on one thread; goes on from `checkpoint`.

    Raises:
        ModelRefused: the version in `start` does not fit.
    """
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    network = Captioner(recipe.network(len(material.vocabulary), material.train.channels))
    network.start_from(log_frequencies(material.vocabulary))
    if start is not None:
        start_from(network, start, material.vocabulary)
    validation = Validation(material.data.val, material.val, material.vocabulary, recipe.search)
    if recipe.critical:
        critic = Critic(material.data.train, material.train, material.vocabulary, seed=recipe.seed)
        return fit(
            network,
            critic.batch,
            critic.loss,
            validation,
            recipe.loop(critic.steps).loop,
            checkpoint=checkpoint,
            progress=report,
        )
    captions = Captions(material.data.train, material.train, material.vocabulary, recipe.loop(1))
    return fit_captioner(
        network,
        captions,
        validation,
        recipe.loop(captions.steps),
        checkpoint=checkpoint,
        progress=report,
    )


def draft_caption(
    data: CaptionData,
    encoder: EncoderFile,
    recipe: CaptionRecipe,
    *,
    name: str,
    work: Path,
    start: Path | None = None,
) -> Draft:
    """Train a decoder and put everything of a version together.

    Features and checkpoints stand in `work`; the same call goes on from them.
    """
    material = build_material(data, encoder, recipe, work)
    job = partial(train_decoder, material, recipe, start=start)
    [found] = train_members(job, 1, work / "decoder")
    network = found.network
    assert isinstance(network, Captioner)
    rounded(network)
    training = describe(material, encoder, recipe, found, network)
    if start is not None:
        begun = read_manifest(start)
        version = f"{begun.name}/{begun.version}"
        training |= {"start": {"version": version, "sha256": begun.files[DECODER].sha256}}
    flickr = any(file.startswith("images-train") for file in data.sha256())
    license = FLICKR_LICENSE if flickr else OWN_LICENSE
    features: dict[str, Any] = {
        "image": asdict(encoder.image),
        "encoder_output": encoder.output_name,
        "grid": list(encoder.grid) if network.attends and encoder.grid else None,
        "max_length": recipe.search.max_length,
        "beam_width": recipe.search.beam_width,
        "length_penalty": recipe.search.length_penalty,
        "no_repeat_ngram": recipe.search.no_repeat_ngram,
    }
    return Draft(
        name=name,
        task="caption",
        description="One sentence in English about a photograph.",
        license=license,
        intended_use="A first description of everyday photographs. Research use.",
        network=network_facts(
            [network],
            cell=recipe.cell,
            num_layers=1,
            hidden_size=recipe.hidden_size,
        ),
        graphs={
            ENCODER: encoder.content,
            START: halved(start_graph(network, encoder.grid)),
            DECODER: halved(decoder_graph(network, encoder.grid)),
            VOCABULARY: material.vocabulary.to_json().encode(),
        },
        features=_plain(features),
        training=training,
        card=caption_card(name, training, license),
        requests=drawn_requests(),
    )


def describe(
    material: Material, encoder: EncoderFile, recipe: CaptionRecipe, fit: Fit, network: Captioner
) -> dict[str, JsonValue]:
    """Everything that the manifest says about the training."""
    given = (
        "a vector" if encoder.grid is None else f"a map of {encoder.grid[0]} x {encoder.grid[1]}"
    )
    size = f"{encoder.image.width} x {encoder.image.height}"
    return _plain(
        {
            "recipe": asdict(recipe),
            "network": network.describe(),
            "rows": {
                part: {
                    "images": len(material.data.of(part)),
                    "captions": sum(len(one.captions) for one in material.data.of(part)),
                }
                for part in PARTS
            },
            "split": "by image; validation chose the epoch and the settings of the search",
            "data": material.data.sha256(),
            "encoder": {
                "description": f"{size} pixels to {given} of {encoder.channels:,} channels",
                "sha256": hashlib.sha256(encoder.content).hexdigest(),
                "training": encoder.training,
            },
            "seed": recipe.seed,
            "validation_cider_d": round(-fit.score, 4),
            "best_step": fit.best_step,
            "steps": fit.steps,
            "seconds": round(fit.seconds),
            "interrupted": fit.interrupted,
            "libraries": library_versions(),
        }
    )


def _plain(values: Mapping[str, object]) -> dict[str, JsonValue]:
    """Through JSON, so that a tuple is the list that a reader of the manifest gets."""
    plain: dict[str, JsonValue] = json.loads(json.dumps(values))
    return plain
