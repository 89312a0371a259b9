"""From images with captions to a published captioner; knows the order of things, no networks."""

from pathlib import Path

from app.serving.models.loader import TaskTypes
from app.tasks.caption.task import CaptionTask
from app.training.caption.data import read_captions
from app.training.caption.draft import draft_caption
from app.training.caption.encode import read_encoder
from app.training.caption.recipe import CaptionRecipe
from app.training.common.publish import publish

TASKS: TaskTypes = {"caption": CaptionTask}


def train_caption(
    data: Path,
    encoder: Path,
    recipe: CaptionRecipe,
    *,
    name: str = "caption",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
) -> Path:
    """Train a decoder on what the ONNX file `encoder` sees, and publish both as a new version.

    Returns the version's folder. Features and checkpoints stand in `work / name`; the same call
    goes on from them.

    Raises:
        FileNotFoundError: there are no captions in `data`, or an image of one, or no encoder.
        ValueError: the captions cannot be used, or the encoder does not take images.
        ModelRefused: the result does not pass the checks of loading.
    """
    draft = draft_caption(
        read_captions(data, seed=recipe.seed),
        read_encoder(encoder),
        recipe,
        name=name,
        work=work / name,
    )
    return publish(draft, repository, TASKS)
