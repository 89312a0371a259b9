"""Asks a published captioner as the service does; knows images and captions, not scores."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from app.serving.models.loader import LoadedModel
from app.serving.models.manifest import Manifest
from app.tasks.caption.task import CaptionTask
from app.training.common.served import loaded_model, predictions_of

_CHUNK = 32  # images that are held in memory, and that share steps as far as the service allows


@dataclass(frozen=True)
class ServedCaptions:
    """A captioner that answers, with the search of its manifest; `folder` is the version's."""

    model: str
    version: str
    manifest: Manifest
    folder: Path
    _loaded: LoadedModel

    @property
    def seed(self) -> int:
        """What its training drew the validation images with, if the owner had no split."""
        seed = self.manifest.training.get("seed", 0)
        return seed if isinstance(seed, int) else 0

    def captions(
        self,
        images: Iterable[bytes],
        progress: Callable[[int], None] | None = None,
        *,
        no_repeat_ngram: int | None = None,
    ) -> list[str]:
        """The best caption of every image file's content, as a client reads it.

        With `no_repeat_ngram` the search takes that, and not what the manifest says.

        Raises:
            InvalidInput: one is no image that the service takes.
        """
        found: list[str] = []
        rest = iter(images)
        while contents := list(islice(rest, _CHUNK)):
            examples = [
                self._loaded.task.encode(content, no_repeat_ngram=no_repeat_ngram)
                for content in contents
            ]
            predictions = predictions_of(self._loaded, examples)
            found += [str(prediction.to_json()["text"]) for prediction in predictions]
            if progress is not None:
                progress(len(found))
        return found


@contextmanager
def served_captions(
    model: str, root: Path, *, version: str | None = None
) -> Iterator[ServedCaptions]:
    """The captioner of the repository folder `root`, scheduler and all.

    Raises:
        ModelNotFound: it is not there, or the version was refused (with the reason).
    """
    with loaded_model(root, "caption", CaptionTask, model, version) as loaded:
        yield ServedCaptions(loaded.name, loaded.version, loaded.manifest, loaded.folder, loaded)
