"""Attacks by what stands before a body: lines, headers and their number."""

from collections.abc import Iterator

from tests.attack.attack import Attack, Target

_MEGABYTE = 1024 * 1024


def _long_header(target: Target) -> list[int]:
    def parts() -> Iterator[bytes]:
        yield b"POST /forecast HTTP/1.1\r\nHost: x\r\nX-Long: "
        for _ in range(200):
            yield b"x" * _MEGABYTE

    return target.send_all(parts())


ATTACKS = [
    Attack("a header of 200 MiB", _long_header, [431]),
]
