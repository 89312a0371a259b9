"""Two services that share a repository and a Redis, and the nginx before them."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.api.streams.crash import MODEL, Process, running
from tests.deploy.proxy import Proxy, proxy
from tests.serving.streams.stores import redis_server
from tests.streams import write_stream_version
from tests.writer import write_writer

WATCH_SECONDS: Final = 0.5

# A busy machine takes its time to load models.
get: Final = partial(httpx.get, timeout=60)
put: Final = partial(httpx.put, timeout=60)
post: Final = partial(httpx.post, timeout=60)


@dataclass(frozen=True)
class Replicas:
    """Services that share a repository and a Redis, and what stands before them."""

    processes: list[Process]
    proxy: Proxy
    models: Path
    redis: str

    @property
    def url(self) -> str:
        """Of the proxy."""
        return f"http://127.0.0.1:{self.proxy.port}"

    @property
    def urls(self) -> list[str]:
        """Of each replica."""
        return [f"http://127.0.0.1:{each.port}" for each in self.processes]

    def counted(self, sample: str) -> list[float]:
        """The sum of all samples of this name, of each replica."""
        pages = [get(f"{url}/metrics").text for url in self.urls]
        return [
            sum(
                each.value
                for family in text_string_to_metric_families(page)
                for each in family.samples
                if each.name == sample
            )
            for page in pages
        ]

    def served(self) -> list[str | None]:
        """The version of the network that each replica serves."""
        found = []
        for url in self.urls:
            models = get(f"{url}/models").json()["models"]
            found.append(next((each["version"] for each in models if each["name"] == MODEL), None))
        return found


def started(folder: Path, stack: ExitStack) -> Replicas:
    models = folder / "models"
    write_stream_version(models, MODEL, hidden=8)
    write_writer(models)
    (folder / "redis").mkdir()
    url = stack.enter_context(redis_server(folder / "redis"))
    environment = {
        "UNROLL_STREAMS_URL": url,
        "UNROLL_WATCH_SECONDS": str(WATCH_SECONDS),
    }
    processes = stack.enter_context(running(models, 2, environment))
    ports = [each.port for each in processes]
    return Replicas(processes, stack.enter_context(proxy(folder / "nginx", ports)), models, url)


def infer(url: str) -> httpx.Response:
    tensor = {"name": "values", "datatype": "FP32", "shape": [1, 1, 1], "data": [0.5]}
    return post(f"{url}/v2/models/{MODEL}/infer", json={"inputs": [tensor]})
