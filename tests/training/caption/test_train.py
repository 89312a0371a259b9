"""From a folder of images and captions to a published captioner that answers as a client asks."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.serving.models.manifest import read_manifest
from app.tasks.caption.task import CaptionTask
from app.training.caption.train import train_caption
from app.training.common.served import loaded_model
from tests.training.caption.test_draft import COLOURS, RECIPE, make_data, make_encoder


@pytest.mark.parametrize("attention", [0, 8], ids=["pooled", "attends"])
@pytest.mark.parametrize("cell", ["gru", "lstm", "peephole_lstm", "working_memory_lstm"])
def test_the_published_version_names_the_colours(tmp_path: Path, cell: str, attention: int) -> None:
    data = make_data(tmp_path / "data").root
    make_encoder(tmp_path)
    recipe = replace(RECIPE, cell=cell, attention_size=attention, epochs=12)
    folder = train_caption(
        data, tmp_path / "encoder.onnx", recipe, repository=tmp_path / "models", work=tmp_path
    )
    assert folder == tmp_path / "models/caption/1"
    manifest = read_manifest(folder)
    assert (manifest.task, manifest.network.cell) == ("caption", cell)
    with loaded_model(tmp_path / "models", "caption", CaptionTask, "caption") as loaded:
        for number, colour in enumerate(COLOURS):
            content = (data / f"{number}.png").read_bytes()
            example = loaded.task.encode(content, attention=attention > 0)
            [future] = loaded.scheduler.submit_many([example])
            answer = future.result().prediction.to_json()
            assert colour in answer["text"].split()
            assert ("attention" in answer) == (attention > 0)
