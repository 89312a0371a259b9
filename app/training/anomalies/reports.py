"""The report of a streaming forecaster, for a terminal and for a card. Knows rows, no model."""

from collections.abc import Sequence

from pydantic import JsonValue
from rich.table import Table

from app.training.anomalies.evaluate import BenchmarkRow, Evaluation, StepRow
from app.training.common.cards import markdown_table
from app.training.common.reports import number

_BENCHMARK = ("Numenta Anomaly Benchmark", "standard", "low FP", "low FN", "threshold")
_STEPS = ("one step ahead", "series", "error", "pinball", "coverage of 80 %")


def evaluation_table(evaluation: Evaluation) -> Table:
    """The rows for a terminal."""
    table = Table(title="Scores: 0 for flagging nothing, 100 perfect. Errors: naive before is 1")
    for heading in ("method", *_BENCHMARK[1:]):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for row in evaluation.benchmark:
        table.add_row(*_benchmark(row))
    if evaluation.steps:
        table.add_section()
        table.add_row(*(f"[bold]{cell}[/bold]" for cell in _STEPS))
        for step in evaluation.steps:
            table.add_row(*_step(step))
    return table


def evaluation_json(evaluation: Evaluation) -> dict[str, JsonValue]:
    """All rows, and the tables of the card."""
    return {
        "benchmark": [row.to_json() for row in evaluation.benchmark],
        "steps": [row.to_json() for row in evaluation.steps],
        "table": evaluation_markdown(evaluation),
    }


def evaluation_markdown(evaluation: Evaluation) -> str:
    """The tables of the card."""
    parts = []
    if evaluation.benchmark:
        files = evaluation.benchmark[0].files
        parts.append(
            f"{files} files of the benchmark, one threshold for all of them, nothing told of the "
            "files; 0 is flagging nothing, 100 a perfect detector."
        )
        parts.append(markdown_table(_BENCHMARK, [_benchmark(row) for row in evaluation.benchmark]))
    if evaluation.steps:
        parts.append(
            "Held-out ends, every value one step ahead. Errors and pinball losses (at 0.1, 0.5, "
            "0.9) in units of the mean step before the end of a series."
        )
        parts.append(markdown_table(_STEPS, [_step(row) for row in evaluation.steps]))
    return "\n\n".join(parts)


def _benchmark(row: BenchmarkRow) -> Sequence[str]:
    marks = (f"{each:.1f}" for each in (row.standard, row.low_fp, row.low_fn))
    return (row.method, *marks, f"{row.threshold:.5f}")


def _step(row: StepRow) -> Sequence[str]:
    numbers = (number(each) for each in (row.error, row.pinball, row.coverage))
    return (f"{row.collection}: {row.method}", str(row.series), *numbers)
