"""What the forms are worth on digits with few labels: the same nets, rows and order, with and without each other."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from train.digits import few_digits, seeded
from tutelage.data import Rows
from tutelage.teaching import Objective, Peers, terms
from tutelage.teaching.peers import PCL, Form, LeaveOneOut, OKDDip, member
from tutelage.train import Together, Training, fit_together
from tutelage.train.evaluate import answers, task_of

SEEDS = range(3)


def group(rows: Rows, seed: int, form: Form | None) -> Together:
    """Four nets with this form; each alone without one."""
    nets = nn.ModuleList([seeded(100 * seed + i, 64, 64, 64) for i in range(4)])
    objective = Objective((), soft=0.0) if form is None else Objective((terms.KL(1.0),), soft=0.5)
    peers = Peers(objective, task_of(rows), form=LeaveOneOut() if form is None else form)
    return fit_together(nets, peers, rows, Training(40, 32, seed=seed))


def apart(found: Together, rows: Rows) -> float:
    """Mean total variation between the first three students on validation rows."""
    said = [answers(member(found.students, i), rows, rows.validation, task_of(rows))[0].probs() for i in range(3)]
    return float(np.mean([(said[i] - said[j]).abs().sum(-1).mean() / 2 for i in range(3) for j in range(i)]))


@pytest.mark.soak
def test_diverse_peers_stay_diverse_and_their_leader_is_better_than_alone() -> None:
    """Chen et al. 2020."""
    better: list[float] = []
    for seed in SEEDS:
        rows = few_digits(200, seed)
        alone, mutual = group(rows, seed, None), group(rows, seed, LeaveOneOut())
        diverse = group(rows, seed, OKDDip("layers.5"))
        assert apart(diverse, rows) > 1.3 * apart(mutual, rows)
        better.append(
            float(np.mean([alone.history[-1].metrics[f"cross_entropy/peer{i}"] for i in range(4)]))
            - diverse.history[-1].metrics["cross_entropy/peer3"]
        )
    assert np.mean(better) > 0, better


@pytest.mark.soak
def test_an_ensemble_of_features_is_better_than_the_students_and_they_better_than_alone() -> None:
    """Wu and Gong 2021."""
    students: list[float] = []
    ensemble: list[float] = []
    for seed in SEEDS:
        rows = few_digits(200, seed)
        alone = group(rows, seed, None).history[-1].metrics["accuracy"]
        found = group(rows, seed, PCL("layers.5", decay=0.99)).history[-1].metrics
        students.append(found["accuracy"] - alone)
        ensemble.append(found["accuracy/ensemble"] - found["accuracy"])
    assert np.mean(students) > 0, students
    assert np.mean(ensemble) > 0, ensemble
