"""Trains a caption decoder on features that are kept in a folder, to see what they are worth."""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch

from app.training.caption.data import read_captions
from app.training.caption.decode import SearchOptions
from app.training.caption.features import read_features
from app.training.caption.fit import (
    CaptionLoop,
    Captions,
    Validation,
    fit_captioner,
    log_frequencies,
)
from app.training.caption.network import Captioner, CaptionerOptions
from app.training.caption.words import build_vocabulary, words_of
from app.training.common.loop import LoopOptions, Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path, help="folder of features of the training images")
    parser.add_argument("val", type=Path, help="folder of features of the validation images")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--embedding", type=int, default=512)
    parser.add_argument("--attention", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, nargs=3, default=(0.3, 0.3, 0.5))
    parser.add_argument("--smoothing", type=float, default=0.1)
    parser.add_argument("--averaging", type=float, default=0.998)
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--penalties", type=float, nargs="*", default=())
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = read_captions(given.data)
    vocabulary = build_vocabulary(words_of(c) for one in data.train for c in one.captions)
    attends = given.attention > 0
    train = read_features(given.train, cells=attends)
    torch.manual_seed(given.seed)
    network = Captioner(
        CaptionerOptions(
            vocabulary_size=len(vocabulary),
            channels=train.channels,
            cell=given.cell,
            hidden_size=given.hidden,
            embedding_size=given.embedding,
            attention_size=given.attention,
            feature_dropout=given.dropout[0],
            embedding_dropout=given.dropout[1],
            output_dropout=given.dropout[2],
        )
    )
    network.start_from(log_frequencies(vocabulary))
    loop = LoopOptions(
        steps=1,
        learning_rate=given.rate,
        weight_decay=given.decay,
        averaging=given.averaging,
        seed=given.seed,
    )
    options = CaptionLoop(
        loop, rows=given.rows, label_smoothing=given.smoothing, bfloat16=given.bfloat16
    )
    captions = Captions(data.train, train, vocabulary, options)
    steps = captions.steps
    options = replace(
        options, loop=replace(loop, steps=given.epochs * steps, validate_every=steps, patience=4)
    )
    validation = Validation(
        data.val, read_features(given.val, cells=attends), vocabulary, SearchOptions()
    )
    started = time.monotonic()

    def tell(progress: Progress) -> None:
        if progress.score is not None:
            print(
                f"step {progress.step} loss {progress.loss:.4f} CIDEr-D {-progress.score:.4f} "
                f"{time.monotonic() - started:.0f} s",
                flush=True,
            )

    print(f"{len(vocabulary)} tokens, {network.describe()}", flush=True)
    result = fit_captioner(network, captions, validation, options, progress=tell)
    said = validation.captions(network)
    print(
        json.dumps(
            {
                "cider_d": round(validation.cider.mean(said), 4),
                "unique": len({" ".join(words) for words in said}) / len(said),
                "seconds": round(result.seconds),
                "best_step": result.best_step,
            }
        )
    )
    for penalty in given.penalties:
        validation.search = replace(validation.search, length_penalty=penalty)
        print(f"length_penalty {penalty}: {-validation(network):.4f}", flush=True)
    for one, words in zip(data.val[::125], said[::125], strict=True):
        print(f"{' '.join(words)}   | {one.captions[0]}")
    if given.save is not None:
        torch.save(network.state_dict(), given.save)


if __name__ == "__main__":
    main()
