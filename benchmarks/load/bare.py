"""What a refusal costs at least: `python -m benchmarks.load.bare PORT` refuses without reading.

An asyncio protocol on uvloop that writes the same bytes for whatever comes; 200 for a GET.
"""

import asyncio
import sys
from typing import Any, Final

import uvloop

_READY: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_REFUSAL: Final = (
    b"HTTP/1.1 429 Too Many Requests\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    b"content-length: 60\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b"x-request-id: 00000000000000000000000000000000\r\nserver-timing: total;dur=0\r\n\r\n"
) + b"x" * 60


class Bare(asyncio.Protocol):
    """Takes whatever comes at once for one request."""

    def connection_made(self, transport: Any) -> None:
        transport.set_write_buffer_limits(high=0)  # written at once, as Unroll does
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(_READY if data.startswith(b"GET") else _REFUSAL)


async def main(port: int) -> None:
    """Serve until a signal."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
