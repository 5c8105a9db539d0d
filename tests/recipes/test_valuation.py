"""Valuation, the worked example of docs/extending.md: its rows, its rule, a short run, and the page's excerpts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest

from docs.blocks import blocks
from outside import REPO
from tutelage.core import InputError
from tutelage.fusion import Mean
from tutelage.recipes.valuation import make_rows, rich, valuation


@pytest.fixture(scope="module")
def few(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every tenth district."""
    folder = tmp_path_factory.mktemp("housing")
    polars.read_csv(data / "tabular-housing" / "housing.csv").gather_every(10).write_csv(folder / "housing.csv")
    return folder


def test_the_price_is_no_column_and_few_prices_are_known(few: Path) -> None:
    rows = make_rows(few, labelled=0.1)
    assert "median_house_value" not in rows.columns
    assert 0.09 < len(rows.labelled_train) / len(rows.train) < 0.11
    assert np.isnan(rows.columns["total_bedrooms"]).any()
    assert np.isfinite(rows.columns["features"]).all()


def test_the_rule_abstains() -> None:
    assert rich({"median_income": 3.0}) is None
    assert rich({"median_income": 12.0}) == 500_001.0


def test_a_short_run_goes_through(few: Path, tmp_path: Path) -> None:
    report = valuation(data=few, seeds=1, epochs=1, fusion=Mean(), run=tmp_path)
    assert report.headline == "rmse"
    assert {"place", "people", "trees", "rich", "student: chosen fusion"} <= {one.name for one in report.contenders}
    assert (tmp_path / "student.pt2").exists()


def test_without_the_file_it_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--data a folder with housing\.csv"):
        valuation(data=tmp_path / "nowhere")


def test_the_page_shows_what_stands_in_the_files() -> None:
    source = (REPO / "src/tutelage/recipes/valuation.py").read_text() + Path(__file__).read_text()
    shown = [block.text for block in blocks(REPO / "docs" / "extending.md") if block.language == "py"]
    assert len(shown) >= 4
    for text in shown:
        for part in text.strip().split("\n\n...\n\n"):
            assert part.strip() in source, part
