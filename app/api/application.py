"""The ASGI application, with what a server needs to know of it. Knows no route."""

from typing import Any

from fastapi import FastAPI

from app.api.load_shedding import LoadShedder
from app.api.services import Services
from app.api.v2.rounds import Rounds


class Application(FastAPI):
    """FastAPI. services: what its routes were given. shed: refuses what comes too much. rounds:
    answers what needs no ASGI call."""

    def __init__(
        self, services: Services, shed: LoadShedder, rounds: Rounds, **options: Any
    ) -> None:
        """`options` are FastAPI's."""
        super().__init__(**options)
        self.services = services
        self.shed = shed
        self.rounds = rounds
