"""Writes the tables of settings and metrics into docs/operations.md. Knows no value of its own.

`python docs/reference.py` rewrites the page; a test fails when the page lags behind the code.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from app.settings import Settings
from app.telemetry import metrics

PAGE: Final = Path(__file__).resolve().parent / "operations.md"

# By the name's ending, the first that fits: names carry their units.
SETTING_UNITS: Final = {
    "_seconds": "seconds",
    "_bytes": "bytes",
    "_threads": "threads",
    "workers": "processes",
    "_batch_size": "inputs",
    "_queue_size": "inputs",
    "_series": "series",
    "_points": "points",
    "_texts": "texts",
    "_characters": "characters",
    "_horizon": "steps",
    "_images": "images",
    "_pixels": "pixels",
    "_rows": "rows",
    "_steps": "steps",
    "_streams": "streams",
}
METRIC_UNITS: Final = {
    "_seconds": "seconds",
    "_ratio": "0 to 1",
    "_steps_total": "steps",
    "_streams": "streams",
    "_streams_hot": "streams",
    "_streams_limit": "streams",
    "_failures_total": "calls",
    "_expired_total": "streams",
    "_moves_total": "streams",
    "_conflicts_total": "requests",
    "_replays_total": "requests",
    "_length": "points, characters or bytes",
    "_rows": "rows",
    "_values_total": "points",
    "_requests_total": "requests",
    "_in_flight": "requests",
    "_loads_total": "versions",
    "_swaps_total": "swaps",
    "_versions": "versions",
    "_sessions": "sessions",
    "_info": "always 1",
    "_width": "usual moves",
    "_confidence": "0 to 1",
    "_understood_ratio": "0 to 1",
    "_abstentions_total": "texts",
    "_workers": "threads",
    "_processes": "processes",
    "_deaths_total": "processes",
    "_lines_dropped_total": "lines",
    "": "inputs",
}


def settings_table() -> str:
    """One row a setting, in the order of the class."""
    rows = [("variable", "default", "unit", "allowed", "meaning")]
    for name, schema in Settings.model_json_schema()["properties"].items():
        variable = f"`UNROLL_{name.upper()}`"
        rows.append((variable, _default(name), _unit(name), _allowed(schema), _meaning(schema)))
    return _table(rows)


def metrics_table() -> str:
    """One row a metric, in the order of the module."""
    rows = [("metric", "type", "unit", "labels", "meaning")]
    for collector, names in metrics.LABELS.items():
        (family,) = collector.describe()
        name = family.name + ("_total" if family.type == "counter" else "")
        unit = next(unit for end, unit in METRIC_UNITS.items() if name.endswith(end))
        labels = " ".join(f"`{label}`" for label in names) or "none"
        rows.append((f"`{name}`", family.type, unit, labels, family.documentation))
    return _table(rows)


def written(page: str) -> str:
    """The page with both tables as the code has them now."""
    for name, table in (("settings", settings_table()), ("metrics", metrics_table())):
        begin, end = f"<!-- {name}: python docs/reference.py -->\n", f"<!-- end of {name} -->"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{PAGE.name} has lost its markers for the {name}")
        page = before + begin + table + end + after
    return page


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    value: object = field.get_default(call_default_factory=True)
    if isinstance(value, Path):  # absolute, and another one on every machine
        installed = f"`~/.local/share/unroll/{value.name}`"
        return f"`{value.name}` beside `app`; installed among other packages {installed}"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`" if value else "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`"


def _unit(name: str) -> str:
    return next((unit for end, unit in SETTING_UNITS.items() if name.endswith(end)), "")


def _allowed(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "boolean":
        return "`true`, `false`"
    low = f"{schema['minimum']:g}" if "minimum" in schema else ""
    if "exclusiveMinimum" in schema:
        low = f"over {schema['exclusiveMinimum']:g}"
    if "maximum" in schema:
        return f"{low} to {schema['maximum']:g}"
    return f"{low} or more" if low and not low.startswith("over") else low


def _meaning(schema: dict[str, Any]) -> str:
    return str(schema["description"]).replace("|", "\\|")


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(cell or " " for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
