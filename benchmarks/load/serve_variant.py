"""Starts the service with some of its parts left out: `python -m benchmarks.load.serve_variant`.

Knows how the parts are put together; no measurement. Arguments: the variant, the folder of models,
the port. `router`: stock uvicorn, and FastAPI's router finds every endpoint. `fast-path`: stock
uvicorn, and the ASGI fast path before the router. `connection`: our own connection, without rounds.
`no-step-rounds`: as it is served, but FastAPI sees every step of a stream.
"""

import sys
from pathlib import Path
from typing import Any

import uvicorn

from app.http.dispatch import Dispatcher
from app.http.server import connection_class, prepare_process, serve
from app.main import create_app
from app.settings import load_settings
from app.telemetry import log


def main(variant: str, models: str, port: str) -> None:
    """Serve until a signal."""
    settings = load_settings(models_dir=Path(models), port=int(port), log_format="json")
    log.configure("json", "INFO")
    app = create_app(settings, fast_path=variant != "router")
    if variant == "no-step-rounds":
        app.steps = None
        serve(app, settings)
        return
    http: Any = "httptools"
    if variant == "connection":
        http = connection_class(Dispatcher(app.shed), settings)
    prepare_process()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        http=http,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
