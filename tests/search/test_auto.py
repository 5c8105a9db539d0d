"""The fusion that is decided on the data: picked, blended, declined, or left at the default."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import tutelage as tl
from tutelage.core import Batch, Classes
from tutelage.fusion import AtHome, Blend, GeometricMean, Mean, Performance
from tutelage.search.auto import decide
from tutelage.search.trials import LABELS, Outcome, outcome_of
from tutelage.tasks import Ordinal
from tutelage.train import open_ensemble, task_of
from tutelage.train.ensembles import columns_for

QUICK = tl.Training(epochs=6, lr=0.01, threads=1)


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    data: Any = load_digits()
    return (data.data / 16.0).astype(np.float32), data.target


def table(labelled: int = 60, transfer: int = 400) -> tl.Rows:
    """The first 800 rows belong to the teachers."""
    features, target = digits()
    train, test = np.arange(800, 800 + transfer), np.arange(1400, len(target))
    shown = np.isin(np.arange(len(target)), train[:labelled])
    none = np.zeros(0, dtype=np.int64)
    return tl.rows_of({"x": features}, target, train=train, validation=none, test=test, labelled=shown)


def student() -> tl.MLP:
    torch.manual_seed(0)
    return tl.MLP(64, 10, (32,))


def teacher(name: str, model: Any, row: np.ndarray, rows: tl.Rows) -> Any:
    features, target = digits()
    made = tl.EstimatorTeacher(model.fit(features[row], target[row]), reads="x", name=name, seen=row)
    return tl.aligned(made, rows.space)


def asked(rows: tl.Rows, teachers: tuple[Any, ...], **options: Any) -> Any:
    source = tl.Memory.of(teachers, rows.columns)
    return tl.auto(student, rows, teachers, source, rows.labelled_train, training=QUICK, **options)


def specialists(rows: tl.Rows) -> tuple[Any, ...]:
    target = digits()[1]
    parts = [np.flatnonzero((target[:800] % 3) == one) for one in range(3)]
    return tuple(
        teacher(f"{i}", RandomForestClassifier(30, random_state=0), part, rows) for i, part in enumerate(parts)
    )


def accuracy_of(fusion: Any, teachers: tuple[Any, ...], rows: tl.Rows) -> float:
    target = tl.generate_distillation_targets(tl.Memory.of(teachers, rows.columns), rows, fusion)
    fitted = tl.fit(student(), target, rows, QUICK)
    return tl.evaluate_performance(fitted.student, rows, task_of(rows)).metrics["accuracy"]


def test_specialists_are_heard_where_they_are_at_home() -> None:
    rows = table()
    teachers = specialists(rows)
    choice = asked(rows, teachers)
    assert isinstance(choice.fusion, AtHome)
    assert choice.fusion.gives == "target"
    assert "can be told apart" in choice.why
    assert choice.judged == "students"
    assert {one.name for one in choice.tried} >= {"at_home", "mean", LABELS}
    assert rows.test.openings == []
    gain = accuracy_of(choice.fusion, teachers, rows) - accuracy_of(Mean(), teachers, rows)
    assert gain > 0.05, "knowing who is at home is worth more than five points here"


def test_teachers_of_the_same_rows_are_weighed_by_what_their_students_achieve() -> None:
    rows, row = table(), np.arange(800)
    forest = RandomForestClassifier(20, random_state=0)
    teachers = (teacher("a", forest, row, rows), teacher("b", LogisticRegression(max_iter=200), row, rows))
    choice = asked(rows, teachers)
    assert "the same rows" in choice.why
    assert choice.rows == 60
    assert {one.name for one in choice.tried} >= {"mean", "elected", "only a", "only b", LABELS}
    assert accuracy_of(choice.fusion, teachers, rows) > accuracy_of(Mean(), teachers, rows) - 0.01


def test_few_labels_tell_nothing() -> None:
    rows = table(labelled=8)
    choice = asked(rows, specialists(rows))
    assert (choice.how, choice.tried) == ("default", ())
    assert isinstance(choice.fusion, AtHome), "where teachers are at home needs no labels"
    assert "8 held-out labelled rows tell nothing more" in choice.why


def test_one_teacher_may_be_declined_but_not_chosen_from() -> None:
    rows = table()
    choice = asked(rows, specialists(rows)[:1])
    assert choice.why.startswith("there is one teacher")
    assert {one.name for one in choice.tried} == {"mean", LABELS}


def test_students_too_large_for_one_network_are_not_trained() -> None:
    rows = table()
    teachers = specialists(rows)
    source = tl.Memory.of(teachers, rows.columns)
    large = tl.MLP(64, 10, (2000, 200))
    choice = tl.auto(large, rows, teachers, source, rows.labelled_train, training=QUICK)
    assert choice.judged == "ensembles"
    assert LABELS not in {one.name for one in choice.tried}
    assert isinstance(choice.fusion, AtHome)


def test_it_is_the_default_of_distill() -> None:
    rows = table()
    teachers = specialists(rows)
    report = tl.distill(student, rows, teachers, training=QUICK, seeds=(0,))
    assert any("at_home" in note and "can be told apart" in note for note in report.notes)


def outcome(wrong: list[float]) -> Outcome:
    error = torch.tensor(wrong, dtype=torch.float64)
    return Outcome(error, error + 0.1)


def test_what_is_clearly_better_is_picked() -> None:
    found = {"mean": outcome([1.0] * 30 + [0.0] * 70), "performance": outcome([1.0] * 10 + [0.0] * 90)}
    choice = decide({"mean": Mean(), "performance": Performance()}, found, Mean(), "told", "students")
    assert (choice.how, choice.fusion) == ("picked", Performance())
    assert "20.0 ± 4.0 points fewer mistakes" in choice.why


def test_what_has_less_loss_and_no_more_mistakes_is_picked() -> None:
    error = torch.tensor([1.0] * 20 + [0.0] * 80, dtype=torch.float64)
    loss = torch.linspace(0.2, 0.4, 100, dtype=torch.float64)
    worse = torch.cat([torch.ones(1, dtype=torch.float64), error[1:]]).index_fill(0, torch.tensor([50, 60]), 1.0)
    fusions: dict[str, Any] = {"mean": Mean(), "performance": Performance()}
    found: dict[str, Outcome] = {}
    for mistakes, how in ((error, "picked"), (worse, "default")):
        found = {"mean": Outcome(error, loss), "performance": Outcome(mistakes, 0.5 * loss)}
        choice = decide(fusions, found, Mean(), "told", "students")
        assert choice.how == how
    picked = decide(fusions, found | {"performance": Outcome(error, 0.5 * loss)}, Mean(), "told", "students")
    assert "less loss" in picked.why
    hardly = {"mean": Outcome(error, 1e-4 * loss), "performance": Outcome(error, 0.5e-4 * loss)}
    assert decide(fusions, hardly, Mean(), "told", "students").how == "default"


@pytest.mark.parametrize("sharpness", [1.0, 0.1])
def test_being_modest_is_no_mistake(sharpness: float) -> None:
    chance, target = torch.Generator().manual_seed(0), torch.arange(60) % 3
    logits = torch.randn(60, 3, generator=chance) + 2 * torch.nn.functional.one_hot(target, 3)
    known, answered = torch.ones(3, dtype=torch.bool), torch.ones(60, dtype=torch.bool)
    whole = Classes(logits, "logits", known, answered)
    modest = Classes(sharpness * logits, "logits", known, answered)
    parts = [modest.take(slice(0, 30)), modest.take(slice(30, 60))]
    told = Batch.of({}, target, row=torch.arange(60))
    task = tl.Classification(("a", "b", "c"))
    assert torch.allclose(outcome_of(parts, told, task).loss, outcome_of([whole], told, task).loss, atol=1e-6)


def test_what_may_be_better_is_blended() -> None:
    fusions: dict[str, Any] = {"mean": Mean(), "geometric_mean": GeometricMean(), "performance": Performance()}
    found = {
        "mean": outcome([1.0] * 5 + [0.0] * 95),
        "geometric_mean": outcome([0.0] * 2 + [1.0] * 4 + [0.0] * 94),
        "performance": outcome([1.0] * 20 + [0.0] * 80),
    }
    choice = decide(fusions, found, Mean(), "told", "students")
    assert (choice.how, choice.fusion) == ("blended", Blend((Mean(), GeometricMean())))
    assert "makes 1.0 ± 1.7 points fewer mistakes than mean and has" in choice.why
    assert decide(fusions, found, Mean(), "told", "ensembles").how == "default"


@pytest.mark.parametrize(("better", "how"), [(0, "default"), (12, "declined")])
def test_labels_that_are_better_are_left_alone(better: int, how: str) -> None:
    found = {"mean": outcome([1.0] * 20 + [0.0] * 80), LABELS: outcome([1.0] * (20 - better) + [0.0] * (80 + better))}
    choice = decide({"mean": Mean()}, found, Mean(), "told", "students")
    assert choice.how == how
    assert ("do not distil" in choice.why) is (how == "declined")


def test_a_declined_run_ships_the_student_of_the_labels() -> None:
    """A teacher that takes three classes for others, and labels in plenty."""
    features, target = digits()
    rows = table(labelled=400)
    row, wrong = np.arange(800), np.where(target > 6, target - 5, target)
    bad = tl.EstimatorTeacher(
        LogisticRegression(max_iter=100).fit(features[row], wrong[row]), reads="x", name="bad", seen=row
    )
    settings = replace(QUICK, epochs=12)
    report = tl.distill(student, rows, [bad], training=settings, seeds=(0,))
    found = {one.name: one.metrics["accuracy"][0] for one in report.contenders}
    assert any("do not distil" in note for note in report.notes)
    assert found["student: chosen fusion"] == pytest.approx(found["student: labels only"])


def test_a_kept_ensemble_finds_who_is_at_home_in_raw_columns(tmp_path: Path) -> None:
    """The fusion compares rows in prepared columns; the run prepares them, and the table's own columns say the same."""
    features, target = digits()
    names = [f"dot{place}" for place in range(64)]
    columns = dict(zip(names, features.T, strict=True))
    train, test = np.arange(800, 1200), np.arange(1400, len(target))
    none = np.zeros(0, dtype=np.int64)
    rows = tl.rows_of(columns, target, train=train, validation=none, test=test, prepare=True)
    parts = [np.flatnonzero((target[:800] % 3) == one) for one in range(3)]
    teachers = [
        tl.EstimatorTeacher(
            RandomForestClassifier(10, random_state=0).fit(features[part], target[part]),
            reads=names,
            name=str(number),
            seen=part,
        )
        for number, part in enumerate(parts)
    ]
    net = tl.MLP(rows.columns["features"].shape[1], 10, (32,))
    tl.distill(net, rows, teachers, training=QUICK, seeds=(0,), run=tmp_path / "run", baselines={})
    run = tl.load(tmp_path / "run")
    ensemble = open_ensemble(run)
    assert isinstance(ensemble.fusion, AtHome)
    raw = {name: column[test] for name, column in columns.items()}
    found = ensemble.answer(columns_for(ensemble, run, raw)).probs()
    table = ensemble.answer({name: column[test] for name, column in rows.columns.items()}).probs()
    assert torch.allclose(found, table, atol=1e-5)
    assert float((found.argmax(-1).numpy() == target[test]).mean()) > 0.8


def told(target: list[int]) -> Batch:
    return Batch.of({}, torch.tensor(target), row=torch.arange(len(target)))


def certain(guess: list[int | None], classes: int) -> Classes:
    known = torch.tensor([one is not None for one in guess])
    logits = 4.0 * torch.nn.functional.one_hot(torch.tensor([one or 0 for one in guess]), classes).float()
    return Classes(logits, "logits", torch.ones(classes, dtype=torch.bool), known)


@pytest.mark.parametrize(
    ("task", "measure", "errors"),
    [
        (tl.Classification(("a", "b", "c")), "mistakes", [0, 1, 1, 1]),
        (tl.Classification(("a", "b", "c"), headline="macro_f1"), "mistakes", [0, 1, 1, 1]),
        (tl.Classification(("a", "b", "c"), headline="cost", decision=(1.0, 2.0, 5.0)), "cost", [0, 5, 2, 5]),
        (Ordinal(("a", "b", "c")), "ordinal_error", [0, 2, 1, 2]),
    ],
)
def test_the_headline_is_what_counts_where_it_is_a_mean_over_rows(task: Any, measure: str, errors: list[float]) -> None:
    found = outcome_of([certain([0, 0, 2, None], 3)], told([0, 2, 1, 2]), task)
    assert found.measure == measure
    assert found.error.tolist() == errors


def test_gains_are_told_in_the_measure() -> None:
    found = {
        "mean": Outcome(torch.full((50,), 3.0, dtype=torch.float64), torch.ones(50, dtype=torch.float64), "si_sdr"),
        "performance": Outcome(
            torch.linspace(0.0, 2.0, 50, dtype=torch.float64), torch.linspace(0.1, 0.9, 50).double(), "si_sdr"
        ),
    }
    choice = decide({"mean": Mean(), "performance": Performance()}, found, Mean(), "told", "students")
    assert choice.how == "picked"
    assert "performance is better than mean by 2 ± 0.084 in si sdr" in choice.why
