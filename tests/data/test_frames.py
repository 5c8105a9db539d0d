"""Data frames become rows the way files do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from sklearn.datasets import load_wine

from tutelage.core import InputError
from tutelage.data import read_table


def frame() -> polars.DataFrame:
    data: Any = load_wine()
    columns = {name: data.data[:, i] for i, name in enumerate(data.feature_names)}
    kinds = polars.Series("kind", [None if i == 3 else f"k{t}" for i, t in enumerate(data.target)])
    return polars.DataFrame(columns).with_columns(
        kinds, polars.Series("old", data.data[:, 0] > 13), polars.Series("shop", np.array(["a", "b"])[data.target % 2])
    )


def test_a_frame_and_its_file_give_the_same_rows(tmp_path: Path) -> None:
    frame().write_parquet(tmp_path / "wine.parquet")
    one, two = read_table(frame(), "kind"), read_table(tmp_path / "wine.parquet", "kind")
    assert one.preparation.digest == two.preparation.digest
    assert np.array_equal(one.rows.columns["features"], two.rows.columns["features"])
    assert one.rows.space == two.rows.space
    assert np.array_equal(one.rows.train, two.rows.train)
    assert not one.rows.labelled[3]


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(InputError, match="a file or a data frame, got list"):
        read_table([1, 2], "kind")
    with pytest.raises(InputError, match="holds no rows"):
        read_table(frame().head(0), "kind")
    with pytest.raises(InputError, match="the data frame has no column 'grape'"):
        read_table(frame(), "grape")
