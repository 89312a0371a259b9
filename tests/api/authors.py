"""An authorship task without a network: API tests need no trained author. Knows the Task protocol.

Whoever writes "upon" is Hamilton, whoever writes "whilst" is Madison, each with the share of these
words that is theirs; with none of them the answer abstains.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, JsonValue

from app.errors import InvalidInput
from app.serving.models.manifest import Golden, Manifest, Network, digest, write_manifest
from app.serving.task import ExampleDefaults, OpenSession

AUTHORS = {"Hamilton": "upon", "Madison": "whilst"}
CHUNK = 40  # characters
SHORTEST = 3


class WordFeatures(BaseModel):
    """How long the double pretends to work on one text, in seconds."""

    encode_seconds: float = 0.0


@dataclass(frozen=True)
class WordExample(ExampleDefaults):
    text: str
    evidence: bool

    @property
    def length(self) -> int:
        return len(self.text)


@dataclass(frozen=True)
class WordPrediction:
    probabilities: dict[str, float]
    chunks: int
    characters: int
    evidence: list[tuple[int, int, dict[str, float]]] | None

    def to_json(self) -> dict[str, JsonValue]:
        author = max(self.probabilities, key=lambda name: self.probabilities[name])
        score = self.probabilities[author]
        answer: dict[str, JsonValue] = {
            "author": author,
            "score": score,
            "probabilities": dict(self.probabilities),
            "chunks": self.chunks,
            "characters": self.characters,
            "truncated": False,
            "abstained": score < 0.6,
        }
        if self.evidence is not None:
            answer["evidence"] = [
                {"start": start, "end": end, "probabilities": dict(shares)}
                for start, end, shares in self.evidence
            ]
        return answer


class WordTask:
    """Counts two words."""

    def __init__(self, encode_seconds: float = 0.0) -> None:
        self._encode_seconds = encode_seconds
        self.encoded = 0

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        return cls(WordFeatures.model_validate(manifest.features).encode_seconds)

    def encode(self, text: str, evidence: bool = False) -> WordExample:
        time.sleep(self._encode_seconds)
        self.encoded += 1
        if len(text) < SHORTEST:
            raise InvalidInput(
                f"{len(text)} characters are too few to judge",
                field="text",
                allowed=f"at least {SHORTEST} characters",
            )
        return WordExample(text, evidence)

    def predict(self, examples: Sequence[WordExample]) -> list[WordPrediction]:
        return [self._answer(each) for each in examples]

    def _answer(self, example: WordExample) -> WordPrediction:
        ends = range(0, len(example.text), CHUNK)
        bounds = [(start, min(start + CHUNK, len(example.text))) for start in ends]
        evidence = [(start, end, shares(example.text[start:end])) for start, end in bounds]
        return WordPrediction(
            probabilities=shares(example.text),
            chunks=len(bounds),
            characters=len(example.text),
            evidence=evidence if example.evidence else None,
        )


def shares(text: str) -> dict[str, float]:
    """Each author's share of the telling words; equal shares if there are none."""
    counts = {author: text.count(word) for author, word in AUTHORS.items()}
    total = sum(counts.values())
    return {author: count / total if total else 0.5 for author, count in counts.items()}


def write_authors(root: Path, name: str = "authorship", *, encode_seconds: float = 0.0) -> Path:
    """Write a version that loads with WordTask."""
    folder = root / name / "1"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text("Two words.\n", encoding="utf-8")
    task = WordTask()
    requests: list[dict[str, JsonValue]] = [
        {"text": "It depends upon you."},
        {"text": "whilst upon whilst", "evidence": True},
    ]
    manifest = Manifest(
        name=name,
        version="1",
        task="authorship",
        created="2020-01-01T00:00:00Z",
        description="Two words.",
        license="Apache-2.0",
        intended_use="Tests.",
        files={"README.md": digest(folder / "README.md")},
        network=Network(cell="none", num_layers=1, hidden_size=1, parameters=0, opset=20),
        features={"encode_seconds": encode_seconds},
        golden=tuple(
            Golden(request=each, answer=task.predict([task.encode(**each)])[0].to_json())  # type: ignore[arg-type]
            for each in requests
        ),
    )
    write_manifest(folder, manifest)
    return folder
