"""Under which name a command publishes, and whether the result is served. Knows no task."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from app.errors import ConfigurationError, UnrollError

if TYPE_CHECKING:
    from app.training.common.comparison import Score

PublishNameOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--name", help="Name of the model; else the usual one, if none is served by it."),
]
PromoteOption: TypeAlias = Annotated[
    bool,
    typer.Option("--promote", help="Serve it in place of the served version, if it scores better."),
]


def name_to_publish(given: str | None, usual: str, repository: Path, promote: bool) -> str:
    """The name that was given, else the usual one.

    Raises:
        ConfigurationError: a version is served under the usual name, and neither `--name` nor
            `--promote` says that this is meant.
    """
    from app.serving.models.folders import promoted_names

    if given is None and not promote:
        served = promoted_names(repository / usual)
        if served:
            raise ConfigurationError(
                f"{repository / usual / served[0]} is served under this name; pass --name for a "
                f"model of its own, --name {usual} for a candidate beside it, or --promote to "
                "replace it if the new version scores better"
            )
    return given or usual


def settle(folder: Path, promote: bool, score: "Callable[[str], Score] | None") -> None:
    """Tell what became of a published version, and promote it if that is wanted and earned.

    score: the score of a version of the model, by the same code on the same data. None where
    nothing can be scored: then `promote` alone decides.
    """
    from app.serving.models.folders import is_candidate

    name, version = folder.parent.name, folder.name
    if not is_candidate(folder):
        typer.echo(f"published {folder}")
        return
    typer.echo(f"published {folder} as a candidate: it answers requests for version {version}")
    how = f"unroll promote {name} {version} --models-dir {folder.parent.parent}"
    if not promote:
        typer.echo(f"to serve it: {how}")
        return
    if score is not None and not _better(folder, score, how):
        return
    from app.serving.models.promotion import promote as run

    run(folder.parent.parent, name, version)
    typer.echo(f"promoted: {name}/{version} is served")


def _better(folder: Path, score: "Callable[[str], Score]", how: str) -> bool:
    from app.training.common.publish import served_version

    name = folder.parent.name
    served = served_version(folder.parent)
    try:
        ours, theirs = score(folder.name), score(served)
    except (UnrollError, ValueError, FileNotFoundError) as error:
        typer.echo(f"it stays a candidate, since it cannot be compared: {error}; else: {how}")
        return False
    figures = f"{ours.measure}: {ours.value:.4f}, {name}/{served}: {theirs.value:.4f}"
    if not ours.beats(theirs):
        typer.echo(f"it stays a candidate, since it is not better ({figures}); else: {how}")
        return False
    typer.echo(f"it is better ({figures})")
    return True
