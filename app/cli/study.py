"""The command that carries out experiments. Knows arguments; all else by import."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from app.cli.common import errors_in_one_line, training_extra

OutOption: TypeAlias = Annotated[
    Path, typer.Option("--out", help="Folder of the results.", metavar="DIR")
]


def study(
    name: Annotated[
        str, typer.Argument(help="An experiment, or all; without one they are listed.")
    ] = "",
    out: OutOption = Path("study"),
) -> None:
    """Carry out an experiment of the textbooks: a table, a picture, a paragraph.

    Each takes minutes on two cores and needs no data. The results are written to
    DIR/NAME/README.md and picture.png.
    """
    with errors_in_one_line(), training_extra():
        import time

        from rich.console import Console
        from rich.markdown import Markdown

        from app.errors import ConfigurationError
        from app.training.study.finding import write
        from app.training.study.studies import STUDIES

        def report(what: str) -> None:
            typer.echo(what, err=True)

        console = Console()
        if not name:
            for each in STUDIES:
                typer.echo(each)
            return
        if name != "all" and name not in STUDIES:
            raise ConfigurationError(
                f"there is no experiment {name!r}: expected all, {', '.join(STUDIES)}"
            )
        for each in STUDIES if name == "all" else (name,):
            started, worked = time.monotonic(), time.process_time()
            finding = STUDIES[each](report)
            page = write(finding, out / each)
            console.print(Markdown(finding.markdown()))
            passed, worked = time.monotonic() - started, time.process_time() - worked
            typer.echo(f"wrote {page} after {passed:.0f} s, {worked:.0f} s of a processor core")
