"""Stream: what was before is before, no price of the last day is shown, a short run follows the market."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from tutelage.core import InputError
from tutelage.fusion import Performance
from tutelage.recipes._stream_table import AGO, BLOCKS, NAMES, ago, change_of_market, make_rows, read_table, usual
from tutelage.recipes._stream_teachers import Online, growing_tree, make_teachers
from tutelage.recipes._tables import STUDENT
from tutelage.recipes.stream import stream
from tutelage.search.prequential import STILL
from tutelage.teaching.sources import ask_one


@pytest.fixture(scope="module")
def folder(data: Path) -> Path:
    """The folder of the public set."""
    return data / "stream-elec2"


def test_what_was_before_is_before(folder: Path, tmp_path: Path) -> None:
    table, _ = read_table(folder, tmp_path)
    up = (table["class"] == "UP").astype(float)
    for name, rows in AGO.items():
        assert (table[name][rows:] == up[:-rows]).all()
        assert (table[name][:rows] == 0.5).all()
    row = 2000
    assert table["usual"][row] == pytest.approx((1 + up[row - 48 * np.arange(1, 29)].sum()) / 30)
    assert float((table["last"][1:] == up[1:]).mean()) == pytest.approx(0.8533, abs=1e-4)


def test_the_label_is_the_price_against_its_last_day_which_nobody_is_shown(folder: Path, tmp_path: Path) -> None:
    table, _ = read_table(folder, tmp_path)
    price = table["nswprice"]
    means = np.convolve(price, np.full(48, 1 / 48), "valid")[:-1]  # of the 48 half-hours before
    assert float(((price[48:] > means) == (table["class"][48:] == "UP")).mean()) > 0.999
    assert set(BLOCKS[STUDENT]) & {"date", "class"} == set()
    assert change_of_market(table) == 17424


def test_columns_of_earlier_labels_do_not_look_ahead() -> None:
    up = np.random.default_rng(0).integers(0, 2, 300).astype(np.float32)
    other = up.copy()
    other[200:] = 1 - other[200:]
    assert (usual(up, 2)[:201] == usual(other, 2)[:201]).all()
    assert (ago(up, 1)[:201] == ago(other, 1)[:201]).all()
    assert len(ago(up[:3], 48)) == 3


def test_a_teacher_says_the_same_whatever_comes_later(folder: Path, tmp_path: Path) -> None:
    table, _ = read_table(folder, tmp_path)
    table = {name: column[:2000] for name, column in table.items()}
    later = dict(table)
    for name in ("nswprice", "nswdemand", "class"):
        later[name] = np.concatenate([table[name][:1800], table[name][1800:][::-1]])
    row = np.arange(1344, 2000)
    for one, other in zip(*(make_teachers(make_rows(t, 0.9)) for t in (table, later)), strict=True):
        rows, changed = (make_rows(t, 0.9) for t in (table, later))
        said: Any = ask_one(one, rows.columns, row)
        then: Any = ask_one(other, changed.columns, row)
        before = 1800 - 1344
        assert (said.scores[:before] == then.scores[:before]).all(), one.name


def test_the_growing_tree_learns_and_has_a_say_before_it_knows_anything() -> None:
    tree = growing_tree()
    draw = np.random.default_rng(0)
    table = draw.normal(size=(1500, 2))
    said = np.where(table[:, 0] > 0, "UP", "DOWN")
    assert np.allclose(tree.predict_proba(table[:3]), 0.5)
    assert tree.predict_proba(table[:0]).shape == (0, 2)
    assert isinstance(tree.partial_fit(table[:1000], said[:1000]), Online)
    assert (tree.predict(table[1000:]) == said[1000:]).mean() > 0.85
    assert tuple(tree.classes_) == NAMES


def test_a_short_run_goes_through(folder: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"rows": 1872, "first": 0.923, "seeds": 2, "epochs": 1, "block": 96}
    report = stream(data=folder, fusion=Performance(), run=tmp_path, **asked)
    metrics = {one.name: one.metrics["accuracy"][0] for one in report.contenders}
    assert {"linear of a month", "trees of half a year", "growing tree", "no change", "time of day"} <= set(metrics)
    assert {STILL, "student: chosen fusion", "student: hard pseudo-labels of the ensemble"} <= set(metrics)
    assert metrics["linear of a month"] > 0.75
    assert [chapter.key for chapter in report.chapters] == ["over_time"]
    assert (tmp_path / "report.html").exists()


def test_a_gap_in_time_another_class_and_too_little_are_told(folder: Path, tmp_path: Path) -> None:
    table = polars.read_csv(folder / "electricity.csv").head(3000)
    broken = tmp_path / "electricity.csv"
    polars.concat([table.head(100), table.tail(2880)]).write_csv(broken)
    with pytest.raises(InputError, match="row 100 is not the half-hour after row 99"):
        stream(data=tmp_path)
    table.with_columns(polars.col("class").str.replace("UP", "SIDEWAYS")).write_csv(broken)
    with pytest.raises(InputError, match=r"'class' holds \['SIDEWAYS'\]"):
        stream(data=tmp_path)
    with pytest.raises(InputError, match=r"--first 0\.5 of 3000 rows are 1488"):
        stream(data=folder, rows=3000, first=0.5)
    with pytest.raises(InputError, match=r"--data a folder with electricity\.csv"):
        stream(data=tmp_path / "nowhere")
