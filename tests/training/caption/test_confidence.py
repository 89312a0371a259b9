"""When a captioner abstains and how sure it may be: on colours and drawings, published again."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.serving.models.loader import load_version
from app.serving.models.manifest import read_manifest
from app.serving.models.promotion import promote
from app.tasks.caption.task import ENCODER, CaptionTask
from app.training.caption.confidence import add_confidence
from app.training.caption.not_photographs import KINDS, not_photograph
from app.training.caption.train import draft_caption
from app.training.common.publish import publish
from tests.training.caption.test_draft import RECIPE, make_data, make_encoder

TASKS = {"caption": CaptionTask}


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_image_is_a_file_that_its_seed_repeats(kind: str) -> None:
    first, again, other = (not_photograph(kind, seed) for seed in (3, 3, 4))
    assert first == again != other
    size = Image.open(io.BytesIO(first)).size
    assert all(96 <= side < 640 for side in size)


def test_the_same_weights_are_published_again_and_can_tell(tmp_path: Path) -> None:
    data, encoder = make_data(tmp_path / "data"), make_encoder(tmp_path)
    draft = draft_caption(data, encoder, RECIPE, name="colours", work=tmp_path / "work")
    folder = publish(draft, tmp_path / "models", TASKS)
    again, report = add_confidence(folder, data)
    assert again == tmp_path / "models" / "colours" / "2"
    assert (again / ENCODER).read_bytes() == (folder / ENCODER).read_bytes()
    before, after = read_manifest(folder), read_manifest(again)
    assert after.training["confidence"]["of"] == "colours/1"  # type: ignore[index,call-overload]
    assert {**after.features, "confidence": None} == {**before.features, "confidence": None}
    assert report.photographs == 6
    assert report.caught.keys() == KINDS.keys()
    card = (again / "README.md").read_text(encoding="utf-8")
    assert "It abstains from images that look like none of its photographs" in card
    assert "\n\n## Data\n" in card
    assert "\n\n\n" not in card
    limits = card.partition("\n## Limits\n")[2].partition("\n## ")[0]
    assert max(map(len, limits.splitlines())) <= 100
    promote(tmp_path / "models", "colours", "2")

    model = load_version(again, TASKS)
    try:
        photograph = Image.new("RGB", (20, 16), (200, 30, 30))
        file = io.BytesIO()
        photograph.save(file, "PNG")
        noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        other = io.BytesIO()
        Image.fromarray(noise).save(other, "PNG")
        known, unknown = model.task.predict(
            [model.task.encode(each.getvalue()) for each in (file, other)]
        )
        assert known.confidence > unknown.confidence
        assert not known.abstained
    finally:
        model.close()
