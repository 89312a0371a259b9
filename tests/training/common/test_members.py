"""How far the members of an ensemble are, as a person at a terminal reads it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from app.training.common.loop import Fit, NotScored, Progress
from app.training.common.members import Job, Report, train_members


def job(member: int, checkpoint: Path, report: Report) -> Fit:
    for step in (1, 2):
        report(Progress(step, 2, 0.5, None if step == 1 else 0.25, float("inf")))
    return Fit(nn.Linear(1, 1), 0.25, 2, 2, 0.0, False)


def test_members_that_wait_have_no_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    torch.set_num_threads(1)
    assert len(train_members(job, 3, tmp_path)) == 3
    shown = capsys.readouterr().err
    assert "nan" not in shown
    assert "inf" not in shown
    assert "waits" in shown
    assert "loss 0.5000" in shown


def stopped_from(first: int) -> Job:
    """Members before `first` end well; the others are stopped before anything is validated."""

    def run(member: int, checkpoint: Path, report: Report) -> Fit:
        if member >= first:
            raise NotScored("stopped at step 1")
        return job(member, checkpoint, report)

    return run


@pytest.mark.parametrize("jobs", [1, 2])
def test_members_that_were_never_validated_are_left_out(tmp_path: Path, jobs: int) -> None:
    torch.set_num_threads(1)
    assert len(train_members(stopped_from(1), 3, tmp_path, jobs=jobs)) == 1
    with pytest.raises(NotScored, match="step 1"):
        train_members(stopped_from(0), 3, tmp_path, jobs=jobs)
