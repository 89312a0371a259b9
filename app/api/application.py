"""The ASGI application, with what a server needs to know of it. Knows no route."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from app.api.load_shedding import LoadShedder
from app.api.services import Services
from app.api.streams.step_rounds import StepRounds
from app.api.v2.rounds import Rounds, WholeRequest


class Application(FastAPI):
    """FastAPI. services: what its routes were given. shed: refuses what comes too much. rounds,
    steps: answer inference and steps of streams that need no ASGI call; steps None: FastAPI
    does."""

    def __init__(
        self,
        services: Services,
        shed: LoadShedder,
        rounds: Rounds,
        steps: StepRounds | None,
        **options: Any,
    ) -> None:
        """`options` are FastAPI's."""
        super().__init__(**options)
        self.services = services
        self.shed = shed
        self.rounds = rounds
        self.steps = steps

    def answer(self, requests: Sequence[WholeRequest]) -> Sequence[WholeRequest]:
        """Answer what can be answered of a round without an ASGI call; returns the others."""
        left = self.rounds.answer(requests)
        return left if self.steps is None else self.steps.answer(left)
