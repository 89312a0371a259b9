"""The command `import`. Knows arguments and how findings are told; everything else by import."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli.common import REPOSITORY, OutOption, errors_in_one_line
from app.cli.publishing import settle
from app.errors import ConfigurationError
from app.telemetry import log

if TYPE_CHECKING:
    from app.training.importing.finding import Finding
    from app.training.importing.import_model import Imported, ImportOptions

_ALL: Final = ""  # stands for every tensor where an axis is told without a name

Axes = Annotated[
    list[str] | None,
    typer.Option(help="Axis of the rows, for all inputs or one.", metavar="[NAME=]AXIS"),
]
Steps = Annotated[
    list[str] | None,
    typer.Option(help="Axis of the steps, for all inputs or one.", metavar="[NAME=]AXIS"),
]


def import_graph(
    path: Annotated[Path, typer.Argument(help="The ONNX file.", metavar="FILE")],
    name: Annotated[str | None, typer.Option(help="Name of the model.")] = None,
    version_of: Annotated[
        str | None,
        typer.Option(help="Next version of this model, with the same tensors.", metavar="MODEL"),
    ] = None,
    batch_axis: Axes = None,
    time_axis: Steps = None,
    lengths: Annotated[
        str | None, typer.Option(help="Input with the steps of each row.", metavar="NAME")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="A state and what continues it; repeat.", metavar="IN=OUT"),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(help="Range of an input's values; repeat.", metavar="NAME=LOW:HIGH"),
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Of the outputs' last axis, by commas.", metavar="A,B")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Take hidden states out, for streams.")
    ] = False,
    no_padding: Annotated[
        bool, typer.Option("--no-padding", help="Only rows of equal length share a batch.")
    ] = False,
    fixed_time: Annotated[
        bool, typer.Option("--fixed-time", help="The number of steps is meant to be fixed.")
    ] = False,
    shared: Annotated[
        list[str] | None,
        typer.Option(help="Input with one value for all rows; repeat.", metavar="NAME"),
    ] = None,
    no_states: Annotated[bool, typer.Option("--no-states", help="No state is looked for.")] = False,
    description: Annotated[str, typer.Option(help="One sentence for the model card.")] = "",
    license: Annotated[str | None, typer.Option(help="Terms of the weights.")] = None,
    intended_use: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    promote: Annotated[
        bool,
        typer.Option("--promote", help="Serve it at once, though another version is served."),
    ] = False,
    out: OutOption = REPOSITORY,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell what is found; publish nothing.")
    ] = False,
) -> None:
    """Publish an ONNX file as a model that is asked by its tensors.

    Finds batch and time axes, lengths and states by names and by trial, and tries
    with random rows whether strangers may share a batch. What keeps the file from
    being served is told together with what to do about it.
    """
    with errors_in_one_line():
        if (name is None) == (version_of is None):
            raise ConfigurationError("say either --name or --version-of")
        given = {
            "batch_axes": _axes("--batch-axis", batch_axis),
            "time_axes": _axes("--time-axis", time_axis),
            "lengths": lengths,
            "states": dict(_pair("--state", each, "INPUT=OUTPUT") for each in state or ()),
            "values": dict(_range(each) for each in values or ()),
            "shared": tuple(shared or ()),
            "find_states": not no_states,
            "padding": not no_padding,
            "stream": stream,
            "fixed_time": fixed_time,
        }
        log.configure("auto", "WARNING")  # to standard error: what is printed is the result alone
        try:
            from app.training.importing.import_model import ImportOptions, import_model
            from app.training.importing.told import Told
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "app":
                raise
            raise ConfigurationError(
                f"{error.name} is missing: importing needs more packages than the service; "
                "install them with: pip install -e '.[train]'"
            ) from None
        stated = {"license": license, "intended_use": intended_use}
        options = ImportOptions(
            name=name or version_of or "",
            told=Told(**given),  # type: ignore[arg-type]
            like=version_of is not None,
            labels=tuple(part.strip() for part in (labels or "").split(",") if part.strip()),
            description=description,
            **{field: text for field, text in stated.items() if text is not None},
        )
        imported = import_model(path, options, out, dry_run=check)
        _tell(path, options, imported, check)
        if imported.folder is not None:
            settle(imported.folder, promote, None)
    if imported.verdict.problems:
        raise typer.Exit(1)


def _tell(path: Path, options: "ImportOptions", imported: "Imported", check: bool) -> None:
    graph, verdict = imported.graph, imported.verdict
    typer.echo(f"{path.name}: {graph.cell}, {graph.parameters:,} parameters, opset {graph.opset}")
    if verdict.features is not None:
        features = verdict.features
        for kind, tensors in (("input", features.inputs), ("output", features.outputs)):
            for tensor in tensors:
                role = " = steps of each row" if tensor.name == features.lengths else ""
                if tensor.name in features.states:
                    role = f" = state, continued by {features.states[tensor.name]}"
                typer.echo(f"  {kind:6} {tensor.name} {tensor.datatype} {tensor.shown()}{role}")
    for finding in verdict.findings:
        _tell_finding(finding)
    if imported.folder is None and verdict.problems:
        print(f"{path.name} is not published as {options.name}", file=sys.stderr)
    elif imported.folder is None and check:
        typer.echo("nothing keeps it from being published")


def _tell_finding(finding: "Finding") -> None:
    typer.echo(f"{finding.severity}: {finding.what}")
    if finding.fix:
        typer.echo(f"   fix: {finding.fix}")


def _axes(option: str, texts: list[str] | None) -> dict[str, int]:
    axes = {}
    for text in texts or ():
        name, _, axis = text.rpartition("=")
        if not axis.isdecimal():
            raise ConfigurationError(f"{option}: expected [NAME=]AXIS such as x=1, got {text!r}")
        axes[name or _ALL] = int(axis)
    return axes


def _pair(option: str, text: str, form: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name or not value:
        raise ConfigurationError(f"{option}: expected {form}, got {text!r}")
    return name, value


def _range(text: str) -> tuple[str, tuple[float, float]]:
    name, value = _pair("--values", text, "NAME=LOW:HIGH")
    low, _, high = value.partition(":")
    try:
        limits = float(low), float(high)
    except ValueError:
        raise ConfigurationError(
            f"--values: expected NAME=LOW:HIGH such as tokens=0:999, got {text!r}"
        ) from None
    if not limits[0] <= limits[1]:
        raise ConfigurationError(f"--values: {text!r} is no range")
    return name, limits
