"""What the deployment's tests read: YAML, the Dockerfile, names of metrics. Checks nothing."""

import re
from pathlib import Path
from typing import Any

import yaml

from app.settings import Settings
from app.telemetry import metrics

ROOT = Path(__file__).resolve().parent.parent.parent
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"


def load_yaml(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def dockerfile() -> list[tuple[str, str]]:
    """Every instruction with its arguments, continued lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines()]
    return [(word.upper(), rest) for word, rest in pairs]


def last_stage() -> dict[str, list[str]]:
    """What the image that runs is made of: instruction -> the arguments of each use."""
    instructions = dockerfile()
    start = max(i for i, (word, _) in enumerate(instructions) if word == "FROM")
    stage: dict[str, list[str]] = {}
    for word, rest in instructions[start:]:
        stage.setdefault(word, []).append(rest)
    return stage


def seconds(duration: str) -> float:
    match = re.fullmatch(r"(\d+)(ms|s|m)", duration)
    assert match, duration
    return int(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0}[match[2]]


def rules(file: str) -> list[dict[str, Any]]:
    """Every rule of a file in deploy/prometheus."""
    return [rule for group in load_yaml(PROMETHEUS / file)["groups"] for rule in group["rules"]]


def unknown_metrics(expression: str) -> set[str]:
    """Names in a query that neither the service nor a recording rule gives."""
    families = {family.name for each in metrics.LABELS for family in each.collect()}
    recorded = {rule["record"] for rule in rules("rules.yml")}
    asked = set(re.findall(r"[a-z_]+:unroll_[a-z0-9_:]+|\bunroll_[a-z_]+", expression))
    return {
        name
        for name in asked - recorded
        if ":" in name or re.sub(r"_(total|bucket|count|sum)$", "", name) not in families
    }


COMPOSE = load_yaml(ROOT / "docker-compose.yml")
UNROLL: dict[str, Any] = COMPOSE["services"]["unroll"]
DEFAULTS = Settings.model_construct()
FIELDS = {f"UNROLL_{name.upper()}" for name in Settings.model_fields}
