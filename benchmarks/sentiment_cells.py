"""Every kind of network on the airline tweets, on equal terms, next to the SVM.

Trains each from scratch with the same pooling, budget and choice of the best epoch; knows no HTTP
and no other source. What is done is kept in `--work`, so that a run that was cut goes on.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.cards import markdown_table
from app.training.common.loop import LoopOptions, fit
from app.training.common.scores import accuracy, macro_f1
from app.training.sentiment.baselines import BOARDS, baseline_answers
from app.training.sentiment.batches import Batch, Shuffled
from app.training.sentiment.data import TextSplit, read_texts
from app.training.sentiment.fit import predict
from app.training.sentiment.labels import LABELS
from app.training.sentiment.material import Material, build_material
from app.training.sentiment.network import ClassifierOptions, TextClassifier
from app.training.sentiment.recipe import SentimentRecipe
from app.training.sentiment.train import texts_of

NETWORKS: dict[str, tuple[str, int, bool]] = {
    "rnn": ("rnn", 1, False),
    "lstm": ("lstm", 1, False),
    "stacked lstm": ("lstm", 2, False),
    "bilstm": ("lstm", 1, True),
    "bigru": ("gru", 1, True),
    "gru": ("gru", 1, False),
    "jordan": ("jordan", 1, False),
    "indrnn": ("indrnn", 1, False),
    "mingru": ("mingru", 1, False),
    "minlstm": ("minlstm", 1, False),
    "slstm": ("slstm", 1, False),
    "mlstm": ("mlstm", 1, False),
    "gated_delta": ("gated_delta", 1, False),
    "tdnn": ("tdnn", 1, False),
    "wavenet": ("wavenet", 1, False),
}
SOURCE = "airline"
SCORES = ("accuracy", "macro-F1", "neg-pos accuracy", "neg-pos macro-F1")
LOOP = LoopOptions(
    steps=2000, learning_rate=2e-3, weight_decay=0.05, validate_every=100, patience=6, warmup=50
)
# Two-sided 95 % points of Student's t for so many seeds less one.
STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}

Classes = NDArray[np.intp]


def score(actual: Classes, logits: NDArray[np.float32]) -> list[float]:
    """`SCORES` of logits (texts, 3); the last two over negative and positive texts alone."""
    found = logits.argmax(axis=1).astype(np.intp)
    polar = actual != 1
    sides = np.where(logits[polar, 2] > logits[polar, 0], 2, 0).astype(np.intp)
    pairs = ((actual, found), (actual[polar], sides))
    return [measure(*pair) for pair in pairs for measure in (accuracy, macro_f1)]


def train(material: Material, name: str, loop: LoopOptions) -> list[float]:
    """The scores on the report part of one network trained from scratch."""
    cell, layers, both = NETWORKS[name]
    torch.manual_seed(loop.seed)
    size = material.tokenizer.get_vocab_size()
    options = ClassifierOptions(
        size, len(LABELS), cell, 100, 100, layers, both, embedding_dropout=0.4, token_dropout=0.1
    )
    data, chosen = material.train[SOURCE], material.select[SOURCE]
    batches = Shuffled(data, 32, loop.seed, max_tokens=128)

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        return functional.cross_entropy(network(batch.token_ids, batch.lengths), batch.labels)

    def validate(network: nn.Module) -> float:
        return float((predict(network, chosen.tokens).argmax(1) != chosen.labels).mean())

    network = fit(TextClassifier(options), batches, loss, validate, loop).network
    held_out = material.select["report"]
    return score(held_out.labels.astype(np.intp), predict(network, held_out.tokens))


def baselines(split: TextSplit, cache: Path) -> dict[str, list[float]]:
    """Scores of the simple methods, each fitted to its own board."""
    rows = {}
    for method in ("most frequent", "linear SVM"):
        row = []
        for board in BOARDS[:2]:
            actual = board.actual(board.of(split, "report"))
            found = baseline_answers(board, split, method, cache)["report"].predicted
            row += [accuracy(actual, found), macro_f1(actual, found)]
        rows[method] = row
    return rows


def remembered(file: Path, make: Callable[[], list[float]]) -> list[float]:
    """What `file` says, or what is made and written there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(make()), encoding="utf-8")
    found: list[float] = json.loads(file.read_text(encoding="utf-8"))
    return found


def main(
    data: Annotated[Path, typer.Option(help="Folder of labelled texts.")],
    seeds: Annotated[int, typer.Option(help="Networks of each kind.", min=1, max=10)] = 5,
    steps: Annotated[int, typer.Option(help="Batches at most.", min=100)] = LOOP.steps,
    network: Annotated[
        list[str] | None, typer.Option(help="Of these kinds only; else all there are.")
    ] = None,
    work: Annotated[Path, typer.Option(help="Keeps what is done.")] = Path("runs/sentiment-cells"),
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("benchmarks/results"),
) -> None:
    """Train and score them all, and write sentiment_cells.json and .md.

    With other `--steps` than usual their number stands in the names of the files.
    """
    torch.set_num_threads(1)
    split = read_texts(data, (SOURCE,))
    recipe = SentimentRecipe(vocabulary_size=8000)
    held_out = {**texts_of(split, "select"), "report": texts_of(split, "report")[SOURCE]}
    material = build_material(texts_of(split, "train"), held_out, recipe, work / "tokenizer.json")
    results: dict[str, list[list[float]]] = {
        method: [row] for method, row in baselines(split, work / "baselines").items()
    }
    budget = "" if steps == LOOP.steps else f"-{steps}"
    for seed in range(seeds):
        loop = replace(LOOP, steps=steps, seed=seed)
        for name in network or NETWORKS:
            file = work / f"{name.replace(' ', '-')}{budget}-{seed}.json"
            make = partial(train, material, name, loop)
            results.setdefault(name, []).append(remembered(file, make))
            typer.echo(f"{name} {seed}: {results[name][-1]}", err=True)
    rows = []
    for name, runs in results.items():
        mean, spread = np.mean(runs, axis=0), np.zeros(len(SCORES))
        if len(runs) > 1:
            spread = STUDENT[len(runs)] * np.std(runs, axis=0, ddof=1) / np.sqrt(len(runs))
        cells = [
            f"{m:.3f}" + (f" ± {s:.3f}" if len(runs) > 1 else "")
            for m, s in zip(mean, spread, strict=True)
        ]
        rows.append((name, str(len(runs)), *cells))
    table = markdown_table(("network", "seeds", *SCORES), rows)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"sentiment_cells{budget}.md").write_text(table + "\n", encoding="utf-8")
    text = json.dumps({"scores": SCORES, "runs": results}, indent=1)
    (out / f"sentiment_cells{budget}.json").write_text(text + "\n", encoding="utf-8")
    typer.echo(table)


if __name__ == "__main__":
    typer.run(main)
