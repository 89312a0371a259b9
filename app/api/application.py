"""The ASGI application, with what a server needs to know of it. Knows no route."""

from typing import Any

from fastapi import FastAPI

from app.api.load_shedding import LoadShedder
from app.api.services import Services


class Application(FastAPI):
    """FastAPI. services: what its routes were given; shed: refuses what comes too much."""

    def __init__(self, services: Services, shed: LoadShedder, **options: Any) -> None:
        """`options` are FastAPI's."""
        super().__init__(**options)
        self.services = services
        self.shed = shed
