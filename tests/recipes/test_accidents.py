"""Accidents: whole accidents on one side, no answer among the columns, accuracy refused, a short run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest

from tutelage.core import InputError
from tutelage.fusion import Mean
from tutelage.recipes._accidents_table import NAMES, accident_of, grave, mild, read_table
from tutelage.recipes._tables import STUDENT, fifth
from tutelage.recipes.accidents import accidents, make_rows


@pytest.fixture(scope="module")
def few(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The accidents of two days of the week."""
    folder = tmp_path_factory.mktemp("accidents")
    table = polars.read_csv(data / "accident-severity-addis" / "accidents.csv", infer_schema_length=None)
    table.filter(polars.col("Day_of_week").is_in(["Sunday", "Saturday"])).write_csv(folder / "accidents.csv")
    return folder


def test_whole_accidents_are_on_one_side_and_decisions_lean_to_rare_classes(few: Path, tmp_path: Path) -> None:
    table, record = read_table(few, tmp_path)
    assert "Casualty_severity" not in table
    rows = make_rows(table, record, 0)
    accident, test = accident_of(table, whole=True), rows.test.open("to compare")
    assert not np.intersect1d(accident[rows.train], accident[test]).size
    assert not np.intersect1d(accident[rows.train], accident[rows.validation]).size
    assert rows.task is not None
    assert rows.task.headline == "macro_f1"
    slight, serious, fatal = rows.task.decision  # pyright: ignore[reportAttributeAccessIssue]
    assert slight < serious < fatal
    assert np.isfinite(rows.columns[STUDENT]).all()
    assert rows.preparation is not None
    assert "Accident_severity" not in rows.preparation.reads


def test_five_seeds_test_every_row_once() -> None:
    target = np.repeat([0, 1, 2], [80, 15, 5])
    tested = np.concatenate([fifth(target, seed).test for seed in range(5)])
    assert sorted(tested.tolist()) == list(range(100))
    assert [int((target[fifth(target, seed).test] == 2).sum()) for seed in range(5)] == [1] * 5


def test_accuracy_is_refused_with_what_saying_slight_would_have(few: Path) -> None:
    with pytest.raises(InputError, match=r"always says 'Slight Injury' has 0\.8\d\d"):
        accidents(data=few, headline="accuracy")


def test_rules_abstain() -> None:
    plain = {"Light_conditions": "Daylight", "Number_of_casualties": 1, "Number_of_vehicles_involved": 2}
    assert grave(plain) is None
    assert mild(plain) is None
    assert grave(plain | {"Light_conditions": "Darkness - no lighting"}) == NAMES[1]
    assert mild(plain | {"Number_of_vehicles_involved": 3}) == NAMES[0]


def test_a_short_run_on_part_of_the_accidents_goes_through(few: Path, tmp_path: Path) -> None:
    report = accidents(data=few, seeds=1, epochs=1, fusion=Mean(), run=tmp_path)
    assert report.headline == "macro_f1"
    metrics = {one.name: one.metrics for one in report.contenders}
    assert {"trees", "linear", "net", "grave", "mild", "student: chosen fusion"} <= set(metrics)
    assert {"rare_recall", "cost"} <= set(metrics["student: chosen fusion"])
    assert (tmp_path / "report.html").exists()


def test_without_the_file_it_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--data a folder with accidents\.csv"):
        accidents(data=tmp_path / "nowhere")
