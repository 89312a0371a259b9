"""Takes versions that are gone off the page of metrics. Knows labels; not when a version goes."""

from prometheus_client import Counter, Gauge, Histogram

from app.telemetry.collectors import LABELS


def forget_gauges(model: str, version: str) -> None:
    """Take the gauges of a version that is closed off the page; what was counted stays."""
    for collector, labels in LABELS.items():
        if isinstance(collector, Gauge):
            _forget(collector, labels, model, version)


def forget_version(model: str, version: str) -> None:
    """Take everything about a version off the page, so that it does not grow for ever.

    A child that somebody holds counts no longer; `labels` makes a new one, which starts at zero.
    """
    for collector, labels in LABELS.items():
        if isinstance(collector, Counter | Gauge | Histogram):
            _forget(collector, labels, model, version)


def _forget(
    collector: Counter | Gauge | Histogram, labels: tuple[str, ...], model: str, version: str
) -> None:
    if {"model", "version"} <= set(labels):
        (family,) = collector.collect()
        found = {tuple(each.labels[label] for label in labels) for each in family.samples}
        for values in found:
            if (values[labels.index("model")], values[labels.index("version")]) == (model, version):
                collector.remove(*values)
