"""Rows that a graph may refuse are told apart from those that it is known to take."""

import numpy as np
import pytest

from app.errors import InvalidInput
from app.serving.runtime.session import Session
from app.tasks.tensor.features import features_of
from app.tasks.tensor.task import TensorExample, TensorTask
from tests import tensors


def row(task: TensorTask, *tokens: int) -> TensorExample:
    arrays = {"token_ids": np.array([tokens]), "lengths": np.array([len(tokens)])}
    [example] = task.split(arrays)
    return example


def refuse(task: TensorTask) -> None:
    with pytest.raises(InvalidInput, match="cannot compute"):
        task.predict([row(task, 1, 77)])


def test_nobody_is_doubted_before_something_was_refused() -> None:
    task = tensors.task_of(tensors.lookup())
    task.predict([row(task, 1, 2)])
    assert not row(task, 77).doubtful


def test_numbers_that_were_computed_are_not_doubted() -> None:
    task = tensors.task_of(tensors.lookup())
    refuse(task)
    assert row(task, 1, 2).doubtful, "nothing was computed yet"
    answer = task.predict([row(task, 1, 5)])[0].value("logits")
    assert not row(task, 2, 4).doubtful
    assert row(task, 6, 1).doubtful
    assert row(task, 6, 1).group != row(task, 2, 1).group, "they share no batch"
    task.predict([row(task, 0, 9)])
    assert not row(task, 6, 1).doubtful
    assert row(task, 77, 1).doubtful
    assert (answer == task.predict([row(task, 1, 5)])[0].value("logits")).all()


def test_workers_that_share_a_session_know_the_same() -> None:
    session = Session(tensors.lookup())
    features = features_of(session.inputs, session.outputs)
    first, second = TensorTask(features, session), TensorTask(features, session)
    refuse(first)
    assert row(second, 3, 3).doubtful
    second.predict([row(second, 3, 3)])
    assert not row(first, 3, 3).doubtful
