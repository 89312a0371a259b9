"""`python -m tests.deploy.service MODELS_DIR`: the service, slow enough to queue. Knows no metric.

The real forecast task pretends to take a while, so that a small queue fills under little load.
Authors are told by a double, since no trained one is needed.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from app.http.server import serve
from app.main import create_app
from app.settings import load_settings
from app.tasks.anomalies.task import AnomalyTask
from app.tasks.forecast.example import ForecastExample, ForecastPrediction
from app.tasks.forecast.task import ForecastTask
from app.tasks.sentiment import SentimentTask
from app.tasks.tensor.task import TensorTask
from tests.api.authors import WordTask


class UnhurriedTask(ForecastTask):
    """A forecaster whose every batch takes 20 ms longer."""

    def predict(self, examples: Sequence[ForecastExample]) -> list[ForecastPrediction]:
        time.sleep(0.02)
        return super().predict(examples)


TASKS = {
    "forecast": UnhurriedTask,
    "sentiment": SentimentTask,
    "authorship": WordTask,
    "anomalies": AnomalyTask,
    "tensor": TensorTask,
}

if __name__ == "__main__":
    settings = load_settings(models_dir=Path(sys.argv[1]), log_format="json")
    serve(create_app(settings, TASKS), settings)
