"""Prequential: no look-ahead anywhere, students that follow a drift, honest tables, rows out of order refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from tutelage.core import InputError
from tutelage.data import Rows, rows_of
from tutelage.fusion import Mean, Performance
from tutelage.nets import MLP
from tutelage.report import Report
from tutelage.search import Follow, prequential
from tutelage.search.prequential import STILL
from tutelage.train import Training, out_of_time
from tutelage.train.contest import taking
from tutelage.train.entry import CHOSEN, LABELS_ONLY

COUNT, CUT, TURN, BLOCK, FIRST = 800, 300, 550, 50, 40


def stream(changed_from: int = COUNT, turned: int = COUNT) -> Rows:
    """Two classes; at row `turned` they change places. From `changed_from` on, everything is otherwise."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(COUNT, 4)).astype(np.float32)
    target = (features[:, 0] + 0.3 * draw.normal(size=COUNT) > 0).astype(np.int64)
    target[turned:] = 1 - target[turned:]
    target[changed_from:] = draw.integers(0, 2, COUNT - changed_from)
    features[changed_from:] *= -2.0
    rows = np.arange(COUNT)
    parts: dict[str, Any] = {"train": rows[FIRST:270], "validation": rows[270:CUT], "test": rows[CUT:]}
    return rows_of(features, np.array(["down", "up"])[target], names=("down", "up"), **parts)


def teachers(rows: Rows) -> list[Any]:
    """A window and a model of everything so far."""
    return [
        out_of_time(LogisticRegression, rows, name="window", every=20, window=100, first=FIRST),
        out_of_time(GaussianNB, rows, name="all", every=20, first=FIRST),
    ]


def walk(rows: Rows, **asked: Any) -> Report:
    """A quick walk of two seeds."""
    return prequential(
        MLP(4, 2, (8,)),
        rows,
        teachers(rows),
        follow=Follow(BLOCK, 100, 150, Training(epochs=2, lr=3e-2, batch_size=10), {"turn": TURN}),
        fusion=asked.pop("fusion", Performance()),
        training=Training(epochs=4, lr=3e-2, batch_size=32),
        seeds=(0, 1),
        **asked,
    )


def over_time(report: Report, sheet: int = 0) -> dict[str, list[str]]:
    """Lines of a sheet of the chapter over time."""
    (chapter,) = report.chapters
    return {name: list(texts) for name, *texts in chapter.sheets[sheet].rows}


@pytest.fixture(scope="module")
def turned() -> Report:
    """A stream whose classes change places at row 550."""
    return walk(stream(turned=TURN), pseudo_labels=True)


def test_nobody_looks_ahead() -> None:
    """What happens from row 550 on, the half of the test rows, changes nobody's first five stretches."""
    plain, other = over_time(walk(stream())), over_time(walk(stream(TURN)))
    assert set(plain) == set(other)
    assert len(plain) >= 7
    for name, texts in plain.items():
        assert texts[:5] == other[name][:5], name
        assert texts[5:] != other[name][5:], name


def test_students_follow_what_the_one_left_behind_does_not(turned: Report) -> None:
    lines = over_time(turned)
    late = {name: float(texts[-1]) for name, texts in lines.items()}
    assert late[CHOSEN] > 0.7
    assert late[LABELS_ONLY] > 0.6
    assert late[STILL] < 0.3
    assert late["window"] > 0.7
    assert late["all"] < 0.4
    near = over_time(turned, 1)
    before, after = map(float, near[CHOSEN])
    assert before > after


def test_the_usual_contenders_take_part_and_are_measured_on_all_test_rows(turned: Report) -> None:
    names = {one.name for one in turned.contenders}
    assert {LABELS_ONLY, CHOSEN, STILL, "student: plain mean", "student: best single teacher"} <= names
    assert {"student: hard pseudo-labels of the ensemble", "window", "all", "ensemble of the teachers"} <= names
    lines = over_time(turned)
    for one in turned.contenders:
        whole = np.mean([float(text) for text in lines[one.name]])
        assert one.metrics["accuracy"][0] == pytest.approx(whole, abs=0.05), one.name
    assert turned.splits["test"] == COUNT - CUT


def test_weights_follow_the_teacher_that_follows(turned: Report) -> None:
    lines = over_time(turned)
    late, gone = (np.array([float(text) for text in lines[name][-3:]]) for name in ("ensemble of the teachers", "all"))
    assert (late > gone + 0.3).all()


def test_a_run_keeps_the_student_as_it_stands_at_the_end(tmp_path: Path) -> None:
    rows = stream(turned=TURN)
    walk(rows, fusion=Mean(), run=tmp_path)
    program = torch.export.load(tmp_path / "student.pt2").module()
    last = rows.columns["features"][-50:]
    said = program(torch.from_numpy(last)).argmax(1).numpy()
    assert (said == rows.target[-50:]).mean() > 0.65
    assert "Over time" in (tmp_path / "report.html").read_text()


def test_rows_out_of_order_and_empty_windows_are_refused() -> None:
    rows = stream()
    rest: dict[str, Any] = {"train": np.arange(500, 800), "validation": np.arange(200), "test": np.arange(200, 500)}
    mixed = rows_of(rows.columns["features"], rows.target, **rest)
    with pytest.raises(InputError, match="each in order of time"):
        walk(mixed)
    with pytest.raises(InputError, match="at least 1 row, got 48, 0, 1344"):
        Follow(window=0)


def test_other_commands_get_the_contest() -> None:
    with taking() as taken:
        walk(stream())
    assert [len(contest.teachers) for contest in taken] == [2]  # pyright: ignore[reportArgumentType]
