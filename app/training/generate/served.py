"""Asks a published language model as the service does; knows texts, not scores."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.serving.models.loader import LoadedModel
from app.serving.models.manifest import Manifest
from app.tasks.generate.run import GeneratePrediction
from app.tasks.generate.task import GenerateTask
from app.training.common.served import loaded_model, predictions_of


@dataclass(frozen=True)
class ServedLanguageModel:
    """A language model that answers; `folder` is the version's."""

    model: str
    version: str
    manifest: Manifest
    folder: Path
    _loaded: LoadedModel

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """The log-probability of each unit of every text, which begins without a context.

        Raises:
            InvalidInput: the model does not know a character.
        """
        encode = self._loaded.task.encode
        examples = [encode(text, max_length=0, log_probabilities=True) for text in texts]
        found: list[GeneratePrediction] = predictions_of(self._loaded, examples)
        return [[unit.log_probability for unit in each.prompt or ()] for each in found]

    def samples(self, prompt: str, length: int, *, seed: int, temperature: float) -> str:
        """What the model writes after `prompt`."""
        example = self._loaded.task.encode(prompt, length, seed=seed, temperature=temperature)
        [found] = predictions_of(self._loaded, [example])
        assert isinstance(found, GeneratePrediction)
        return found.samples[0].text


@contextmanager
def served_language_model(
    model: str, root: Path, *, version: str | None = None
) -> Iterator[ServedLanguageModel]:
    """The language model of the repository folder `root`, scheduler and all.

    Raises:
        ModelNotFound: it is not there, or the version was refused (with the reason).
    """
    with loaded_model(root, "generate", GenerateTask, model, version) as loaded:
        yield ServedLanguageModel(
            loaded.name, loaded.version, loaded.manifest, loaded.folder, loaded
        )
