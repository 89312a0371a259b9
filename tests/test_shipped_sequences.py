"""The shipped language model and translator do what they are for."""

from pathlib import Path

from app.training.generate.data import read_texts
from app.training.generate.served import served_language_model
from app.training.translate.data import read_part
from app.training.translate.evaluate import translate_score
from app.training.translate.served import served_translator
from tests.test_shipped_models import DATA, needs_data


def test_a_sentence_is_likelier_than_its_reverse(shipped_models: Path) -> None:
    text = "What say you to that, my good lord? Come, let us go."
    with served_language_model("generate", shipped_models) as model:
        forward, backward = (sum(each) for each in model.scores([text, text[::-1]]))
        likeliest = model.samples("KING RICHARD ", 6, seed=0, temperature=0.0)
    assert forward > backward + len(text)
    assert likeliest.startswith("III:")


@needs_data
def test_text_it_never_saw_is_predicted(shipped_models: Path) -> None:
    val = read_texts(DATA / "chartext" / "tinyshakespeare.txt.gz").parts[0].val
    with served_language_model("generate", shipped_models) as model:
        [scores] = model.scores([val[:20_000]])
    assert -sum(scores) / len(scores) < 1.55


def test_a_sentence_is_translated(shipped_models: Path) -> None:
    with served_translator("translate", shipped_models) as model:
        assert model.translations(["Two dogs are playing."], "de") == ["Zwei Hunde spielen."]


@needs_data
def test_sentences_it_never_saw_are_translated(shipped_models: Path) -> None:
    corpora = [
        type(each)(each.name, each.source, each.target, (), each.val[:100])
        for each in read_part(DATA / "translation" / "multi30k", "val")
    ]
    with served_translator("translate", shipped_models) as model:
        assert translate_score(model, corpora).value > 28
