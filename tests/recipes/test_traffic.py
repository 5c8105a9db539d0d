"""Speeds of a road net: no part sees another one's time, rules know what they may, and a short run on real speeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.fusion import Mean
from tutelage.recipes._traffic_road import AHEAD, DAY, PAST, Road, read_road, road_rows, times
from tutelage.recipes.traffic import traffic
from tutelage.train import Cost


@pytest.fixture(scope="module")
def road(data: Path) -> Road:
    return read_road(data / "traffic-losloop")


def test_a_step_of_the_walk_goes_to_neighbours_only(road: Road) -> None:
    assert road.speed.shape == (2016, 207)
    assert road.walk.diagonal().max() == 0
    sums = road.walk.sum(1)
    assert np.allclose(sums[sums > 0], 1, atol=1e-5)


def test_no_part_reaches_into_the_time_of_another() -> None:
    part = times(2016)
    ends = {name: (when[0] - PAST + 1, when[-1] + AHEAD[-1]) for name, when in part.items()}
    assert ends["train"][0] == 0
    assert ends["train"][1] < ends["validation"][0]
    assert ends["validation"][1] < ends["test"][0]
    assert ends["test"] == (int(0.8 * 2016), 2015)
    with pytest.raises(InputError, match=r"600 steps of five minutes are 2\.1 days"):
        times(600)


def test_what_comes_later_changes_no_column_of_a_row(road: Road) -> None:
    rows = road_rows(road, 500, 1.0)
    start = int(0.8 * 2016)
    changed = road.speed.copy()
    changed[start:] = 20.0
    other = road_rows(Road(changed, road.walk), 500, 1.0)
    own = np.concatenate([rows.train, rows.validation])
    for name, column in rows.columns.items():
        np.testing.assert_array_equal(column[own], other.columns[name][own], err_msg=name)
    np.testing.assert_array_equal(rows.target[own], other.target[own])


def test_columns_are_what_they_say(road: Road) -> None:
    rows = road_rows(road, 300, 0.5)
    known = road.speed[: times(2016)["train"][-1] + AHEAD[-1] + 1]
    own = rows.columns["own"] * known.std() + known.mean()
    row = int(rows.train[7])
    place = np.argwhere(np.abs(road.speed - own[row, -1]) < 1e-4)
    found = [(when, who) for when, who in place if when >= PAST - 1
             and np.allclose(road.speed[when - PAST + 1 : when + 1, who], own[row], atol=1e-3)]  # fmt: skip
    when, who = next(pair for pair in found if when_fits(road, pair, rows.target[row]))
    near = road.walk[who] @ road.speed[when]
    np.testing.assert_allclose(rows.columns["walks"][row, -1, 1] * known.std() + known.mean(), near, atol=1e-2)
    kind, slot = (when + AHEAD[0]) // DAY in (2, 3), (when + AHEAD[0]) % DAY
    days = [day for day in range(6) if (day in (2, 3)) == kind and day != (when + AHEAD[0]) // DAY]
    moments = [day * DAY + slot + shift for day in days for shift in range(-2, 3)]
    others = [known[moment, who] for moment in moments if 0 <= moment < len(known)]
    np.testing.assert_allclose(rows.columns["usual"][row, 0] * known.std() + known.mean(), np.mean(others), atol=1e-2)
    assert rows.labelled[rows.train].all(1).sum() == 150
    assert len(rows.test) == 207 * len(times(2016)["test"][::3])


def when_fits(road: Road, pair: tuple[int, int], target: np.ndarray) -> bool:
    when, who = pair
    return when + AHEAD[-1] < 2016 and np.allclose(road.speed[when + np.array(AHEAD), who], target, atol=1e-3)


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"los_speed\.csv is not there: give --data"):
        traffic(data=tmp_path)
    (tmp_path / "los_speed.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "los_adj.csv").write_text("1,0,1\n0,1,0\n1,0,1\n")
    with pytest.raises(InputError, match="2 sensors need 2 x 2 weights"):
        read_road(tmp_path)
    (tmp_path / "los_adj.csv").write_text("1,x\n0,1\n")
    with pytest.raises(InputError, match=r"los_adj\.csv needs a number in each cell"):
        read_road(tmp_path)


def test_a_short_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.evaluate.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))
    for name, sensors in (("los_speed.csv", 12), ("los_adj.csv", 12)):
        lines = (data / "traffic-losloop" / name).read_text().splitlines()
        lines = lines if name == "los_speed.csv" else lines[:sensors]
        (tmp_path / name).write_text("\n".join(",".join(line.split(",")[:sensors]) for line in lines))
    report = traffic(data=tmp_path, rows=600, seeds=2, epochs=2, fusion=Mean())
    found = {one.name: one.metrics for one in report.contenders}
    assert {"stays", "clock", "trees", "recurrent", "graph"} <= set(found)
    assert found["stays"]["rmse 15 min"] < found["stays"]["rmse 60 min"]
    assert abs(found["clock"]["rmse 15 min"][0] - found["clock"]["rmse 60 min"][0]) < 1, "it does not look at now"
    assert "interval_gap" in found["student: chosen fusion"]
