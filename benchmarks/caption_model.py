"""A caption model of the size of ours with random weights, to measure with. Knows no figures."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from app.serving.models.manifest import Golden, Manifest, Network, digest, write_manifest
from app.serving.runtime.session import Session
from app.tasks.caption.features import EOS, VOCABULARY_FILE, CaptionFeatures, ImageFeatures
from app.tasks.caption.task import DECODER, ENCODER, START, CaptionTask
from app.training.caption.graph import decoder_graph, start_graph
from app.training.caption.network import Captioner
from app.training.caption.recipe import CaptionRecipe
from app.training.common.graph import OPSET
from app.training.common.storage import halved
from app.training.encoder.distillation import MEAN, STD
from app.training.encoder.graph import encoder_graph
from app.training.encoder.network import Encoder, EncoderOptions

MODEL = "caption"
_LONGEST = 24


def write_random(root: Path, recipe: CaptionRecipe | None = None) -> Path:
    """Write a version whose captions never end before their longest; its folder."""
    recipe = recipe or CaptionRecipe()
    torch.manual_seed(0)
    sizes = EncoderOptions()
    encoder = Encoder(sizes)
    words = ["<pad>", "<bos>", "<eos>", "<unk>"]
    words += [f"word{number}" for number in range(len(words), recipe.most)]
    network = Captioner(recipe.network(len(words), sizes.channels)).eval()
    with torch.no_grad():
        network.bias[EOS] = -1e9
    grid = (sizes.grid, sizes.grid)
    image = ImageFeatures(height=sizes.size, width=sizes.size, mean=MEAN, std=STD)
    features = CaptionFeatures(
        image=image, grid=grid if network.attends else None, max_length=_LONGEST
    )
    graphs = {
        ENCODER: encoder_graph(encoder),
        START: halved(start_graph(network, grid)),
        DECODER: halved(decoder_graph(network, grid)),
    }
    folder = root / MODEL / "1"
    folder.mkdir(parents=True)
    for name, content in graphs.items():
        (folder / name).write_bytes(content)
    (folder / VOCABULARY_FILE).write_text(json.dumps(words), encoding="utf-8")
    task = CaptionTask(features, tuple(words), *(Session(each) for each in graphs.values()))
    manifest = Manifest(
        name=MODEL,
        version="1",
        task="caption",
        created="2020-01-01T00:00:00Z",
        description="Random weights.",
        license="Apache-2.0",
        intended_use="Measuring speed.",
        files={each.name: digest(each) for each in folder.iterdir()},
        network=Network(
            cell=recipe.cell,
            num_layers=1,
            hidden_size=recipe.hidden_size,
            parameters=sum(each.numel() for each in (*encoder.parameters(), *network.parameters())),
            opset=OPSET,
        ),
        features=features.model_dump(mode="json"),
        golden=tuple(_golden(task, seed) for seed in range(3)),
    )
    write_manifest(folder, manifest)
    return folder


def _golden(task: CaptionTask, seed: int) -> Golden:
    draw = np.random.default_rng(seed)
    file = io.BytesIO()
    Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8)).save(file, "PNG")
    request: dict[str, Any] = {
        "image": base64.b64encode(file.getvalue()).decode(),
        "beam_width": 1 + seed,
        "max_length": 4,
    }
    return Golden(request=request, answer=task.predict([task.encode(**request)])[0].to_json())
