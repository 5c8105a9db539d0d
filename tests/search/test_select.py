"""select: what it advises on data whose answer is known, and what it keeps."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tutelage as tl
from outside import DATA, absent
from search.places import FEATURES, cloud_ground, cloud_rows, cloud_teachers, heart_rows, heart_teachers, student
from tutelage.core import InputError, Teacher
from tutelage.search import Ground, Selection, ground_of, select
from tutelage.search.proxy import LABELS, without
from tutelage.train import Training, fit_teacher, task_of


@pytest.fixture(scope="module")
def found() -> Selection:
    return select(cloud_ground(epochs=20), seeds=(0, 1))


def test_the_teachers_that_know_something_are_chosen_and_noise_is_not(found: Selection) -> None:
    assert found.advice == "use these"
    assert set(found.chosen) == {"left", "right"}
    worth = {part.teacher: part for part in found.parts}
    assert worth["noise"].shapley < min(worth["left"].shapley, worth["right"].shapley)
    assert worth["left"].left_out > 2 * worth["left"].left_error
    assert "noise" not in found.verdict
    taken = [step.teacher for step in found.steps if step.taken]
    assert set(taken) == {"left", "right"}
    assert found.steps[-1].teacher == "noise"


def test_the_shapley_values_add_up_to_what_all_gain(found: Selection) -> None:
    everyone = found.steps[-1].loss
    assert sum(part.shapley for part in found.parts) == pytest.approx(np.log(2) - everyone, abs=1e-5)
    assert found.how == "exact, over 8 subsets"


def test_profiles_and_correlation(found: Selection) -> None:
    assert [one.family for one in found.profiles] == ["LogisticRegression"] * 3
    assert found.profiles[0].domain == ("x0", "x1")
    assert found.profiles[0].rows == 500
    assert found.profiles[0].answered == found.profiles[0].classes == 1.0
    correlation = np.array(found.correlation)
    np.testing.assert_allclose(np.diag(correlation), 1.0)
    np.testing.assert_allclose(correlation, correlation.T)


def test_the_advice_is_checked_on_sealed_rows(found: Selection) -> None:
    assert found.check is not None
    assert found.check.rows == len(cloud_rows().test)
    assert found.check.advised == "left + right"
    assert {one.name for one in found.check.found} == {LABELS, "left + right", "left + right + noise"}
    assert found.check.gain()[0] > 0
    assert "sealed test rows" in found.verdict


def test_the_record_survives_json_and_shows_itself(found: Selection) -> None:
    assert repr(Selection.from_json(found.to_json())) == repr(found)
    said = str(found.table(100))
    assert "Greedy selection" in said
    assert said.rstrip().endswith(found.verdict)
    assert "<script" not in found.table()._repr_html_()


def test_nothing_looks_at_test_rows_before_the_check() -> None:
    ground = cloud_ground(epochs=1)
    before = list(ground.rows.test.openings)
    select(ground, seeds=(0,), folds=2, check=False)
    assert ground.rows.test.openings == before
    select(ground, seeds=(0,), folds=2)
    assert ground.rows.test.openings == [*before, "select: checking its advice"]


def test_teachers_of_noise_are_advised_against() -> None:
    rows = cloud_rows()
    own, task = np.arange(500), task_of(rows)
    from sklearn.linear_model import LogisticRegression

    teachers = [
        fit_teacher(
            LogisticRegression, rows, own, task, name=f"noise {n}", seed=0, training=Training(), reads=(column,)
        )
        for n, column in enumerate(("x4", "x5"))
    ]
    ground = ground_of(student, rows, teachers, training=Training(epochs=20, lr=1e-2))
    found = select(ground, seeds=(0, 1), check=False)
    assert found.advice == "do not distil"
    assert found.chosen == ()


def test_copies_of_one_teacher_are_one_teacher() -> None:
    rows = cloud_rows()
    own, task = np.arange(500), task_of(rows)
    from sklearn.linear_model import LogisticRegression

    good = tuple(f"x{i}" for i in range(FEATURES))
    teachers = [
        fit_teacher(LogisticRegression, rows, own, task, name=name, seed=0, training=Training(), reads=good)
        for name in ("one", "two")
    ]
    found = select(ground_of(student, rows, teachers, training=Training(epochs=20, lr=1e-2)), check=False)
    assert found.advice == "one teacher suffices"
    assert len(found.chosen) == 1
    assert found.parts[0].shapley == pytest.approx(found.parts[1].shapley)


def test_a_tie_goes_to_the_most_different_teacher() -> None:
    rows = cloud_rows()
    first = cloud_teachers(rows)[0]
    again, other = replace_name(first, "again"), cloud_teachers(rows)[2]
    ground = ground_of(student, rows, (first, again, other), training=Training(epochs=2, lr=1e-2))
    found = select(ground, seeds=(0,), folds=2, check=False)
    assert found.steps[0].teacher in ("left", "again")
    assert found.steps[1].teacher == "noise" or not found.steps[1].taken


def replace_name(teacher: Teacher, name: str) -> Teacher:
    made = copy.copy(teacher)
    made.__dict__["name"] = name
    return made


def test_finished_units_are_not_done_again(tmp_path: Path) -> None:
    first = select(cloud_ground(tmp_path, epochs=2), seeds=(0,), folds=2)
    units = [json.loads(line)["unit"] for line in (tmp_path / "select.jsonl").read_text().splitlines()]
    assert units.count("check") == 1
    assert {"students, fold 0", "students, fold 1", "loss of nobody"} <= set(units)
    again = select(cloud_ground(tmp_path, epochs=2), seeds=(0,), folds=2)
    assert len((tmp_path / "select.jsonl").read_text().splitlines()) == len(units)
    timed = [replace(one, profiles=()) for one in (first, again)]
    assert repr(timed[0]) == repr(timed[1])
    select(cloud_ground(tmp_path, epochs=3), seeds=(0,), folds=2)
    assert len((tmp_path / "select.jsonl").read_text().splitlines()) == 2 * len(units)


def test_judged_rows_are_in_no_split_that_learns() -> None:
    rows = cloud_rows()
    judged = rows.validation
    left = without(rows, judged)
    assert not np.isin(judged, np.concatenate([left.train, left.validation])).any()
    assert len(left.validation) > 0
    assert not np.intersect1d(left.train, left.validation).size


def test_too_few_rows_are_refused() -> None:
    ground = cloud_ground(epochs=1)
    with pytest.raises(InputError, match="cannot be judged in 900 folds"):
        select(ground, folds=900)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=absent(DATA))
def test_four_hospitals(tmp_path: Path) -> None:
    rows = heart_rows()
    width = rows.columns[rows.inputs[0]].shape[1]
    teachers = heart_teachers(rows)
    ground: Ground = ground_of(
        lambda: tl.MLP(width, 2, (16,)), rows, teachers, training=Training(epochs=10, lr=5e-3), run=tmp_path
    )
    found = select(ground, seeds=(0, 1))
    loss = {one.name: one.loss for one in found.profiles}
    assert max(loss, key=lambda name: loss[name]) == "switzerland"  # 93 % of its patients are ill
    assert found.check is not None
    assert found.check.rows == len(rows.test)
    everyone = found.steps[0].loss + found.steps[0].gain
    assert everyone == pytest.approx(np.log(2), abs=1e-5)
