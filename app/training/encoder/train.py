"""From photographs to an image encoder: the order of things. Knows no screen and no decoder.

1. The teacher looks at `lessons` views of the photographs and of other images.
2. The encoder learns to see the same (distillation).
3. It goes on, and learns which words people use of the photographs.

What comes out is a file that `unroll train caption --encoder` takes, as it takes anybody's.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image
from pydantic import JsonValue
from torch import Tensor, nn

from app.training.caption.data import CaptionData, Part, read_captions
from app.training.caption.words import words_of
from app.training.common.loop import Fit, fit
from app.training.common.members import Report, train_members
from app.training.common.publish import library_versions
from app.training.encoder.distillation import (
    MEAN,
    STD,
    DistillationLoss,
    Lesson,
    LessonBatches,
    Scales,
    Target,
    look,
    target_of,
    to_input,
)
from app.training.encoder.graph import encoder_graph
from app.training.encoder.network import Encoder, Features
from app.training.encoder.recipe import EncoderRecipe
from app.training.encoder.teacher import SIZE, Teacher
from app.training.encoder.teacher_views import Lessons, open_lessons, teach
from app.training.encoder.views import Views, npz_images, whole
from app.training.encoder.words import WordReader, WordTargets, word_loss, word_targets

_SAMPLE: Final = 2000  # views that the spreads of the teacher's channels are taken from
_PER_RUN: Final = 100  # images looked at together when validating


@dataclass(frozen=True)
class Photographs:
    """Images (RGB) and, of each, its captions as tokens."""

    images: Sequence[Image.Image]
    captions: Sequence[Sequence[Sequence[str]]]


def train_encoder_from(
    data: Path,
    others: Path | None,
    teacher: Path,
    recipe: EncoderRecipe,
    work: Path,
    *,
    encoding: str | None = None,
) -> Path:
    """Read captioned images of `data` and the .npz files in `others`, and `train_encoder`.

    Raises:
        FileNotFoundError, ValueError: a folder holds no such images.
    """
    captioned = read_captions(data, encoding=encoding)
    files = [] if others is None else sorted(others.glob("*.npz"), key=lambda path: path.stem)
    if others is not None and not files:
        raise FileNotFoundError(f"no .npz file of images in {others}")
    sources: dict[str, JsonValue] = {
        **captioned.sha256(),
        **{path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }
    return train_encoder(
        _photographs(captioned, "train"),
        _photographs(captioned, "val"),
        [image for path in files for image in npz_images(path)],
        teacher,
        recipe,
        work,
        data=sources,
    )


def _photographs(data: CaptionData, part: Part) -> Photographs:
    images = []
    for name, content in data.images(part):
        try:
            images.append(Image.open(io.BytesIO(content)).convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"{name} cannot be decoded: {error}") from None
    captions = [[words_of(caption) for caption in one.captions] for one in data.of(part)]
    return Photographs(images, captions)


def train_encoder(
    train: Photographs,
    validation: Photographs,
    others: Sequence[Image.Image],
    teacher: Path,
    recipe: EncoderRecipe,
    work: Path,
    *,
    data: Mapping[str, JsonValue],
) -> Path:
    """Train, and return the ONNX file `work / encoder.onnx`; `encoder.json` beside it tells how.

    `others` are images without captions, `data` says where all of them came from. Checkpoints stand
    in `work`; the same call goes on from them.
    """
    material = _Material.prepare(train, validation, others, Teacher(teacher), recipe, work)
    torch.manual_seed(recipe.seed)
    encoder = Encoder(recipe.network)
    [distilled] = train_members(partial(_distil, material, recipe, encoder), 1, work / "distilled")
    targets = word_targets(train.captions)
    reader = WordReader(encoder, targets.shares)
    step = partial(_words, material, recipe, reader, targets, distilled.steps)
    [taught] = train_members(step, 1, work / "words")
    description: dict[str, JsonValue] = {
        "image": {
            "height": recipe.network.size,
            "width": recipe.network.size,
            "mean": list(MEAN),
            "std": list(STD),
            "layout": "NCHW",
            "resize": "squash",
        },
        "training": {
            "data": dict(data),
            "teacher_sha256": hashlib.sha256(teacher.read_bytes()).hexdigest(),
            "recipe": json.loads(json.dumps(asdict(recipe))),
            "views": (distilled.steps + taught.steps) * recipe.rows,
            "words": len(targets.words),
            "distillation_score": round(distilled.score, 4),
            "word_score": round(taught.score, 4),
            "parameters": sum(p.numel() for p in encoder.parameters()),
            "seconds": round(distilled.seconds + taught.seconds),
            "libraries": dict(library_versions()),
        },
    }
    path = work / "encoder.onnx"
    path.write_bytes(encoder_graph(encoder))
    path.with_suffix(".json").write_text(json.dumps(description, indent=2) + "\n")
    return path


@dataclass(frozen=True)
class _Material:
    """Everything that the two stages learn from."""

    views: Views
    lessons: Lessons
    scales: Scales
    loss: DistillationLoss
    held_out: Lesson
    held_out_captions: Sequence[Sequence[Sequence[str]]]

    @classmethod
    def prepare(
        cls,
        train: Photographs,
        validation: Photographs,
        others: Sequence[Image.Image],
        teacher: Teacher,
        recipe: EncoderRecipe,
        work: Path,
    ) -> "_Material":
        scales = Scales(teacher.map_scale, teacher.pooled_scale, teacher.logits_scale)
        seen = open_lessons(work / "validation", len(validation.images))
        teach(seen, teacher, lambda row: whole(validation.images[row], SIZE))
        views = Views(
            [*train.images, *others], len(train.images), share=recipe.share, seed=recipe.seed
        )
        lessons = open_lessons(work / "lessons", recipe.lessons)
        teach(lessons, teacher, lambda number: views.pixels(number, SIZE))
        sample = target_of(lessons, range(min(_SAMPLE, recipe.lessons)), scales)
        size = recipe.network.size
        pixels = np.stack([whole(image, size) for image in validation.images])
        held_out = Lesson(to_input(pixels), target_of(seen, range(len(pixels)), scales))
        loss = DistillationLoss(sample, teacher.weights, teacher.bias)
        return cls(views, lessons, scales, loss, held_out, validation.captions)

    def batches(self, recipe: EncoderRecipe) -> LessonBatches:
        size = recipe.network.size
        return LessonBatches(
            self.lessons,
            self.scales,
            lambda view: self.views.pixels(view, size),
            recipe.rows,
            recipe.lessons,
        )

    def parts(self) -> Sequence[Lesson]:
        """The held-out images, some at a time."""
        images, target = self.held_out
        return [
            Lesson(
                images[at : at + _PER_RUN], Target(*(each[at : at + _PER_RUN] for each in target))
            )
            for at in range(0, len(images), _PER_RUN)
        ]


def _distil(
    material: _Material, recipe: EncoderRecipe, encoder: Encoder, _: int, path: Path, say: Report
) -> Fit:
    def validate(module: nn.Module) -> float:
        losses = [
            material.loss(look(module, each.images), each.target) for each in material.parts()
        ]
        return float(torch.stack(losses).mean())

    def loss(module: nn.Module, batch: Lesson) -> Tensor:
        value: Tensor = material.loss(look(module, batch.images), batch.target)
        return value

    batches = material.batches(recipe)
    return fit(encoder, batches, loss, validate, recipe.distil, checkpoint=path, progress=say)


def _words(
    material: _Material,
    recipe: EncoderRecipe,
    reader: WordReader,
    targets: WordTargets,
    first: int,
    _: int,
    path: Path,
    say: Report,
) -> Fit:
    shares = torch.from_numpy(targets.shares)
    held_out = torch.from_numpy(targets.of(material.held_out_captions))
    batches = material.batches(recipe)

    def batch(step: int) -> tuple[Lesson, Tensor]:
        images = [material.views.view(view).image for view in batches.views(first + step)]
        return batches(first + step), torch.tensor(images)

    def loss(module: nn.Module, given: tuple[Lesson, Tensor]) -> Tensor:
        lesson, images = given
        features, logits = _read(module, lesson.images)
        captioned = images < len(shares)
        of_words = word_loss(logits[captioned], shares[images[captioned]])
        value: Tensor = material.loss(features, lesson.target) + recipe.word_weight * of_words
        return value

    def validate(module: nn.Module) -> float:
        logits = torch.cat([_read(module, each.images)[1] for each in material.parts()])
        return float(word_loss(logits, held_out))

    return fit(reader, batch, loss, validate, recipe.words, checkpoint=path, progress=say)


def _read(module: nn.Module, images: Tensor) -> tuple[Features, Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        features, logits = module(images)
    return Features(features.narrow.float(), features.map.float()), logits.float()
