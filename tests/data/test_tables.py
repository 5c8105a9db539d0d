"""Tables from files, the malformed ones included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from tutelage.core import InputError
from tutelage.data import read_columns, read_table

ROWS = [
    {"x": i % 7, "word": "ab"[i % 2], "gap": None if i % 5 == 0 else i / 2, "y": ["no", "yes"][i % 2]}
    for i in range(60)
]


def written(folder: Path, suffix: str, rows: list[dict[str, Any]] = ROWS, name: str = "table") -> Path:
    frame, path = polars.DataFrame(rows), folder / f"{name}{suffix}"
    writers = {
        ".csv": frame.write_csv,
        ".CSV": frame.write_csv,
        ".tsv": lambda p: frame.write_csv(p, separator="\t"),
        ".parquet": frame.write_parquet,
        ".jsonl": frame.write_ndjson,
    }
    writers[suffix](path)
    return path


def text(folder: Path, content: str | bytes, name: str = "bad.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv", ".parquet", ".jsonl"])
def test_every_format_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    found = read_table(written(tmp_path, suffix), "y")
    plain = read_table(written(tmp_path, ".parquet", name="plain"), "y")
    assert found.preparation.digest == plain.preparation.digest
    assert np.array_equal(found.rows.columns["features"], plain.rows.columns["features"])
    assert found.rows.space.names == ("no", "yes")
    assert found.rows.target.tolist() == [i % 2 for i in range(60)]
    assert found.preparation.features["features"][:3] == ("x", "gap", "gap_missing")
    assert len(found.rows.train) + len(found.rows.validation) + len(found.rows.test) == 60


BROKEN: dict[str, tuple[str | bytes, str, str]] = {
    "empty": ("", "bad.csv", r"bad\.csv cannot be read as csv: empty"),
    "header only": ("a,b\n", "bad.csv", r"bad\.csv holds no rows"),
    "twice": ("a,b,a\n1,2,3\n", "bad.csv", r"bad\.csv names columns \['a'\] more than once"),
    "long line": ("a,b\n1,2\n3,4,5\n", "bad.csv", r"bad\.csv, line 3 has 3 fields, the header has 2"),
    "short line": ("a,b\n1,2\n3\n5,6\n", "bad.csv", r"bad\.csv, line 3 has 1 fields, the header has 2"),
    "not text": (b"a,b\n1,\xff\xfe\n", "bad.csv", r"bad\.csv cannot be read as csv: invalid utf-8"),
    "no parquet": (b"PAR1 and then nothing", "bad.parquet", r"bad\.parquet cannot be read as parquet"),
    "no json": ('{"a": 1}\n{"a":\n', "bad.jsonl", r"bad\.jsonl, line 2 is no JSON"),
    "no object": ('{"a": 1}\n[1, 2]\n', "bad.jsonl", r"bad\.jsonl, line 2 is no JSON object"),
    "nested": ('{"a": {"b": 1}, "c": 2}\n', "bad.jsonl", r"bad\.jsonl: column 'a' holds Struct.* per row"),
    "unknown": ("a,b\n", "bad.xls", r"bad\.xls: tables are read from \.csv, \.tsv, \.parquet"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named(tmp_path: Path, case: str) -> None:
    content, name, message = BROKEN[case]
    with pytest.raises(InputError, match=message):
        read_columns(text(tmp_path, content, name))


def test_a_truncated_parquet_file_and_a_missing_one_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, ".parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"table\.parquet cannot be read"):
        read_columns(path)
    for missing in (tmp_path / "gone.csv", tmp_path):
        with pytest.raises(InputError, match="there is no file"):
            read_columns(missing)


def test_empty_lines_are_no_rows_but_gaps_are(tmp_path: Path) -> None:
    found = read_columns(text(tmp_path, "a,b\n1,x\n\n2,\n,\n3,z\n\n\n"))
    assert found["a"].tolist()[:2] == [1, 2]
    assert found["b"].tolist() == ["x", None, None, "z"]
    quoted = read_columns(text(tmp_path, 'a,b\n"1,5",\n"two\nlines",y\n'))
    assert quoted["a"].tolist() == ["1,5", "two\nlines"]


def test_byte_order_marks_and_line_ends_of_other_systems(tmp_path: Path) -> None:
    found = read_columns(text(tmp_path, b"\xef\xbb\xbfa,b\r\n1,\r\n2,y\r\n"))
    assert found["a"].tolist() == [1, 2]
    assert found["b"].tolist() == [None, "y"]


@pytest.mark.parametrize(
    ("content", "target", "options", "message"),
    [
        ("x,y\n1,a\n2,b\n", "z", {}, r"has no column 'z'; there are \['x', 'y'\]"),
        ("y\na\nb\na\n", "y", {}, "no column can be used as a feature"),
        ("x,y\n1,a\n2,a\n3,a\n", "y", {}, r"holds the single class \('a',\)"),
        ("x,y\n1,a\n", "y", {}, "single class"),
        ("x,y\n1,a\n2,b\n", "y", {"task": "regression"}, r"\['y'\] holds 'a' in row 0, which is no number"),
        ("x,y,z\n1,a,1\n2,b,0\n", ("y", "z"), {}, r"holds 'a' in row 0, which is no number"),
        ("x,y,z\n1,1,1\n2,0,0\n", ("y", "z"), {"task": "classification"}, "one target column.*multilabel"),
        ("x,y\n1,1\n2,7\n", "y", {"task": "multilabel"}, r"labels are 0 or 1 .*7"),
        ("x,y\n1,1\n2,7\n", "y", {"task": "ranking"}, "'ranking' is not known: classification, multilabel, regression"),
    ],
)
def test_targets_that_do_not_fit_are_refused(
    tmp_path: Path, content: str, target: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_table(text(tmp_path, content), target, **options)


def test_the_task_is_found_or_asked_for(tmp_path: Path) -> None:
    lines = "\n".join(f"{i},{i / 3},{i % 2},{i % 3 // 2},{1000 + i}" for i in range(90))
    path = text(tmp_path, f"x,price,a,b,amount\n{lines}\n", "table.csv")
    assert read_table(path, "price").rows.space.kind == "values"
    assert read_table(path, "a").rows.space.kind == "classes"
    assert read_table(path, ["a", "b"]).rows.space.kind == "labels"
    assert read_table(path, ["a", "price"]).rows.space.kind == "values"
    assert read_table(path, "a", task="multilabel").rows.space.names == ("a",)
    with pytest.raises(InputError, match=r"'amount' holds 90 different whole numbers.*--task classification or"):
        read_table(path, "amount")
    assert read_table(path, "amount", task="regression").rows.space.kind == "values"
    assert len(read_table(path, "amount", task="classification").rows.space.names) == 90


def test_targets_and_ignored_columns_are_no_features(tmp_path: Path) -> None:
    found = read_table(written(tmp_path, ".csv"), "y", ignore=["word"])
    assert found.preparation.reads == ("x", "gap")
    assert "word" not in found.rows.columns


def test_a_file_of_test_rows_decides_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, ".csv")
    one = read_table(path, "y", test=written(tmp_path, ".csv", ROWS[:6], "one"))
    other = [{"x": 1, "word": 5, "gap": "", "y": "yes"}, {"x": 999, "word": 6, "gap": "3", "y": "no"}]
    two = read_table(path, "y", test=written(tmp_path, ".csv", other, "two"))
    assert one.preparation.digest == two.preparation.digest
    assert one.rows.test.open("to count").tolist() == list(range(60, 66))
    assert np.array_equal(one.rows.train, two.rows.train)
    strange = written(tmp_path, ".csv", [{"x": "many", "word": "a", "gap": 1, "y": "no"}], "three")
    with pytest.raises(InputError, match=r"column 'x', row 0: 'many' is no number"):
        read_table(path, "y", test=strange)
    short = written(tmp_path, ".csv", [{"x": 1, "y": "no"}], "four")
    with pytest.raises(InputError, match=r"four\.csv lacks columns \['gap', 'word'\]"):
        read_table(path, "y", test=short)


def test_what_is_left_out_is_remarked(tmp_path: Path) -> None:
    rows = [{"id": f"r{i}", "x": i % 3, "same": 4, "y": i % 2} for i in range(40)]
    remarks = read_table(written(tmp_path, ".csv", rows), "y").remarks
    assert remarks == (
        "column 'id' is left out: it is another text in every training row",
        "column 'same' is left out: it is 4 in all training rows",
    )
