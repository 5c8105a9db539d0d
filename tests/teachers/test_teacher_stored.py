"""Stored predictions: formats, keys, abstention, duplicates."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tutelage.core import Classes, InputError, Labels, MissingExtraError, Space, Values
from tutelage.teachers import StoredRowsTeacher, StoredTeacher, stored

TABLE: dict[str, Any] = {
    "id": [30, 10, 20, 40],
    "p_cat": [0.9, 0.2, None, 0.5],
    "p_dog": [0.1, 0.8, None, 0.5],
    "label": ["cat", "dog", None, "cat"],
}


def _write(path: Path, table: dict[str, Any]) -> Path:
    frame = pl.DataFrame(table)
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        arrays: dict[str, Any] = {name: np.array(column) for name, column in table.items()}
        np.savez(path, **arrays)
    return path


def _numbers(names: str = "p_cat p_dog") -> dict[str, Any]:
    return {n: [np.nan if v is None else v for v in TABLE[n]] for n in names.split()}


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    teacher = stored(_write(tmp_path / f"p{suffix}", {"id": TABLE["id"], **_numbers()}), key="id")
    assert isinstance(teacher, StoredTeacher)
    answer = teacher.answer({"id": np.array([10, 99, 30, 20, 10])})
    assert isinstance(answer, Classes)
    assert teacher.space.names == ("cat", "dog")
    assert answer.valid.tolist() == [True, False, True, False, True]
    assert np.allclose(answer.probs()[[0, 2, 4]].numpy(), [[0.2, 0.8], [0.9, 0.1], [0.2, 0.8]], atol=1e-5)
    assert teacher.missing == 1
    assert teacher.output_found == "probabilities (declared)"


def test_missing_numbers_in_a_table_abstain(tmp_path: Path) -> None:
    teacher = stored(_write(tmp_path / "p.parquet", {n: TABLE[n] for n in ("id", "p_cat", "p_dog")}), key="id")
    assert teacher.answer({"id": np.array([20])}).valid.tolist() == [False]


@pytest.mark.parametrize(
    "asked", [np.array(["10", "30"]), np.array([10.0, 30.0]), np.array(["10", "30"], dtype=object)]
)
def test_keys_of_another_type(tmp_path: Path, asked: np.ndarray) -> None:
    teacher = stored(_write(tmp_path / "p.csv", {"id": TABLE["id"], **_numbers()}), key="id")
    assert teacher.answer({"id": asked}).valid.tolist() == [True, True]


def test_keys_of_text(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.csv", {"id": ["b", "a"], "p_x": [0.3, 1.0], "p_y": [0.7, 0.0]})
    answer: Any = stored(path, key="id").answer({"id": np.array(["a", "b", "long name"])})
    assert answer.valid.tolist() == [True, True, False]
    assert answer.probs()[:2].argmax(1).tolist() == [0, 1]


def test_votes(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.parquet", {"id": TABLE["id"], "label": TABLE["label"]})
    teacher = stored(path, key="id")
    answer = teacher.answer({"id": np.array(TABLE["id"])})
    assert isinstance(answer, Classes)
    assert answer.kind == "votes"
    assert answer.valid.tolist() == [True, True, False, True]
    assert answer.scores.tolist() == [[1, 0], [0, 1], [0, 0], [1, 0]]
    with pytest.raises(InputError, match=r"holds \['dog'\], which are not among \['cat', 'cow'\]"):
        stored(path, key="id", classes=["cat", "cow"])


def test_values(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.csv", {"row": [1, 0], "mean": [2.0, 1.0], "scale": [0.2, 0.1]})
    teacher = stored(path)
    assert isinstance(teacher, StoredRowsTeacher)
    answer = teacher.answer_rows({}, np.array([0, 1, 2]))
    assert isinstance(answer, Values)
    assert answer.scale is not None
    assert answer.mean[:2, 0].tolist() == [1, 2]
    assert np.allclose(answer.scale[:2, 0].numpy(), [0.1, 0.2])
    assert answer.valid[:, 0].tolist() == [True, True, False]
    price = _write(tmp_path / "q.csv", {"row": [1, 0], "price": [2.0, 1.0], "age": [3, 4]})
    named: Any = stored(price, space=Space(Values, ("price",))).answer_rows({}, np.array([0]))  # type: ignore[union-attr]
    assert named.mean.tolist() == [[1.0]]
    with pytest.raises(InputError, match="ask answer_rows"):
        teacher.answer({})


def test_columns_under_class_names_and_found_kinds(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.csv", {"row": [0, 1], "dog": [3.0, -1.0], "cat": [0.5, 2.0], "age": [3, 4]})
    space = Space(Classes, ("cat", "dog"))
    teacher = stored(path, space=space)
    assert teacher.space.names == ("dog", "cat")
    assert teacher.output_found == "logits (found out: rows do not sum to 1)"
    told = stored(path, columns=["dog", "cat"], classes=["D", "C"], output="logits")
    assert told.space.names == ("D", "C")
    with pytest.raises(InputError, match="output is 'probs', declared"):
        stored(path, columns=["dog", "cat"], output="probs")
    log = _write(tmp_path / "l.csv", {"row": [0], "log_prob_a": [-0.1053605], "log_prob_b": [-2.302585]})
    assert stored(log).output_found == "log-probabilities (declared)"


def test_labels(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.parquet", {"row": [0, 1], "p_a": [0.9, None], "p_b": [0.8, 0.1]})
    teacher: Any = stored(path, space=Space(Labels, ("a", "b")))
    answer = teacher.answer_rows({}, np.array([0, 1]))
    assert isinstance(answer, Labels)
    assert answer.valid.tolist() == [[True, True], [False, True]]


def test_errors_name_the_culprit(tmp_path: Path) -> None:
    twice = _write(tmp_path / "t.csv", {"id": [1, 2, 2, 3, 3], "p_a": [1.0] * 5, "p_b": [0.0] * 5})
    with pytest.raises(InputError, match=r"2 keys more than once, such as \[2, 3\]"):
        stored(twice, key="id")
    with pytest.raises(InputError, match="no key column 'row'; it has"):
        stored(twice)
    nothing = _write(tmp_path / "n.csv", {"row": [1], "text": ["a"]})
    with pytest.raises(InputError, match="no predictions found"):
        stored(nothing)
    with pytest.raises(InputError, match=r"which lack \['p'\]"):
        stored(nothing, columns=["p"])
    words = _write(tmp_path / "w.csv", {"row": [1], "p_a": ["much"], "p_b": ["little"]})
    with pytest.raises(InputError, match="do not hold numbers only"):
        stored(words)
    sums = _write(tmp_path / "s.csv", {"row": [1], "p_a": [0.7], "p_b": [0.7]})
    with pytest.raises(InputError, match=r"a row sums to 1\.4"):
        stored(sums)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    for name in ("broken.parquet", "broken.npz"):
        with pytest.raises(InputError, match="cannot be read"):
            stored(tmp_path / name)
    empty = _write(tmp_path / "e.csv", {"row": [1, None], "p_a": [1.0, 1.0], "p_b": [0.0, 0.0]})
    with pytest.raises(InputError, match="keys are empty"):
        stored(empty)


def test_pickled_arrays_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", row=np.arange(1), label=np.array(["a"], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        stored(tmp_path / "p.npz")


def test_missing_extra_and_npz_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"row": [0, 1], "p_a": [0.5, 0.5], "p_b": [0.5, 0.5]}
    csv, npz = _write(tmp_path / "p.csv", table), _write(tmp_path / "p.npz", table)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"tutelage\[data\]"):
        stored(csv)
    assert stored(npz).space.names == ("a", "b")


def test_fingerprint_is_of_the_predictions(tmp_path: Path) -> None:
    table = {"row": [0, 1], "p_a": [0.5, 0.5], "p_b": [0.5, 0.5]}
    one = stored(_write(tmp_path / "a.csv", table)).fingerprint
    assert one == stored(_write(tmp_path / "b.parquet", table)).fingerprint
    table["p_a"], table["p_b"] = [0.5, 0.6], [0.5, 0.4]
    assert one["weights"] != stored(_write(tmp_path / "c.csv", table)).fingerprint["weights"]
