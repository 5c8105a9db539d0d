"""analyse: four questions on data whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from outside import DATA, absent
from search.places import cloud_ground, cloud_rows, cloud_teachers, heart_rows, heart_teachers, student
from tutelage.nets import MLP
from tutelage.search import Analysis, analyse, ground_of
from tutelage.search.proxy import without
from tutelage.search.versions import balanced, classes_of, fewer_labels, inverse_frequency, skewed, smaller, versions
from tutelage.teachers import RuleTeacher
from tutelage.train import Training


@pytest.fixture(scope="module")
def found() -> Analysis:
    return analyse(cloud_ground(epochs=16), seeds=(0,), folds=2)


def test_students_are_compared_with_models_of_the_same_rows(found: Analysis) -> None:
    lines = {one.name: one for one in found.question("models").lines}
    assert {"distilled student", "labels only", "teacher left", "teacher right", "teacher noise"} <= set(lines)
    assert "logistic regression: labels only" in lines
    assert lines["distilled student"].quality > lines["teacher noise"].quality + 0.1
    noise = lines["teacher noise"].gain
    assert noise is not None
    assert noise[2] < 0
    assert "teacher noise" in found.question("models").verdict


def test_every_factor_has_its_levels(found: Analysis) -> None:
    names = [one.name for one in found.question("data").lines]
    factors = [name.partition(":")[0] for name in names]
    assert {f: factors.count(f) for f in factors} == {"labels": 3, "transfer set": 3, "imbalance": 4, "shift": 2}
    details = {one.name: one.detail for one in found.question("data").lines}
    assert details["labels: 25% of the labels"] != details["labels: 100% of the labels"]


def test_the_teacher_of_noise_is_not_missed(found: Analysis) -> None:
    question = found.question("teachers")
    assert question.lines[-1].name == "noise"
    assert "noise" in question.verdict.partition("Without")[2]
    assert {one.name for one in question.lines if one.gain and one.gain[1] > 0} == {"left", "right"}


def test_fusions_are_compared_with_the_mean_and_checked(found: Analysis) -> None:
    question = found.question("fusion")
    assert {"mean", "geometric_mean", "stacking"} <= {one.name for one in question.lines}
    assert found.check is not None
    assert found.check.rows == len(cloud_rows().test)
    titles = [chapter.title for chapter in found.chapters()]
    assert titles == ["Against other models", "What the data change", "Which teachers", "Which fusion"]


def test_the_record_survives_json(found: Analysis) -> None:
    assert repr(Analysis.from_json(found.to_json())) == repr(found)
    assert "Which fusion" in found.table(100)


def test_a_finished_unit_is_not_done_again(tmp_path: Path) -> None:
    first = analyse(cloud_ground(tmp_path, epochs=1), seeds=(0,), folds=2)
    lines = (tmp_path / "analyse.jsonl").read_text().splitlines()
    units = [json.loads(line)["unit"] for line in lines]
    assert len(set(units)) == len(units)
    assert sum(unit.startswith("data, ") for unit in units) == 10  # twelve levels, of which three are one
    (tmp_path / "analyse.jsonl").write_text("\n".join(lines[:5]) + "\n")
    again = analyse(cloud_ground(tmp_path, epochs=1), seeds=(0,), folds=2)
    assert repr(again.questions) == repr(first.questions)


def test_versions_hold_what_they_say() -> None:
    ground, chance = cloud_ground(epochs=1), np.random.default_rng(0)
    rows, known = without(ground.rows, ground.rows.validation[:100]), ground.rows.target
    few = fewer_labels(rows, 0.5, chance)
    assert len(few.labelled_train) == round(0.5 * len(rows.labelled_train))
    assert np.isin(few.labelled_train, rows.labelled_train).all()
    assert few.labelled[few.validation].all()
    part = smaller(rows, 0.25, chance)
    assert np.isin(rows.labelled_train, part.train).all()
    even = balanced(rows.train, known, chance)
    assert len(set(np.bincount(known[even]).tolist())) == 1
    rare = skewed(rows.train, known, 2, chance)
    assert np.bincount(known[rare])[1] < 0.4 * np.bincount(known[rows.train])[1]
    assert np.bincount(known[rare])[0] == np.bincount(known[rows.train])[0]


def test_weights_make_rare_classes_count_as_much() -> None:
    ground = cloud_ground(epochs=1)
    rows, known = ground.rows, ground.rows.target
    weight = inverse_frequency(rows, known)
    sums = [weight[rows.train][known[rows.train] == one].sum() for one in (0, 1)]
    assert sums[0] == pytest.approx(sums[1])
    assert weight[rows.train].mean() == pytest.approx(1.0)


def test_no_version_learns_from_a_judged_row() -> None:
    ground = cloud_ground(epochs=1)
    judged = ground.rows.validation[::2]
    for version in versions(ground, without(ground.rows, judged), judged):
        assert not np.isin(judged, np.union1d(version.rows.train, version.rows.validation)).any()
        assert np.isin(version.judged, judged).all()


def test_the_class_of_a_row_is_found_where_a_teacher_votes() -> None:
    rows = cloud_rows()
    rule = RuleTeacher(lambda row: "yes" if row["x0"] > 1 else None, reads="x0", classes=("no", "yes"), name="rule")
    ground = ground_of(student, rows, (*cloud_teachers(rows), rule), training=Training(epochs=1))
    known = classes_of(ground, rows, ground.trial.heldout)
    assert (known[rows.labelled_train] == rows.target[rows.labelled_train]).all()
    assert (known[rows.train] == rows.target[rows.train]).mean() > 0.7


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=absent(DATA))
def test_four_hospitals() -> None:
    rows = heart_rows()
    width = rows.columns[rows.inputs[0]].shape[1]
    made = ground_of(lambda: MLP(width, 2, (16,)), rows, heart_teachers(rows), training=Training(epochs=10, lr=5e-3))
    found = analyse(made, seeds=(0,), folds=2)
    assert [one.key for one in found.questions] == ["models", "data", "teachers", "fusion"]
    assert all(one.verdict for one in found.questions)
    teachers = found.question("teachers").lines
    assert {one.name for one in teachers} == {"cleveland", "hungarian", "switzerland", "va", "all hospitals"}
