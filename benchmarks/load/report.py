"""What is left of a run: a flat JSON object, tables in Markdown, a picture. Knows no service."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

Curve = Sequence[tuple[float, float, float]]

# Figures to reach: key -> (comparison, bound).
TARGETS: Final[Mapping[str, tuple[str, float]]] = {
    "small_c32_speedup_one_process": (">=", 2.5),
    "small_c32_speedup_two_processes": (">=", 4.0),
    "small_c32_cpu_ratio": ("<=", 0.45),
    "large_c32_speedup_vs_by_hand": (">=", 2.6),
    "large_c32_speedup_vs_by_hand_two_workers": (">=", 1.3),
    "large_c32_speedup_vs_fifo32": (">=", 5.0),
    "large_c32_p99_ratio": ("<=", 1.0),
    "large_useful_step_share": (">=", 0.9),
    "large_share_of_offline_best": (">=", 0.9),
    **{f"baseline_{network}_c1_speedup": (">=", 1.0) for network in ("small", "large")},
    **{f"baseline_{network}_c1_p50_ratio": ("<=", 1.0) for network in ("small", "large")},
    "baseline_small_c32_speedup": (">=", 2.0),
    "baseline_large_c32_speedup": (">=", 3.0),
    **{f"steady_{network}_refused_share": ("<=", 0.0) for network in ("small", "large")},
    **{f"steady_{network}_p99_over_p50": ("<=", 10.0) for network in ("small", "large")},
    # The worst of several runs each: what happens in some runs only happens.
    **{f"fixed_{network}_goodput": (">=", 0.85) for network in ("small", "large")},
    **{f"fixed_{network}_two_processes_goodput": (">=", 0.85) for network in ("small", "large")},
    "fixed_refusal_p99_ms": ("<=", 20.0),
    "fixed_recovery_s": ("<=", 1.0),
    **{f"short_deadlines_{network}_refused_share": ("<=", 0.01) for network in ("small", "large")},
    **{f"stall_{network}_refused_share": ("<=", 0.01) for network in ("small", "large")},
    "stall_recovery_s": ("<=", 1.0),
    "soak_rss_slope_mib_per_hour": ("<=", 1.0),
    "soak_threads_growth": ("<=", 0),
    "soak_descriptors_growth": ("<=", 0),
}
_PACKAGES: Final = ("fastapi", "numpy", "onnxruntime", "pydantic", "starlette", "uvicorn", "uvloop")


def machine() -> dict[str, Any]:
    """Where and with what a run was made."""
    facts: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()}",
        "load_average_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }
    return facts | {name: version(name) for name in ("unroll", *_PACKAGES)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def keep(folder: Path, facts: Mapping[str, Any]) -> str:
    """Put `facts` into latest.json and figures.md; returns the latter's table."""
    text = targets(merge(folder / "latest.json", facts))
    (folder / "figures.md").write_text(text, encoding="utf-8")
    return text


def merge(file: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Put `facts` into the object in `file`, which keeps what they do not name."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    merged: dict[str, Any] = known | {key: _plain(value) for key, value in facts.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(merged, indent=2) + "\n", encoding="utf-8")
    return merged


def _plain(value: Any) -> Any:
    """Four digits are more than any of these figures has."""
    if isinstance(value, float):
        return None if value != value or abs(value) == float("inf") else float(f"{value:.4g}")
    return value


def table(headings: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown."""
    cells = [headings, ["---", *["---:"] * (len(headings) - 1)], *lines]
    return "".join("| " + " | ".join(map(_cell, line)) + " |\n" for line in cells)


def each(values: Sequence[float]) -> str:
    """All of several figures in a cell of a table, so that one sees how they scatter."""
    return " ".join(f"{value:.2f}" for value in values)


def targets(facts: Mapping[str, Any]) -> str:
    """The figures beside what they should be, as a table."""
    lines = []
    for key, (comparison, bound) in TARGETS.items():
        value = facts.get(key)
        reached = value is not None and (value >= bound if comparison == ">=" else value <= bound)
        verdict = "not measured" if value is None else "yes" if reached else "**no**"
        lines.append((f"`{key}`", value, f"{comparison} {bound:g}", verdict))
    return table(("figure", "measured", "wanted", "reached"), lines)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def draw(
    file: Path, curves: Mapping[str, Mapping[str, Curve]], deadline: Mapping[str, float]
) -> None:
    """Latency against offered load, a panel per network, a line per service."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    size = (5.5 * len(curves), 4)
    figure, panels = pyplot.subplots(1, len(curves), figsize=size, squeeze=False)
    for axes, (network, lines) in zip(panels[0], curves.items(), strict=True):
        for number, (service, curve) in enumerate(lines.items()):
            rates = [rate for rate, _, _ in curve]
            for index, style in ((1, "--"), (2, "-")):
                label = service if index == 2 else None
                values = [1000 * point[index] for point in curve]
                axes.plot(rates, values, style, color=f"C{number}", marker=".", label=label)
        axes.axhline(1000 * deadline[network], color="grey", linewidth=0.8, linestyle=":")
        axes.set(xlabel="requests offered a second", yscale="log", title=f"{network} network")
        axes.set_ylabel("milliseconds (99th percentile; dashed: median)")
        axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
