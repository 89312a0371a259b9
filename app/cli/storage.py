"""Makes a repository of a folder that holds one model. Knows what to tell, and no layout.

Storages that are mounted for one model look so: versions of it, or an ONNX file that somebody has
exported. The folder itself is only read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from app.errors import ModelRefused, UnrollError
from app.telemetry.log import get_logger

if TYPE_CHECKING:
    from app.serving.models.storage import Stored
    from app.settings import Settings

_log = get_logger(__name__)


@contextmanager
def repository_of(settings: "Settings") -> Iterator[Path]:
    """The folder to serve: that of the settings, or one that is made from it and ends with this.

    One is made if the settings name the model, and the folder is no repository. What cannot be
    served is told in a line of the log, and then nothing is.
    """
    from app.serving.models.storage import find_stored, link_versions

    folder = settings.models_dir
    try:
        stored = find_stored(folder)
    except (OSError, ModelRefused) as error:
        _log.error("storage_unreadable", reason=str(error))
        stored = None
    if stored is None:
        yield folder
        return
    if not settings.model_name:
        names = sorted({name for name, _ in stored.versions}) or [
            each.name for each in stored.graphs
        ]
        _log.error(
            "storage_is_no_repository",
            found=", ".join(names),
            fix="set UNROLL_MODEL_NAME to serve it as that model, or publish it into a repository: "
            "unroll import FILE --name NAME",
        )
        yield folder
        return
    with TemporaryDirectory(prefix="unroll-") as temporary:
        made = Path(temporary)
        if stored.versions:
            link_versions(stored, made)
            _log.info("storage_linked", versions=[f"{name} {v}" for name, v in stored.versions])
        else:
            _import(stored, settings.model_name, made)
        yield made


def _import(stored: "Stored", name: str, repository: Path) -> None:
    """Import the one graph as a model of this name, or say why not and what to do."""
    fix = (
        f"publish it and store the repository: unroll import {stored.graphs[0].name} --name {name}"
    )
    if len(stored.graphs) > 1:
        found = ", ".join(each.name for each in stored.graphs)
        _log.error("storage_not_imported", reason=f"there are several graphs: {found}", fix=fix)
        return
    (graph,) = stored.graphs
    try:
        from app.training.importing.import_model import ImportOptions, import_model
    except ModuleNotFoundError as error:
        fix = f"install unroll[onnx] (EXTRA=onnx for the image), or {fix}"
        _log.error("storage_not_imported", reason=f"{error.name} is not installed", fix=fix)
        return
    try:
        imported = import_model(graph, ImportOptions(name), repository)
    except UnrollError as error:
        _log.error("storage_not_imported", reason=error.message, fix=fix)
        return
    if imported.folder is None:
        problems = [each for each in imported.verdict.findings if each.severity == "problem"]
        reason = "; ".join(each.what for each in problems)
        fix = "; ".join(each.fix for each in problems)
        _log.error("storage_not_imported", reason=reason, fix=fix)
        return
    _log.info("storage_imported", graph=graph.name, model=name, version=imported.folder.name)
