"""Attacks by bodies: every field of every route, with as much as fits of what costs the most.

Knows JSON and the fields of routes. `benchmarks.stalls` tries `FIELDS` and `FILLINGS` as well.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tests.attack.attack import Attack, Target, head

MEBIBYTE = 1024 * 1024
LARGEST = 32 * MEBIBYTE - 1024  # a little less than a body may have


@dataclass(frozen=True)
class Field:
    """Where in a request something large is put: between `before` and `behind`."""

    path: str
    name: str
    before: bytes = b"{"
    behind: bytes = b"}"

    def content(self, filling: bytes) -> bytes:
        """The whole body."""
        return self.before + filling + self.behind


def _fields(path: str, names: str, rest: bytes) -> Iterator[Field]:
    """Each of the fields at the top of the JSON; `rest` are those that must be there."""
    for name in names.split():
        yield Field(path, name, b'{%b"%b":' % (rest, name.encode()))


def _inputs() -> Iterator[Field]:
    """Fields of an inference request, and of its first input."""
    path = "/v2/models/fp32/infer"
    one = b'{"inputs":[{"name":"value","datatype":"FP32","shape":[1,1],"data":[1]}],'
    for name in ("id", "parameters", "outputs", "anything"):
        yield Field(path, name, one + b'"%b":' % name.encode())
    yield Field(path, "inputs", b'{"inputs":')
    plain = {"name": b'"value"', "datatype": b'"FP32"', "shape": b"[1,1]", "data": b"[1]"}
    for name in (*plain, "parameters", "anything"):
        others = b",".join(b'"%b":%b' % (k.encode(), v) for k, v in plain.items() if k != name)
        yield Field(
            path, f"inputs[0].{name}", b'{"inputs":[{%b,"%b":' % (others, name.encode()), b"}]}"
        )


FIELDS = [
    *_fields(
        "/forecast", "series start quantiles horizon frequency model anything", b'"horizon":1,'
    ),
    *_fields("/sentiment", "text explain version anything", b'"model":"sentiment",'),
    *_fields("/authorship", "text evidence", b'"model":"authorship",'),
    *_fields("/caption", "image beam_width attention anything", b'"num_captions":1,'),
    *_fields("/v2/repository/index", "ready anything", b""),
    *_fields("/v2/repository/models/fp32/load", "parameters", b""),
    *_inputs(),
    *_fields("/translate", "text target", b'"model":"translate",'),
    *_fields("/generate", "prompt stop", b'"max_length":1,'),
    *_fields("/anomalies", "series start", b'"model":"forecast-stream",'),
    *_fields("/backtest", "series past_covariates", b'"horizon":1,'),
    *_fields("/classify", "text", b""),
    *_fields("/streams/attacked/steps", "values inputs text feedback", b""),
    *_fields(
        "/v1/timeseries/forecast",
        "inputs metadata",
        b'"model":"forecast","options":{"horizon":1},',
    ),
    *_fields("/v1/timeseries/forecast", "options", b'"model":"forecast","inputs":[],'),
    *_fields("/v2/forecast", "series level model_parameters", b'"freq":"D","h":1,'),
    *_fields("/v2/cross_validation", "hist_exog", b'"freq":"D","h":1,"series":{},'),
    *(
        Field(
            "/v2/forecast",
            f"series.{name.decode()}",
            b'{"freq":"D","h":1,"series":{"%b":' % name,
            b"}}",
        )
        for name in (b"y", b"sizes", b"X", b"start_datetime", b"categorical_exog")
    ),
    *_fields("/invocations", "instances configuration", b""),
    *(
        Field(
            "/invocations", f"instances[0].{name.decode()}", b'{"instances":[{"%b":' % name, b"}]}"
        )
        for name in (b"target", b"cat", b"dynamic_feat")
    ),
    Field("/invocations", "configuration.quantiles", b'{"configuration":{"quantiles":', b"}}"),
]


def _repeated(one: bytes, begin: bytes = b"[", end: bytes = b"]") -> bytes:
    """A list, or an object, of as many of `one` as fit."""
    return begin + b",".join([one] * (LARGEST // (len(one) + 1))) + end


def _keys() -> bytes:
    return b"{" + b",".join(b'"%d":0' % index for index in range(LARGEST // 12)) + b"}"


FILLINGS: dict[str, Callable[[], bytes]] = {
    "keys": _keys,
    "empty lists": lambda: _repeated(b"[]"),
    "zeros": lambda: _repeated(b"0"),
    "numbers": lambda: _repeated(b"-0.12345678901234567"),
    "lists of a number": lambda: _repeated(b"[0]"),
    "empty texts": lambda: _repeated(b'""'),
    "lists of a text": lambda: _repeated(b'["a"]'),
    "objects": lambda: _repeated(b"{}"),
    "lists in lists": lambda: b"[" * (LARGEST // 2) + b"]" * (LARGEST // 2),
    "long numbers": lambda: _repeated(b"7" * 4000),
    "one number": lambda: b"7" * LARGEST,
    "one text": lambda: b'"%b"' % (b"a " * (LARGEST // 2)),
    "a text of escapes": lambda: b'"%b"' % (rb"\"" * (LARGEST // 2)),
    "a text of code points": lambda: b'"%b"' % (rb"\u0041" * (LARGEST // 6)),
    "a wide text": lambda: b'"%b"' % ("a" * (LARGEST - 9) + "\U0001f600").encode(),
    # As much as is read of what is no list of plain values.
    "12,000 keys": lambda: b"{" + b",".join(b'"%d":0' % number for number in range(12_000)) + b"}",
    "80,000 objects": lambda: b"[" + b",".join([b"{}"] * 80_000) + b"]",
    "80,000 values of an object": lambda: b'{"a":[' + b",".join([b"{}"] * 80_000) + b"]}",
    "99,999 texts": lambda: b"[" + b",".join([b'""'] * 99_999) + b"]",
    "99,999 lists": lambda: b"[" + b",".join([b"[0]"] * 99_999) + b"]",
    "lists before an object": lambda: b"[1," * (LARGEST // 4) + b"{}",
    "spaces": lambda: b" " * LARGEST + b"1",
}
REFUSED = [400, 404, 413, 422, 501, 504]
# In every test run: those that once took the longest, and what a client may really send.
_SHORT = {
    ("/forecast", "anything", "keys"),
    ("/forecast", "series", "empty lists"),
    ("/forecast", "series", "numbers"),
    ("/caption", "image", "one text"),
    ("/v2/models/fp32/infer", "anything", "keys"),
    ("/v2/models/fp32/infer", "inputs[0].data", "empty lists"),
    ("/v2/models/fp32/infer", "inputs[0].data", "zeros"),
    ("/v2/models/fp32/infer", "inputs[0].shape", "zeros"),
    ("/v1/timeseries/forecast", "inputs", "80,000 objects"),
    ("/v2/cross_validation", "hist_exog", "99,999 texts"),
}


def send(target: Target, path: str, content: bytes, kind: str = "application/json") -> list[int]:
    """POST a body; the status of the answer."""
    lines = (f"Content-Length: {len(content)}", f"Content-Type: {kind}", "Connection: close")
    return target.send(head("POST", path, *lines), content)


def _unknown_fields(target: Target) -> list[int]:
    return send(target, "/forecast", _keys())


def _attack(field: Field, filling: str, target: Target) -> list[int]:
    return send(target, field.path, field.content(FILLINGS[filling]()))


def _everywhere(filling: str, target: Target) -> list[int]:
    content = FILLINGS[filling]()
    return [
        status for field in FIELDS for status in send(target, field.path, field.content(content))
    ]


def _form(part: bytes, end: bytes = b"--x--\r\n") -> Callable[[Target], list[int]]:
    def run(target: Target) -> list[int]:
        content = part * ((30 * MEBIBYTE) // len(part)) + end
        return send(target, "/caption", content, "multipart/form-data; boundary=x")

    return run


ATTACKS = [
    Attack("a body of unknown fields", _unknown_fields, [422], megabytes=256, stall_seconds=0.5),
    *(
        Attack(
            f"{field.path} {field.name}: {filling}",
            partial(_attack, field, filling),
            REFUSED,
            megabytes=32 if filling[:1].isdecimal() else 256,
        )
        for field in FIELDS
        for filling in FILLINGS
        if (field.path, field.name, filling) in _SHORT
    ),
    *(
        Attack(
            f"every field: {filling}",
            partial(_everywhere, filling),
            [200, *REFUSED],
            megabytes=512,
            seconds=900,
            long=True,
        )
        for filling in FILLINGS
    ),
    Attack(
        "a forecast of a million values",
        lambda target: target.post(
            "/forecast",
            {
                "series": [[1, 2, 3]] * 1000,
                "horizon": 10,
                "quantiles": [(1 + level) / 100 for level in range(98)],
            },
        ),
        [200],
        megabytes=300,
    ),
    Attack(
        "a million numbers in and out",
        lambda target: target.post(
            "/v2/models/fp32/infer",
            {
                "inputs": [
                    {
                        "name": "value",
                        "datatype": "FP32",
                        "shape": [1000, 1000],
                        "data": [0.12345678 + number for number in range(1_000_000)],
                    }
                ]
            },
        ),
        [200],
        megabytes=300,
    ),
    Attack(
        "a form of many fields",
        _form(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'),
        [400, 422],
        megabytes=256,
    ),
    Attack(
        "a form of one header",
        _form(b"A: b\r\n", b"\r\n"),
        [400, 422],
        megabytes=256,
    ),
    Attack(
        "lists in lists before an object",
        lambda target: send(target, "/forecast", b'{"series":' + b"[1," * 500_000 + b"{}"),
        [422],  # and no 504: it is known to be wrong long before
    ),
    Attack(
        "instances a line, each of lists",
        lambda target: send(
            target,
            "/invocations",
            b"\n".join([b'{"target":[1],"cat":[{},%b]}' % b",".join([b"[]"] * 10_000)] * 150),
            "application/jsonlines",
        ),
        [422],
        megabytes=256,
    ),
    Attack("a form of line ends", _form(b"\r\n--"), [400, 422, 504], megabytes=256),
    Attack(
        "a file of what looks like its end",
        lambda target: send(
            target,
            "/caption",
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
            + b"\r\n--" * (7 * MEBIBYTE)
            + b"\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        [400, 422, 504],
        megabytes=256,
    ),
]
