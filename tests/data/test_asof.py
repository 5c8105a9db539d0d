"""As-of joins on every engine against a loop anyone can check."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from three import QUICK, assert_same, on_engine, rows_of, spark_session
from tutelage.core import InputError
from tutelage.data.asof import asof

START = dt.datetime(2025, 1, 1)
RIGHT = {
    "user": pl.String,
    "ts": pl.Int64,
    "arrived": pl.Int64,
    "rank": pl.Int64,
    "value": pl.Float64,
    "page": pl.String,
}
WAYS = [("polars", True), ("duckdb", True), ("duckdb", False)]


def twin(
    spine: list[dict[str, Any]],
    right: list[dict[str, Any]],
    *,
    strict: bool = True,
    tolerance: float | None = None,
    available: bool = False,
) -> list[dict[str, Any]]:
    """The same by looking at every pair."""
    found: list[dict[str, Any]] = []
    for asked in spine:
        best: tuple[Any, ...] | None = None
        chosen: dict[str, Any] = {"value": None, "page": None}
        for row in right:
            if asked["user"] is None or asked["ts"] is None or row["user"] != asked["user"] or row["ts"] is None:
                continue
            if available and row["arrived"] is None:
                continue
            known = max(row["ts"], row["arrived"]) if available else row["ts"]
            early = known < asked["ts"] if strict else known <= asked["ts"]
            if not early:
                continue
            order = (row["ts"], known, *(_sortable(row[name]) for name in ("rank", "value", "page")))
            if best is None or order > best:
                best, chosen = order, {name: row[name] for name in ("value", "page")}
                if tolerance is not None and asked["ts"] - known > tolerance:
                    chosen = {"value": None, "page": None}
        found.append({**{name: asked[name] for name in ("id", "user", "ts")}, **chosen})
    return sorted(found, key=lambda row: row["id"])


def _sortable(value: Any) -> tuple[int, Any]:
    return (0, 0) if value is None else (1, value)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    user, time = st.sampled_from(["a", "b", None]), st.one_of(st.none(), st.integers(0, 6))
    rows = st.fixed_dictionaries(
        {
            "user": user,
            "ts": time,
            "arrived": time,
            "rank": st.one_of(st.none(), st.integers(0, 1)),
            "value": st.one_of(st.none(), st.sampled_from([-1.5, 0.0, 2.0])),
            "page": st.one_of(st.none(), st.sampled_from(["", "x", "Y"])),
        }
    )
    asked = draw(st.lists(st.fixed_dictionaries({"user": user, "ts": time}), min_size=1, max_size=5))
    return [{"id": i, **row} for i, row in enumerate(asked)], draw(st.lists(rows, max_size=9))


def frames(spine: list[dict[str, Any]], right: list[dict[str, Any]], engine: str, spark: Any = None) -> tuple[Any, Any]:
    schema = {"id": pl.Int64, "user": pl.String, "ts": pl.Int64}
    one, other = pl.DataFrame(spine, schema=schema), pl.DataFrame(right, schema=RIGHT)
    return on_engine(one, engine, spark), on_engine(other, engine, spark)


@settings(max_examples=60, deadline=None)
@given(tables(), st.booleans(), st.sampled_from([None, 1, 3]), st.booleans())
@pytest.mark.parametrize(("engine", "native"), WAYS)
def test_same_as_the_twin(
    engine: str, native: bool, both: Any, strict: bool, tolerance: int | None, available: bool
) -> None:
    spine, right = both
    options: Any = {"strict": strict, "tolerance": tolerance, "available": "arrived" if available else None}
    left, rows = frames(spine, right, engine)
    joined = asof(left, rows, "user", "ts", columns=["value", "page"], ties=["rank"], native=native, **options)
    assert_same(rows_of(joined, "id"), twin(spine, right, strict=strict, tolerance=tolerance, available=available))


def large(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    chance = np.random.default_rng(seed)

    def some(values: list[Any], count: int) -> list[Any]:
        return [values[i] for i in chance.integers(0, len(values), count)]

    users, times = [None, *"abcdefgh"], [None, *range(60)]
    spine = [
        {"id": i, "user": u, "ts": t} for i, (u, t) in enumerate(zip(some(users, 80), some(times, 80), strict=True))
    ]
    names = ("user", "ts", "arrived", "rank", "value", "page")
    pools = [users, times, times, [None, 0, 1], [None, -0.5, 0.25, 7.0], [None, "x", "Y", "é"]]
    columns = [some(pool, 300) for pool in pools]
    return spine, [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    with spark_session() as session:
        yield session


@pytest.mark.slow
@pytest.mark.system("default-jre-headless", "java")
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("tolerance", [None, 5])
@pytest.mark.parametrize("available", [True, False])
def test_spark_gives_the_same(spark: Any, strict: bool, tolerance: int | None, available: bool) -> None:
    spine, right = large(1)
    left, rows = frames(spine, right, "spark", spark)
    options: Any = {"strict": strict, "tolerance": tolerance, "available": "arrived" if available else None}
    joined = asof(left, rows, "user", "ts", columns=["value", "page"], ties=["rank"], **options)
    assert_same(rows_of(joined, "id"), twin(spine, right, strict=strict, tolerance=tolerance, available=available))


def moments(engine: str, spark: Any = None) -> list[dict[str, Any]]:
    """One recipe on real times, two keys of other names, a day's tolerance, chained with a second join."""
    spine = pl.DataFrame(
        {
            "id": [0, 1, 2, 3],
            "who": ["a", "a", "b", "b"],
            "shop": [1, 1, 1, 2],
            "at": [START + dt.timedelta(hours=h) for h in (10, 40, 10, 10)],
        }
    )
    clicks = pl.DataFrame(
        {
            "user": ["a", "a", "a", "b"],
            "store": [1, 1, 1, 1],
            "ts": [START + dt.timedelta(hours=h, microseconds=m) for h, m in ((1, 0), (9, 0), (10, 0), (9, 1))],
            "page": ["old", "home", "same instant", "item"],
        }
    )
    prices = pl.DataFrame(
        {"shop": [1, 1, 2], "valid_from": [START, START + dt.timedelta(days=1), START], "price": [5, 6, 7]}
    )
    frame = asof(
        on_engine(spine, engine, spark),
        on_engine(clicks, engine, spark),
        {"who": "user", "shop": "store"},
        ("at", "ts"),
        tolerance="1d",
        prefix="click_",
    )
    return rows_of(asof(frame, on_engine(prices, engine, spark), "shop", ("at", "valid_from")), "id")


MOMENTS = [
    {"click_page": "home", "price": 5},
    {"click_page": None, "price": 6},
    {"click_page": "item", "price": 5},
    {"click_page": None, "price": 7},
]


@pytest.mark.parametrize("engine", QUICK)
def test_times_keys_of_other_names_and_validity(engine: str) -> None:
    found = moments(engine)
    assert [{name: row[name] for name in ("click_page", "price")} for row in found] == MOMENTS
    assert list(found[0]) == ["id", "who", "shop", "at", "click_page", "price"]


@pytest.mark.slow
@pytest.mark.system("default-jre-headless", "java")
def test_times_on_spark(spark: Any) -> None:
    assert_same(moments("spark", spark), moments("polars"))


@pytest.mark.parametrize("engine", QUICK)
def test_the_same_instant_is_not_before(engine: str) -> None:
    frame = pl.DataFrame({"id": [0], "k": ["a"], "t": [START]})
    right = pl.DataFrame({"k": ["a", "a"], "t": [START, START - dt.timedelta(microseconds=1)], "v": [1, 2]})
    one, other = on_engine(frame, engine), on_engine(right, engine)
    assert rows_of(asof(one, other, "k", "t"), "id")[0]["v"] == 2
    assert rows_of(asof(one, other, "k", "t", strict=False), "id")[0]["v"] == 1


@pytest.mark.parametrize("engine", QUICK)
def test_nanoseconds_are_not_lost(engine: str) -> None:
    early = np.datetime64("2025-01-01T00:00:00.000000001")
    frame = pl.DataFrame({"id": [0], "k": ["a"], "t": np.array([early])})
    right = pl.DataFrame({"k": ["a"], "t": [START], "v": [1]}, schema_overrides={"t": pl.Datetime("us")})
    joined = asof(on_engine(frame, engine), on_engine(right, engine), "k", "t").select("id", "v")
    assert rows_of(joined, "id")[0]["v"] == 1


@pytest.mark.parametrize("engine", QUICK)
@pytest.mark.parametrize("kind", [pl.Float64, pl.Date])
def test_other_kinds_of_time(engine: str, kind: Any) -> None:
    times = [0.5, math.nan, 2.5] if kind == pl.Float64 else [dt.date(2025, 1, 1), None, dt.date(2025, 1, 3)]
    right = pl.DataFrame({"k": ["a"] * 3, "t": times, "v": [1, 2, 3]}, schema_overrides={"t": kind})
    spine = pl.DataFrame({"id": [0, 1, 2], "k": ["a"] * 3, "t": times}, schema_overrides={"t": kind})
    found = rows_of(asof(on_engine(spine, engine), on_engine(right, engine), "k", "t"), "id")
    assert [row["v"] for row in found] == [None, None, 1]


def test_a_late_correction_counts_from_its_arrival_and_an_old_fact_that_comes_late_replaces_nothing() -> None:
    spine = pl.DataFrame({"id": [0, 1, 2, 3], "k": ["a"] * 4, "t": [13, 25, 35, 45]})
    right = pl.DataFrame({"k": ["a"] * 4, "t": [10, 10, 20, 12], "arrived": [11, 30, 21, 40], "v": [1, 2, 3, 4]})
    found = rows_of(asof(spine, right, "k", "t", columns=["v"], available="arrived"), "id")
    assert [row["v"] for row in found] == [1, 3, 3, 3]


def test_nothing_counts_before_it_happened_even_where_its_arrival_says_so() -> None:
    spine = pl.DataFrame({"id": [0, 1], "k": ["a"] * 2, "t": [5, 11]})
    right = pl.DataFrame({"k": ["a"], "t": [10], "arrived": [1], "v": [1]})
    found = rows_of(asof(spine, right, "k", "t", columns=["v"], available="arrived"), "id")
    assert [row["v"] for row in found] == [None, 1]


def test_agrees_with_the_join_of_polars() -> None:
    chance = np.random.default_rng(0)
    spine = pl.DataFrame({"k": chance.integers(0, 50, 4000), "t": chance.integers(0, 10**6, 4000)}).with_row_index("id")
    right = pl.DataFrame({"k": chance.integers(0, 50, 9000), "t": chance.integers(0, 10**6, 9000)})
    right = right.unique(["k", "t"]).with_columns(v=pl.col("t") * 2 + pl.col("k"))
    found = asof(spine, right, "k", "t").collect("polars").to_native().sort("id")
    with pytest.warns(UserWarning, match="Sortedness"):
        theirs = spine.sort("t").join_asof(right.sort("t"), on="t", by="k", allow_exact_matches=False).sort("id")
    assert found["v"].to_list() == theirs["v"].to_list()


def test_nothing_is_computed_before_collecting() -> None:
    def never(frame: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError("computed")

    schema = {"k": pl.String, "t": pl.Int64, "v": pl.Int64}
    right = pl.LazyFrame({"k": ["a"], "t": [1], "v": [1]}, schema=schema).map_batches(never, schema=schema)
    joined = asof(pl.LazyFrame({"id": [0], "k": ["a"], "t": [2]}), right, "k", "t")
    assert isinstance(joined, nw.LazyFrame)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on": "nobody"}, "no columns \\['nobody'\\]"),
        ({"on": []}, "at least one key"),
        ({"columns": ["id"]}, "no columns \\['id'\\]"),
        ({"time": ("t", "v")}, "which is no time"),
        ({"time": ("t", "day")}, "different kinds"),
        ({"tolerance": "a week"}, "'a week' is no length of time"),
        ({"tolerance": 7}, "no length of time"),
        ({"tolerance": dt.timedelta(0)}, "more than zero"),
        ({"prefix": "", "columns": ["shared"]}, "has columns \\['shared'\\] already"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], message: str) -> None:
    spine = pl.DataFrame({"id": [0], "k": ["a"], "t": [START], "shared": [1]})
    right = pl.DataFrame({"k": ["a"], "t": [START], "v": ["x"], "day": [START.date()], "shared": [2]})
    given: dict[str, Any] = {"on": "k", "time": "t", "columns": ["v"], **change}
    with pytest.raises(InputError, match=message):
        asof(spine, right, **given)


def test_no_frame_is_named() -> None:
    with pytest.raises(InputError, match="the spine must be a data frame, got list"):
        asof([1], pl.DataFrame({"k": [1], "t": [1]}), "k", "t")
