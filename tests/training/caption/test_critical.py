"""Learning from the scores of what is said: what is counted, and that scores rise."""

import numpy as np
import pytest
import torch

from app.training.caption.critical import Critic, said
from app.training.caption.network import Captioner
from app.training.caption.words import BOS, EOS, PAD, UNK
from tests.training.caption.test_fit import features, images, network, vocabulary


def critic() -> Critic:
    return Critic(images(12), features(12), vocabulary(), rows=12, longest=6)


@pytest.mark.parametrize("attention", [0, 4], ids=["pooled", "attends"])
def test_what_is_said_ends_once_and_holds_only_words(attention: int) -> None:
    speaker = network(attention).eval()
    seen = critic().batch(0).seen
    pooled, cells = torch.from_numpy(seen.pooled), torch.from_numpy(seen.cells)
    torch.manual_seed(1)
    ids = said(speaker, pooled, cells, 6, draw=True)
    assert ids.shape[1] == 12
    assert (ids[0] == BOS).all()
    assert not np.isin(ids[1:].numpy(), (PAD, BOS, UNK)).any()
    for column in ids[1:].T.tolist():
        if EOS in column:
            assert set(column[column.index(EOS) :]) == {EOS}
    again = said(speaker, pooled, cells, 6, draw=False)
    assert torch.equal(again, said(speaker, pooled, cells, 6, draw=False))


def test_every_image_is_seen_once_an_epoch() -> None:
    some = replace_rows(critic(), 5)
    assert some.steps == 3
    places = [place for step in range(3) for place in some.batch(step).places]
    assert sorted(places) == list(range(12))
    assert some.batch(1).places == some.batch(1).places != some.batch(4).places


def test_the_gradient_makes_likelier_what_scores_more() -> None:
    """The mean score of what is drawn rises by a few hundred steps of the loss alone."""
    torch.manual_seed(0)
    learner, teacher = network(), critic()
    before = mean_score(learner, teacher)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.02)
    for step in range(150):
        loss = teacher.loss(learner, teacher.batch(step))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert mean_score(learner, teacher) > before + 1.0


def mean_score(speaker: Captioner, teacher: Critic) -> float:
    """Of captions that are drawn."""
    batch = teacher.batch(0)
    torch.manual_seed(5)
    with torch.no_grad():
        ids = said(speaker.eval(), torch.from_numpy(batch.seen.pooled), None, 6, draw=True)
    return float(np.mean(teacher.scores(batch.places, ids)))


def replace_rows(teacher: Critic, rows: int) -> Critic:
    teacher.rows = rows
    return teacher
