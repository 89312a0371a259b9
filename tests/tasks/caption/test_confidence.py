"""How sure a captioner is, and when it abstains: on a tiny graph that knows red images only."""

from pathlib import Path

import numpy as np
import pytest

from app.errors import ModelRefused
from app.features.image import normalised
from app.serving.models.loader import load_version
from app.serving.runtime.session import Session
from app.tasks.caption.task import FAMILIAR, CaptionTask
from tests.captioner import (
    CONFIDENCE,
    FEATURES,
    IMAGE,
    caption_task,
    encoder_graph,
    png,
    write_captioner,
)

TASK = caption_task()
SURE = FEATURES.model_copy(update={"confidence": CONFIDENCE})


def test_confidence_is_that_of_the_words_times_that_of_a_photograph() -> None:
    task = caption_task(SURE)
    for seed in range(4):
        (prediction,) = task.predict([task.encode(png(seed))])
        features = Session(encoder_graph()).run(
            {"pixels": normalised(task.encode(png(seed)).pixels[None], IMAGE.options())}
        )
        red = float(next(iter(features.values()))[0, 0].mean())
        photograph = 1 / (1 + np.exp(-4 * red))
        words = 1 / (1 + np.exp(-(1.0 + 2.0 * np.log(prediction.candidates[0].probability))))
        assert prediction.confidence == pytest.approx(photograph * words, rel=1e-5)
        assert prediction.abstained == (photograph < 0.5)
        (plain,) = TASK.predict([TASK.encode(png(seed))])
        assert plain.candidates == prediction.candidates
        assert (plain.confidence, plain.abstained) == (None, False)


def test_a_version_that_tells_how_sure_it_is_needs_its_graph(tmp_path: Path) -> None:
    folder = write_captioner(tmp_path, features=SURE)
    load_version(folder, {"caption": CaptionTask}).close()
    (folder / FAMILIAR).unlink()
    with pytest.raises(ModelRefused, match=r"familiar\.onnx"):
        load_version(folder, {"caption": CaptionTask})
