"""The ASGI application, with what a server needs to know of it. Knows no route."""

from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.api.load_shedding import LoadShedder
from app.api.services import Services
from app.api.step_path import StepPath
from app.api.v2.rounds import Rounds


class Application(FastAPI):
    """FastAPI. services: what its routes were given. shed: refuses what comes too much. rounds:
    answers what needs no ASGI call. steps: answers steps before FastAPI, None: FastAPI does."""

    def __init__(
        self,
        services: Services,
        shed: LoadShedder,
        rounds: Rounds,
        steps: StepPath | None,
        **options: Any,
    ) -> None:
        """`options` are FastAPI's."""
        super().__init__(**options)
        self.services = services
        self.shed = shed
        self.rounds = rounds
        self.steps = steps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = receive if self.steps is None else await self.steps.answer(scope, receive, send)
        if left is not None:
            await super().__call__(scope, left, send)
