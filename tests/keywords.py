"""A sentiment model that counts two words, as a task and as a server; made-up texts for it.

Knows the request and the answer of text tasks only; its graph is never run.
"""

import csv
import gzip
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import JsonValue

from app.serving.models.manifest import Golden, Manifest
from app.serving.task import ExampleDefaults, OpenSession
from tests.doubles import write_version

LABELS = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class KeywordExample(ExampleDefaults):
    text: str

    @property
    def length(self) -> int:
        return len(self.text.split())


@dataclass(frozen=True)
class KeywordPrediction:
    probabilities: dict[str, float]

    def to_json(self) -> dict[str, JsonValue]:
        label = max(self.probabilities, key=lambda label: self.probabilities[label])
        return {
            "label": label,
            "score": self.probabilities[label],
            "probabilities": dict(self.probabilities),
            "truncated": False,
        }


class KeywordTask:
    """Positive with "good", negative with "bad", neutral with neither."""

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        return cls()

    def encode(self, text: str) -> KeywordExample:
        return KeywordExample(text)

    def predict(self, examples: Sequence[KeywordExample]) -> list[KeywordPrediction]:
        return [KeywordPrediction(probabilities_of(example.text)) for example in examples]


def probabilities_of(text: str) -> dict[str, float]:
    words = text.split()
    logits = np.array([2.0 * ("bad" in words), 1.0, 2.0 * ("good" in words)])
    shares = np.exp(logits) / np.exp(logits).sum()
    return dict(zip(LABELS, shares.tolist(), strict=True))


def write_keyword_version(
    root: Path, name: str = "sentiment", version: str = "1", **more: Any
) -> Path:
    """Write a version that KeywordTask loads and serves; `more` fields of its manifest."""
    golden = tuple(
        Golden(request={"text": text}, answer=KeywordPrediction(probabilities_of(text)).to_json())
        for text in ("a good flight", "bad")
    )
    return write_version(
        root, name, version, changes={"task": "sentiment", "golden": golden, **more}
    )


class KeywordServer(ThreadingHTTPServer):
    """Answers as the service does; keeps the bodies it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[dict[str, Any]] = []
        self.short_of = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: KeywordServer

    def do_GET(self) -> None:
        if self.path == "/models/sentiment":
            self._reply(200, {"name": "sentiment", "version": "7"})
        elif self.path == "/models/sentiment/versions/7":
            self._reply(200, {"name": "sentiment", "version": "7", "training": {}})
        elif self.path == "/models/sentiment/versions/8":
            self._reply(200, {"name": "sentiment", "version": "8", "training": {"refit_of": "7"}})
        else:
            self._reply(404, {"title": "Model not found", "detail": "there is no such model"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append({"path": self.path, **body})
        texts = body["text"][self.server.short_of :]
        predictions = [KeywordPrediction(probabilities_of(text)).to_json() for text in texts]
        self._reply(200, {"model": "sentiment", "version": "7", "predictions": predictions})

    def _reply(self, status: int, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def keyword_server() -> Iterator[KeywordServer]:
    with KeywordServer() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def spelled(number: int) -> str:
    """A word of its own for every number: digits would not count as one."""
    return "".join("klmnopqrst"[int(digit)] for digit in str(number))


def write_rows(path: Path, header: str, rows: Iterable[tuple[object, ...]]) -> None:
    """A gzip CSV file as the public sets have them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)


def write_tweets(root: Path, count: int = 400) -> None:
    """Tweets of which KeywordTask knows nine in ten; a third of each label."""
    words = {"negative": "bad", "neutral": "some", "positive": "good"}
    rows = []
    for i in range(count):
        label = LABELS[i % 3]
        word = words[label] if i % 10 else "odd"
        rows.append((label, f"@air {spelled(i)} {word} {spelled(i)}"))
    write_rows(root / "airline_sentiment" / "tweets.csv.gz", "airline_sentiment,text", rows)
