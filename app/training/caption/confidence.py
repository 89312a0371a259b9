"""Teaches a published captioner when to abstain and how sure to be; its weights stay as they are.

Two small fits on what its encoder sees and what it says: of photographs against drawn images, and
of the probability of captions against whether people say the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from textwrap import fill
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from app.features.logistic import logistic
from app.serving.models.manifest import read_manifest
from app.serving.runtime.session import Session
from app.tasks.caption.features import CaptionFeatures, Confidence
from app.tasks.caption.task import (
    DECODER,
    ENCODER,
    FAMILIAR,
    CaptionTask,
)
from app.training.caption.baselines import references_of
from app.training.caption.data import CaptionData
from app.training.caption.not_photographs import KINDS
from app.training.caption.scores import CiderD
from app.training.caption.seen import BATCH, Eyes, Kept
from app.training.common.cards import with_section
from app.training.common.graph import Graph
from app.training.common.publish import CARD, Draft, publish
from app.training.common.scores import expected_calibration_error

Array = NDArray[np.float64]
RIGHT: Final = 0.4
"""CIDEr-D from which a caption counts as right: half of what one person's gets by the others'."""

_PHOTOGRAPHS: Final = 1500  # of the training images, at most
_DRAWN: Final = 128  # of each kind, at most
_FEWEST_DRAWN: Final = 4  # of each kind
_ABSTAIN: Final = 0.02  # share of the validation photographs at the threshold
_COST: Final = 0.01  # of the regression on features; larger fits closer
_FOLDS: Final = 5


@dataclass(frozen=True)
class ConfidenceReport:
    """What was measured, on validation images and on drawn ones of a kind that was left out.

    abstained: share of the validation photographs; it chose the threshold. caught: of each kind,
    the share that abstains when this kind was not learned. right: share of the captions.
    calibration_error: of the confidence, in folds that were left out.
    """

    photographs: int
    abstained: float
    caught: dict[str, float]
    right: float
    calibration_error: float


def add_confidence(
    folder: Path, data: CaptionData, work: Path | None = None
) -> tuple[Path, ConfidenceReport]:
    """Publish the version in `folder` once more, with the same weights, and with `confidence`.

    Returns the new version's folder and what was measured. What the encoder saw and what was said
    are kept in `work`, if that is given; the same call goes on from it.

    Raises:
        ModelRefused: the version cannot be read, or the new one does not load.
    """
    manifest = read_manifest(folder)
    known = CaptionFeatures.model_validate(manifest.features)
    graphs = {name: (folder / name).read_bytes() for name in manifest.files if name != CARD}
    task = CaptionTask.load(folder, manifest, lambda name: Session(graphs[name]))
    eyes = Eyes(Session(graphs[ENCODER]), known)
    kept = Kept(work and work / manifest.files[DECODER].sha256[:12])
    every = -(-len(data.train) // _PHOTOGRAPHS)
    some = islice(data.images("train"), 0, None, every)
    train = kept.array("train", lambda: eyes.see(content for _, content in some))
    val = kept.array("val", lambda: eyes.see(content for _, content in data.images("val")))
    each = max(_FEWEST_DRAWN, min(_DRAWN, len(train) // 10))
    drawn = {kind: kept.array(f"{kind}-{each}", partial(eyes.draw, kind, each)) for kind in KINDS}
    photographs, threshold, caught = _learn_photographs(train, val, drawn)
    graphs[FAMILIAR] = photographs.graph(eyes.shape()).SerializeToString()
    said = kept.array("said", lambda: _said(task, data))
    scale, offset, right, error = _learn_right(said)
    confidence = Confidence(threshold=threshold, scale=scale, offset=offset, right=RIGHT)
    report = ConfidenceReport(
        photographs=len(val),
        abstained=float((photographs.chances(val) < threshold).mean()),
        caught=caught,
        right=right,
        calibration_error=error,
    )
    features = known.model_copy(update={"confidence": confidence}).model_dump(mode="json")
    told: dict[str, Any] = {
        "photographs": len(train),
        "drawn": each * len(drawn),
        "of": f"{manifest.name}/{manifest.version}",
        "abstained": round(report.abstained, 4),
        "caught": {kind: round(share, 4) for kind, share in caught.items()},
        "right": round(right, 4),
        "calibration_error": round(error, 4),
    }
    card = (folder / CARD).read_text(encoding="utf-8")
    draft = Draft(
        name=manifest.name,
        task=manifest.task,
        description=manifest.description,
        license=manifest.license,
        intended_use=manifest.intended_use,
        network=manifest.network,
        graphs=graphs,
        features=features,
        training=dict(manifest.training) | {"confidence": told},
        evaluation=dict(manifest.evaluation),
        card=_with_confidence(card, report),
        requests=tuple(dict(example.request) for example in manifest.golden),
    )
    return publish(draft, folder.parent.parent, {manifest.task: CaptionTask}), report


@dataclass(frozen=True)
class _Photographs:
    """A logistic regression on what `pooled` gives: weights (features,) and bias."""

    weights: Array
    bias: float

    def chances(self, seen: Array) -> Array:
        """(images, features) -> how likely each is a photograph (images,)."""
        return logistic(seen @ self.weights + self.bias)

    def graph(self, shape: Sequence[int]) -> onnx.ModelProto:
        """features (batch, *shape) float32 -> logit (batch,) float32."""
        graph = Graph("familiar")
        seen = graph.input("features", np.float32, ("batch", *shape))
        if len(shape) == 3:
            flat = np.array([0, shape[0], shape[1] * shape[2]], np.int64)
            cells = graph.op("Reshape", seen, flat)  # (batch, channels, cells)
            axes = np.array([2], np.int64)
            mean = graph.op("ReduceMean", cells, axes)  # (batch, channels, 1)
            apart = graph.op("Sub", cells, mean)
            variance = graph.op("ReduceMean", graph.op("Mul", apart, apart), axes, keepdims=0)
            deviation = graph.op("Sqrt", graph.op("Add", variance, np.array(1e-6, np.float32)))
            flat_mean = graph.op("Squeeze", mean, axes)
            seen = graph.op("Concat", flat_mean, deviation, axis=1)
        weighed = graph.op("Mul", seen, graph.constant(self.weights.astype(np.float32), "weights"))
        total = graph.op("ReduceSum", weighed, np.array([1], np.int64), keepdims=0)
        logit = graph.op("Add", total, np.array(self.bias, np.float32))
        graph.output("logit", logit, np.float32, ("batch",))
        return graph.build()


def _learn_photographs(
    train: Array, val: Array, drawn: dict[str, Array]
) -> tuple[_Photographs, float, dict[str, float]]:
    """The regression, its threshold, and of each kind the share that is caught unlearned."""
    caught = {}
    for kind, seen in drawn.items():
        others = [each for other, each in drawn.items() if other != kind]
        fitted = _regression(train, np.concatenate(others))
        caught[kind] = float((fitted.chances(seen) < _threshold(fitted, val)).mean())
    fitted = _regression(train, np.concatenate(list(drawn.values())))
    return fitted, _threshold(fitted, val), caught


def _threshold(fitted: _Photographs, val: Array) -> float:
    """A little below a photograph's own chance, which the graph rounds otherwise."""
    lowest = float(np.quantile(fitted.chances(val), _ABSTAIN, method="lower"))
    return min(max(lowest * (1.0 - 1e-4), 1e-6), 1.0 - 1e-6)


def _regression(photographs: Array, others: Array) -> _Photographs:
    seen = np.concatenate([photographs, others])
    is_photograph = np.arange(len(seen)) < len(photographs)
    scaler = StandardScaler().fit(seen)
    fitted = LogisticRegression(C=_COST, class_weight="balanced", max_iter=500)
    fitted.fit(scaler.transform(seen), is_photograph)
    weights = fitted.coef_[0] / scaler.scale_
    return _Photographs(weights, float(fitted.intercept_[0] - weights @ scaler.mean_))


def _said(task: CaptionTask, data: CaptionData) -> Array:
    """CIDEr-D and log-probability of the caption of each validation image (images, 2)."""
    said, logs = [], []
    contents = (content for _, content in data.images("val"))
    while batch := list(islice(contents, BATCH)):
        for prediction in task.predict([task.encode(content) for content in batch]):
            said.append(prediction.candidates[0].words)
            logs.append(math.log(max(prediction.candidates[0].probability, 1e-30)))
    return np.stack([CiderD(references_of(data.val)).each(said), np.array(logs)], axis=1)


def _learn_right(said: Array) -> tuple[float, float, float, float]:
    """scale, offset, the share of right captions, and the calibration error in left-out folds."""
    right, log_probability = said[:, 0] >= RIGHT, said[:, 1]
    fold = np.arange(len(right)) % _FOLDS
    chances = np.zeros(len(right))
    for left_out in range(_FOLDS):
        kept = fold != left_out
        scale, offset = _platt(log_probability[kept], right[kept])
        chances[~kept] = logistic(offset + scale * log_probability[~kept])
    error = expected_calibration_error(chances, right)
    return *_platt(log_probability, right), float(right.mean()), error


def _platt(log_probability: Array, right: NDArray[np.bool_]) -> tuple[float, float]:
    """scale (0 or more) and offset of the logit of being right."""
    if right.all() or not right.any() or len(np.unique(log_probability)) < 2:
        share = (right.sum() + 1) / (len(right) + 2)  # Laplace's rule of succession
        return 0.0, float(math.log(share / (1 - share)))
    fitted = LogisticRegression(C=1e3).fit(log_probability[:, None], right)
    if fitted.coef_[0, 0] < 0:
        return _platt(np.zeros(len(right)), right)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


_TITLE: Final = "Limits"
_LIMITS: Final = (
    "- It abstains from images that look like none of its photographs: from {abstained:.1f} % of "
    "the {photographs:,} validation photographs, which chose the threshold, and from images drawn "
    "by rules, each kind judged by what was learned from the others: {caught}. Photographs of "
    "pages, screens and drawings were not tried.",
    "- `confidence` is the chance that a caption's CIDEr-D is {right} or more, about half of what "
    "one person's sentence gets by the others'; {share:.0f} % of the validation captions are that "
    "good. Its calibration error there, in folds that were left out, is {error:.3f}.",
)


def _with_confidence(card: str, report: ConfidenceReport) -> str:
    """The card with what the version does when an image is no photograph."""
    _, _, rest = card.partition(f"\n## {_TITLE}\n")
    limits = rest.partition("\n## ")[0].strip()
    caught = ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in report.caught.items())
    figures = {
        **{"abstained": 100 * report.abstained, "photographs": report.photographs},
        **{"caught": caught, "right": RIGHT, "share": 100 * report.right},
        "error": report.calibration_error,
    }
    added = (fill(each.format(**figures), 100, subsequent_indent="  ") for each in _LIMITS)
    return with_section(card, _TITLE, "\n".join([limits, *added]))
