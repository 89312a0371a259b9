"""Whether a graph can be served as streams, given states where it hides them. Knows the verdict."""

from dataclasses import replace

import onnx
from pydantic import ValidationError

from app.serving.runtime.session import Session
from app.tasks.tensor.features import TensorFeatures
from app.tasks.tensor.task import TensorTask
from app.training.importing.advice import streams
from app.training.importing.checks import Verdict, examine
from app.training.importing.finding import Finding, note, problem
from app.training.importing.graph_file import GraphFile, label
from app.training.importing.probe import Probe
from app.training.importing.roles import Roles
from app.training.importing.states import try_states
from app.training.importing.streaming.explain import LAST_STEP, PAD_LEFT, culprit, not_continued
from app.training.importing.streaming.expose import Exposed, expose
from app.training.importing.streaming.proof import prove, same_answers
from app.training.importing.told import Told


def examine_stream(graph: GraphFile, told: Told) -> tuple[GraphFile, Verdict]:
    """The graph that streams, and the verdict on it; the graph as it is if there is a problem.

    Raises:
        ConfigurationError: `told` names a tensor or an axis that there is not.
        ModelRefused: the graph does not load.
    """
    session = Session(graph.content)
    told = replace(told, stream=True)
    before = examine(session, graph, replace(told, padding=False))
    if before.features is None:
        return graph, Verdict(None, (*before.findings, *_few_steps(graph)))
    sized = _sizes_by_time(before.features)
    if sized:
        return graph, Verdict(None, tuple(sized))
    features = before.features  # with the states that names tell, or else shapes and trial
    tried, _ = try_states(_probe(session, graph, told, features), features)
    probe = _probe(session, graph, told, tried if tried.states else features)
    exposed = expose(probe)
    if any(each.severity == "problem" for each in exposed.findings):
        return graph, Verdict(None, exposed.findings)
    verdict = _examined(exposed)
    if verdict.features is None:
        return graph, verdict
    found = _proven(exposed, verdict.features, TensorTask(before.features, session), probe)
    if any(each.severity == "problem" for each in found):
        return graph, Verdict(None, tuple(found))
    features = streaming_features(exposed, verdict.features)
    findings = (*exposed.findings, *verdict.findings, *found)
    return exposed.graph, Verdict(features, findings, reached=exposed.reached)


def _few_steps(graph: GraphFile) -> list[Finding]:
    """What may keep a graph from taking a single step, as a stream does."""
    return [
        problem(
            f"{label(node)} may want more steps than one, and a stream gives it one at a time",
            PAD_LEFT,
        )
        for node in graph.nodes
        if node.op_type in ("Conv", "MaxPool", "AveragePool")
    ][:1]


def _sizes_by_time(features: TensorFeatures) -> list[Finding]:
    """A problem for each output with a size that is computed from the number of steps."""
    names = {size for each in features.inputs for size in each.shape}
    return [
        problem(
            f"the output {each.name} {each.shown()} has a size that is computed from the number of "
            "steps",
            LAST_STEP,
        )
        for each in features.outputs
        if any(
            not isinstance(size, int)
            and size not in names
            and axis not in (each.batch_axis, each.time_axis)
            for axis, size in enumerate(each.shape)
        )
    ]


def _examined(exposed: Exposed) -> Verdict:
    """The verdict on the graph with its states; padded if that changes no answer."""
    session = Session(exposed.graph.content)
    verdict = examine(session, exposed.graph, exposed.told, exposed.reached)
    if verdict.features is not None or not exposed.told.padding:
        return verdict
    apart = examine(session, exposed.graph, replace(exposed.told, padding=False), exposed.reached)
    if apart.features is None:
        return verdict
    why = note(f"rows of unequal length share no batch: {verdict.problems[0].what}")
    return replace(apart, findings=(why, *apart.findings[1:]))


def _proven(
    exposed: Exposed, plain: TensorFeatures, original: TensorTask, asked: Probe
) -> list[Finding]:
    """What the trial of parts against the whole, and of the whole against the original, gives."""
    try:
        features = streaming_features(exposed, plain)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]["msg"]
        return [problem(f"the states cannot be kept: {first}", "give each state a fixed size")]
    session = Session(exposed.graph.content)
    task = TensorTask(features, session)
    probe = _probe(session, exposed.graph, exposed.told, features)
    probe = replace(probe, reached=exposed.reached)
    if not probe.roles.timed:
        return [streams("")]
    same = same_answers(task, original, asked)
    if not same.holds:
        return [
            problem(
                f"with its states exposed the graph answers another {same.where}, or none to long "
                "sequences",
                "leave out what depends on the number of steps, such as taking the last 50 of them",
            )
        ]
    proof = prove(task, probe)
    if not proof.holds:
        model = onnx.load_from_string(exposed.graph.content)
        return [culprit(model, probe) or not_continued(proof.where)]
    return [streams(proof.told())]


def streaming_features(exposed: Exposed, features: TensorFeatures) -> TensorFeatures:
    """Raises ValidationError if the states cannot be carried."""
    update = {"streams": True, "initial": exposed.initial}
    return TensorFeatures.model_validate(features.model_dump() | update)


def _probe(session: Session, graph: GraphFile, told: Told, features: TensorFeatures) -> Probe:
    """The graph with its axes and states as they were found."""
    roles = Roles(
        batch={each.name: each.batch_axis for each in features.inputs},
        time={each.name: each.time_axis for each in features.inputs},
        lengths=features.lengths,
        states=features.states,
        shared=frozenset(features.shared),
    )
    return Probe(session, graph, roles, told)
