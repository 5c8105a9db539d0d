"""What is counted on the way from sources to rows: it adds up, it is right, and it cannot leave anything out."""

from __future__ import annotations

import json
from pathlib import Path

import narwhals.stable.v2 as nw
import numpy as np
import polars
import pytest
from shop import ENGINES, ROWS, jsonl

from tutelage.core import InputError
from tutelage.data import DataRecord, Recipe, rows_of
from tutelage.data.contract import Field, Schema
from tutelage.data.record import LARGE_SHIFT, MatchRecord, SourceRecord, StepRecord
from tutelage.data.recording import (
    count_missing,
    drift_between,
    join_parts,
    match_rates,
    matched,
    prepared_part,
    rows_record,
    run_recorded,
    source_parts,
    stream_part,
)
from tutelage.data.relations import Aggregate, Join, Relations, Union
from tutelage.data.shift import shift_of
from tutelage.data.sources import JsonLines, Stream, Tail
from tutelage.data.steps import Duplicates, Impute


def test_records_and_rows_have_to_add_up() -> None:
    with pytest.raises(InputError, match=r"'clicks': 9 records were read, but 7 kept \+ 1 rejected \+ 0 late are 8"):
        SourceRecord("clicks", 9, 7, 1)
    with pytest.raises(InputError, match=r"'once': 9 rows .* are 9, but 8 came out: say what became of the others"):
        StepRecord("once", (), 9, 8)
    with pytest.raises(InputError, match="3 of 2 rows cannot have a partner"):
        MatchRecord("price", "as-of", "rows", "prices", 2, 3)
    record = DataRecord().adding(SourceRecord("clicks", 9, 8, 1))
    with pytest.raises(InputError, match=r"'once' says that it took 9 rows, but clicks has 8"):
        record.adding(StepRecord("once", ("clicks",), 9, 9))
    with pytest.raises(InputError, match=r"takes \['orders'\], which nobody recorded before"):
        record.adding(StepRecord("once", ("orders",), 8, 8))
    with pytest.raises(InputError, match="two tables are called 'clicks'"):
        record.adding(StepRecord("clicks", ("clicks",), 8, 8))
    with pytest.raises(InputError, match="sources need different names"):
        record.adding(SourceRecord("clicks", 1, 1))
    step = StepRecord("once", ("clicks",), 8, 7, {"the same again": 1})
    assert "once: 8 rows in, 7 out; 1 lost (the same again)" in list(record.adding(step).lines())
    assert not DataRecord()
    assert record


@pytest.mark.parametrize("engine", ENGINES)
def test_a_source_tells_what_it_rejected_and_what_it_lacks(engine: str, tmp_path: Path) -> None:
    jsonl(tmp_path)
    path = tmp_path / "shop.jsonl"
    path.write_text("{broken\n" + path.read_text())
    source = JsonLines("shop", path, key=("id",), time="at", most=0.1)
    record = DataRecord().adding(*source_parts(source, source.read(ENGINES[engine]())))
    (one,), (gaps,) = record.sources, record.missing
    assert (one.read, one.kept, one.rejected, one.late, one.time) == (61, 60, 1, 0, "at")
    assert sum(rule.count for rule in one.rules) == one.rejected
    assert one.rules[0].examples[0].startswith("shop.jsonl:1: {broken")
    assert gaps.rows == one.kept
    assert gaps.columns == {name: sum(row[name] is None for row in ROWS) for name in ROWS[0]}
    assert gaps.columns["price"] > 0


def test_late_records_of_a_stream_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    times = ["2025-01-01T00:00:00", "2025-01-03T00:00:00", "2025-01-02T00:00:00"]
    path.write_text("".join(json.dumps({"at": time}) + "\n" for time in times) + "{broken\n")
    stream = Stream("events", Tail(path), Schema({"at": Field("time")}), "at", tmp_path / "state")
    stream.commit(stream.poll(), None)
    part = stream_part(stream)
    assert (part.read, part.kept, part.rejected, part.late) == (4, 2, 1, 1)
    assert part.rules[0].count == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_gaps_are_nulls_nans_and_empty_texts(engine: str) -> None:
    columns = {
        "number": [1.0, float("nan"), None, 2.0],
        "text": ["a", "", None, "b"],
        "whole": [1, 2, None, 4],
        "yes": [True, False, True, True],
    }
    found = count_missing("t", ENGINES[engine]().table(polars.DataFrame(columns)))
    assert found.rows == 4
    assert found.columns == {"number": 2, "text": 2, "whole": 1, "yes": 0}
    arrays = {"number": np.array([1.0, np.nan]), "text": np.array(["", None], dtype=object), "image": np.zeros((2, 3))}
    assert count_missing("t", arrays).columns == {"number": 1, "text": 2}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("how", "out"), [("inner", 3), ("left", 5), ("anti", 2)])
def test_joins_tell_who_had_no_partner_and_who_had_several(engine: str, how: str, out: int) -> None:
    table = ENGINES[engine]().table
    left = table(polars.DataFrame({"key": [1, 2, 3, None], "x": [1.0, 2.0, 3.0, 4.0]}))
    right = table(polars.DataFrame({"key": [1, 1, 2, None, 9], "y": [1.0, 2.0, 3.0, 4.0, 5.0]}))
    join = Join("left", "right", ("key",), how)  # pyright: ignore[reportArgumentType]
    step, match = join_parts("both", join, left, right)
    assert step.rows_out == out == len(join.run({"left": left, "right": right}).collect())
    assert (match.rows, match.matched) == (4, 2)
    assert match.share == 0.5


@pytest.mark.parametrize("engine", ENGINES)
def test_relations_are_recorded_node_by_node(engine: str) -> None:
    table = ENGINES[engine]().table
    orders = table(polars.DataFrame({"user": [1, 1, 2, 5], "price": [1.0, 2.0, 3.0, 4.0]}))
    users = table(polars.DataFrame({"user": [1, 2, 3], "age": [30, 40, 50]}))
    relations = Relations(
        {
            "all": Union(("orders", "more")),
            "spent": Aggregate("all", ("user",), {"spend": ("price", "sum")}),
            "table": Join("users", "spent", ("user",), "left"),
        },
        "table",
    )
    tables = {"orders": orders, "more": orders, "users": users}
    frame, record = run_recorded(relations, tables)
    assert len(frame.collect()) == len(relations.run(tables).collect()) == record.rows_of("table") == 3
    assert [(s.name, s.of, s.rows_in, s.rows_out) for s in record.steps] == [
        ("all", ("orders", "more"), 8, 8),
        ("spent", ("all",), 8, 3),
        ("table", ("users",), 3, 3),
    ]
    assert record.matches == (MatchRecord("table", "left", "users", "spent", 3, 2),)
    again = match_rates(frame, "users", {"spent": ("left", "spent", ~nw.col("spend").is_null())})
    assert (again[0].rows, again[0].matched) == (3, 2)
    with pytest.raises(InputError, match=r"tables \['more'\] are missing"):
        run_recorded(relations, {"orders": orders})


def test_rows_dropped_by_a_recipe_are_counted() -> None:
    columns = {"x": np.array([1.0, 1.0, 2.0, np.nan, 5.0])}
    train = np.arange(4)
    fitted = Recipe((Duplicates(("x",)), Impute(("x",))), {"features": ("x",)}).fit(columns, train)
    record = DataRecord().adding(SourceRecord("training rows", 4, 4))
    step = prepared_part("prepared", "training rows", fitted, len(train))
    record = record.adding(step)
    assert (step.rows_in, step.rows_out, sum(step.lost.values())) == (4, 3, 1)


def test_drift_is_seen_where_it_is_and_not_where_chance_explains_it() -> None:
    chance = np.random.default_rng(0)
    words = np.array(["a", "b", "c"], dtype=object)
    one = {"same": chance.normal(size=400), "moved": chance.normal(size=400), "kind": words[chance.integers(0, 2, 400)]}
    two = {"same": chance.normal(size=90), "moved": chance.normal(1, 1, 90), "kind": words[chance.integers(1, 3, 90)]}
    two["gone"] = np.full(90, np.nan)
    one["gone"] = chance.normal(size=400)
    found = {shift.column: shift for shift in drift_between("train", "later", one, two).columns}
    assert [found[name].large for name in ("same", "moved", "kind", "gone")] == [False, True, True, True]
    below = 0
    for seed in range(300):
        draw = np.random.default_rng(seed)
        score, level = shift_of(draw.normal(size=300), draw.normal(size=200))
        below += score <= level
    assert 0.9 <= below / 300 <= 0.99
    assert LARGE_SHIFT == 0.25
    score, level = shift_of(np.zeros(9), np.zeros(9))
    assert score == level == 0.0


def test_the_rows_tell_their_split_their_gaps_and_their_drift() -> None:
    chance = np.random.default_rng(0)
    columns = {
        "x": chance.normal(size=300),
        "y": np.where(chance.random(300) < 0.2, np.nan, 1.0),
        "z": np.ones((300, 2)),
    }
    columns["x"][200:] += 3.0
    train, validation, test = np.arange(150), np.arange(150, 200), np.arange(210, 300)
    before = DataRecord().adding(SourceRecord("file", 300, 300))
    target = np.arange(300) % 2
    rows = rows_of(columns, target, inputs=["x"], record=before, train=train, validation=validation, test=test)
    record = rows_record(rows)
    (step,) = record.steps
    assert step.rows_in - sum(step.lost.values()) == step.rows_out == 290
    assert record.missing[0].columns["y"] == np.isnan(columns["y"]).sum()
    assert set(record.missing[0].columns) == {"x", "y"}
    assert [drift.second for drift in record.drift] == ["validation", "test"]
    assert [shift.column for shift in record.drift[1].columns if shift.large] == ["x"]
    assert record.sources == before.sources
    assert any("drift" in why for why in rows.test.openings)
    assert matched("x", "left", "a", "b", np.array([True, False])).share == 0.5
