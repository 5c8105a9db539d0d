"""explain: what it says about students and teachers whose ways are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from outside import DATA, absent
from search.places import cloud_ground, cloud_rows, heart_rows, heart_teachers, student
from tutelage.core import InputError
from tutelage.fusion import Weighted
from tutelage.nets import MLP
from tutelage.search import Explanation, explain, ground_of
from tutelage.search.explain import student_of
from tutelage.search.proxy import Candidate
from tutelage.train import Training
from tutelage.train.choice import Choice


@pytest.fixture(scope="module")
def found() -> Explanation:
    return explain(cloud_ground(epochs=15), seeds=(0, 1))


def test_noise_is_looked_at_least(found: Explanation) -> None:
    assert {one.group for one in found.importances[-2:]} == {"x4", "x5"}
    assert found.importances[0].rise > 10 * abs(found.importances[-1].rise)
    assert "x4" not in found.verdict


def test_both_attributions_are_faithful_and_sensitive_to_weights(found: Explanation) -> None:
    assert [one.name for one in found.methods] == ["permutation", "integrated gradients"]
    for one in found.methods:
        assert one.faith.better
        assert one.stability > 0.5
        assert abs(one.randomised) < 0.5 * one.stability


def test_the_targets_are_formed_by_all_alike_under_the_mean(found: Explanation) -> None:
    rows = cloud_rows()
    assert [one.row for one in found.formed] == rows.taught.tolist()
    assert found.trust == pytest.approx({"left": 1 / 3, "right": 1 / 3, "noise": 1 / 3})
    assert found.sources == {}


def test_the_order_is_tried_on_sealed_rows(found: Explanation) -> None:
    assert found.check is not None
    assert found.check.rows == 200
    assert found.check.gain[1] > 0


def test_the_record_survives_json_and_shows_itself(found: Explanation) -> None:
    assert repr(Explanation.from_json(found.to_json())) == repr(found)
    assert str(found.table(100)).rstrip().endswith(found.verdict)


def test_trust_is_the_fusions_own() -> None:
    ground = cloud_ground(epochs=1)
    weights = Weighted(weights={"left": 3.0, "right": 1.0, "noise": 0.0})
    ground.trial.choice = Choice(weights, "asked", "asked for")
    assert explain(ground, seeds=(0,), check=False).trust == pytest.approx({"left": 0.75, "right": 0.25, "noise": 0.0})


def test_a_declined_run_has_students_and_no_targets() -> None:
    ground = cloud_ground(epochs=1)
    ground.trial.choice = Choice(ground.trial.fusion, "declined", "labels alone were better")
    found = explain(ground, seeds=(0,), check=False)
    assert (found.trust, found.formed) == ({}, ())
    assert found.importances


def test_the_runs_own_student_is_explained(tmp_path: Path) -> None:
    ground = cloud_ground(tmp_path, epochs=1)
    torch.manual_seed(77)
    kept = student()
    save_file(kept.state_dict(), tmp_path / "student.safetensors")
    found = student_of(ground, Candidate("student", ground.names), 0)
    assert torch.equal(found.state_dict()["layers.0.weight"], kept.state_dict()["layers.0.weight"])
    other = student_of(ground, Candidate("student", ground.names), 1)
    assert not torch.equal(other.state_dict()["layers.0.weight"], kept.state_dict()["layers.0.weight"])


def test_nothing_is_done_twice_and_test_rows_are_opened_last(tmp_path: Path) -> None:
    ground = cloud_ground(tmp_path, epochs=1)
    before = list(ground.rows.test.openings)
    first = explain(ground, seeds=(0, 1), rows=40, check=False)
    assert ground.rows.test.openings == before
    lines = (tmp_path / "explain.jsonl").read_text().splitlines()
    assert [json.loads(line)["unit"] for line in lines] == ["student, seed 0", "student, seed 1"]
    again = explain(cloud_ground(tmp_path, epochs=1), seeds=(0, 1), rows=40)
    assert repr(again.methods) == repr(first.methods)
    units = [json.loads(line)["unit"] for line in (tmp_path / "explain.jsonl").read_text().splitlines()]
    assert units == ["student, seed 0", "student, seed 1", "check"]


def test_no_seed_is_refused() -> None:
    with pytest.raises(InputError, match="at least one seed"):
        explain(cloud_ground(epochs=1), seeds=())


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=absent(DATA))
def test_four_hospitals() -> None:
    rows = heart_rows()
    width = rows.columns[rows.inputs[0]].shape[1]
    made = ground_of(lambda: MLP(width, 2, (16,)), rows, heart_teachers(rows), training=Training(epochs=15, lr=5e-3))
    found = explain(made, seeds=(0, 1))
    assert {one.group for one in found.importances} == set(rows.preparation.reads if rows.preparation else ())
    assert all(one.groups == 13 for one in found.agreement)
    agreed = {one.teacher: one.rank for one in found.agreement}
    assert agreed["all together, by trust"] > 0.2
    assert np.isfinite([one.stability for one in found.methods]).all()
