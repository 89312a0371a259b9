"""Fails when the documentation lags: routes, problems, settings, metrics, commands, links."""

import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from app import errors
from app.api.errors import ERRORS, STATUSES
from app.api.routes.caption import CaptionOptions
from app.main import create_app
from app.settings import Settings
from app.telemetry import metrics

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    path
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.exists()
]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_setting_is_documented() -> None:
    text = page("operations.md")
    missing = [name for name in Settings.model_fields if f"`UNROLL_{name.upper()}`" not in text]
    assert not missing


def test_every_metric_is_documented() -> None:
    text = page("operations.md")
    for collector in vars(metrics).values():
        if isinstance(collector, MetricWrapperBase):
            (family,) = collector.describe()
            name = family.name + ("_total" if family.type == "counter" else "")
            assert f"`{name}`" in text, name


def test_every_route_is_documented(tmp_path: Path) -> None:
    text = page("api.md")
    for path, operations in create_app(Settings(models_dir=tmp_path)).openapi()["paths"].items():
        for method in operations:
            assert f"`{method.upper()} {path}`" in text, path


def test_every_field_is_documented(tmp_path: Path) -> None:
    text = page("api.md")
    schemas = create_app(Settings(models_dir=tmp_path)).openapi()["components"]["schemas"]
    names = {
        *(
            "PastForecastRequest",
            "PastReport",
            "Forecast",
            "CovariateReport",
            "ForecastAnswer",
            "Problem",
            "FieldError",
        ),
        *("BacktestRequest", "BacktestWindow", "Backtest", "BacktestAnswer"),
        *("SentimentRequest", "Sentiment", "SentimentAnswer", "SentimentExplanation"),
        *("ClassifyRequest", "Classification", "ClassifyAnswer"),
        *("TokenContribution", "AuthorshipRequest", "Authorship", "AuthorshipAnswer"),
        *("ChunkEvidence", "Caption", "CaptionAnswer", "CaptionCandidate", "WordAttention"),
        *("Attention", "GenerateRequest", "GenerateAnswer", "GeneratedSample"),
        *("GeneratedCharacter", "TranslateRequest", "TranslateAnswer", "Translation"),
        *("TranslationCandidate", "TranslationAttention", "TranslatedWord"),
    }
    for schema in sorted(names):
        for field in schemas[schema]["properties"]:
            assert f"`{field}`" in text, f"{schema}.{field}"
    for option in CaptionOptions.model_fields:
        assert f"| `{option}` |" in text, option


def test_every_problem_is_documented() -> None:
    text = page("api.md")
    for kind in (*ERRORS.values(), *STATUSES.values()):
        assert f"| {kind.status} | `{kind.slug}` |" in text, kind.slug


def test_every_error_class_is_documented() -> None:
    text = page("api.md") + page("operations.md")
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.UnrollError):
            assert f"`{name}`" in text, name


def test_every_rejection_reason_is_documented() -> None:
    (family,) = metrics.REJECTIONS.describe()
    for reason in ("queue_full", "not_ready", "deadline", "cancelled"):
        assert reason in family.documentation
        assert reason in page("operations.md")


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


@pytest.mark.parametrize("path", PAGES, ids=names)
def test_make_targets_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL))
    for call in re.findall(r"\bmake((?: +[A-Za-z][\w-]*(?:=\S+)?)+)", code):
        wanted = {word for word in call.split() if "=" not in word}
        assert wanted <= targets(), call


def test_ci_calls_targets_that_exist() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    calls = re.findall(r"^(?:exec )?make (.+)$", script, flags=re.MULTILINE)
    assert calls
    assert all(set(call.split()) <= targets() for call in calls)


def test_every_target_has_a_line_of_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)
    assert set(phony.split()) == targets()
    assert set(re.findall(r"^([a-z-]+):.* ## ", makefile, flags=re.MULTILINE)) == targets()


@pytest.mark.parametrize("path", PAGES, ids=names)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target
