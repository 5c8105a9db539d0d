"""Diagnosis: nobody learns from the tested hospital, gaps stay gaps, costs decide, short runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.fusion import Mean
from tutelage.recipes import _diagnosis_heart as heart
from tutelage.recipes.diagnosis import diagnosis
from tutelage.tasks import Classification

TASK = Classification(heart.NAMES, decision=(1.0, 5.0))


@pytest.fixture(scope="module")
def hearts(data: Path) -> Path:
    return data / "medical-heart4"


@pytest.mark.parametrize("seed", range(4))
def test_nobody_learns_from_the_hospital_that_is_tested(hearts: Path, seed: int) -> None:
    _, hospital, ill, _ = heart.read(hearts, None)
    case = heart.case(hearts, TASK, "all", None)
    rows = case.rows(seed)
    assert {*hospital[rows.test.open("to compare")].tolist()} == {seed}
    assert len(rows.test) == (hospital == seed).sum()
    assert seed not in hospital[rows.taught]
    assert 0.09 < len(rows.validation) / len(rows.taught) < 0.11
    assert set(heart.HOSPITALS) - set(rows.columns) == {heart.HOSPITALS[seed]}
    assert np.array_equal(rows.target == 1, ill)


def test_hospitals_keep_their_gaps(hearts: Path) -> None:
    table, hospital, _, record = heart.read(hearts, None)
    assert np.isnan(table["chol"][hospital == 2]).all()
    assert not (table["trestbps"] == 0).any()
    assert [source.kept for source in record.sources] == [303, 294, 123, 200]
    rows = heart.case(hearts, TASK, "cleveland", None).rows(0)
    assert rows.columns["hungarian"].shape[1] < rows.columns["features"].shape[1]


def test_clinical_rules_abstain_where_something_was_not_measured() -> None:
    gap: dict[str, Any] = dict.fromkeys(heart.RAW, np.nan)
    assert [rule(gap) for rule in (heart.exertion, heart.defect, heart.fit)] == [None] * 3
    assert heart.exertion(gap | {"exang": 1.0, "oldpeak": 2.0}) == "ill"
    assert heart.defect(gap | {"thal": 7.0}) == "ill"
    assert heart.fit({"age": 50.0, "thalach": 150.0, "exang": 0.0, "oldpeak": 0.0}) == "healthy"


def test_what_cannot_be_is_refused(hearts: Path) -> None:
    with pytest.raises(InputError, match="--miss-cost is positive, got 0"):
        diagnosis(data=hearts, miss_cost=0.0)
    with pytest.raises(InputError, match="only the patients of --on heart"):
        diagnosis(on="wdbc", without="va")


def test_a_short_run_without_one_hospital_goes_through(hearts: Path, tmp_path: Path) -> None:
    report = diagnosis(data=hearts, without="cleveland", seeds=1, epochs=1, fusion=Mean(), run=tmp_path)
    names = {one.name for one in report.contenders}
    assert {"hungarian", "switzerland", "va", "exertion", "defect", "fit", "student: chosen fusion"} <= names
    assert not report.chapters


@pytest.mark.slow
def test_all_hospitals_in_turn_end_in_one_table(
    hearts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = diagnosis(data=hearts, seeds=1, epochs=1, fusion=Mean(), run=tmp_path, miss_cost=5.0)
    assert report.headline == "cost"
    (chapter,) = report.chapters
    lines = {line[0]: line[1:] for line in chapter.sheets[0].rows}
    assert {"student: chosen fusion", "student: labels only", "logistic regression: labels only"} <= set(lines)
    assert all(0.0 <= float(cell) <= 1.0 for line in lines.values() for cell in line)
    assert "Recall: ill patients found" in capsys.readouterr().out
    assert "Hospital by hospital" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("on", ["wdbc", "breast-w"])
def test_a_short_run_on_cells_goes_through(data: Path, on: Literal["wdbc", "breast-w"]) -> None:
    report = diagnosis(on=on, data=data / "medical-breast", seeds=1, epochs=2, fusion=Mean())
    metrics = {one.name: one.metrics for one in report.contenders}
    assert metrics["trees"]["accuracy"][0] > 0.9
    assert {"recall", "ece", "cost"} <= set(metrics["student: chosen fusion"])
