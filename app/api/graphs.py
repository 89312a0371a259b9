"""Which graph of a model is meant by a name. Knows names; not what a graph computes."""

from app.api.bodies.fields import clipped
from app.errors import ModelNotFound
from app.serving.models.loader import LoadedModel
from app.tasks.tensor.task import GRAPH, TensorTask


def graph_of(model: LoadedModel, name: str) -> TensorTask:
    """The graph of `model` that is meant by `name`. Raises ModelNotFound."""
    base, _, graph = clipped(name).partition(".")
    graphs = model.graphs
    file = f"{graph}.onnx" if graph else next(iter(graphs)) if len(graphs) == 1 else GRAPH
    task = graphs.get(file)
    if isinstance(task, TensorTask):
        return task
    others = ", ".join(f"{base}.{each.removesuffix('.onnx')}" for each in graphs) or "none"
    raise ModelNotFound(f"there is no graph {clipped(name)!r}; those of {base}: {others}")
