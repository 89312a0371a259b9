"""Does an explanation say what a token really does? Contributions next to occlusion.

Occlusion takes a token out and looks how much the label's centred logit falls (Zeiler and Fergus
2014, section 4.2): slow, and no assumption. Knows the served task; no HTTP.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from app.serving.models.manifest import read_manifest
from app.serving.runtime.session import Session
from app.tasks.sentiment import SentimentExample, SentimentTask
from app.training.common.publish import served_version
from app.training.sentiment.data import read_texts

LONGEST = 40
Array = NDArray[np.float64]


def occlusion(task: SentimentTask, example: SentimentExample, label: str) -> Array:
    """How much the label's centred logit falls when each token (time,) is taken out."""
    ids = example.tokens.ids
    without = [
        replace(example, tokens=replace(example.tokens, ids=np.delete(ids, at), spans=None))
        for at in range(len(ids))
    ]
    whole = replace(example, tokens=replace(example.tokens, spans=None))
    answers = task.predict([whole, *without])
    # logarithms of probabilities are logits but for a constant, which centring takes away
    logs = [{name: np.log(p) for name, p in a.probabilities.items()} for a in answers]
    centred = np.array([each[label] - np.mean(list(each.values())) for each in logs])
    return centred[0] - centred[1:]  # type: ignore[no-any-return]


def main(
    data: Annotated[Path, typer.Option(help="Folder of labelled texts.")],
    models: Annotated[Path, typer.Option(help="Model repository.")] = Path("models"),
    version: Annotated[str, typer.Option(help="Of sentiment; else the highest.")] = "",
    texts: Annotated[int, typer.Option(help="Texts of each source.", min=1)] = 150,
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("benchmarks/results"),
) -> None:
    """Correlate the two over the tokens of held-out tweets and sentences, text by text."""
    folder = models / "sentiment" / (version or served_version(models / "sentiment"))
    task = SentimentTask.load(folder, read_manifest(folder), lambda name: Session(folder / name))
    split = read_texts(data, ("airline", "sst2"))
    # A refit has learned the texts that are explained here; who reads the figures must know.
    learned = "refit_of" in read_manifest(folder).training
    results: dict[str, object] = {"model": f"sentiment/{folder.name}", "learned_the_texts": learned}
    for source in ("airline", "sst2"):
        correlations: list[float] = []
        agreed: list[bool] = []
        for one in split.of("report", source):
            example = task.encode(one.text, explain=True)
            if not 5 <= example.length <= LONGEST or len(correlations) == texts:
                continue
            told = task.predict([example])[0].to_json()["explanation"]
            assert isinstance(told, dict)
            given = np.array([token["contribution"] for token in told["tokens"]])  # type: ignore[union-attr, index, call-overload]
            found = occlusion(task, example, str(told["label"]))
            correlations.append(float(np.corrcoef(given, found)[0, 1]))
            agreed.append(bool(given.argmax() in np.argsort(found)[-3:]))
        results[source] = {
            "texts": len(correlations),
            "median_correlation": round(float(np.median(correlations)), 3),
            "top_token_among_occlusions_top_three": round(float(np.mean(agreed)), 3),
        }
    text = json.dumps(results, indent=1)
    (out / "explanations.json").write_text(text + "\n", encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
