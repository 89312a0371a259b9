"""From texts of known authors to a published model; knows the order of things, not the screen."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import JsonValue

from app.features.characters import squeeze
from app.serving.models.loader import TaskTypes
from app.serving.models.manifest import Network
from app.tasks.authorship import AuthorshipTask
from app.training.authorship.card import authorship_card, description, licence_of
from app.training.authorship.data import Corpus, Document, read_corpus
from app.training.authorship.held_out import Trained, features_of, hold_out, report, train
from app.training.authorship.network import AuthorshipNetwork, authorship_graph
from app.training.authorship.recipe import AuthorshipRecipe
from app.training.authorship.scores import (
    Row,
    calibrate,
    choose_threshold,
    coverage_table,
    rescale_across,
)
from app.training.common.network_facts import network_facts
from app.training.common.publish import Draft, library_versions, publish
from app.training.common.understanding import fit_understanding

TASKS: TaskTypes = {"authorship": AuthorshipTask}
HEAD = 1_000  # characters, of the second table of coverage
THRESHOLDS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def train_authorship(
    data: Path,
    recipe: AuthorshipRecipe,
    *,
    name: str = "authorship",
    repository: Path = Path("models"),
    work: Path = Path("runs"),
    encoding: str | None = None,
    tell: Callable[[str], None] = print,
) -> tuple[Path, list[Row]]:
    """Cross-validate, calibrate, train on everything that may be learned, and publish.

    Returns the folder of the new version and the held-out report. Checkpoints stand in
    `work / name`; the same call goes on from them. `encoding` as `read_corpus` has it.

    Raises:
        FileNotFoundError, ValueError: there is nothing to learn from in `data`.
        ModelRefused: the result does not pass the checks of loading.
    """
    corpus = _long_enough(read_corpus(data, encoding, tell), recipe.min_characters, tell)
    held = hold_out(corpus, recipe, work / name, tell)
    fair = [one for one in (*held.whole, *held.cut) if one.name not in held.kept_back]
    calibration = calibrate(fair)
    held_out = rescale_across(held.whole, fair)
    heads = rescale_across([one for one in held.cut if one.head == HEAD], fair)
    threshold = choose_threshold(rescale_across(fair, fair), recipe.precision)
    rows = report(corpus, held, fair)
    learned = [one for one in corpus.documents if not one.kept_back]
    tell(f"training on {len(learned)} texts")
    trained = train(corpus, learned, recipe, work / name / "all")
    told = fit_understanding([[one.text for one in learned]])
    features = features_of(corpus, recipe, trained.reading, calibration, threshold).model_copy(
        update={"understanding": told.options}
    )
    training = _describe(corpus, recipe, trained, learned)
    evaluation: dict[str, JsonValue] = {
        "held_out": [row.to_json() for row in rows],
        "coverage": [list(row) for row in coverage_table(held_out, THRESHOLDS)],
        "coverage_of_heads": [list(row) for row in coverage_table(heads, THRESHOLDS)],
    }
    draft = Draft(
        name=name,
        task="authorship",
        description=description(corpus),
        license=licence_of(corpus),
        intended_use="Research and teaching: which of a closed list of authors wrote a text.",
        network=network_of(trained.networks),
        graphs={
            "model.onnx": authorship_graph(trained.networks).SerializeToString(),
            **told.files,
        },
        features=features.model_dump(mode="json"),
        training=training,
        evaluation=evaluation,
        card=authorship_card(name, features, training, evaluation),
        requests=golden_requests(learned),
    )
    return publish(draft, repository, TASKS), rows


def _long_enough(corpus: Corpus, least: int, tell: Callable[[str], None]) -> Corpus:
    """Without the texts that the service would refuse to judge."""
    documents = [one for one in corpus.documents if len(squeeze(one.text)[0]) >= least]
    if len(documents) < len(corpus.documents):
        short = len(corpus.documents) - len(documents)
        tell(f"left out {short} texts of fewer than {least} characters")
    counts = Counter(one.author for one in documents)
    lonely = [author for author in corpus.authors if counts[author] < 2]
    if lonely:
        raise ValueError(f"{lonely[0]} has fewer than two texts of {least} characters or more")
    return replace(corpus, documents=tuple(documents))


def network_of(networks: Sequence[AuthorshipNetwork]) -> Network:
    options = networks[0].options
    return network_facts(
        networks,
        cell=options.cell,
        num_layers=options.num_layers,
        hidden_size=options.hidden_size,
        others=networks[0].profile_weights.numel(),
    )


def _describe(
    corpus: Corpus, recipe: AuthorshipRecipe, trained: Trained, learned: Sequence[Document]
) -> dict[str, JsonValue]:
    fingerprints: list[JsonValue] = [one.fingerprint for one in learned]
    if recipe.folds:
        split = f"{recipe.folds} folds of whole texts, near-duplicates together"
    else:
        split = (
            f"the latest {recipe.share:.0%} of every author's texts held out, without those that "
            "nearly repeat an earlier one; trained on the rest"
        )
    return {
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "data": dict(corpus.files),
        "corpus": corpus.kind,
        "texts": len(learned),
        "learned": fingerprints,
        "split": split,
        "members": [
            {"steps": fit.steps, "loss": round(fit.score, 5), "seconds": round(fit.seconds)}
            for fit in trained.fits
        ],
        "libraries": library_versions(),
    }


def golden_requests(documents: Sequence[Document]) -> tuple[dict[str, JsonValue], ...]:
    """Real texts: whole, a head, with evidence, in another script, of one letter over and over."""
    longest = max(documents, key=lambda one: len(one.text)).text
    return (
        {"text": documents[0].text[:6000]},
        {"text": documents[-1].text[:900], "evidence": True},
        {"text": longest[:12_000], "evidence": True},
        {"text": "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。" * 3},
        {"text": "a" * 200},
    )
