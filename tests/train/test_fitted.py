"""Teachers fitted here: nobody answers about rows it was fitted on, and names stay the task's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from torch import nn

import tutelage as tl
from store.asked import NAMES as INSECTS
from store.asked import Asked
from store.asked import table as insects
from train.small import NAMES, Counted, net, table
from tutelage.core import InputError, LeakageError, Space, Values
from tutelage.data import Rows
from tutelage.fusion import Stacking
from tutelage.store import Store
from tutelage.teaching.heldout import flag_seen, unseen
from tutelage.train import OutOfFold, Training, train_models
from tutelage.train.fitted import folds, variants

QUICK = Training(2, 16)


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(20, n_jobs=1)


def test_each_row_is_answered_by_the_model_that_did_not_see_it_and_others_by_the_mean(tmp_path: Path) -> None:
    rows = table()
    (teacher,) = train_models(rows, forest, 1, folds=4)
    assert isinstance(teacher, OutOfFold)
    inner: Any = teacher
    fold = inner.fold
    assert sorted(np.flatnonzero(fold >= 0)) == rows.labelled_train.tolist() == inner.fitted_on.tolist()
    for number, model in enumerate(inner.models):
        assert model.seen is not None
        assert set(model.seen) == set(np.flatnonzero((fold >= 0) & (fold != number)))
    live = tl.Live((inner,), rows.columns).gather(torch.arange(len(rows)), torch.zeros(len(rows)).long())
    parts = [model.answer({"features": rows.columns["features"]}).probs() for model in inner.models]
    wanted = torch.stack(parts).mean(0)
    for row in np.flatnonzero(fold >= 0):
        wanted[row] = parts[fold[row]][row]
    answer: Any = live.answers[0]
    torch.testing.assert_close(answer.probs(), wanted, atol=1e-5, rtol=0)
    stored = tl.generate_predictions([teacher], rows, Store(tmp_path))
    taught = torch.from_numpy(rows.taught)
    again: Any = stored.gather(taught, torch.zeros_like(taught)).answers[0]
    torch.testing.assert_close(again.probs(), wanted[taught], atol=1e-5, rtol=0)


def test_the_fold_map_is_in_the_fingerprint() -> None:
    models = (Counted("a"), Counted("b"))
    one, two = (OutOfFold("t", models, np.array(fold)) for fold in ([0, 1, -1], [1, 0, -1]))
    assert one.fingerprint["models"] == two.fingerprint["models"]
    assert one.fingerprint["folds"] != two.fingerprint["folds"]
    assert one.parameters == 14
    assert OutOfFold("t", (*models, Counted(parameters=None)), one.fold).parameters is None


def test_values_and_abstaining_models_are_answered_out_of_fold_too() -> None:
    fold = np.array([0, 1, 1, 0, -1, -1, -1, -1, 0, -1])
    columns = insects(10)
    for kind in ("values", "labels", "logits", "votes"):
        models = (Asked("one", kind), Asked("three", kind))
        found: Any = OutOfFold("t", models, fold).answer_rows(columns, np.arange(10))
        first: Any = models[0].answer(columns)
        assert len(found) == 10
        assert not bool(found.valid[0].any()), "row 0 abstains"
        name = next(iter(first.to_arrays()))
        if kind in ("values", "labels"):
            torch.testing.assert_close(found.to_arrays()[name][3], first.to_arrays()[name][3], rtol=1e-4, atol=1e-4)
        assert found.coverage.tolist() == first.coverage.tolist()
    assert len(INSECTS) == 5


def test_folds_are_stratified_and_need_as_many_rows() -> None:
    rows = table()
    fold = folds(rows, rows.labelled_train, 4, seed=0)
    for name in range(3):
        counts = np.bincount(fold[rows.target[rows.labelled_train] == name], minlength=4)
        assert counts.max() - counts.min() <= 1
    with pytest.raises(InputError, match="4 folds need at least as many labelled rows, there are 3"):
        folds(rows, rows.labelled_train[:3], 4, seed=0)


def test_a_class_too_rare_for_every_fold_keeps_its_place() -> None:
    rows = table()
    target = rows.target.copy()
    target[target == 0] = 1
    target[rows.labelled_train[0]] = 0
    rare = replace(rows, target=target)
    (teacher,) = train_models(rare, forest, 1, folds=3)
    inner: Any = teacher
    assert {model.space.names for model in inner.models} == {NAMES}
    assert {
        tuple(model.answer({"features": rare.columns["features"]}).coverage.tolist()) for model in inner.models
    } == {
        (True, True, True),
        (False, True, True),
    }
    answer: Any = tl.Live((teacher,), rare.columns).gather(torch.arange(120), torch.zeros(120).long()).answers[0]
    right = (answer.probs().argmax(-1).numpy() == target)[rare.labelled_train]
    assert right.mean() > 0.5
    assert float(answer.probs()[target != 0, 0].mean()) < 0.2


def test_class_names_in_number_order_survive_the_six_steps(tmp_path: Path) -> None:
    """scikit-learn sorts "10" before "2"; the task does not."""
    target = np.arange(240) % 12
    features = (np.eye(12)[target] + 0.1 * np.random.default_rng(0).normal(size=(240, 12))).astype(np.float32)
    rows = tl.rows_of({"features": features}, target)
    assert rows.space.names == tuple(str(n) for n in range(12))
    teachers = train_models(rows, [LogisticRegression, forest], 2, ["architecture"], folds=3)
    signals = tl.generate_predictions(teachers, rows, Store(tmp_path / "store"))
    found: Any = signals.gather(torch.from_numpy(rows.taught), torch.zeros(len(rows.taught)).long())
    for answer in found.answers:
        assert float((answer.probs().argmax(-1).numpy() == target[rows.taught]).mean()) > 0.95
    for teacher in teachers:
        assert tl.evaluate_performance(teacher, rows).metrics["accuracy"] > 0.95
    (whole,) = train_models(rows, LogisticRegression, 1, folds=1)
    assert tl.evaluate_performance(whole, rows).metrics["accuracy"] > 0.95
    unaligned = tl.EstimatorTeacher(
        LogisticRegression().fit(features, target.astype(str)), reads="features", name="strings"
    )
    assert unaligned.space.names[2] == "10"
    assert tl.evaluate_performance(unaligned, rows).metrics["accuracy"] > 0.95
    again = tl.generate_predictions([unaligned], rows, Store(tmp_path / "other"))
    said: Any = again.gather(torch.from_numpy(rows.taught), torch.zeros(len(rows.taught)).long()).answers[0]
    assert float((said.probs().argmax(-1).numpy() == target[rows.taught]).mean()) > 0.95


def test_teachers_are_not_fitted_on_test_rows() -> None:
    rows = table()
    for make in (forest, net):
        with pytest.raises(LeakageError, match="test rows"):
            train_models(rows, make, row=rows.test.open("to be refused"), training=QUICK)


def test_rows_with_missing_entries_do_not_teach_zeros() -> None:
    features = np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32)
    target = np.stack([100 + features[:, 0], 100 + features[:, 1]], axis=1)
    target[::3, 0] = np.nan
    rows = tl.rows_of(features, target.astype(np.float32), space=Space(Values, ("a", "b")))
    (teacher,) = train_models(rows, lambda: RandomForestRegressor(10), 1, folds=3)
    answer: Any = tl.Live((teacher,), rows.columns).gather(torch.arange(90), torch.zeros(90).long()).answers[0]
    assert float(answer.mean[:, 0].min()) > 90


def breast(teacher: Any, rows: Rows) -> str | None:
    inside, outside = rows.batch(rows.labelled_train, inputs=False), rows.batch(rows.validation, inputs=False)
    found = tl.Live((teacher,), rows.columns)
    one, two = (found.gather(batch.row, batch.view).answers[0] for batch in (inside, outside))
    return flag_seen(one, two, inside, outside)


def test_a_forest_fitted_on_the_rows_is_flagged_and_its_out_of_fold_twin_is_not() -> None:
    found: Any = load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(found.target))
    held, tested, train = order[:170], order[170:255], np.sort(order[255:])
    rows = tl.rows_of(found.data, found.target, train=train, validation=held, test=tested)
    (fitted,) = train_models(rows, lambda: RandomForestClassifier(100, n_jobs=1), 1, folds=1)
    (twin,) = train_models(rows, lambda: RandomForestClassifier(100, n_jobs=1), 1, folds=5)
    reason = breast(fitted, rows)
    assert reason is not None
    assert "probably been trained on them" in reason
    assert breast(twin, rows) is None
    assert fitted.seen is not None
    assert fitted.seen.tolist() == rows.labelled_train.tolist()


def test_rows_that_a_teacher_has_seen_are_not_held_out() -> None:
    row = np.arange(10)
    assert unseen([Counted(seen=np.arange(4))], row).tolist() == [4, 5, 6, 7, 8, 9]
    assert unseen([Counted(seen=None), Counted(seen=np.zeros(0, dtype=np.int64))], row).tolist() == row.tolist()
    assert len(unseen([Counted(seen=row)], row)) == 0
    assert unseen([Counted(seen=row)], row, seen_ok=True).tolist() == row.tolist()


@pytest.mark.parametrize("known", [True, False])
def test_learned_fusions_use_training_rows_only_where_teachers_say_what_they_saw(known: bool) -> None:
    rows = table()
    teachers = [Counted("a", seen=np.zeros(0, dtype=np.int64)), Counted("b", 0.5, seen=None)]
    if known:
        teachers[1].seen = rows.labelled_train[:5]
    asked: list[int] = []

    class Spy(Stacking):
        def fit(self, signals: Any, target: torch.Tensor, labelled: torch.Tensor) -> Any:
            asked.append(len(target))
            return Stacking().fit(signals, target, labelled)

    tl.distill(net, rows, teachers, fusion=Spy(), training=QUICK, seeds=[0], baselines={})
    wanted = len(rows.labelled_train) - 5 + len(rows.validation) if known else len(rows.validation)
    assert asked
    assert set(asked) == {wanted}


def test_unknown_teachers_and_no_validation_rows_do_not_fit_a_fusion() -> None:
    rows = table(train=np.arange(90), test=np.arange(90, 120))
    with pytest.raises(LeakageError, match="have not been trained on"):
        tl.distill(net, rows, [Counted("a"), Counted("b", 0.5)], fusion=Stacking(), training=QUICK, seeds=[0])
    report = tl.distill(net, rows, [Counted("a"), Counted("b", 0.5)], training=QUICK, seeds=[0], baselines={})
    assert any("0 held-out labelled rows tell nothing more" in note for note in report.notes)


def test_vary_names_makes_and_samples_the_models() -> None:
    found = variants([net, forest], 4, ["optimiser", "architecture", "data"], 7, Training(lr=0.01))
    assert [one.name for one in found] == ["model_0", "model_1", "model_2", "model_3"]
    assert [one.make for one in found] == [net, forest, net, forest]
    assert [one.training.optimiser for one in found] == ["adamw", "sgd", "adam", "adamw"]
    assert [one.seed for one in found] == [one.training.seed for one in found] == [7, 8, 9, 10]
    row = np.arange(1000)
    samples = [one.sample(row) for one in found]
    assert all(0.58 < len(sample) / 1000 < 0.68 for sample in samples)
    assert not np.array_equal(samples[0], samples[1])
    assert [one.name for one in variants(net, 1, ["seed"], 0, Training(), "own")] == ["own"]
    assert np.array_equal(variants(net, 1, ["seed"], 0, Training())[0].sample(row), row)
    decayed = variants(net, 3, ["optimiser"], 0, Training(decay=0.5))
    assert decayed[0].training.decay == 0.5


@pytest.mark.parametrize(
    ("make", "count", "vary", "message"),
    [
        (net, 2, ["colour"], r"vary=\['colour'\] is not known: seed, optimiser, architecture, data"),
        ([net, forest], 2, ["seed"], "2 makers were given: add 'architecture'"),
        (net, 0, ["seed"], "n must be at least 1, got 0"),
    ],
)
def test_vary_refuses_what_it_does_not_know(make: Any, count: int, vary: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        train_models(table(), make, count, vary)


def test_folds_of_a_module_do_not_share_the_users_checkpoint(tmp_path: Path) -> None:
    """The second fold would otherwise begin where the first one, which has seen its rows, ended."""
    rows = table()
    (plain,) = train_models(rows, net, 1, folds=2, training=QUICK)
    (kept,) = train_models(rows, net, 1, folds=2, training=replace(QUICK, checkpoint=tmp_path))
    models = [teacher.models for teacher in (plain, kept) if isinstance(teacher, OutOfFold)]
    for one, two in zip(*models, strict=True):
        assert one.fingerprint == two.fingerprint
    assert models[1][0].fingerprint != models[1][1].fingerprint


def test_the_same_seed_gives_the_same_teacher() -> None:
    rows = table()
    for make in (net, forest, lambda: nn.Sequential(nn.Linear(5, 3))):
        one, two = (train_models(rows, make, folds=2, training=QUICK, seed=3)[0] for _ in range(2))
        other = train_models(rows, make, folds=2, training=QUICK, seed=4)[0]
        assert one.fingerprint == two.fingerprint
        assert one.fingerprint != other.fingerprint
