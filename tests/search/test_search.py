"""search_best: what it finds, keeps and writes, and that it goes on where it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from outside import DATA, absent
from search.places import cloud_ground, cloud_rows, heart_rows, heart_teachers
from tutelage.core import InputError
from tutelage.nets import MLP
from tutelage.search import Best, Setting, distill_as, ground_of, search_best, write_recipe
from tutelage.train import Training


@pytest.fixture(scope="module")
def found() -> Best:
    return search_best(cloud_ground(epochs=8), trials=20, folds=2)


def test_the_default_is_tried_first_and_the_winner_is_no_worse(found: Best) -> None:
    assert found.start == Setting(("left", "right", "noise"), "mean", "KL", 2.0, 0.9)
    by_setting = {one.setting: one for one in found.tried}
    assert len(by_setting) + len(found.refused) <= 20
    best, winner = found.tried[0], by_setting[found.winner]
    assert winner.parameters <= best.parameters
    assert best.quality - winner.quality <= 2 * best.error
    assert {"left", "right"} & set(found.winner.teachers)


def test_nothing_beats_the_front(found: Best) -> None:
    front = found.front()
    assert found.tried[0] in front
    for one in front:
        assert not [o for o in found.tried if o.quality > one.quality and o.parameters < one.parameters]
    for one in set(found.tried) - set(front):
        assert [o for o in front if o.quality >= one.quality and o.parameters <= one.parameters]


def test_the_winner_is_checked_on_sealed_rows(found: Best) -> None:
    assert found.check is not None
    assert {one.name for one in found.check.found} == {"the winner", "the default", "labels only"}
    assert found.check.rows == len(cloud_rows().test)
    assert "looks better than it is" in found.verdict


def test_the_record_survives_json_and_shows_itself(found: Best) -> None:
    assert repr(Best.from_json(found.to_json())) == repr(found)
    assert "Quality against cost" in found.table(140)


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "search.jsonl"
    search_best(cloud_ground(tmp_path, epochs=1), trials=10, folds=2, check=False)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["unit"] for line in lines] == [f"trial {n}" for n in range(10)]
    path.write_text("\n".join(lines[:6]) + "\n" + lines[6][:50])
    again = search_best(cloud_ground(tmp_path, epochs=1), trials=10, folds=2, check=False)
    after = [line for line in path.read_text().splitlines() if line.endswith("}")]
    assert after[:6] == lines[:6]
    assert {json.loads(line)["unit"] for line in after} == {f"trial {n}" for n in range(10)}
    spent = sum(json.loads(line)["value"]["seconds"] for line in after)
    assert again.seconds == pytest.approx(spent)


def test_the_time_that_is_spent_counts(tmp_path: Path) -> None:
    search_best(cloud_ground(tmp_path, epochs=1), seconds=0.01, folds=2, check=False)
    lines = (tmp_path / "search.jsonl").read_text().splitlines()
    assert len(lines) == 8  # one batch is always made
    search_best(cloud_ground(tmp_path, epochs=1), seconds=0.01, folds=2, check=False)
    assert (tmp_path / "search.jsonl").read_text().splitlines() == lines


def test_augmentations_are_tried_and_answered_once(tmp_path: Path) -> None:
    found = search_best(cloud_ground(tmp_path, epochs=1), trials=16, folds=2)
    assert {one.setting.augmentation for one in found.tried} == {"none", "mixup", "munge", "gibbs"}
    assert not found.refused
    stores = sorted(tmp_path.glob("**/*-views/*/*/manifest.json"))
    assert len({path.parent.name for path in stores}) == 3  # of each teacher
    times = [path.stat().st_mtime_ns for path in stores]
    (tmp_path / "search.jsonl").unlink()
    again = search_best(cloud_ground(tmp_path, epochs=1), trials=16, folds=2)
    assert again.tried == found.tried
    assert [path.stat().st_mtime_ns for path in stores] == times
    none = search_best(cloud_ground(epochs=1), trials=16, folds=2, augmentations={}, check=False)
    assert {one.setting.augmentation for one in none.tried} == {"none"}


def test_the_winner_with_views_as_a_distillation_is_the_checked_one() -> None:
    ground = cloud_ground(epochs=3)
    found = search_best(ground, trials=8, folds=2, check=False)
    setting = replace(found.start, augmentation="gibbs")
    report = distill_as(ground.contest, setting, seeds=(0,))
    assert "fakoor2020" in report.sources
    with pytest.raises(InputError, match="augmentation 'word dropout' is not known here: none, mixup, munge, gibbs"):
        distill_as(ground.contest, replace(setting, augmentation="word dropout"), seeds=(0,))


def test_the_winner_as_a_distillation_is_the_checked_one() -> None:
    ground = cloud_ground(epochs=3)
    found = search_best(ground, trials=8, folds=2)
    report = distill_as(cloud_ground(epochs=3).contest, found.winner, seeds=(0, 1, 2))
    student = next(one for one in report.contenders if one.name == "student: chosen fusion")
    assert found.check is not None
    checked = next(one for one in found.check.found if one.name == "the winner")
    assert student.metrics[found.check.metric] == pytest.approx(checked.values[:3], abs=1e-6)


def test_the_recipe_is_python_that_names_the_setting(found: Best, tmp_path: Path) -> None:
    path = write_recipe(found, tmp_path, seeds=2)
    space: dict[str, object] = {"__name__": "winner"}
    exec(compile(path.read_text(), str(path), "exec"), space)
    assert space["SETTING"] == found.winner
    assert callable(space["winner"])


def test_no_time_and_no_trials_are_refused() -> None:
    with pytest.raises(InputError, match="needs time or trials"):
        search_best(cloud_ground(epochs=1), seconds=0.0)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=absent(DATA))
def test_four_hospitals() -> None:
    rows = heart_rows()
    width = rows.columns[rows.inputs[0]].shape[1]
    made = ground_of(lambda: MLP(width, 2, (16,)), rows, heart_teachers(rows), training=Training(epochs=8, lr=5e-3))
    found = search_best(made, trials=8, folds=2)
    assert found.check is not None
    assert found.check.rows == len(rows.test)
    assert found.rows == len(rows.labelled_train) + len(rows.validation)
