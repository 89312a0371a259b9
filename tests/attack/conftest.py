"""The services that are attacked: one process for each set of settings, and one repository."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.attack.service import Attacked, attacked, write_models

Serve = Callable[[Mapping[str, str]], Attacked]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts a service with settings, or gives the one that runs with them."""
    root: Path = tmp_path_factory.mktemp("attacked")
    write_models(root)
    running: dict[tuple[tuple[str, str], ...], Attacked] = {}
    with ExitStack() as stack:

        def start(settings: Mapping[str, str]) -> Attacked:
            key = tuple(sorted(settings.items()))
            if key not in running or running[key].process.poll() is not None:
                running[key] = stack.enter_context(attacked(root, settings))
            return running[key]

        yield start
