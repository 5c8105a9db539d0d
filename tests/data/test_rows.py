"""Rows: who may look at which, what is refused, and how targets are read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tutelage as tl
from tutelage.core import Classes, InputError, Labels, LeakageError, Space, Values
from tutelage.data import FittedRecipe, Rows, rows_of
from tutelage.data.rows import batch_count
from tutelage.data.target import class_name, encode_target, split

X = np.arange(40, dtype=np.float32).reshape(20, 2)
Y = np.arange(20) % 2


def cut(parts: dict[str, list[int]]) -> Rows:
    given: dict[str, Any] = {name: np.array(row, dtype=np.int64) for name, row in parts.items()}
    return rows_of(X, Y, **given)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": [0, 1, 2], "validation": [2, 3], "test": [4]}, r"1 rows are both train and validation rows .*\[2\]"),
        ({"train": [0, 1, 2], "validation": [3], "test": [1]}, "both train and test"),
        ({"train": [0], "validation": [3, 4], "test": [4]}, "both validation and test"),
    ],
)
def test_a_row_in_two_splits_is_a_leak(parts: dict[str, list[int]], message: str) -> None:
    with pytest.raises(LeakageError, match=message):
        cut(parts)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": [0, 20]}, r"train names row 20, but the table has rows 0\.\.19"),
        ({"train": [0], "test": [99]}, "test names row 99"),
        ({"train": [0], "validation": [-1]}, "validation names row"),
        ({"train": [0, 0]}, "train names some rows twice"),
        ({"train": []}, "no training rows"),
        ({"validation": [1]}, "train, validation and test rows together"),
    ],
)
def test_splits_that_do_not_fit_are_refused(parts: dict[str, list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        cut(parts)


def test_columns_the_student_cannot_use_are_refused() -> None:
    with pytest.raises(InputError, match=r"same number of rows, got \{'features': 20, 'target': 19\}"):
        rows_of(X, Y[:19])
    with pytest.raises(InputError, match=r"'words' has type .*prepare"):
        rows_of({"words": np.array(["a"] * 20)}, Y, inputs=["words"])
    bad = X.copy()
    bad[3, 1], bad[7, 0] = np.nan, np.inf
    with pytest.raises(InputError, match=r"'features' holds NaN or infinity in 2 rows \(first \[3, 7\]\)"):
        rows_of(bad, Y)
    with pytest.raises(InputError, match=r"columns \['gone'\] are not in the table"):
        rows_of(X, Y, inputs=["gone"])
    with pytest.raises(InputError, match=r"columns \(none\) are not"):
        rows_of({"words": np.array(["a"] * 20)}, Y)


def test_the_split_is_stratified_and_every_row_is_somewhere() -> None:
    target = np.repeat([0, 1, 2], [70, 27, 3])
    rows = rows_of(np.zeros((100, 1)), target)
    tested = rows.test.open("the test")
    parts = (rows.train, rows.validation, tested)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(100))
    counts = np.array([np.bincount(target[part], minlength=3) for part in parts])
    assert counts.tolist() == [[50, 19, 1], [10, 4, 1], [10, 4, 1]]
    assert rows.test.openings == ["the test"]
    assert not np.array_equal(rows.train, rows_of(np.zeros((100, 1)), target, seed=1).train)


def test_unlabelled_rows_train_and_are_not_tested() -> None:
    target: Any = np.array([None if i % 4 else str(i % 8) for i in range(80)], dtype=object)
    rows = rows_of(np.zeros((80, 1)), target)
    assert rows.space.names == ("0", "4")
    assert set(np.flatnonzero(np.arange(80) % 4)) <= set(rows.train)
    assert set(rows.labelled_train) == {int(r) for r in rows.train if r % 4 == 0}
    assert not rows.batch(np.array([1, 2])).labelled.any()


def test_labels_may_be_hidden_from_training_and_still_be_measured() -> None:
    rows = rows_of(X, Y, labelled=[i < 5 for i in range(20)])
    assert set(rows.labelled_train) <= set(range(5))
    row = np.arange(20)
    assert rows.batch(row).labelled.tolist() == [i < 5 for i in range(20)]
    assert rows.batch(row, truth=True).labelled.all()
    shown = rows.with_labels(np.array([7]))
    assert shown.batch(row).labelled.nonzero().flatten().tolist() == [7]


def test_batches_hold_each_row_once_whatever_their_size() -> None:
    rows = rows_of(X, Y)
    for count in range(1, 21):
        part = np.arange(count)
        for size in (1, 2, 3, 7, 64):
            for seed in (None, 0):
                found = list(rows.batches(part, size, seed=seed))
                assert sorted(int(r) for batch in found for r in batch.row) == part.tolist()
                assert seed is None or len(found) == batch_count(count, size)
                assert seed is None or size == 1 or count == 1 or all(len(batch) > 1 for batch in found)
    with pytest.raises(InputError, match="batch size must be at least 1"):
        list(rows.batches(rows.train, 0))


def test_arrays_that_may_not_be_written_are_taken_as_they_are() -> None:
    fixed = X.copy()
    fixed.setflags(write=False)
    batch = rows_of(fixed, Y).batch(np.array([3]))
    assert batch.inputs["features"].tolist() == [[6.0, 7.0]]


def test_weights_and_types_reach_the_batch() -> None:
    columns = {"wide": X.astype(np.float64), "count": Y.astype(np.int16), "bytes": np.zeros((20, 2, 2), np.uint8)}
    batch = rows_of(columns, Y, weight=np.linspace(0, 1, 20)).batch(np.array([0, 19]))
    assert [str(c.dtype) for c in batch.inputs.values()] == ["torch.float32", "torch.int64", "torch.uint8"]
    assert batch.weight.tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("value", "name"),
    [(1, "1"), (1.0, "1"), ("1", "1"), (True, "True"), (1.5, "1.5"), (None, None), (float("nan"), None), ("", None)],
)
def test_class_names(value: Any, name: str | None) -> None:
    assert class_name(value) == name


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ([1, 0, 2, 1], ("0", "1", "2")),
        ([1.0, 0.0, np.nan, 1.0], ("0", "1")),
        (["10", "9", "1", "9"], ("1", "9", "10")),
        ([True, False, True, True], ("False", "True")),
        (np.array(["b", None, "a", ""], dtype=object), ("a", "b")),
        (np.array([1, 1.0, "1", 2], dtype=object), ("1", "2")),
    ],
)
def test_classes_are_found(target: Any, names: tuple[str, ...]) -> None:
    coded, space, known = encode_target(target)
    assert space == Space(Classes, names)
    said = [class_name(value) for value in np.asarray(target).tolist()]
    assert known.tolist() == [value is not None for value in said]
    assert [names[c] for c, k in zip(coded, known, strict=True) if k] == [value for value in said if value is not None]


def test_values_and_labels_are_found() -> None:
    coded, space, known = encode_target([0.5, np.nan, 2.0, np.inf])
    assert (space, known.tolist()) == (Space(Values, ("value_0",)), [[True], [False], [True], [False]])
    assert np.isfinite(coded).all()
    assert encode_target(np.array([0.5, None], dtype=object))[2].tolist() == [[True], [False]]
    _, space, known = encode_target(np.eye(3, dtype=bool))
    assert (space, bool(known.all())) == (Space(Labels, ("label_0", "label_1", "label_2")), True)
    _, space, known = encode_target([[1, np.nan], [0, 1]], space=Space(Labels, ("a", "b")))
    assert known.tolist() == [[True, False], [True, True]]
    assert encode_target([1, 2, 3], space=Space(Values, ("y",)))[0].tolist() == [[1.0], [2.0], [3.0]]
    assert encode_target([1, 0, 1], space=Space(Labels, ("y",)))[1] == Space(Labels, ("y",))


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (["a", "b"], {"names": ["a", "c"]}, r"holds classes \['b'\] that are not among \['a', 'c'\]"),
        ([["a", "b"], ["c", "d"]], {}, r"shape \(2, 2\)"),
        (["1", "x"], {"space": Space(Values, ("y",))}, r"\['y'\] holds 'x' in row 1, which is no number"),
        ([[0, 2], [1, 0]], {"space": Space(Labels, ("a", "b"))}, r"labels are 0 or 1 .*\[2.0\]"),
    ],
)
def test_targets_that_do_not_fit_are_refused(target: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        encode_target(target, **options)


def test_a_class_of_one_row_is_in_training() -> None:
    train, validation, test = split(np.array([0] * 20 + [1]), Space(Classes, ("a", "b")), np.ones(21, dtype=bool))
    assert 20 in train
    assert 20 not in validation
    assert 20 not in test


def test_a_prepared_table_is_fitted_on_training_rows() -> None:
    chance = np.random.default_rng(0)
    columns = {"x": chance.normal(size=60), "word": np.array(["a", "b", "c"] * 20, dtype=object)}
    rows = rows_of(columns, np.arange(60) % 2, prepare=True)
    assert rows.inputs == ("features",)
    assert isinstance(rows.preparation, FittedRecipe)
    changed = {name: column.copy() for name, column in columns.items()}
    tested = rows.test.open("to change them")
    changed["x"][tested], changed["word"][tested] = 1e6, "new"
    again = rows_of(changed, np.arange(60) % 2, prepare=True)
    assert isinstance(again.preparation, FittedRecipe)
    assert again.preparation.digest == rows.preparation.digest
    assert np.array_equal(again.columns["features"][rows.taught], rows.columns["features"][rows.taught])


def test_a_column_called_like_the_prepared_one_is_kept() -> None:
    columns = {"features": np.arange(60.0), "x": np.arange(60.0)[::-1].copy()}
    rows = rows_of(columns, np.arange(60) % 2, prepare=True)
    assert rows.inputs == ("features_",)
    assert np.array_equal(rows.columns["features"], columns["features"])
    assert rows.columns["features_"].shape == (60, 2)


def test_rows_are_frozen_apart_from_what_replace_makes() -> None:
    rows: Rows = tl.rows_of(X, Y)
    other = replace(rows, train=rows.train[:3])
    assert len(other.train) == 3 < len(rows.train)
