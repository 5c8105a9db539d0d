"""A finished run keeps its ensemble where it can, says why where it cannot, and the command line asks it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import tutelage as tl
from train.small import Counted, net, table
from tutelage.cli import main
from tutelage.core import InputError, KnowsRows, StoreError
from tutelage.data import Rows, read_columns, read_table
from tutelage.fusion import Mean, Stacking
from tutelage.report import Report
from tutelage.teachers import EstimatorTeacher, load_teacher
from tutelage.train import Cost, OutOfFold, Run, Training, load, open_ensemble

QUICK = Training(2, 32)
COLUMNS = ("radius", "texture", "perimeter", "area")

RULE = """
def huge(row):
    return "malignant" if row["area"] > 1200 else None
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked_once(one: Any, many: Any, rows: int) -> Cost:
        return Cost(1.0, 2.0, 3.0)

    def page(self: Report, path: Path) -> Path:
        path.write_text("page")
        return path

    monkeypatch.setattr("tutelage.train.evaluate.cost", asked_once)
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 20)
    monkeypatch.setattr(Report, "save", page)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """Four columns of the breast cancer data, and the diagnosis, as a table."""
    found: Any = load_breast_cancer()
    path = tmp_path / "cells.csv"
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow([*COLUMNS, "diagnosis"])
        names = found.target_names[found.target]
        lines.writerows([*row, name] for row, name in zip(found.data[:, :4].tolist(), names, strict=True))
    return path


def student() -> nn.Module:
    return tl.MLP(4, 2, (8,))


def raw_tree(rows: Rows) -> EstimatorTeacher:
    """A tree on the raw columns, fitted on the first half of the training rows."""
    row = np.sort(rows.train)[: len(rows.train) // 2]
    features = np.stack([rows.columns[name][row] for name in COLUMNS], axis=1)
    made = DecisionTreeClassifier(max_depth=3, random_state=0).fit(
        features, np.array(rows.space.names)[rows.target[row]]
    )
    return EstimatorTeacher(made, reads=COLUMNS, name="tree", seen=row)


def raw_linear(rows: Rows) -> EstimatorTeacher:
    row = np.sort(rows.train)[: len(rows.train) // 2]
    made = make_pipeline(StandardScaler(), LogisticRegression())
    made.fit(rows.columns["area"][row].reshape(-1, 1), np.array(rows.space.names)[rows.target[row]])
    return EstimatorTeacher(made, reads="area", name="linear", seen=row)


def distilled(cells: Path, folder: Path, teachers: Any, **options: Any) -> tuple[Rows, Run]:
    rows = read_table(cells, "diagnosis").rows
    tl.distill(student, rows, teachers(rows), training=QUICK, seeds=[0], run=folder, **options)
    return rows, load(folder)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, str]]:
    """What `tutelage predict` prints."""
    capsys.readouterr()
    assert main(["predict", *map(str, arguments)]) == 0
    return list(csv.DictReader(capsys.readouterr().out.splitlines()))


def probs(lines: list[dict[str, str]]) -> np.ndarray:
    return np.array([[float(line["p_benign"]), float(line["p_malignant"])] for line in lines])


def test_the_command_line_asks_the_teachers(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Members that read raw columns, and one that reads the prepared column, out of fold."""

    def teachers(rows: Rows) -> list[Any]:
        made = tl.train_models(rows, lambda: LogisticRegression(), 1, folds=2, name="folds")
        return [raw_tree(rows), raw_linear(rows), *made]

    rows, run = distilled(cells, tmp_path / "run", teachers, fusion=Mean())
    columns = read_columns(cells)
    lines = asked(capsys, run.folder, cells, "--ensemble")
    expected = run.ensemble.answer({**columns, **run.preparation.apply(columns)})
    np.testing.assert_allclose(probs(lines), expected.probs().numpy(), atol=1e-6)
    assert [line["prediction"] for line in lines] == [rows.space.names[i] for i in expected.probs().argmax(-1)]
    assert np.abs(probs(lines) - probs(asked(capsys, run.folder, cells))).max() > 0.01


def test_it_is_the_ensemble_that_was_measured(tmp_path: Path) -> None:
    found: Any = load_digits()
    rows = tl.rows_of((found.data / 16).astype(np.float32)[:600], found.target[:600])
    teachers = [
        *tl.train_models(rows, lambda: DecisionTreeClassifier(max_depth=6), 2, folds=2, name="tree"),
        *tl.train_models(rows, lambda: tl.MLP(64, 10, (16,)), 1, folds=2, name="net", training=QUICK),
    ]
    report = tl.distill(
        lambda: tl.MLP(64, 10, (8,)),
        rows,
        teachers,
        fusion=Stacking(),
        training=QUICK,
        seeds=[0],
        run=tmp_path / "run",
    )
    run = load(tmp_path / "run")
    ensemble = run.ensemble
    assert ensemble is run.ensemble
    assert [teacher.name for teacher in ensemble.teachers] == ["tree_0", "tree_1", "net"]
    assert isinstance(ensemble.fusion, Stacking)
    assert ensemble.fusion.models is not None
    test = rows.test.open("test of the kept ensemble")
    answer = ensemble.answer({"features": rows.columns["features"][test]})
    batch = rows.batch(test, inputs=False, truth=True)
    measured = next(c for c in report.contenders if c.role == "ensemble")
    metrics = run.task.metrics(answer, batch.target, batch.labelled)
    assert {name: pytest.approx(values[0], abs=1e-5) for name, values in measured.metrics.items()} == metrics
    for one, other in zip(teachers, ensemble.teachers, strict=True):
        assert isinstance(one, KnowsRows)
        assert isinstance(other, KnowsRows)
        given = {"features": rows.columns["features"][rows.train]}
        before: Any = one.answer_rows(given, rows.train)
        after: Any = other.answer_rows(given, rows.train)
        torch.testing.assert_close(after.probs(), before.probs(), atol=1e-6, rtol=0)
        inner: Any = other
        assert isinstance(inner.teacher, OutOfFold)
        assert inner.teacher.fold.tolist() == one.fold.tolist()  # type: ignore[attr-defined]
    assert run.record["remarks"] == []


def test_an_earlier_run_and_a_rule_as_members(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.py").write_text(RULE)
    _, first = distilled(cells, tmp_path / "first", lambda rows: [raw_tree(rows)])
    rule = f"{tmp_path / 'rules.py'}:huge"

    def teachers(rows: Rows) -> list[Any]:
        return [first, load_teacher(rule, reads="area", space=rows.space)]

    _, second = distilled(cells, tmp_path / "second", teachers, fusion=Mean(), seen_ok=True)
    with pytest.raises(InputError, match=r"rule 'huge' runs Python code, rules\.py:huge"):
        _ = second.ensemble
    assert main(["predict", str(second.folder), str(cells), "--ensemble"]) == 2
    assert "allow_pickle" in capsys.readouterr().err
    ensemble = open_ensemble(second, allow_pickle=True)
    columns = read_columns(cells)
    (tmp_path / "first").rename(tmp_path / "moved")
    torch.testing.assert_close(
        ensemble.teachers[0].answer(columns).probs(),  # type: ignore[attr-defined]
        load(tmp_path / "moved").answer(columns).probs(),
        atol=1e-6,
        rtol=0,
    )
    lines = asked(capsys, second.folder, cells, "--ensemble", "--allow-pickle")
    np.testing.assert_allclose(probs(lines), ensemble.answer(columns).probs().numpy(), atol=1e-6)


def test_rows_nobody_answers_get_no_prediction(cells: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.py").write_text(RULE)
    rule = f"{tmp_path / 'rules.py'}:huge"
    _, run = distilled(cells, tmp_path / "run", lambda rows: [load_teacher(rule, reads="area", space=rows.space)])
    lines = asked(capsys, run.folder, cells, "--ensemble", "--allow-pickle")
    area = read_columns(cells)["area"]
    assert [line["prediction"] for line in lines] == ["malignant" if a > 1200 else "" for a in area]
    assert "" not in [line["prediction"] for line in asked(capsys, run.folder, cells)]


def test_a_run_whose_teachers_cannot_be_saved_says_why(tmp_path: Path) -> None:
    nobody = np.zeros(0, dtype=np.int64)
    teachers = [Counted("first", seen=nobody), Counted("second", 0.5, seen=nobody)]
    tl.distill(net, table(), teachers, fusion=Mean(), training=QUICK, seeds=[0], run=tmp_path / "run")
    run = load(tmp_path / "run")
    remarks = run.record["remarks"]
    assert [text.split(" is a ")[0] for text in remarks] == [
        "the ensemble is not kept: teacher 'first'",
        "the ensemble is not kept: teacher 'second'",
    ]
    assert not (tmp_path / "run" / "ensemble").exists()
    with pytest.raises(InputError, match=r"has no ensemble: teacher 'first' is a Counted, .*; teacher 'second'"):
        _ = run.ensemble


def test_a_damaged_ensemble(cells: Path, tmp_path: Path) -> None:
    _, run = distilled(cells, tmp_path / "run", lambda rows: [raw_tree(rows)])
    (run.folder / "ensemble" / "ensemble.json").write_text("{")
    with pytest.raises(StoreError, match="no whole ensemble"):
        _ = run.ensemble
    assert len(run.predict(read_columns(cells))) == 569
