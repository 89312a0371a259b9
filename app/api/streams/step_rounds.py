"""Answers steps of streams without an ASGI call, all of a round of the event loop at once.

Knows HTTP; streams stand elsewhere. A step of a small network takes less time than the layers of an
application. So plain requests for steps of streams that are at hand are read together, computed in
batches, committed in one go, and answered. All others are left to the application, and so is one
that fails here: its endpoint begins anew and says what is wrong. That is safe because whatever
fails has taken no step.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from app.api.access_log import write_access_log
from app.api.context import RequestRecord
from app.api.errors import RequestRefused
from app.api.graphs import graph_of
from app.api.keys import candidates_of
from app.api.limits import deadline_of
from app.api.middleware import request_id_of
from app.api.origins import SENT_BY_BROWSERS
from app.api.routes.stream_steps import (
    METERED_AS,
    answer_of,
    digest_of_graph_steps,
    graph_steps,
    is_graph_steps,
    is_steps,
)
from app.api.routes.stream_steps_schema import StepsRequest
from app.api.routes.streams import is_name
from app.api.services import Services
from app.api.streams.following import Write
from app.api.streams.states import digest_of, entry_stream, writes
from app.api.v2.inference import INLINE_BYTES, limits_of
from app.api.v2.rounds import WholeRequest
from app.errors import UnrollError
from app.serving.models.loader import LoadedModel
from app.serving.scheduling.entry import Outcome, Result
from app.serving.streams.records import Key, Record
from app.serving.streams.store import Commit
from app.serving.streams.taking import Computed, Steps, Taken
from app.tasks.anomalies.task import AnomalyTask
from app.telemetry import metrics, tracing
from app.telemetry.deferred import run_deferred
from app.telemetry.log import get_logger

_UNUSUAL: Final = SENT_BY_BROWSERS | {*("content-encoding", "expect", "traceparent", "tracestate")}
_AMBIGUOUS: Final = "redis"  # a store that may have done what it did not answer
_MOST_STEPS: Final = 16  # of one request; more take longer than what is saved here
_MANY: Final = 8  # requests of a round, for which the log and the metrics are not left to a thread
_log = get_logger(__name__)


@dataclass(slots=True)
class _Begun:
    """A request whose stream is at hand; the turn is taken and the model leased."""

    request: WholeRequest
    record: RequestRecord
    key: Key
    before: Record
    steps: Steps
    model: LoadedModel
    graph: Any  # as the kinds of `Streamed` have it, with its own kind of `brought`
    brought: Any
    write: Write
    outputs: Sequence[str]
    example: Any


class StepRounds:
    """Answers what it can of the requests of one round. On the event loop's thread only."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._streams = services.streams
        self._limits = limits_of(services.settings)
        self._most = min(INLINE_BYTES, services.settings.max_body_bytes)
        self._committing: set[asyncio.Task[None]] = set()

    def answer(self, requests: Sequence[WholeRequest]) -> Sequence[WholeRequest]:
        """Take the steps that can be taken here; returns the other requests, in their order.

        Those that are taken are answered once they are committed.
        """
        services = self._services
        if tracing.enabled() or services.lifecycle.draining:
            return requests
        if self._streams.store.kind == _AMBIGUOUS:
            return requests
        left = []
        begun: dict[int, list[_Begun]] = {}
        for request in requests:
            one = self._begin(request)
            if one is None:
                left.append(request)
            else:
                begun.setdefault(id(one.model), []).append(one)
        if not begun:
            return left
        idle = len(requests) == 1 and services.lifecycle.is_alone()
        taken: list[tuple[_Begun, Commit]] = []
        for found in begun.values():
            for one, result in zip(found, _computed(found, idle=idle), strict=True):
                commit = self._commit(one, result)
                if commit is None:
                    self._streams.leave(one.key)
                    left.append(one.request)
                else:
                    taken.append((one, commit))
        if taken:
            services.lifecycle.in_flight += len(taken)
            metrics.IN_FLIGHT.inc(len(taken))
            task = asyncio.get_running_loop().create_task(self._finish(taken))
            self._committing.add(task)
            task.add_done_callback(self._committing.discard)
        return left

    def _begin(self, request: WholeRequest) -> _Begun | None:
        """What is asked, or None if the application must see to it."""
        scope = request.scope
        if scope["method"] != "POST" or not is_steps(scope["path"]):
            return None
        sent: list[tuple[bytes, bytes]] = scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent}
        key = self._key(scope, headers)
        before = None if key is None else self._streams.at_hand(key)
        body = request.whole_body()
        if key is None or before is None or body is None or len(body) > self._most:
            return None
        try:
            return self._understood(request, headers, key, before, body)
        except (UnrollError, RequestRefused, ValidationError):
            return None  # the endpoint says what is wrong
        except Exception:
            _log.exception("request_left")  # one request must not harm the others
            return None

    def _key(self, scope: dict[str, Any], headers: dict[str, str]) -> Key | None:
        """Whose stream of which name; None for a request to look at more closely."""
        if len(headers) != len(scope["headers"]) or not _UNUSUAL.isdisjoint(headers):
            return None
        if headers.get("content-type") != "application/json" or scope["query_string"]:
            return None
        access, owner = self._services.access, ""
        if access is not None:
            candidates = candidates_of(scope["headers"])
            if access.check(scope["path"], candidates) != 200:
                return None
            owner = access.owner(candidates)
        name = scope["path"].split("/", 3)[2]
        return Key(owner, name) if is_name(name) else None

    def _understood(
        self,
        request: WholeRequest,
        headers: dict[str, str],
        key: Key,
        before: Record,
        body: bytes,
    ) -> _Begun | None:
        """Raises what reading a request may, and then nothing has begun."""
        services, name = self._services, before.model
        model = services.repository.get(name.partition(".")[0], None)
        if model.version != before.version or writes(model, name) or not _is_cheap(model, name):
            return None
        graph: Any = entry_stream(model, name)
        asked = StepsRequest.model_validate_json(body)
        if digest_of(model, graph) != before.digest or not is_graph_steps(asked):
            return None
        read, write = graph_steps(asked, services.settings, self._limits)
        brought = read(graph)
        if graph.runs(brought) != 1 or brought.count > _MOST_STEPS:
            return None
        outputs = asked.outputs or graph.outputs
        example = graph.example(before.state, brought, 0, outputs)
        longest = services.settings.request_timeout_seconds
        deadline = deadline_of(headers, request.arrived, longest)
        if time.monotonic() >= deadline:
            return None
        steps = Steps(asked.position, digest_of_graph_steps(asked))
        record = RequestRecord(
            request_id_of(headers.get("x-request-id")),
            METERED_AS,
            headers,
            started=request.arrived,
            deadline=deadline,
            model=model.name,
            version=model.version,
            inputs=1,
            input_length=brought.count,
        )
        record.ids = {"request_id": record.request_id}
        if not model.leases.take():
            return None  # another version has just taken its place
        if self._streams.begin(key, steps) is not before:
            model.leases.give_back()
            return None
        services.lifecycle.note_client(request.scope.get("client"))
        return _Begun(
            *(request, record, key, before, steps, model, graph, brought, write, outputs, example)
        )

    def _commit(self, one: _Begun, result: Result[Any]) -> Commit | None:
        """What is to be stored, answer and all; None if it must begin anew elsewhere."""
        one.model.leases.give_back()
        if not isinstance(result, Outcome):
            return None
        graph, before, count = one.graph, one.before, one.brought.count
        one.record.queue_seconds = result.queue_seconds
        one.record.inference_seconds = result.inference_seconds
        try:
            found = graph.joined([result.prediction], one.outputs)
            content = one.write(graph, found, count)
            again = before.policy != "pin" and graph.can_be_fed_again
            computed = Computed(
                count,
                one.model.version,
                graph.state_after(result.prediction),
                content,
                graph.packed(one.brought) if again else None,
            )
            return self._streams.commit_of(one.key, before, one.steps, computed)
        except UnrollError:
            return None
        except Exception:
            _log.exception("request_left")
            return None

    async def _finish(self, taken: Sequence[tuple[_Begun, Commit]]) -> None:
        """Commit steps, and answer; what is not taken begins anew in the application."""
        done = [False] * len(taken)
        try:
            done = await self._streams.finish([commit for _, commit in taken])
        except Exception:
            _log.exception("round_left")
        finally:
            self._services.lifecycle.in_flight -= len(taken)
            metrics.IN_FLIGHT.dec(len(taken))
        for (one, commit), is_taken in zip(taken, done, strict=True):
            if is_taken:
                self._respond(one, commit)
            else:
                one.request.run()
        if len(taken) >= _MANY:
            run_deferred()  # while all that it needs is in the processor's caches

    def _respond(self, one: _Begun, commit: Commit) -> None:
        after, record = commit.after, one.record
        assert after.answer is not None
        answer = Taken(after, after.answer.version, after.position, after.answer.content)
        content = answer_of(one.key.name, answer)
        one.request.respond(
            _HEAD % (len(content), record.request_id.encode(), record.server_timing(), content)
        )
        write_access_log(record, "POST", one.request.scope["path"], 200)


def _is_cheap(model: LoadedModel, name: str) -> bool:
    """Whether the network takes less time than a thread costs. Raises ModelNotFound."""
    if isinstance(model.task, AnomalyTask):
        return model.scheduler.runs_inline(None)
    return model.scheduler.runs_inline(graph_of(model, name).graph)


def _computed(begun: Sequence[_Begun], *, idle: bool) -> list[Result[Any]]:
    """What `run_inline` gives; None for each if it crashes, so that the endpoint is asked."""
    examples, since = [each.example for each in begun], [each.request.arrived for each in begun]
    try:
        return begun[0].model.scheduler.run_inline(examples, since, idle=idle)
    except Exception:
        _log.exception("round_left")
        return [None] * len(begun)


_HEAD: Final = (
    b"content-length: %d\r\ncontent-type: application/json\r\nx-request-id: %b\r\n"
    b"server-timing: %b\r\n\r\n%b"
)
