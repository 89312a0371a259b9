"""Takes in the connections that wait at a socket. Knows sockets; no HTTP.

uvloop takes one connection in each round of its event loop. Under load a round answers a hundred
requests, and then so few connections come in that the kernel's queue of them overflows: clients
wait for a second or for ever, though everybody who is connected is answered within milliseconds.
All of them at once would be as bad: under overload the service would do nothing else.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Final

_AT_ONCE: Final = 16  # connecting costs as much as answering: those who are connected go first


class Acceptor:
    """Takes in what waits at a listening socket beside whoever listens there; `close` ends it."""

    def __init__(
        self,
        listening: int,
        protocol: Callable[[], asyncio.Protocol],
        full: Callable[[], bool] = lambda: False,
    ) -> None:
        """`listening` is a file descriptor; it is duplicated. full: whether nobody should enter."""
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._full = full
        self._socket = socket.socket(fileno=os.dup(listening))
        self._socket.setblocking(False)
        self._opening: set[asyncio.Task[None]] = set()
        self._loop.add_reader(self._socket, self._accept)

    def close(self) -> None:
        """Take in nobody any more."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        if self._full():
            return
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._socket.accept()
            except OSError:  # nobody waits, or there are no descriptors left
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._open(connection))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # it has left already
            connection.close()
