"""Do bodies hold others up? `python -m benchmarks.stalls` fills every field of every route.

Each field of `tests.attack.bodies` is sent with each kind of content, as much as a body may hold,
to a service in a process of its own, which is asked meanwhile whether it is alive. Of each request:
its status, how long it took, how long the slowest answer of /health/live took, how much of that the
service was computing (the rest is the machine's), and by how much its memory had grown at the most.
OPTIONS: `--fields PART` and `--fillings PART` choose those whose name holds a text.
"""

import argparse
import tempfile
import time
from pathlib import Path

from tests.attack.bodies import FIELDS, FILLINGS, send
from tests.attack.service import attacked, write_models

_MEBIBYTE = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", default="", help="only fields with this in path or name")
    parser.add_argument("--fillings", default="", help="only contents with this in their name")
    options = parser.parse_args()
    worst_stall, worst_grown = (0.0, ""), (0, "")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_models(root)
        with attacked(root, {}) as service:
            print(f"{'request':58} status  seconds  alive ms  computing ms  MiB more")
            for filling, make in FILLINGS.items():
                if options.fillings not in filling:
                    continue
                content = make()
                for field in FIELDS:
                    name = f"{field.path} {field.name}: {filling}"
                    if options.fields not in name:
                        continue
                    with service.measured() as measured:
                        began = time.monotonic()
                        statuses = send(service.target, field.path, field.content(content))
                        seconds = time.monotonic() - began
                    print(
                        f"{name:58} {statuses[0] if statuses else 0:6} {seconds:8.2f} "
                        f"{measured.slowest * 1000:9.0f} {measured.stall * 1000:13.0f} "
                        f"{measured.grown / _MEBIBYTE:9.0f}",
                        flush=True,
                    )
                    worst_stall = max(worst_stall, (measured.stall, name))
                    worst_grown = max(worst_grown, (measured.grown, name))
    print(f"longest stall: {worst_stall[0] * 1000:.0f} ms ({worst_stall[1]})")
    print(f"most memory: {worst_grown[0] / _MEBIBYTE:.0f} MiB more ({worst_grown[1]})")


if __name__ == "__main__":
    main()
