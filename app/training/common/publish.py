"""Writes a finished version into the model repository; knows files, not how it was trained."""

import json
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from app.errors import ModelRefused
from app.serving.models.folders import promoted_names, version_names
from app.serving.models.loader import ServingOptions, TaskTypes, load_version
from app.serving.models.manifest import Golden, Manifest, Network, digest, write_manifest
from app.serving.models.promotion import mark
from app.serving.runtime.session import Session

GRAPH = "model.onnx"
CARD = "README.md"


@dataclass(frozen=True)
class Draft:
    """A version that is about to be published; `requests` become its golden examples."""

    name: str
    task: str
    description: str
    license: str
    intended_use: str
    network: Network
    graphs: Mapping[str, bytes]
    features: dict[str, JsonValue]
    training: dict[str, JsonValue]
    card: str
    requests: tuple[dict[str, JsonValue], ...]
    evaluation: dict[str, JsonValue] = field(default_factory=dict)


def publish(draft: Draft, repository: Path, tasks: TaskTypes, *, version: str = "") -> Path:
    """Write `draft` as a new version and return its folder.

    The version is the next free number unless it is named. It is put together in a hidden
    folder, answers its golden examples there, is loaded exactly as the service loads it, and
    only then renamed into place: a reader sees the whole version or nothing. Where another version
    is served under the name, it is a candidate: it does not replace what is served.

    Raises:
        ModelRefused: it does not pass the checks of loading, or the version is there already.
    """
    folder = repository / draft.name
    folder.mkdir(parents=True, exist_ok=True)
    version = version or next_version(folder)
    if (folder / version).exists():
        raise ModelRefused(f"{draft.name}/{version} is there already; versions never change")
    work = Path(tempfile.mkdtemp(prefix=".tmp-", dir=repository))
    try:
        for file, content in draft.graphs.items():
            (work / file).write_bytes(content)
        (work / CARD).write_text(draft.card, encoding="utf-8")
        manifest = _manifest(draft, version, work, tasks)
        write_manifest(work, manifest)
        load_version(work, tasks, ServingOptions(workers=1)).close()
        if promoted_names(folder):
            mark(work, draft.name, version)
        work.chmod(0o755)
        work.rename(folder / version)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder / version


def served_version(folder: Path) -> str:
    """The highest version in the folder of a model that is no candidate; "0" when there is none."""
    return next(iter(promoted_names(folder)), "0")


def next_version(folder: Path) -> str:
    """One more than the highest version in the folder of a model; "1" for a new one."""
    return str(int(next(iter(version_names(folder)), "0")) + 1)


def library_versions() -> dict[str, JsonValue]:
    """Versions of what made the network, for the manifest."""
    names = ("torch", "onnx", "onnxruntime", "numpy")
    return {"python": platform.python_version(), **{name: installed(name) for name in names}}


def amend(folder: Path, *, evaluation: dict[str, JsonValue], card: str) -> None:
    """Put figures that were measured on the published version into its manifest and card."""
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    (folder / CARD).write_text(card, encoding="utf-8")
    files = manifest.files | {CARD: digest(folder / CARD)}
    write_manifest(folder, manifest.model_copy(update={"evaluation": evaluation, "files": files}))


def _manifest(draft: Draft, version: str, folder: Path, tasks: TaskTypes) -> Manifest:
    files = {path.name: digest(path) for path in sorted(folder.iterdir())}
    plain = Manifest(
        name=draft.name,
        version=version,
        task=draft.task,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        description=draft.description,
        license=draft.license,
        intended_use=draft.intended_use,
        files=files,
        network=draft.network,
        features=draft.features,
        training=draft.training,
        evaluation=draft.evaluation,
        golden=tuple(Golden(request=request, answer={}) for request in draft.requests),
    )
    task = tasks[draft.task].load(folder, plain, lambda file: Session(folder / file))
    golden = []
    for request in draft.requests:
        answer = task.predict([task.encode(**request)])[0].to_json()
        golden.append(Golden(request=request, answer=_through_json(answer)))
    return plain.model_copy(update={"golden": tuple(golden)})


def _through_json(answer: Any) -> Any:
    return json.loads(json.dumps(answer, allow_nan=False))
