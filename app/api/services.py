"""What every route is given: the parts of the service, by type. Knows no route and no task."""

from dataclasses import dataclass, field

from starlette.types import Scope

from app.api.bodies.buffered import Bodies
from app.api.context import RequestRecord
from app.api.keys import Access, candidates_of
from app.api.lifecycle import Lifecycle
from app.api.siblings import Siblings
from app.api.threads import Threads
from app.api.together import Together
from app.serving.models.loader import LoadedModel
from app.serving.models.repository import Repository
from app.serving.streams.steps import Streams
from app.settings import Settings
from app.tasks.forecast.fitting import Fitter


@dataclass(frozen=True)
class Services:
    """The parts of one service. siblings: the other processes behind the port, None if alone.

    access: who may ask, None if everybody may.
    """

    settings: Settings
    repository: Repository
    lifecycle: Lifecycle
    bodies: Bodies
    threads: Threads
    streams: Streams
    siblings: Siblings | None = None
    access: Access | None = None
    together: Together = field(default_factory=Together)
    fitter: Fitter = field(default_factory=Fitter)

    def owner(self, scope: Scope) -> str:
        """Whose request this is; see `Access.owner`."""
        return "" if self.access is None else self.access.owner(candidates_of(scope["headers"]))

    def lease(
        self, record: RequestRecord, name: str, version: str | None, *tasks: str
    ) -> LoadedModel:
        """The served model of that name, noted in `record`; it does one of `tasks`, if any.

        It takes inputs until the answer begins, also if another version takes its place meanwhile.

        Raises NotReady while loading, and for a request that came when the service was draining;
        ModelNotFound for a model that is not served or does no such task.
        """
        self.lifecycle.require_open(record.started)  # its body may have come later
        model = self.repository.lease(name, version, *tasks)
        record.at_end.append(model.leases.give_back)
        record.model, record.version = model.name, model.version
        return model
