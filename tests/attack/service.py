"""Starts the real service in a process of its own, on small models of every task, and measures it.

Knows processes and /proc; no attack.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests import tensors
from tests.attack.attack import Target
from tests.captioner import write_captioner
from tests.classifier import write_classifier
from tests.forecaster import write_still_version
from tests.streamer import write_untrained_version
from tests.streams import write_stream_version
from tests.tensors import write_tensor_version
from tests.translator import write_translator
from tests.writer import write_writer

_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass
class Measured:
    """What an attack did to the service, filled in at its end. Seconds, and bytes."""

    stall: float = 0.0  # see `tests.attack.watch`
    slowest: float = 0.0
    failed: int = 0  # times that it did not say that it is alive
    grown: int = 0  # bytes of resident memory at the most, less those before


@dataclass(frozen=True)
class Attacked:
    """A service in a process."""

    process: subprocess.Popen[str]
    target: Target

    def resident(self, *, most: bool = False) -> int:
        """Bytes of memory that it holds, or has held at the most since `forget_most`."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        fields = dict(line.split(":", 1) for line in text.splitlines())
        return int(fields["VmHWM" if most else "VmRSS"].split()[0]) * 1024

    def forget_most(self) -> None:
        """Begin to note anew how much memory it holds at the most."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")

    @contextmanager
    def measured(self) -> Iterator[Measured]:
        """What happens to it inside, known at the end."""
        found = Measured()
        self.forget_most()
        before = self.resident()
        command = [sys.executable, "-m", "tests.attack.watch"]
        arguments = [str(self.target.port), str(self.process.pid)]
        with subprocess.Popen(
            [*command, *arguments],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as watch:
            assert watch.stdout is not None
            assert watch.stdout.readline() == "watching\n"
            try:
                yield found
            finally:
                said = json.loads(watch.communicate()[0])
        found.stall, found.slowest, found.failed = said["stall"], said["slowest"], said["failed"]
        found.grown = self.resident(most=True) - before


def write_models(root: Path) -> None:
    """A small model of every task that has one."""
    write_still_version(root)
    write_classifier(root)
    write_classifier(root, "classifier", task_name="classify")
    write_captioner(root)
    write_translator(root)
    write_writer(root)
    write_untrained_version(root)
    write_stream_version(root)
    write_tensor_version(root, "fp32", tensors.identity("FP32"), [{"value": [1]}, {"value": [2]}])
    text: list[dict[str, Any]] = [{"value": ["a"]}, {"value": ["b", "c"]}]
    write_tensor_version(root, "bytes", tensors.identity("BYTES"), text)
    tokens: list[dict[str, Any]] = [{"token_ids": [1, 2]}, {"token_ids": [9]}]
    write_tensor_version(root, "lookup", tensors.lookup(), tokens)


@contextmanager
def attacked(
    models_dir: Path, settings: Mapping[str, str], group: Path | None = None
) -> Iterator[Attacked]:
    """`unroll serve` with these settings, ready; killed at the end.

    group: the folder of a control group that it runs in from its beginning.
    """
    command = [sys.executable, "-m", "app", "serve"]
    if group is not None:
        command = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), *command]
    variables = {
        "UNROLL_MODELS_DIR": str(models_dir),
        "UNROLL_HOST": "127.0.0.1",
        "UNROLL_PORT": "0",
        "UNROLL_LOG_FORMAT": "json",
        "UNROLL_STREAMS_URL": "memory://",
        **settings,
    }
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            cwd=_ROOT,
            env=os.environ | variables,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            yield Attacked(process, Target(_port(process, log.fileno())))
        finally:
            process.kill()


def _port(process: subprocess.Popen[str], log: int) -> int:
    """The port is in the log; models have loaded when it says so."""
    port, loaded, read = 0, False, 0
    while not (port and loaded):
        assert process.poll() is None, "the service has ended"
        lines = os.pread(log, 1 << 20, read)
        whole = lines[: lines.rfind(b"\n") + 1]
        read += len(whole)
        for line in map(json.loads, whole.splitlines()):
            loaded = loaded or line["event"] == "loaded"
            _, _, address = line["event"].partition(" running on http://127.0.0.1:")
            port = port or int(address.split(" ")[0] or 0)
    return port
