"""Students trained together: better than alone, one loop with `fit`, and an interruption changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tutelage as tl
from train.digits import few_digits, seeded
from train.small import FEATURES, NAMES, joined, net, same, table
from tutelage.core import InputError
from tutelage.nets import Branches, Gate
from tutelage.ops.schedules import Ramp
from tutelage.tasks import Classification
from tutelage.teaching import Memory, Objective, Peers, terms
from tutelage.teaching.peers import ONE
from tutelage.train import Together, Training, fit, fit_together
from tutelage.train.evaluate import task_of
from tutelage.train.fitted import labels_only

TASK = Classification(NAMES)
HALF = Objective((terms.KL(1.0),), soft=0.5)


def branched(seed: int = 0, gate: bool = True, rescale: bool = False) -> Branches:
    torch.manual_seed(seed)
    heads = [nn.Sequential(nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, 3)) for _ in range(3)]
    return Branches(nn.Linear(FEATURES, 6), heads, Gate(6, 3) if gate else None, rescale)


@pytest.mark.slow
def test_mutual_learning_beats_learning_alone() -> None:
    """Zhang et al. 2018: the same nets, the same rows and order, with and without each other."""
    better: list[float] = []
    surer: list[float] = []
    for seed in range(3):
        rows = few_digits(200, seed)
        task, training = task_of(rows), Training(40, 32, seed=seed)
        makes = [100 * seed + i for i in range(3)]
        alone = [fit(seeded(s, 64, 64, 64), labels_only(task), rows, training).history[-1].metrics for s in makes]
        group = fit_together([seeded(s, 64, 64, 64) for s in makes], Peers(HALF, task), rows, training)
        found = group.history[-1].metrics
        better.append(found["accuracy"] - float(np.mean([one["accuracy"] for one in alone])))
        surer.append(float(np.mean([one["cross_entropy"] for one in alone])) - found["cross_entropy"])
    assert np.mean(better) > 0, better
    assert min(surer) > 0, surer


def test_one_student_in_a_group_is_fit() -> None:
    rows, training = table(), Training(4, 16, patience=2)
    plain = fit(net(), labels_only(TASK), rows, training)
    group = fit_together([net()], Peers(HALF, TASK), rows, training)
    assert same(plain.student, group.student)
    assert [epoch.watched for epoch in plain.history] == pytest.approx([epoch.watched for epoch in group.history])


def test_one_student_and_real_teachers_are_fit_with_those_teachers() -> None:
    rows, training, taught = table(), Training(3, 16), joined(table())
    assert isinstance(taught.source, Memory)
    live = replace(taught.source, live=True)
    plain = fit(net(), replace(taught, source=live), rows, training)
    group = fit_together([net()], Peers(taught.objective, TASK, source=taught.source), rows, training)
    assert same(plain.student, group.student)
    assert [epoch.watched for epoch in plain.history] == pytest.approx([epoch.watched for epoch in group.history])


class StoppedError(Exception):
    pass


GROUPS: dict[str, Any] = {
    "nets": (lambda seed: nn.ModuleList([net(seed + i, dropout=0.3) for i in range(2)]), Peers(HALF, TASK)),
    "one": (branched, Peers(Objective((terms.KL(3.0),), soft=Ramp(0.5)), TASK, form=ONE())),
}


@pytest.mark.parametrize("name", GROUPS)
def test_interrupted_and_undisturbed_are_one(name: str, tmp_path: Path) -> None:
    make, peers = GROUPS[name]
    rows, training = table(), Training(5, 16, patience=4)

    def run(seed: int, stop: int, folder: Path | None) -> Together:
        def look(epoch: Any, _: int) -> None:
            if epoch.epoch == stop:
                raise StoppedError

        return fit_together(make(seed), peers, rows, replace(training, checkpoint=folder), look)

    calm = run(0, -1, None)
    for stop in (1, 3):
        torch.manual_seed(stop)
        with pytest.raises(StoppedError):
            run(0, stop, tmp_path)
    found = run(7, -1, tmp_path)
    assert same(found.students, calm.students)
    assert [replace(e, seconds=0.0) for e in found.history] == [replace(e, seconds=0.0) for e in calm.history]
    assert (found.chosen, found.watched, found.stopped) == (calm.chosen, calm.watched, calm.stopped)
    with pytest.raises(InputError, match="another training"):
        fit_together(make(0), replace(peers, flow=True), rows, replace(training, checkpoint=tmp_path))


def test_the_best_student_is_shipped() -> None:
    rows = table(300)
    group = fit_together([net(i) for i in range(3)], Peers(HALF, TASK), rows, Training(3, 16, watch="accuracy"))
    last = group.history[-1]
    assert group.watched == tuple(-last.metrics[f"accuracy/peer{i}"] for i in range(3))
    assert group.chosen == int(np.argmin(group.watched))
    assert last.watched == pytest.approx(np.mean(group.watched))
    assert isinstance(group.students, nn.ModuleList)
    assert group.student is group.students[group.chosen]
    assert tl.evaluate_performance(group.student, rows).metrics["accuracy"] > 0.4


def test_a_branch_is_a_student_of_its_own() -> None:
    rows = table()
    group = fit_together(branched(), GROUPS["one"][1], rows, Training(3, 16))
    batch = rows.batch(rows.validation)
    group.students.eval()
    with torch.no_grad():
        outputs = group.students(*batch.inputs.values())
        assert torch.equal(group.student(*batch.inputs.values()), outputs[group.chosen])
    assert len(outputs) == 4
    assert len(group.watched) == 3, "the mixture is no student"


def test_settings_that_mean_one_student_are_refused() -> None:
    with pytest.raises(InputError, match="release"):
        fit_together([net()], Peers(HALF, TASK), table(), Training(release={"0": 1}))
    with pytest.raises(InputError, match="watch"):
        fit_together([net()], Peers(HALF, TASK), table(), Training(watch="speed"))
