"""Tensor tasks for the graphs of a served version. Knows tasks, manifests and sessions."""

from collections.abc import Mapping
from typing import Any

from app.errors import ModelRefused
from app.serving.models.manifest import Manifest
from app.serving.runtime.session import Session
from app.serving.task import Task
from app.tasks.tensor.features import features_of
from app.tasks.tensor.task import TensorTask
from app.telemetry.log import get_logger

_log = get_logger(__name__)


def graph_tasks(
    task: Task[Any, Any], manifest: Manifest, sessions: Mapping[str, Session]
) -> dict[str, TensorTask]:
    """A tensor task for each graph, on the sessions that `task` has opened for its worker.

    A graph that cannot be addressed by tensors is left out, with a warning in the log.
    """
    if isinstance(task, TensorTask):
        return {task.graph: task}
    labels = manifest.features.get("labels")
    names = labels if isinstance(labels, list) else []
    found = {}
    for file, session in sessions.items():
        try:
            features = features_of(session.inputs, session.outputs, tuple(map(str, names)))
            found[file] = TensorTask(features, session, file)
        except ModelRefused as error:
            _log.warning("graph_without_tensors", model=manifest.name, reason=error.message)
    return found
