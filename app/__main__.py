"""The command line: serve, predict, train, evaluate, import, models. Knows arguments only.

Imports lie inside the commands, so that `--help` is quick and `serve` never meets torch.
"""

from typing import Annotated, Literal

import typer

from app.cli import sentiment as text_commands
from app.cli.authorship import evaluate_authorship, train_authorship
from app.cli.caption import evaluate_caption, train_caption
from app.cli.encoder import train_encoder
from app.cli.forecast import ModelsOption, errors_in_one_line, evaluate, train
from app.cli.import_graph import import_graph
from app.cli.predict import predict
from app.errors import ConfigurationError

cli = typer.Typer(
    name="unroll",
    help="Serve, ask, train and evaluate recurrent neural networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
train.command("sentiment")(text_commands.train_sentiment)
evaluate.command("sentiment")(text_commands.evaluate_sentiment)
cli.add_typer(predict, name="predict")
train.command("authorship")(train_authorship)
train.command("encoder")(train_encoder)
train.command("caption")(train_caption)
evaluate.command("authorship")(evaluate_authorship)
evaluate.command("caption")(evaluate_caption)
cli.command("import")(import_graph)
cli.add_typer(train, name="train")
cli.add_typer(evaluate, name="evaluate")


@cli.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Serve, ask, train and evaluate recurrent neural networks."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"unroll {installed('unroll')}")
        raise typer.Exit


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    models_dir: ModelsOption = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes behind the port; docs/operations.md says when.")
    ] = None,
    worker_threads: Annotated[
        int | None, typer.Option(help="Threads per model; 0 means every usable core.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.", metavar="LEVEL")
    ] = None,
    log_format: Annotated[
        Literal["auto", "json", "console"] | None, typer.Option(help="How a log line looks.")
    ] = None,
) -> None:
    """Answer requests over HTTP until SIGTERM or Ctrl-C.

    Options win over the UNROLL_* environment variables, which hold every other
    setting too; docs/operations.md lists them.
    """
    with errors_in_one_line():
        from app.settings import load_settings

        settings = load_settings(
            host=host,
            port=port,
            models_dir=models_dir,
            workers=workers,
            worker_threads=worker_threads,
            log_level=log_level,
            log_format=log_format,
        )
        if not settings.models_dir.is_dir():
            raise ConfigurationError(
                f"UNROLL_MODELS_DIR: there is no such folder (got '{settings.models_dir}')"
            )
    if settings.workers > 1:
        from app.http.workers.supervisor import supervise

        with errors_in_one_line():
            raise typer.Exit(supervise(settings))
    from app.http import server
    from app.main import create_app
    from app.telemetry import log, tracing

    log.configure(settings.log_format, settings.log_level)
    with errors_in_one_line():
        tracing.configure(settings.tracing)
        app = create_app(settings)
    try:
        started = server.serve(app, settings)
    finally:
        tracing.shutdown()
    if not started:
        raise typer.Exit(1)


@cli.command()
def models(models_dir: ModelsOption = None) -> None:
    """List what the model repository holds, and which version is served."""
    with errors_in_one_line():
        from app.settings import load_settings

        settings = load_settings(models_dir=models_dir)
    from rich.console import Console

    from app.cli.inventory import list_versions, versions_table

    root = settings.models_dir
    versions = list_versions(root, settings.pinned_versions)
    Console().print(versions_table(versions, str(root)) if versions else f"{root} holds no model.")


def main() -> None:
    """The console script `unroll`, and `python -m app`."""
    cli(prog_name="unroll")


if __name__ == "__main__":
    main()
