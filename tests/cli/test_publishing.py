"""Publishing by commands: served names are not taken by accident; candidates; promotion."""

import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from app.cli.publishing import name_to_publish, settle
from app.errors import ConfigurationError
from app.serving.models.folders import is_candidate
from app.serving.models.manifest import read_manifest
from app.serving.models.promotion import mark
from app.tasks.forecast.features import ForecastFeatures
from app.training.common.comparison import Score
from tests.doubles import write_version
from tests.training.forecast.covariates.made import write_shops
from tests.training.forecast.test_own import monthly, wave

RUN = CliRunner()


def train(data: Path, models: Path, *more: str) -> tuple[int, str]:
    command = ["train", "forecast", "--data", str(data), "--out", str(models)]
    sizes = ["--steps", "3", "--members", "1", "--hidden-size", "4", "--num-layers", "1"]
    result = RUN.invoke(cli, [*command, *sizes, "--work", str(models.parent / "work"), *more])
    return result.exit_code, result.output


def test_the_usual_name_is_free_only_where_nothing_is_served(tmp_path: Path) -> None:
    assert name_to_publish(None, "mean", tmp_path, False) == "mean"
    write_version(tmp_path, "mean", "1")
    with pytest.raises(ConfigurationError, match=r"mean/1 is served.*--name.*--promote"):
        name_to_publish(None, "mean", tmp_path, False)
    assert name_to_publish("mean", "mean", tmp_path, False) == "mean"
    assert name_to_publish("other", "mean", tmp_path, False) == "other"
    assert name_to_publish(None, "mean", tmp_path, True) == "mean"


@pytest.mark.parametrize(
    ("new", "old", "promoted"),
    [(0.9, 1.0, True), (1.0, 1.0, False), (1.1, 1.0, False), (math.nan, 1.0, False)],
)
def test_only_a_better_version_is_promoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], new: float, old: float, promoted: bool
) -> None:
    write_version(tmp_path, "mean", "1")
    folder = write_version(tmp_path, "mean", "2")
    mark(folder, "mean", "2")
    scores = {"2": Score("error", new), "1": Score("error", old)}
    settle(folder, True, lambda version: scores[version])
    assert is_candidate(folder) is not promoted
    assert ("is better" in capsys.readouterr().out) is promoted


def test_what_cannot_be_compared_stays_a_candidate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_version(tmp_path, "mean", "1")
    folder = write_version(tmp_path, "mean", "2")
    mark(folder, "mean", "2")

    def score(version: str) -> Score:
        raise ValueError("other texts")

    settle(folder, True, score)
    assert is_candidate(folder)
    assert "other texts" in capsys.readouterr().out


def test_training_publishes_candidates_beside_what_is_served(tmp_path: Path) -> None:
    data, models = monthly(tmp_path / "data", "air", wave(60)), tmp_path / "models"
    code, output = train(data, models)
    assert (code, "published" in output, "candidate" in output) == (0, True, False)
    assert "air.csv: " in output
    assert "x: 60 points, 2000-01-01 to 2004-12-01, frequency MS" in output
    code, output = train(data, models)
    assert (code, "--promote" in output) == (2, True)
    assert not (models / "forecast" / "2").exists()
    code, output = train(data, models, "--name", "forecast")
    assert code == 0
    assert is_candidate(models / "forecast" / "2")
    assert "unroll promote forecast 2" in output
    code, output = train(data, models, "--promote", "--seed", "1", "--work", str(tmp_path / "w"))
    assert code == 0, output
    assert "OWA" in output
    listed = RUN.invoke(cli, ["models", "--models-dir", str(models)]).output
    assert listed.count("candidate") >= 1


def test_promote_and_back(tmp_path: Path) -> None:
    write_version(tmp_path, "mean", "1")
    mark(write_version(tmp_path, "mean", "2"), "mean", "2")

    def promote(version: str) -> tuple[int, str]:
        command = ["promote", "mean", version, "--models-dir", str(tmp_path)]
        result = RUN.invoke(cli, command)
        return result.exit_code, result.output

    assert promote("2") == (0, "mean/2 is promoted\n")
    assert promote("1") == (0, "mean/1 is promoted\nmean/2 is a candidate now\n")
    code, output = promote("7")
    assert (code, "there: 2, 1" in output) == (1, True)
    (tmp_path / "mean" / "2" / "model.onnx").write_bytes(b"damaged")
    code, output = promote("2")
    assert (code, "not sound" in output) == (1, True)
    assert is_candidate(tmp_path / "mean" / "2")


def test_a_table_with_covariates_learns_them(tmp_path: Path) -> None:
    path, models = write_shops(tmp_path), tmp_path / "models"
    past = ["--covariate", "promotion", "--covariate", "region", "--past-covariate", "visitors"]
    code, output = train(path, models, "--name", "shops", "--horizon", "5", *past)
    assert code == 0, output
    manifest = read_manifest(models / "shops" / "1")
    features = ForecastFeatures.model_validate(manifest.features)
    assert features.trained_horizon == 5
    assert features.covariates is not None
    ahead = {one.name: one.ahead for one in features.covariates.columns}
    assert ahead == {"promotion": True, "region": True, "visitors": False}
    code, output = train(path, models, "--name", "others")
    assert code == 0, output
    assert "covariates of 'y': 'promotion', 'region', 'visitors'" in output
    code, output = train(path, models, "--name", "shops", "--promote")
    assert code == 0, output
    assert "OWA" in output or "cannot be compared" in output
    plain = monthly(tmp_path / "plain", "air", wave(60))
    code, output = train(plain, models, "--name", "plain", "--horizon", "5")
    assert code != 0
    assert "--horizon: only networks with covariates or channels have one" in " ".join(
        output.split()
    )
