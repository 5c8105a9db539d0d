"""Hints in the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tutelage as tl
from hinted import LAYER, teacher, teachers
from train.small import Counted, net, table
from tutelage.core import InputError, LeakageError
from tutelage.report import Report
from tutelage.teaching.features import RKD, Drop, Encoder
from tutelage.train import Cost, Training
from tutelage.train.entry import CHOSEN, WITHOUT

QUICK = Training(2, 16)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(one: Any, many: Any, rows: int) -> Cost:
        return Cost(1.0, 2.0, 3.0)

    def page(self: Report, path: Path) -> Path:
        path.write_text("page")
        return path

    monkeypatch.setattr("tutelage.train.evaluate.cost", once)
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 10)
    monkeypatch.setattr(Report, "save", page)


def test_the_report_shows_what_hints_are_worth_and_who_pulled(tmp_path: Path) -> None:
    rows, asked = table(), list[int]()
    who = teachers()
    who[0].module.register_forward_hook(lambda _m, _i, out: asked.append(len(out)))
    hints = [tl.Hint(tuple(who), LAYER, Encoder(), trust=Drop()), tl.Hint(tuple(who), LAYER, RKD(anchors=2))]
    given: dict[str, Any] = {"training": QUICK, "seeds": [0, 1], "baselines": {}, "run": tmp_path}
    answering = Counted(seen=np.zeros(0, dtype=np.int64))
    report = tl.distill(net, rows, [answering], hints=hints, **given)
    assert {CHOSEN, WITHOUT} <= {contender.name for contender in report.contenders}
    note = next(note for note in report.notes if "what hints added" in note)
    assert "encoder/wide" in note
    assert "rkd/narrow" in note
    assert {"ranzinger2024", "sariyildiz2024", "park2019"} <= set(report.sources)
    assert sum(asked) == len(rows.taught), "once for both hints and both seeds"
    kept = tl.load(tmp_path)
    assert kept.student is not None


def test_hints_made_under_each_seed() -> None:
    made: list[int] = []

    def hints(seed: int, _: tl.Rows) -> list[tl.Hint]:
        made.append(seed)
        return [tl.Hint((teacher("wide", 12, seed),), LAYER)]

    answering = Counted(seen=np.zeros(0, dtype=np.int64))
    tl.distill(net, lambda seed: table(seed=seed), [answering], hints=hints, training=QUICK, seeds=[3, 4], baselines={})
    assert made == [3, 4]


def test_targets_with_hints_and_nothing_else() -> None:
    rows = table()
    target = tl.generate_distillation_targets(
        None, rows, tl.fusion.Mean(), hints=[tl.Hint((teacher("wide", 12),), LAYER)]
    )
    fitted = tl.fit(net(), target, rows, QUICK)
    assert set(fitted.history[-1].parts) == {"hard", "fitnet/wide"}


def test_a_teacher_of_features_may_not_have_seen_test_rows() -> None:
    rows = table()
    tested = rows.test.open("a test")
    torch.manual_seed(0)
    leaking = tl.FeatureTeacher(net(), LAYER, reads="features", seen=tested[:2])
    with pytest.raises(LeakageError, match="trained on test rows"):
        tl.generate_distillation_targets(None, rows, tl.fusion.Mean(), hints=[tl.Hint((leaking,), LAYER)])
    with pytest.raises(InputError, match="has no teacher"):
        tl.generate_distillation_targets(None, rows, tl.fusion.Mean(), hints=[tl.Hint((), LAYER)])
