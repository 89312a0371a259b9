"""Connections that wait are taken in, and nobody once it is closed."""

import asyncio
import socket

from app.http.accepting import Acceptor


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


async def ask(port: int, content: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    answer = await reader.readexactly(len(content))
    writer.close()
    await writer.wait_closed()
    return answer


def test_everybody_gets_in_until_it_is_closed() -> None:
    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=200) as listening:
            port = listening.getsockname()[1]
            acceptor = Acceptor(listening.fileno(), Echo)
            names = [f"client {number}".encode() for number in range(100)]
            assert await asyncio.gather(*(ask(port, name) for name in names)) == names
            acceptor.close()
            with socket.create_connection(("127.0.0.1", port)) as late:
                await asyncio.sleep(0)
                listening.setblocking(False)
                left, address = listening.accept()  # nobody has taken it in
                left.close()
                assert address == late.getsockname()

    asyncio.run(run())
