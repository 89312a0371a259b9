"""The answer of a route, written once. Knows JSON and HTTP's headers; not what is answered."""

from typing import Any, Final

from fastapi import Response
from pydantic_core import to_json

_JSON: Final = (b"content-type", b"application/json")


class JsonAnswer(Response):
    """Plain values as JSON: 200, in bytes from the start.

    FastAPI would copy and validate every value first, and Starlette would look at the headers.
    """

    def __init__(self, values: Any) -> None:
        self.status_code = 200
        self.background = None
        self.body = to_json(values)
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), _JSON]
