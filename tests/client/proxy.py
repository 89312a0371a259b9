"""Stands between a client and a service, and cuts off some answers. Knows HTTP; no task."""

import http.client
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy:
    """What happened to the answers that went through."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.passed = 0
        self.cut = 0


@contextmanager
def cutting(port: int, share: float, seed: int = 1) -> Iterator[Proxy]:
    """A proxy of 127.0.0.1:`port`. Of `share` of the answers only a part goes on, then it hangs up.

    The service has done what was asked of it then.
    """
    chance, lock = random.Random(seed), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 64 * 1024

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers))
            response = connection.getresponse()
            content = response.read()
            connection.close()
            with lock:
                # The first is always cut: a test with few requests has one, too.
                cut = proxy.passed + proxy.cut == 0 or chance.random() < share
                place = chance.random()
                proxy.cut += cut
                proxy.passed += not cut
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: int(place * len(content))] if cut else content)
            self.wfile.flush()
            self.close_connection = cut

        do_GET = do_POST = do_PUT = do_DELETE = forward

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
