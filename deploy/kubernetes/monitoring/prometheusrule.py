"""Writes prometheusrule.yaml, the Prometheus Operator's form of the rules in deploy/prometheus.

`python deploy/kubernetes/monitoring/prometheusrule.py` rewrites it; a test fails when it lags.
"""

from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).resolve().with_name("prometheusrule.yaml")
RULES: Final = FILE.parents[2] / "prometheus"
_HEAD: Final = """\
# Written by prometheusrule.py from deploy/prometheus/rules.yml and alerts.yml: change those.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: unroll
  labels:
    app.kubernetes.io/name: unroll
spec:
  groups:
"""


def written() -> str:
    """The file as it should be: the groups of both, with their comments."""
    parts = [_HEAD]
    for name in ("rules.yml", "alerts.yml"):
        groups = (RULES / name).read_text(encoding="utf-8").split("\ngroups:\n", 1)[1]
        parts += (f"  {line}".rstrip() + "\n" for line in groups.splitlines())
    return "".join(parts)


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
