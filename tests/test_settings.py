"""Settings come from the environment and complain in one line."""

import os
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.folders import default_folder
from app.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("UNROLL_")]:
        monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.models_dir == Path(__file__).resolve().parent.parent / "models"
    assert settings.execution_providers == ("CPUExecutionProvider",)


def test_folders_are_the_same_wherever_a_command_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "lib" / "site-packages" / "app"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert default_folder("models", tmp_path / "checkout" / "app") == tmp_path / "checkout/models"
    assert default_folder("models", installed) == tmp_path / "home/.local/share/unroll/models"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_folder("streams", installed) == tmp_path / "data/unroll/streams"


def test_every_field_is_described() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLL_PORT", "9000")
    monkeypatch.setenv("UNROLL_HOST", "0.0.0.0")
    monkeypatch.setenv("UNROLL_LOG_LEVEL", "debug")
    monkeypatch.setenv("UNROLL_EXECUTION_PROVIDERS", "CUDAExecutionProvider, CPUExecutionProvider")
    monkeypatch.setenv("UNROLL_PINNED_VERSIONS", '{"forecast": 2, "forecast-waves": "1"}')
    monkeypatch.setenv("UNROLL_MAX_SERIES", "")  # empty is as good as absent
    settings = load_settings(port=9001, host=None)
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 9001, "DEBUG")
    assert settings.execution_providers == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert settings.pinned_versions == {"forecast": "2", "forecast-waves": "1"}
    assert settings.max_series == 1000


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "PORT",
            "abc",
            "UNROLL_PORT: should be a valid integer, unable to parse string as an integer "
            "(got 'abc')",
        ),
        ("PORT", "70000", "UNROLL_PORT: should be less than or equal to 65535 (got '70000')"),
        ("LOG_FORMAT", "xml", "UNROLL_LOG_FORMAT: should be 'auto', 'json' or 'console'"),
        ("LOG_LEVEL", "loud", "UNROLL_LOG_LEVEL: should be 'DEBUG', "),
        ("MAX_BATCH_SIZE", "0", "UNROLL_MAX_BATCH_SIZE: should be greater than or equal to 1"),
        ("REQUEST_TIMEOUT_SECONDS", "inf", "UNROLL_REQUEST_TIMEOUT_SECONDS: should be a finite"),
        ("EXECUTION_PROVIDERS", ",", "UNROLL_EXECUTION_PROVIDERS: "),
        ("PINNED_VERSIONS", "forecast=2", "UNROLL_PINNED_VERSIONS: expected JSON such as "),
        ("PINNED_VERSIONS", "[1]", "UNROLL_PINNED_VERSIONS: should be a valid dictionary"),
        ("API_KEYS", ",", "UNROLL_API_KEYS: key 1 of 1 must be visible ASCII"),
        ("API_KEYS", "[]", "UNROLL_API_KEYS: key 1 of 1 must be visible ASCII"),
        ("API_KEYS", "['a']", "UNROLL_API_KEYS: expected JSON such as "),
        ("API_KEYS", "good,not good", "UNROLL_API_KEYS: key 2 of 2 must be visible ASCII"),
        ("API_KEYS", "sch\u00f6n", "UNROLL_API_KEYS: key 1 of 1 must be visible ASCII"),
        ("API_KEYS", '["a", 1]', "UNROLL_API_KEYS[1]: should be a valid string"),
        ("PROTECT_METRICS", "true", "UNROLL_PROTECT_METRICS: needs UNROLL_API_KEYS or "),
        ("PROTECT_METRICS", "maybe", "UNROLL_PROTECT_METRICS: should be a valid boolean"),
        ("TRACING", "jaeger", "UNROLL_TRACING: should be 'off' or 'otlp' (got 'jaeger')"),
        ("PINNED_VERSIONS", '{"a": 1.5}', "UNROLL_PINNED_VERSIONS['a']: should be a valid string"),
    ],
)
def test_a_wrong_value_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, line: str
) -> None:
    monkeypatch.setenv(f"UNROLL_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert caught.value.message.startswith(line)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("value", ["key-1, key-2,", '["key-1", "key-2"]', ' ["key-1","key-2"]'])
def test_api_keys(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("UNROLL_API_KEYS", value)
    monkeypatch.setenv("UNROLL_PROTECT_METRICS", "true")
    settings = load_settings()
    assert [key.get_secret_value() for key in settings.api_keys] == ["key-1", "key-2"]
    assert "key-1" not in repr(settings)


@pytest.mark.parametrize("value", ["pass word", '["pass word"]', '["pass', '{"pass": 1}', "p\tass"])
def test_a_wrong_key_is_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("UNROLL_API_KEYS", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(port="x")  # whose value is shown
    assert "UNROLL_API_KEYS: " in caught.value.message
    assert "port: should be" in caught.value.message
    assert "pass" not in caught.value.message
    assert "pass" not in str(caught.value.__cause__)


def test_all_wrong_values_are_named_and_arguments_by_their_own_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UNROLL_MAX_SERIES", "-1")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(port="x", colour="red")
    message = caught.value.message
    assert "port: should be" in message
    assert "UNROLL_PORT" not in message
    assert "UNROLL_MAX_SERIES: should be" in message
    assert "colour: Extra inputs are not permitted" in message
