"""Asks a published translator as the service does; knows texts, not scores."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.serving.models.loader import LoadedModel
from app.serving.models.manifest import Manifest
from app.tasks.translate.features import TranslateFeatures
from app.tasks.translate.run import TranslatePrediction
from app.tasks.translate.task import TranslateTask
from app.training.common.served import loaded_model, predictions_of


@dataclass(frozen=True)
class ServedTranslator:
    """A translator that answers; `folder` is the version's."""

    model: str
    version: str
    manifest: Manifest
    folder: Path
    _loaded: LoadedModel

    @property
    def features(self) -> TranslateFeatures:
        return TranslateFeatures.model_validate(self.manifest.features)

    def predictions(
        self, texts: Sequence[str], target: str, **options: Any
    ) -> list[TranslatePrediction]:
        """The answers for `texts`, with the options of a request.

        Raises:
            InvalidInput: the service does not take one of the texts.
        """
        encode = self._loaded.task.encode
        examples = [encode(text, target, **options) for text in texts]
        return predictions_of(self._loaded, examples)

    def translations(self, texts: Sequence[str], target: str, **options: Any) -> list[str]:
        """The best translation of each text."""
        found = self.predictions(texts, target, **options)
        return [each.candidates[0].text for each in found]


@contextmanager
def served_translator(
    model: str, root: Path, *, version: str | None = None
) -> Iterator[ServedTranslator]:
    """The translator of the repository folder `root`, scheduler and all.

    Raises:
        ModelNotFound: it is not there, or the version was refused (with the reason).
    """
    with loaded_model(root, "translate", TranslateTask, model, version) as loaded:
        yield ServedTranslator(loaded.name, loaded.version, loaded.manifest, loaded.folder, loaded)
