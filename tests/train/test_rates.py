"""Learning rates of students of labels alone, and the student of hard labels, in a small contest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier

import tutelage as tl
from train.small import net, table
from tutelage.fusion import DynamicPerformance, Mean, Performance, PseudoLabels
from tutelage.train import Training
from tutelage.train.entry import LABELS_ONLY, PSEUDO

RATES = (1e-6, 1e-2)


def contest(rows: Any, run: Path | None = None, fusion: Any = None, **more: Any) -> tl.Report:
    makers = [lambda: RandomForestClassifier(10), lambda: RandomForestClassifier(10, max_depth=2)]
    teachers = tl.train_models(rows, makers, 2, ["architecture"], folds=2)
    chosen = fusion or Performance()
    training = Training(6, 16)
    return tl.distill(net, rows, teachers, fusion=chosen, training=training, seeds=(0,), baselines={}, run=run, **more)


def contender(report: tl.Report, name: str) -> Any:
    return next((one for one in report.contenders if one.name == name), None)


def test_the_best_rate_on_validation_rows_is_taken(tmp_path: Path) -> None:
    report = contest(table(), tmp_path / "run", rates=RATES)
    own = contender(report, LABELS_ONLY)
    assert own.note == "learning rate 0.01"
    assert own.metrics["accuracy"][0] > 0.6
    folder = tmp_path / "run" / "checkpoints" / "0-student-labels-only"
    assert {path.name for path in folder.iterdir()} == {"rate-1e-06", "rate-0.01"}
    assert contender(contest(table()), LABELS_ONLY).note == ""


def test_without_validation_rows_nothing_is_chosen() -> None:
    rows = table()
    bare = replace(rows, validation=rows.validation[:0])
    assert contender(contest(bare, rates=RATES, fusion=Mean()), LABELS_ONLY).note == ""


@pytest.mark.parametrize(("fusion", "decided"), [(Performance(), Performance()), (DynamicPerformance(), Mean())])
def test_hard_labels_are_those_of_the_ensemble(fusion: Any, decided: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the mean, where the fusion follows training and decides nothing before it."""
    asked: list[Any] = []
    whole = PseudoLabels.__post_init__
    monkeypatch.setattr(PseudoLabels, "__post_init__", lambda self: (asked.append(self.of), whole(self))[1])
    report = contest(table(), fusion=fusion, pseudo_labels=True)
    assert asked[0] == decided
    assert contender(report, PSEUDO).role == "student"
    assert contender(contest(table(), fusion=fusion), PSEUDO) is None
