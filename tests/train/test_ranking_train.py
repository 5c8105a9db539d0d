"""Rankings through everything that surrounds training: out-of-fold teachers, sweeps, saved runs, exports, commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tutelage as tl
from tutelage.cli.use import evaluate_command, predict_command
from tutelage.compress import export_run
from tutelage.core import InputError, Scores
from tutelage.fusion import Borda, Confidence, DynamicPerformance, Mean
from tutelage.report import Report
from tutelage.train import Cost, Run, Training, fit_teacher
from tutelage.train.evaluate import task_of, teacher_answers

ROWS, ITEMS, SHOWN = 200, 30, 12
SHORT = Training(4, 32, lr=1e-2)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(one: Any, many: Any, rows: int) -> Cost:
        return Cost(1.0, 2.0, 3.0)

    monkeypatch.setattr("tutelage.train.evaluate.cost", once)
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 5)
    monkeypatch.setattr("tutelage.cli.use.DRAWS", 5)
    monkeypatch.setattr(Report, "save", lambda self, path: path)


def table() -> tuple[tl.Rows, np.ndarray]:
    """Tastes in four directions; the last place of every tenth row is padding, and every ninth row is not judged."""
    chance = np.random.default_rng(3)
    taste, kind = chance.normal(size=(ROWS, 4)), chance.normal(size=(ITEMS, 4))
    shown = np.stack([chance.permutation(ITEMS)[:SHOWN] for _ in range(ROWS)])
    shown[::10, -1] = -1
    liking = np.einsum("bd,bnd->bn", taste, kind[shown]) * 2 + chance.gumbel(size=(ROWS, SHOWN))
    liking[shown < 0] = -np.inf
    relevance = (liking >= np.sort(liking, axis=1)[:, -2:-1]).astype(np.float32)
    relevance[::9] = np.nan
    columns = {"user": taste.astype(np.float32), "candidates": shown}
    return tl.rows_of(columns, relevance, task=tl.Ranking(catalogue=ITEMS)), kind


def student() -> tl.TwoTowers:
    return tl.TwoTowers(4, ITEMS, width=8, hidden=(16,))


def halves(kind: np.ndarray) -> list[tl.RankingTeacher]:
    """Two teachers that see half of the tastes each; the second does not know the first five items."""

    def first(columns: Any) -> np.ndarray:
        return np.einsum("bd,bnd->bn", columns["user"][:, :2], kind[columns["candidates"]][..., :2])

    def second(columns: Any) -> np.ndarray:
        found = np.einsum("bd,bnd->bn", columns["user"][:, 2:], kind[columns["candidates"]][..., 2:])
        return np.where(columns["candidates"] < 5, np.nan, found)

    return [tl.RankingTeacher(one, reads="user") for one in (first, second)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    rows, kind = table()
    folder = tmp_path_factory.mktemp("ranking") / "run"
    tl.distill(student, rows, halves(kind), training=SHORT, seeds=[0], run=folder)
    return tl.load(folder)


def test_recommenders_trained_here_answer_their_own_rows_out_of_fold() -> None:
    rows, _ = table()
    (teacher,) = tl.train_models(rows, student, 1, ["seed"], folds=3, training=SHORT)
    row = rows.labelled_train
    whole = teacher_answers(teacher, rows, row)
    assert isinstance(whole, Scores)
    assert isinstance(teacher, tl.OutOfFold)
    for fold in range(3):
        inside = row[teacher.fold[row] == fold]
        own: Any = teacher.models[fold].answer({name: rows.columns[name][inside] for name in teacher.reads})
        said = whole.take(torch.from_numpy(np.flatnonzero(np.isin(row, inside))))
        assert torch.allclose(said.log_probs(), own.log_probs(), atol=1e-5), "scores are up to a constant per row"
    with pytest.raises(InputError, match="wrap it in a RankingTeacher"):
        fit_teacher(dict, rows, row, task_of(rows), name="odd", seed=0, training=SHORT)


def test_a_sweep_ends_where_single_trainings_end() -> None:
    rows, kind = table()
    signals = tl.Memory.of(halves(kind), rows.columns)
    lanes = [
        tl.Lane(
            f"{fusion.name} {seed}",
            tl.generate_distillation_targets(signals, rows, fusion, heldout=rows.validation),
            seed,
        )
        for fusion in (Mean(), Borda(), Confidence(), DynamicPerformance())
        for seed in (0, 1)
    ]
    swept = tl.sweep(student, lanes, rows, SHORT)
    for lane, fitted in zip(lanes, swept.fitted, strict=True):
        torch.manual_seed(lane.seed)
        alone = tl.fit(student(), lane.target, rows, Training(4, 32, lr=1e-2, seed=lane.seed))
        for name, value in alone.student.state_dict().items():
            assert torch.allclose(fitted.student.state_dict()[name], value, atol=1e-4), (lane.name, name)


def test_every_form_of_the_student_ranks_alike(run: Run, tmp_path: Path) -> None:
    columns, target, known = run.check_rows()
    found = export_run(run, columns, tmp_path, measure=lambda answer: run.task.metrics(answer, target, known))
    assert [one.name for one in found] == ["torch", "onnx"]
    assert found[1].agreement == 1.0
    for one in found:
        assert one.metrics == run.task.metrics(run.answer(columns), target, known), (
            "padding and ids are known there too"
        )
    pt2 = export_run(run, columns, tmp_path, to="pt2")[1]
    assert pt2.largest_change == 0.0


def test_commands_take_rankings(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns, target, known = run.check_rows()
    relevance = torch.where(known.unsqueeze(-1), target, torch.nan).numpy()
    np.savez(tmp_path / "new.npz", relevance=relevance, allow_pickle=False, **columns)
    predict_command([str(run.folder), str(tmp_path / "new.npz")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "row,prediction"
    wanted = [";".join(str(item) for item in items) for items in run.predict(columns)]
    assert [line.split(",", 1)[1] for line in lines[1:]] == wanted
    assert all(-1 not in items and len(items) == 10 for items in run.predict(columns))
    evaluate_command([str(run.folder), str(tmp_path / "new.npz"), "--target", "relevance"])
    assert "ndcg@10" in capsys.readouterr().out
