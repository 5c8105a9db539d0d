"""Windows on every engine against loops anyone can check."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from three import QUICK, assert_same, on_engine, rows_of, spark_session
from tutelage.core import InputError
from tutelage.data.aggregates import Count, Distinct, Exists, Last, Max, Mean, Min, Rate, Recency, Sum
from tutelage.data.windows import future, windows

START = dt.datetime(2025, 1, 1)
SPINE = {"id": pl.Int64, "user": pl.String, "ts": pl.Int64}
RIGHT = {
    "user": pl.String,
    "ts": pl.Int64,
    "arrived": pl.Int64,
    "qty": pl.Int64,
    "value": pl.Float64,
    "page": pl.String,
}
EVERYTHING = (
    Count(),
    Count("value"),
    Exists(),
    Sum("qty"),
    Sum("value"),
    Mean("qty"),
    Mean("value"),
    Min("value"),
    Max("value"),
    Max("page"),
    Distinct("page"),
)
BACK = (*EVERYTHING, Last("page", ("qty",)), Recency(), Recency("value"))


def one(aggregate: Any, rows: list[dict[Any, Any]], now: int, length: float | None) -> Any:
    """An aggregate of the rows of one window."""
    column: Any = aggregate.column
    if column is not None:
        rows = [row for row in rows if row[column] is not None and row[column] == row[column]]
    values = [] if column is None else [row[column] for row in rows]
    match aggregate:
        case Count():
            return len(rows)
        case Exists():
            return bool(rows)
        case Rate():
            assert length is not None
            return len(rows) / length
        case Sum():
            return sum(values) if column == "qty" else math.fsum(values)
        case Mean():
            return math.fsum(values) / len(values) if values else None
        case Min():
            return min(values, default=None)
        case Max():
            return max(values, default=None)
        case Distinct():
            return len(set(values))
        case Recency():
            return float(now - max(row["ts"] for row in rows)) if rows else None
        case Last(ties=ties):
            order: list[Any] = [*ties, column]
            best = max(
                rows, key=lambda row: (row["ts"], row["known"], *map(_sortable, (row[n] for n in order))), default=None
            )
            return None if best is None else best[column]
        case _:
            raise AssertionError(aggregate)


def _sortable(value: Any) -> tuple[int, Any]:
    return (0, 0) if value is None else (1, value)


def twin(
    spine: list[dict[str, Any]],
    right: list[dict[str, Any]],
    aggregates: Any,
    lengths: Any,
    *,
    ahead: bool = False,
    available: bool = False,
    prefix: str = "",
) -> list[dict[str, Any]]:
    """The same by looking at every pair."""
    found: list[dict[str, Any]] = []
    for asked in spine:
        made = {name: asked[name] for name in ("id", "user", "ts")}
        now = asked["ts"]
        for aggregate in aggregates:
            for length in lengths:
                inside: list[dict[str, Any]] = []
                for row in right:
                    if None in (asked["user"], now, row["ts"]) or row["user"] != asked["user"]:
                        continue
                    if available and (row["arrived"] is None or row["arrived"] >= now):
                        continue
                    reach = math.inf if length is None else length
                    if now <= row["ts"] < now + reach if ahead else now - reach <= row["ts"] < now:
                        known = max(row["ts"], row["arrived"]) if available else row["ts"]
                        inside.append({**row, "known": known})
                name = f"{prefix}{aggregate.name}_{'ever' if length is None else length}"
                made[name] = one(aggregate, inside, now, length)
        found.append(made)
    return sorted(found, key=lambda row: row["id"])


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    user, time = st.sampled_from(["a", "b", None]), st.one_of(st.none(), st.integers(-4, 9))
    rows = st.fixed_dictionaries(
        {
            "user": user,
            "ts": time,
            "arrived": time,
            "qty": st.one_of(st.none(), st.integers(-2, 2)),
            "value": st.sampled_from([None, math.nan, -1.5, 0.0, 2.25]),
            "page": st.sampled_from([None, "", "x", "Y"]),
        }
    )
    asked = draw(st.lists(st.fixed_dictionaries({"user": user, "ts": time}), min_size=1, max_size=5))
    return [{"id": i, **row} for i, row in enumerate(asked)], draw(st.lists(rows, max_size=12))


def frames(spine: list[dict[str, Any]], right: list[dict[str, Any]], engine: str, spark: Any = None) -> tuple[Any, Any]:
    one, other = pl.DataFrame(spine, schema=SPINE), pl.DataFrame(right, schema=RIGHT)
    return on_engine(one, engine, spark), on_engine(other, engine, spark)


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from([(3,), (1, 4), (None,), (2, None)]), st.booleans())
@pytest.mark.parametrize("engine", QUICK)
def test_same_as_the_twin(engine: str, both: Any, lengths: Any, available: bool) -> None:
    spine, right = both
    found = windows(
        *frames(spine, right, engine), "user", "ts", BACK, lengths, available="arrived" if available else None
    )
    assert_same(rows_of(found, "id"), twin(spine, right, BACK, lengths, available=available))


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from([1, 3, 5]))
@pytest.mark.parametrize("engine", QUICK)
def test_the_future_is_the_same_as_its_twin(engine: str, both: Any, within: int) -> None:
    spine, right = both
    found = future(*frames(spine, right, engine), "user", "ts", EVERYTHING, within)
    assert_same(rows_of(found, "id"), twin(spine, right, EVERYTHING, (within,), ahead=True, prefix="future_"))


def large(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    chance = np.random.default_rng(seed)

    def some(values: list[Any], count: int) -> list[Any]:
        return [values[i] for i in chance.integers(0, len(values), count)]

    users, times = [None, *"abcdefgh"], [None, *range(-20, 60)]
    spine = [
        {"id": i, "user": u, "ts": t} for i, (u, t) in enumerate(zip(some(users, 80), some(times, 80), strict=True))
    ]
    values = [None, math.nan, *chance.normal(size=9).tolist()]
    pools = [users, times, times, [None, -3, 0, 1], values, [None, "x", "Y", "é"]]
    names = ("user", "ts", "arrived", "qty", "value", "page")
    return spine, [dict(zip(names, row, strict=True)) for row in zip(*(some(pool, 400) for pool in pools), strict=True)]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    with spark_session() as session:
        yield session


@pytest.mark.slow
@pytest.mark.system("default-jre-headless", "java")
@pytest.mark.parametrize("available", [True, False])
def test_spark_gives_the_same(spark: Any, available: bool) -> None:
    spine, right = large(2)
    found = windows(
        *frames(spine, right, "spark", spark),
        "user",
        "ts",
        BACK,
        (7, 30, None),
        available="arrived" if available else None,
    )
    assert_same(rows_of(found, "id"), twin(spine, right, BACK, (7, 30, None), available=available))


@pytest.mark.slow
@pytest.mark.system("default-jre-headless", "java")
def test_spark_sees_the_same_future(spark: Any) -> None:
    spine, right = large(3)
    found = future(*frames(spine, right, "spark", spark), "user", "ts", EVERYTHING, 9, until=40)
    expected = twin(spine, right, EVERYTHING, (9,), ahead=True, prefix="future_")
    for row in expected:
        if row["ts"] is None or row["ts"] + 9 > 40:
            row.update({name: None for name in row if name.startswith("future_")})
    assert_same(rows_of(found, "id"), expected)


def shop(engine: str, spark: Any = None) -> list[dict[str, Any]]:
    """One recipe on real times: features, labels, two joins in a row."""
    hours = (0, 24, 47, 48, 49, 72, 100)
    clicks = pl.DataFrame(
        {
            "who": ["a"] * 7,
            "ts": [START + dt.timedelta(hours=h) for h in hours],
            "dwell": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
        }
    )
    spine = pl.DataFrame(
        {"id": [0, 1, 2], "user": ["a", "a", "z"], "at": [START + dt.timedelta(hours=h) for h in (48, 96, 48)]}
    )
    left, right = on_engine(spine, engine, spark), on_engine(clicks, engine, spark)
    on, time = {"user": "who"}, ("at", "ts")
    frame = windows(
        left, right, on, time, [Sum("dwell"), Rate(), Recency(), Last("dwell")], ["1d", dt.timedelta(hours=48)]
    )
    frame = future(frame, right, on, time, [Exists(), Sum("dwell")], "1d", until=START + dt.timedelta(days=4))
    return rows_of(frame.drop("user", "at"), "id")


SHOP: list[dict[str, Any]] = [
    {
        "id": 0,
        "sum_dwell_1d": 6.0,
        "sum_dwell_172800s": 7.0,
        "rate_1d": 2.0,
        "rate_172800s": 1.5,
        "recency_1d": 1 / 24,
        "recency_172800s": 1 / 24,
        "last_dwell_1d": 4.0,
        "last_dwell_172800s": 4.0,
        "future_exists_1d": True,
        "future_sum_dwell_1d": 24.0,
    },
    {
        "id": 1,
        "sum_dwell_1d": 32.0,
        "sum_dwell_172800s": 56.0,
        "rate_1d": 1.0,
        "rate_172800s": 1.5,
        "recency_1d": 1.0,
        "recency_172800s": 1.0,
        "last_dwell_1d": 32.0,
        "last_dwell_172800s": 32.0,
        "future_exists_1d": None,
        "future_sum_dwell_1d": None,
    },
    {
        "id": 2,
        "sum_dwell_1d": 0.0,
        "sum_dwell_172800s": 0.0,
        "rate_1d": 0.0,
        "rate_172800s": 0.0,
        "recency_1d": None,
        "recency_172800s": None,
        "last_dwell_1d": None,
        "last_dwell_172800s": None,
        "future_exists_1d": False,
        "future_sum_dwell_1d": 0.0,
    },
]


@pytest.mark.parametrize("engine", QUICK)
def test_a_shop_by_hand(engine: str) -> None:
    assert_same(shop(engine), SHOP)


@pytest.mark.slow
@pytest.mark.system("default-jre-headless", "java")
def test_a_shop_on_spark(spark: Any) -> None:
    assert_same(shop("spark", spark), SHOP)


@pytest.mark.parametrize("engine", QUICK)
def test_windows_of_float_times_lose_nothing_at_their_ends(engine: str) -> None:
    """Times in tenths, where t - L and the buckets round: the comparison of differences decides, as in the twin."""
    times = [round(0.1 * i, 1) for i in range(200)]
    right = pl.DataFrame({"k": ["a"] * 200, "t": times})
    spine = pl.DataFrame({"id": range(200), "k": ["a"] * 200, "t": times})
    found = rows_of(windows(on_engine(spine, engine), on_engine(right, engine), "k", "t", [Count()], [0.7]), "id")
    assert [row["count_0.7"] for row in found] == [sum(0 < now - t <= 0.7 for t in times) for now in times]


def test_past_and_future_share_no_row_and_leave_none_out() -> None:
    spine, right = large(4)
    left, rows = frames(spine, right, "polars")
    past = rows_of(windows(left, rows, "user", "ts", [Count()], [1000]), "id")
    later = rows_of(future(left, rows, "user", "ts", [Count()], 1000), "id")
    for asked, before, after in zip(spine, past, later, strict=True):
        whole = [row for row in right if row["user"] == asked["user"] and row["ts"] is not None]
        known = None not in (asked["user"], asked["ts"])
        assert before["count_1000"] + after["future_count_1000"] == (len(whole) if known else 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"aggregates": [Count("nothing")]}, "no columns \\['nothing'\\]"),
        ({"aggregates": []}, "at least one aggregate"),
        ({"aggregates": [Count(), Count()]}, "columns \\['count_3'\\] come twice"),
        ({"aggregates": [Rate()], "lengths": [None]}, "all history"),
        ({"lengths": ["3d"]}, "plain numbers"),
        ({"lengths": [0]}, "more than zero"),
        ({"lengths": [1.5]}, "whole number"),
    ],
)
def test_mistakes_are_named(call: dict[str, Any], message: str) -> None:
    left, right = frames([{"id": 0, "user": "a", "ts": 1}], [], "polars")
    given: dict[str, Any] = {"aggregates": [Count()], "lengths": [3], **call}
    with pytest.raises(InputError, match=message):
        windows(left, right, "user", "ts", **given)


def test_the_future_has_no_last_and_wants_an_end_of_its_own_kind() -> None:
    left, right = frames([{"id": 0, "user": "a", "ts": 1}], [], "polars")
    with pytest.raises(InputError, match="look back"):
        future(left, right, "user", "ts", [Last("page")], 3)
    spine = pl.DataFrame({"id": [0], "user": ["a"], "ts": [START]})
    rows = pl.DataFrame({"user": ["a"], "ts": [START]})
    with pytest.raises(InputError, match="without a time zone"):
        future(spine, rows, "user", "ts", [Count()], "3d", until=START.replace(tzinfo=dt.UTC))
