"""The digits recipe: nobody sees another's rows, the student is small, and a short run goes through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tutelage as tl
from tutelage.recipes.digits import digits, make_rows, make_student, make_teachers, pool


@pytest.mark.parametrize("seed", range(10))
def test_row_sets_are_disjoint_and_test_rows_fixed(seed: int) -> None:
    rows = make_rows(seed)
    tested = rows.test.open("to compare")
    labelled = np.concatenate([rows.labelled_train, rows.validation])
    transfer = np.setdiff1d(rows.train, rows.labelled_train)
    parts = {"pool": pool(rows, seed), "labelled": labelled, "transfer": transfer, "test": tested}
    assert {name: len(part) for name, part in parts.items()} == {
        "pool": 700,
        "labelled": 200,
        "transfer": 500,
        "test": 397,
    }
    assert len(np.unique(np.concatenate(list(parts.values())))) == 1797
    assert np.array_equal(tested, make_rows(0).test.open("to compare"))
    assert set(np.flatnonzero(rows.labelled)) == set(labelled)
    assert seed == 0 or not np.array_equal(rows.train, make_rows(0).train)


def test_the_student_is_small() -> None:
    assert sum(p.numel() for p in make_student().parameters()) <= 5000


@pytest.mark.slow
def test_teachers_are_fitted_on_the_pool_and_the_file_is_written_here(tmp_path: Path) -> None:
    rows = make_rows(3)
    teachers = make_teachers(3, rows, tmp_path)
    written = tmp_path / "teachers" / "lower-half-3.onnx"
    assert written.stat().st_size > 0
    own = set(pool(rows, 3).tolist())
    for teacher in teachers:
        assert teacher.seen is not None
        assert set(teacher.seen.tolist()) <= own
    assert [teacher.name for teacher in teachers] == ["net", "svm", "trees", "onnx", "holes"]
    again = make_teachers(3, rows, tmp_path / "again")
    assert [dict(one.fingerprint) for one in teachers] == [dict(two.fingerprint) for two in again]


@pytest.mark.slow
def test_a_short_run_goes_through_and_is_resumed(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(stage: str, done: int, total: int, overall: float) -> None:
        assert 0.0 <= overall <= 1.0
        if stage.startswith("seed 1: student: chosen"):
            raise StoppedError

    def figures(report: Any) -> dict[str, Any]:
        return {c.name: dict(c.metrics) for c in report.contenders}

    with pytest.raises(StoppedError):
        digits(seeds=2, epochs=3, run=tmp_path / "run", progress=stop)
    report = digits(seeds=2, epochs=3, run=tmp_path / "run")
    assert figures(report) == figures(digits(seeds=2, epochs=3, run=tmp_path / "calm"))
    assert {c.name for c in report.contenders} >= {"student: labels only", "student: chosen fusion", "net", "holes"}
    assert report.plan
    costs = {c.name: c.cost["p50_ms"] for c in report.contenders}
    assert 0 < costs["student: chosen fusion"] < costs["ensemble of the teachers"]
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["student"]["parameters"] <= 5000
    columns, target, _ = tl.load(tmp_path / "run").check_rows()
    assert len(tl.load(tmp_path / "run").predict(columns)) == len(target) == 397
