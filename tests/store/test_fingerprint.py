"""Fingerprints are equal for equal contents and different for different ones."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tutelage.core import InputError
from tutelage.store.fingerprint import digest, of_bytes, of_columns, of_file, of_module


def one(array: np.ndarray, start: int = 0, stop: int | None = None) -> str:
    return of_columns({"c": array}, ["c"], start, len(array) if stop is None else stop)["c"]


def test_digest_knows_where_parts_end_and_what_they_are() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab") != digest(b"ab")
    assert digest("ab", b"c") == digest("ab", b"c")
    assert len(digest()) == 32


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.array([1, 2], dtype="<i4"), np.array([1, 2], dtype=">i4")),
        (np.arange(12.0).reshape(3, 4), np.asfortranarray(np.arange(12.0).reshape(3, 4))),
        (np.arange(8)[::2], np.array([0, 2, 4, 6])),
        (np.array(["a", "bc"]), np.array(["a", "bc"], dtype="U40")),
        (np.array(["a", "bc"]), np.array(["a", "bc"], dtype=object)),
        (np.array([{"a": 1, "b": [2]}, None], dtype=object), np.array([{"b": [2], "a": 1}, None], dtype=object)),
    ],
)
def test_how_values_are_kept_does_not_matter(left: np.ndarray, right: np.ndarray) -> None:
    assert one(left) == one(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.array([1, 2], dtype=np.int32), np.array([1, 3], dtype=np.int32)),
        (np.array([1, 2], dtype=np.int32), np.array([1, 2], dtype=np.int64)),
        (np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2)[:2]),
        (np.array(["ab", "c"]), np.array(["a", "bc"])),
        (np.array(["1", None], dtype=object), np.array([1, None], dtype=object)),
        (np.array(["nan", None], dtype=object), np.array([float("nan"), None], dtype=object)),
        (np.array([b"x", None], dtype=object), np.array(["x", None], dtype=object)),
        (np.array([[1, 2], None], dtype=object), np.array([[2, 1], None], dtype=object)),
        (np.array([True, False]), np.array([True, True])),
        (np.array(["2020-01-01"], dtype="M8[D]"), np.array(["2020-01-02"], dtype="M8[D]")),
    ],
)
def test_a_change_is_noticed(left: np.ndarray, right: np.ndarray) -> None:
    assert one(left) != one(right)


def test_objects_in_objects_count_by_content() -> None:
    day = datetime.date(2024, 2, 29)
    inner = np.empty(3, dtype=object)
    inner[:] = [np.arange(3), torch.arange(3), day]
    other = np.empty(3, dtype=object)
    other[:] = [np.arange(3), torch.arange(3), day + datetime.timedelta(days=1)]
    assert one(inner) == one(inner.copy())
    assert one(inner) != one(other)
    assert one(inner[:2]) == one(other[:2])


def test_only_the_asked_rows_and_columns_count() -> None:
    columns = {"a": np.arange(10), "b": np.arange(10)}
    before = of_columns(columns, ["a", "b"], 2, 5)
    columns["a"] = columns["a"].copy()
    columns["a"][[1, 5]] = -1
    assert of_columns(columns, ["a", "b"], 2, 5) == before
    columns["a"][4] = -1
    after = of_columns(columns, ["a", "b"], 2, 5)
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]


def test_what_has_no_canonical_bytes_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"'c' holds a slice"):
        one(np.array([slice(1), None], dtype=object))
    with pytest.raises(InputError, match=r"\['gone'\] are not there"):
        of_columns({"c": np.arange(2)}, ["gone"], 0, 1)


def test_modules_differ_by_weights_buffers_and_settings() -> None:
    def make(stride: int = 1, seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, 2, 3, stride=stride), nn.BatchNorm2d(2), nn.ReLU())

    assert of_module(make()) == of_module(make())
    assert of_module(make()) != of_module(make(seed=1))
    assert of_module(make()) != of_module(make(stride=2))
    assert of_module(make()) != of_module(make().to(torch.bfloat16))
    moved = make()
    moved.get_buffer("1.running_mean").add_(1)
    assert of_module(make()) != of_module(moved)


def test_files_count_by_content(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"same")
    assert of_file(tmp_path / "a") == of_file(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"other")
    assert of_file(tmp_path / "a") != of_file(tmp_path / "b")
    assert of_bytes(b"same") != of_bytes(b"other")
    with pytest.raises(InputError, match="cannot read"):
        of_file(tmp_path / "gone")
