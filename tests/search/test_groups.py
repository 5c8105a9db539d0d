"""Groups of numbers: what they cover, and rows whose groups come from elsewhere."""

from __future__ import annotations

import numpy as np

import tutelage as tl
from search.places import cloud_rows
from tutelage.search.groups import groups_of, mixed


def table(**columns: np.ndarray) -> tl.Rows:
    count = len(next(iter(columns.values())))
    return tl.rows_of(columns, np.arange(count) % 2)


def test_columns_of_numbers_are_groups_of_their_own() -> None:
    assert [group.name for group in groups_of(cloud_rows())] == [f"x{i}" for i in range(6)]


def test_features_of_a_matrix_are_groups_and_many_are_taken_together() -> None:
    few = groups_of(table(features=np.zeros((40, 3), dtype=np.float32)))
    assert [group.name for group in few] == ["features[0]", "features[1]", "features[2]"]
    many = groups_of(table(features=np.zeros((40, 130), dtype=np.float32)))
    assert many[0].name == "features[0:3]"
    assert sum(len(range(*group.entries[0].indices(130))) for group in many) == 130


def test_the_cells_of_an_image_cover_it_once() -> None:
    for shape in ((8, 8), (3, 9, 7), (9, 7, 3)):
        rows = table(image=np.zeros((40, *shape), dtype=np.float32))
        covered = np.zeros(shape)
        for group in groups_of(rows):
            covered[group.entries] += 1
        assert len(groups_of(rows)) == 16
        assert (covered == 1).all()


def test_only_the_chosen_groups_of_the_chosen_rows_come_from_elsewhere() -> None:
    rows = table(a=np.arange(6.0), b=np.arange(12.0).reshape(6, 2))
    groups, columns = groups_of(rows), {"a": rows.columns["a"], "b": rows.columns["b"]}
    chosen = np.zeros((6, 3), dtype=bool)
    chosen[1, 0] = chosen[2, 2] = True
    found = mixed(columns, groups, chosen, np.array([0, 5, 4, 0, 0, 0]))
    assert found["a"].tolist() == [0, 5, 2, 3, 4, 5]
    assert found["b"][2].tolist() == [4, 9]
    assert (np.delete(found["b"], 2, 0) == np.delete(columns["b"], 2, 0)).all()
    assert columns["a"][1] == 1


def test_a_preparation_is_explained_by_what_it_reads() -> None:
    words = np.array(["tea", "coffee"] * 30, dtype=object)
    rows = tl.rows_of({"kind": words, "price": np.arange(60.0)}, np.arange(60) % 2, prepare=True)
    assert {group.column for group in groups_of(rows)} == {"kind", "price"}
