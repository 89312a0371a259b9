"""Settings, one flat list read from UNROLL_* variables. Knows values; not what they are used for.

Settings are passed as an argument. Nothing reads them as a global.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import ConfigurationError
from app.folders import default_folder

_PREFIX: Final = "UNROLL_"
# Never shown, not even when they are wrong.
_SECRET: Final = frozenset({"api_keys", "admin_api_keys"})

KEY_RULE: Final = "must be visible ASCII characters without spaces, one at least"


class Settings(BaseSettings):
    """How one process serves. Every field can be set by `UNROLL_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # a traceback must not show a key
    )

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    models_dir: Path = Field(default_folder("models"), description="The model repository's folder.")
    model_name: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9_-]{0,63})?$",
        description="Name of the one model if that folder holds its ONNX file, or versions of it.",
    )
    state_dir: Path | None = Field(
        None,
        description="Folder that keeps across restarts what was loaded and unloaded over HTTP.",
    )
    pinned_versions: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description='Versions to serve instead of the highest, as JSON: {"forecast": "2"}.',
    )
    watch_seconds: float = Field(
        5.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds between looks for new versions of models; 0 never looks again.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least serious level that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="How a log line looks; auto is console on a terminal, else json."
    )
    workers: int = Field(
        1, ge=1, le=256, description="Processes that serve behind the port, each with all models."
    )
    worker_timeout_seconds: float = Field(
        30.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds after which one of several processes that does not answer is"
        " replaced; 0 never.",
    )
    worker_threads: int = Field(
        0,
        ge=0,
        le=1024,
        description="Worker threads per model; 0 means each process's share of the cores.",
    )
    execution_providers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("CPUExecutionProvider",),
        min_length=1,
        description="ONNX Runtime execution providers, the preferred first, separated by commas.",
    )
    max_batch_size: int = Field(8, ge=1, le=4096, description="Inputs computed together, at most.")
    max_queue_size: int = Field(
        4096, ge=1, description="Inputs that may wait per model version, at most."
    )
    max_in_flight: int = Field(
        4096, ge=1, description="Requests in flight, at most; others get 429."
    )
    request_timeout_seconds: float = Field(
        30.0, gt=0, allow_inf_nan=False, description="Seconds a request may take, at most."
    )
    drain_timeout_seconds: float = Field(
        20.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds that accepted work gets to finish at shutdown.",
    )
    max_head_bytes: int = Field(
        64 * 1024, ge=1024, description="Bytes of one request's line and headers, at most."
    )
    max_unsent_bytes: int = Field(
        256 * 1024 * 1024,
        ge=1,
        description="Bytes of all answers together that clients have not read, at most.",
    )
    write_timeout_seconds: float = Field(
        30.0,
        gt=0,
        allow_inf_nan=False,
        description="Seconds after which a client that reads nothing of its answer is given up.",
    )
    max_body_bytes: int = Field(
        32 * 1024 * 1024, ge=1, description="Bytes of one request body, at most."
    )
    max_buffered_bytes: int = Field(
        256 * 1024 * 1024,
        ge=1,
        description="Bytes of all bodies in progress together, but for small ones; others get 429.",
    )
    max_series: int = Field(1000, ge=1, description="Series in one request, at most.")
    max_points: int = Field(
        1_000_000,
        ge=1,
        description="Points in all series, or steps in all rows of tensors, of one request.",
    )
    max_steps: int = Field(
        20_000,
        ge=1,
        description="Steps of one row of tensors, and of one batch with its padding, at most.",
    )
    max_horizon: int = Field(1000, ge=1, description="Steps one request may ask for, at most.")
    max_texts: int = Field(1000, ge=1, description="Texts in one request, at most.")
    max_text_characters: int = Field(
        1_000_000, ge=1, description="Characters in all texts of one request together, at most."
    )
    max_images: int = Field(16, ge=1, description="Images in one request, at most.")
    max_pixels: int = Field(
        50_000_000, ge=1, description="Pixels of one image as its header has them, at most."
    )
    max_step_rows: int = Field(
        32, ge=10, le=4096, description="Rows (beams) computed together in one step, at most."
    )
    streams_dir: Path = Field(
        default_folder("streams"),
        description="Folder where the states of streams are kept, in one SQLite file.",
    )
    streams_url: str = Field(
        "",
        pattern=r"^(|memory://|rediss?://.+|unix://.+)$",
        description="Where they are kept instead: redis://HOST:PORT/NUMBER, or memory://.",
    )
    streams_sync: Literal["full", "normal"] = Field(
        "full",
        description="Whether SQLite waits for the disk before an answer; normal outlives the "
        "process, full the machine.",
    )
    streams_key: SecretStr | None = Field(
        None, description="Key of the seal of states; if it is not set the store makes one."
    )
    max_streams: int = Field(1_000_000, ge=1, description="Streams that are kept, at most.")
    max_stream_bytes: int = Field(
        8 * 1024 * 1024, ge=1, description="Bytes of one stream's state and last answer, at most."
    )
    stream_ttl_seconds: float = Field(
        7 * 24 * 3600.0,
        gt=0,
        allow_inf_nan=False,
        description="Seconds without a step after which a stream expires; it may ask for less.",
    )
    hot_streams: int = Field(
        10_000, ge=1, description="Streams that are held in memory as well, at most."
    )
    hot_streams_bytes: int = Field(
        64 * 1024 * 1024, ge=0, description="Bytes of these streams' states and answers, at most."
    )
    hot_streams_seconds: float = Field(
        600.0, gt=0, allow_inf_nan=False, description="Seconds since the last step of these."
    )
    max_replay_steps: int = Field(
        4096,
        ge=1,
        description="Steps of one stream whose inputs are kept for a new version, at most.",
    )
    sequence_restart: bool = Field(
        False, description="Whether sequence_start silently ends a sequence that is still going on."
    )
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Keys of which every request must carry one, separated by commas or as JSON.",
    )
    api_keys_file: Path | None = Field(
        None,
        description="File of such keys, one on a line; it is read again when it changes.",
    )
    admin_api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Keys that may load and unload models, too, in the same forms.",
    )
    admin_api_keys_file: Path | None = Field(
        None, description="File of such keys, read as UNROLL_API_KEYS_FILE is."
    )
    model_control: bool = Field(
        True, description="Whether models can be loaded and unloaded over HTTP at all."
    )
    protect_metrics: bool = Field(
        False, description="Whether GET /metrics asks for a key as well; it needs keys."
    )
    page: bool = Field(True, description="Whether there is a page for people at /.")
    tracing: Literal["off", "otlp"] = Field(
        "off",
        description="Where spans go; otlp sends them as the OTEL_EXPORTER_OTLP_* variables say.",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("execution_providers", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("api_keys", "admin_api_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not value.lstrip().startswith("["):
            return tuple(part.strip() for part in value.split(",") if part.strip()) or [""]
        try:
            return json.loads(value) or [""]
        except json.JSONDecodeError:
            raise ValueError('expected JSON such as ["a key", "another"]') from None

    @field_validator("api_keys", "admin_api_keys")
    @classmethod
    def _sendable(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for number, key in enumerate(keys, start=1):
            if not is_key(key.get_secret_value()):
                raise ValueError(f"key {number} of {len(keys)} {KEY_RULE}")
        return keys

    @field_validator("protect_metrics")
    @classmethod
    def _has_keys(cls, value: bool, info: ValidationInfo) -> bool:
        wrong_already = not {"api_keys", "api_keys_file"} <= info.data.keys()
        if value and not (wrong_already or info.data["api_keys"] or info.data["api_keys_file"]):
            raise ValueError("needs UNROLL_API_KEYS or UNROLL_API_KEYS_FILE")
        return value

    @field_validator("pinned_versions", mode="before")
    @classmethod
    def _parse_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            pins: object = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError('expected JSON such as {"forecast": "2"}') from error
        if isinstance(pins, dict):  # {"forecast": 2} is what people write; say yes to it
            return {name: str(pin) if type(pin) is int else pin for name, pin in pins.items()}
        return pins


def load_settings(**overrides: Any) -> Settings:
    """Read the environment; `overrides` win over it, and None means not given.

    Raises ConfigurationError whose message is one line naming every wrong setting.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(
            _describe(problem["loc"], problem["msg"], problem["input"], given)
            for problem in error.errors(include_url=False, include_context=False)
        )
        raise ConfigurationError(problems) from error


def _describe(
    loc: tuple[int | str, ...], message: str, value: object, given: dict[str, Any]
) -> str:
    field = str(loc[0]) if loc else "settings"
    name = field if field in given else _PREFIX + field.upper()
    where = "".join(f"[{part!r}]" for part in loc[1:])
    text = message.removeprefix("Value error, ").replace("Input should be", "should be")
    got = "" if field in _SECRET else f" (got {value!r})"
    return f"{name}{where}: {text}{got}"


def is_key(text: str) -> bool:
    """Whether `text` may be an API key: whether it survives the way through a header."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
