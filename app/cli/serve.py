"""The command `serve`. Knows arguments and what starts in which order; no sockets."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.common import ModelsOption, errors_in_one_line
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.settings import Settings


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
                f"UNROLL_MODELS_DIR: there is no such folder (got '{settings.models_dir}'); name "
                "the folder models/ of a checkout of Unroll, or publish a network there: "
                "unroll import network.onnx --name mine"
            )
    with errors_in_one_line():
        from app.cli.storage import repository_of
        from app.environment import unknown_settings
        from app.serving.models.wanted import state_folder
        from app.telemetry import log

        log.configure(settings.log_format, settings.log_level)
        for name, meant in unknown_settings():
            log.get_logger(__name__).warning("setting_unknown", name=name, meant=meant)
        several = settings.workers > 1
        with (
            state_folder(settings.state_dir, settings.pinned_versions, temporary=several) as state,
            repository_of(settings) as models,
        ):
            settings = settings.model_copy(update={"state_dir": state, "models_dir": models})
            raise typer.Exit(_several(settings) if several else _alone(settings))


def _several(settings: "Settings") -> int:
    from app.http.workers.supervisor import supervise

    return supervise(settings)


def _alone(settings: "Settings") -> int:
    from app.http import server
    from app.http.ports import require_port
    from app.main import create_app
    from app.telemetry import tracing

    require_port(settings)
    tracing.configure(settings.tracing)
    try:
        return 0 if server.serve(create_app(settings), settings) else 1
    finally:
        tracing.shutdown()
