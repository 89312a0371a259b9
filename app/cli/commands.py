"""The command line `unroll`: which commands there are. Knows their names, not what they do.

Imports of other parts lie inside the commands, so that `--help` is quick and `serve` needs no
torch.
"""

from typing import Annotated

import typer

from app.cli.anomalies import evaluate_forecast_stream, train_forecast_stream
from app.cli.authorship import evaluate_authorship, train_authorship
from app.cli.caption import evaluate_caption, train_caption, train_caption_confidence
from app.cli.classify import evaluate_classifier, train_classifier
from app.cli.encoder import train_encoder
from app.cli.forecast import evaluate_forecast, train_forecast
from app.cli.forecast_waves import evaluate_forecast_waves, train_forecast_waves
from app.cli.generate import evaluate_generate, train_generate
from app.cli.import_graph import import_graph
from app.cli.models import models, promote
from app.cli.predict import predict
from app.cli.predict_anomalies import predict_anomalies
from app.cli.predict_forecast import predict_forecast
from app.cli.predict_sequences import predict_generate, predict_translate
from app.cli.sentiment import evaluate_sentiment, train_sentiment
from app.cli.serve import serve
from app.cli.stream import predict_stream
from app.cli.study import study
from app.cli.translate import evaluate_translate, train_translate

cli = typer.Typer(
    name="unroll",
    help="Serve, ask, train and evaluate recurrent neural networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command("import")(import_graph)
cli.command("serve")(serve)
cli.command("models")(models)
cli.command("promote")(promote)
predict.command("forecast")(predict_forecast)
cli.command("study")(study)
predict.command("translate")(predict_translate)
predict.command("generate")(predict_generate)
predict.command("anomalies")(predict_anomalies)
predict.command("stream")(predict_stream)
cli.add_typer(predict, name="predict")

train = typer.Typer(help="Train a model and publish it.", no_args_is_help=True)
train.command("forecast")(train_forecast)
train.command("forecast-waves")(train_forecast_waves)
train.command("forecast-stream")(train_forecast_stream)
train.command("sentiment")(train_sentiment)
train.command("classifier")(train_classifier)
train.command("authorship")(train_authorship)
train.command("encoder")(train_encoder)
train.command("caption")(train_caption)
train.command("caption-confidence")(train_caption_confidence)
train.command("translate")(train_translate)
train.command("generate")(train_generate)
cli.add_typer(train, name="train")

evaluate = typer.Typer(help="Score a published model against baselines.", no_args_is_help=True)
evaluate.command("forecast")(evaluate_forecast)
evaluate.command("forecast-waves")(evaluate_forecast_waves)
evaluate.command("forecast-stream")(evaluate_forecast_stream)
evaluate.command("sentiment")(evaluate_sentiment)
evaluate.command("classifier")(evaluate_classifier)
evaluate.command("authorship")(evaluate_authorship)
evaluate.command("caption")(evaluate_caption)
evaluate.command("translate")(evaluate_translate)
evaluate.command("generate")(evaluate_generate)
cli.add_typer(evaluate, name="evaluate")


@cli.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Serve, ask, train and evaluate recurrent neural networks."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"unroll {installed('unroll')}")
        raise typer.Exit
