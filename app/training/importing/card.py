"""Writes the model card of an imported graph. Knows what was told and found, and nothing more."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import JsonValue

from app.tasks.tensor.features import Tensor, TensorFeatures
from app.training.importing.finding import Finding

_CARD = """\
# {name}

{description}

## Use

{use}

Asked by its tensors, `POST /v2/models/{name}/infer`:

{tensors}

{how}

## Checks

{checks}
{findings}

## Data

Unknown to this service: the network was trained elsewhere. File {file}, sha256 `{sha256}`, made by
{producer}, opset {opset}.

## Licence

{license}

## Figures

None were measured here: whoever trained the network has them.
"""


_CHECKS = {
    True: "Random rows of unequal length gave the same answers alone and in one batch.",
    False: "Random rows of equal length gave the same answers alone and in one batch.",
}


_STREAMS = """\
It streams: `PUT /streams/NAME` opens a stream of it, `POST /streams/NAME/steps` takes steps, and
the service keeps the state in between. Sequences in parts, cut in several ways, gave the same
answers as the whole."""


class Stated(Protocol):
    """What the user has stated."""

    @property
    def name(self) -> str: ...
    @property
    def license(self) -> str: ...
    @property
    def intended_use(self) -> str: ...


def import_card(
    stated: Stated,
    description: str,
    features: TensorFeatures,
    findings: Sequence[Finding],
    imported: JsonValue,
) -> str:
    """The card (Mitchell et al. 2019) in Markdown; `imported` as the manifest's training has it."""
    assert isinstance(imported, dict)
    notes = [f"- {each.what}" + (f": {each.fix}" if each.fix else "") for each in findings]
    return _CARD.format(
        name=stated.name,
        description=description,
        use=stated.intended_use,
        tensors=tensor_table(features),
        how=_how(features),
        checks=_CHECKS[features.masked],
        findings="\n".join(["", *notes]) if notes else "",
        license=stated.license,
        **imported,
    )


def tensor_table(features: TensorFeatures) -> str:
    """Every input and output as a table in Markdown."""
    lines = ["| tensor | | type | shape |", "| --- | --- | --- | --- |"]
    for kind, tensors in (("input", features.inputs), ("output", features.outputs)):
        lines += [
            f"| `{t.name}` | {_part(t, kind, features)} | {t.datatype} | {t.shown()} |"
            for t in tensors
        ]
    return "\n".join(lines)


def _part(tensor: Tensor, kind: str, features: TensorFeatures) -> str:
    if tensor.name == features.lengths:
        return "input: steps of each row"
    if tensor.name in features.states:
        return f"input: state, continued by `{features.states[tensor.name]}`"
    return kind


def _how(features: TensorFeatures) -> str:
    if features.masked:
        how = "Rows of any lengths share batches, padded with zeros."
    elif any(tensor.time_axis is not None for tensor in features.inputs):
        how = "Rows share batches with others of the same length only."
    else:
        how = "Rows share batches."
    if not features.streams:
        return how
    return f"{how} A request without states is a whole sequence.\n\n{_STREAMS}"
