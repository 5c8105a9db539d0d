"""Views that are missing, a student on one of them, and short runs on real digits and reviews."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from tutelage.core import InputError
from tutelage.fusion import Mean
from tutelage.recipes import _multimodal_digits as digits
from tutelage.recipes import _multimodal_reviews as reviews
from tutelage.recipes.multimodal import multimodal
from tutelage.train import Cost
from tutelage.train.contest import taking


def test_other_views_are_missing_in_training_rows_only(data: Path) -> None:
    views, target = digits.read_views(data / "multiview-mfeat")
    rows = digits.make_rows(views, target, 3, "zer", 0.5)
    assert rows.columns["features"].shape == (1600, 47)
    lost = {name: ~rows.columns[f"has {name}"] for name in digits.VIEWS}
    assert not lost["zer"].any()
    outside = np.setdiff1d(np.arange(1600), rows.train)
    for name in set(digits.VIEWS) - {"zer"}:
        assert not lost[name][outside].any()
        assert 0.4 < lost[name][rows.train].mean() < 0.6
        assert not rows.columns[name][lost[name]].any()
    assert not np.array_equal(lost["fac"], lost["pix"])


def test_a_teacher_says_nothing_where_its_view_is_missing(data: Path) -> None:
    views, target = digits.read_views(data / "multiview-mfeat")
    rows = digits.make_rows(views, target, 0, "zer", 0.5)
    teacher = next(one for one in digits.make_teachers(rows, 0) if one.name == "mor")
    row = rows.train[:60]
    answer = teacher.answer({name: rows.columns[name][row] for name in teacher.reads})
    assert answer.valid.tolist() == rows.columns["has mor"][row].tolist()


def test_views_that_do_not_agree_are_refused(data: Path, tmp_path: Path) -> None:
    for name in digits.VIEWS:
        lines = (data / "multiview-mfeat" / f"mfeat-{name}.csv").read_text().splitlines()[:40]
        (tmp_path / f"mfeat-{name}.csv").write_text("\n".join(lines[:-1] if name == "pix" else lines))
    with pytest.raises(InputError, match=r"mfeat-pix\.csv has other digits"):
        digits.read_views(tmp_path)
    (tmp_path / "mfeat-kar.csv").unlink()
    with pytest.raises(InputError, match=r"mfeat-kar\.csv is not there: give --data"):
        multimodal(data=tmp_path)
    with pytest.raises(InputError, match=r"share of rows in \[0, 1\), got 1"):
        multimodal(data=tmp_path, missing=1.0)


@pytest.fixture
def few(data: Path, tmp_path: Path) -> Path:
    """The first views of 20 rows of each digit."""
    for name in digits.VIEWS:
        head, *lines = (data / "multiview-mfeat" / f"mfeat-{name}.csv").read_text().splitlines()
        taken = [line for digit in range(10) for line in [one for one in lines if one.endswith(f",{digit}")][:20]]
        (tmp_path / f"mfeat-{name}.csv").write_text("\n".join([head, *taken]))
    return tmp_path


def test_a_short_run_on_digits(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.evaluate.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))
    report = multimodal(data=few, view="mor", seeds=1, epochs=2, fusion=Mean())
    assert {one.name for one in report.contenders} >= {*digits.VIEWS, "student: hard pseudo-labels of the ensemble"}


def test_a_student_needs_its_own_view_only(few: Path) -> None:
    with taking() as taken:
        multimodal(data=few, view="mor")
    rows: Any = taken[0].rows
    made = rows(0)
    assert made.preparation.reads == tuple(f"mor{place}" for place in range(6))
    assert made.inputs == ("features",)


def test_reviews_are_tested_on_their_own_file(data: Path, tmp_path: Path) -> None:
    folder = data / "multimodal-clothing-reviews"
    table, yes, parts, record = reviews.read_reviews(folder, tmp_path)
    assert (len(parts.test), int(yes[parts.test].sum())) == (2349, 1933)
    assert "Rating" not in table
    rows = reviews.make_rows(table, yes, parts, record)
    assert rows.task is not None
    assert rows.task.headline == "roc_auc"
    assert reviews.sent_back({"text": "Pretty . I returned it the same day"}) == "no"
    assert reviews.sent_back({"text": "The back is lovely"}) is None


def test_a_short_run_on_reviews(data: Path, tmp_path: Path) -> None:
    for name in ("val.csv", "test.csv"):
        polars.read_csv(data / "multimodal-clothing-reviews" / name).head(300).write_csv(tmp_path / name)
    report = multimodal(on="reviews", data=tmp_path, seeds=1, epochs=2, fusion=Mean())
    assert report.headline == "roc_auc"
    assert {"words", "letters", "table", "sent back"} <= {one.name for one in report.contenders}
