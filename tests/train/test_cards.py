"""Cards of teachers say what these declare about the rows that they answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import tutelage as tl
from tutelage.fusion import Mean


def test_a_teacher_that_learnt_from_these_rows_is_not_called_unseen() -> None:
    data: Any = load_digits()
    rows = tl.rows_of({"features": (data.data / 16).astype(np.float32)}, data.target)
    names = np.array(rows.space.names)[rows.target]
    half = rows.train[::2]

    def teacher(name: str, row: np.ndarray, seen: np.ndarray | None) -> tl.EstimatorTeacher:
        model = LogisticRegression(C=0.01, max_iter=200).fit(rows.columns["features"][row], names[row])
        return tl.EstimatorTeacher(model, reads="features", name=name, seen=seen)

    none = np.zeros(0, np.int64)
    teachers = [teacher("knows", half, half), teacher("fresh", rows.validation, none), teacher("mute", half, None)]
    report = tl.distill(
        lambda: tl.MLP(64, 10, (8,)), rows, teachers, fusion=Mean(), training=tl.Training(1), seeds=[0, 1], baselines={}
    )
    found = {card.name: card.seen for card in report.teachers}
    asked = len(rows.train) + len(rows.validation)
    assert found["knows"] == f"learnt from {len(half)} of {asked}"
    assert found["fresh"] == "unseen"
    assert found["mute"] == "unknown"
