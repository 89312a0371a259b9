"""A real nginx with the configuration in deploy/nginx, before services on ports of their own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.deploy.files import ROOT

CONFIGURATION: Final = ROOT / "deploy" / "nginx" / "unroll.conf"
# Debian puts it where only root's PATH looks.
NGINX: Final = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
NO_NGINX: Final = "there is no nginx; Debian's package nginx has it"

_MAIN: Final = """\
{user}daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log combined;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/unroll.conf;
}}
"""


class Proxy:
    """nginx on `port`, before the services on `ports`."""

    def __init__(self, folder: Path, port: int, ports: Sequence[int]) -> None:
        self.port = port
        self._folder = folder
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert NGINX is not None
        user = "user root;\n" if os.geteuid() == 0 else ""
        main = self._folder / "nginx.conf"
        main.write_text(_MAIN.format(user=user, folder=self._folder), encoding="utf-8")
        self._write(without=None)
        # -e: also for what it says before it has read where to say it
        errors = str(self._folder / "error.log")
        command = [NGINX, "-p", str(self._folder), "-e", errors, "-c", str(main)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, self.errors()
                assert time.monotonic() < end, "nginx did not start"
                time.sleep(0.02)

    def reload(self, *, without: int | None = None) -> None:
        """Ask the service on the port `without` no more (None: ask all of them), cut off nothing.

        It returns when the processes with the old configuration have ended or only finish.
        """
        assert self._process is not None
        self._write(without=without)
        before = self._workers()
        self._process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 30
        while before & self._workers():
            assert time.monotonic() < end, "nginx did not read its configuration again"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)

    def errors(self) -> str:
        """What it has written to its log of errors."""
        return (self._folder / "error.log").read_text(encoding="utf-8")

    def _write(self, *, without: int | None) -> None:
        text = configuration(self.port, self._ports, without)
        (self._folder / "unroll.conf").write_text(text, encoding="utf-8")

    def _workers(self) -> set[int]:
        """Its processes that take connections; one that only finishes says so in its title."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
        found = set()
        for child in map(int, children.split()):
            try:
                title = Path(f"/proc/{child}/cmdline").read_bytes()
            except OSError:  # it has just ended
                continue
            if b"shutting down" not in title:
                found.add(child)
        return found


def configuration(port: int, ports: Sequence[int], without: int | None = None) -> str:
    """The file that ships, with other numbers: the services marked `down` are asked no more."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    text, listening = re.subn(r"(?m)^(\s*listen 127\.0\.0\.1:)\d+;", rf"\g<1>{port};", text)
    found = re.search(r"(?m)(?:^\s*server 127\.0\.0\.1:\d+ [^;]*;\n)+", text)
    assert listening == 1
    assert found is not None
    options = re.findall(r"server 127\.0\.0\.1:\d+ ([^;]*);", found[0])
    lines = "".join(
        f"    server 127.0.0.1:{each} {options[0]}{' down' if each == without else ''};\n"
        for each in ports
    )
    return text.replace(found[0], lines)


@contextmanager
def proxy(folder: Path, ports: Sequence[int]) -> Iterator[Proxy]:
    """nginx before these services."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    started = Proxy(folder, port, ports)
    started.start()
    try:
        yield started
    finally:
        started.stop()
