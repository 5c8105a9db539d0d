"""Windows on windows: the same numbers, and the beginning of the chain is asked only."""

import gc
from typing import Any

import narwhals.stable.v2 as nw
import polars as pl
import pytest

from three import QUICK, on_engine, rows_of
from tutelage.data import lineage
from tutelage.data.aggregates import Count, Exists, Last, Max, Recency
from tutelage.data.asof import asof
from tutelage.data.windows import future, windows


def table(engine: str, **columns: Any) -> nw.LazyFrame[Any]:
    return on_engine(pl.DataFrame(columns), engine)


@pytest.mark.parametrize("engine", QUICK)
def test_recency_alone_is_the_same_as_beside_counts(engine: str) -> None:
    spine, right = table(engine, n=[1, 2], k=[1, 1], t=[10, 20]), table(engine, k=[1, 1, 1], t=[3, 9, 15])
    alone = windows(spine, right, "k", "t", [Recency()], [4, None])
    both = windows(spine, right, "k", "t", [Count(), Recency()], [4, None]).select(*alone.collect_schema().names())
    assert rows_of(alone, "n") == rows_of(both, "n")
    assert [row["recency_ever"] for row in rows_of(alone, "n")] == [1.0, 5.0]
    assert [row["recency_4"] for row in rows_of(both, "n")] == [1.0, None]


@pytest.mark.parametrize("engine", QUICK)
def test_a_chain_asks_its_beginning_only(engine: str) -> None:
    spine = table(engine, n=[1, 2, 3], k=[1, 1, 2], t=[10, 20, 20])
    right = table(engine, k=[1, 1, 2], t=[3, 15, 5], v=[1, 2, 3])
    made, sizes = spine, list[int]()
    for step in range(5):
        made = windows(made, right, "k", "t", [Count(), Last("v")], [8, None], prefix=f"a{step}_")
        made = asof(made, right, "k", "t", columns=["v"], prefix=f"b{step}_")
        made = future(made, right, "k", "t", [Exists()], 8, prefix=f"c{step}_")
        native: Any = made.to_native()
        sizes.append(len(native.explain(optimized=False) if engine == "polars" else native.sql_query()))
    assert sizes[4] - sizes[3] < 3 * (sizes[1] - sizes[0])
    found = rows_of(made, "n")
    assert len(found) == 3
    for step in range(5):
        assert [row[f"a{step}_count_ever"] for row in found] == [1, 2, 1]
        assert [row[f"b{step}_v"] for row in found] == [1, 2, 3]
        assert [row[f"c{step}_future_exists_8"] for row in found] == [True, False, False]


@pytest.mark.parametrize("engine", QUICK)
def test_a_changed_frame_is_a_new_beginning(engine: str) -> None:
    spine, right = table(engine, n=[1, 2], k=[1, 2], t=[10, 20]), table(engine, k=[1, 2], t=[3, 5])
    made = windows(spine, right, "k", "t", [Count()], [None])
    made = windows(made.with_columns(k=3 - nw.col("k")), right, "k", "t", [Max("t")], [None])
    assert [row["max_t_ever"] for row in rows_of(made, "n")] == [5, 3]


@pytest.mark.parametrize("engine", QUICK)
def test_a_key_that_came_on_the_way_is_asked_of_the_chain(engine: str) -> None:
    spine, visits = table(engine, n=[1, 2], k=[1, 2], t=[10, 20]), table(engine, k=[1, 2], t=[3, 5], shop=["a", "b"])
    sales = table(engine, last_shop_ever=["a", "a", "b"], t=[1, 2, 3])
    made = windows(spine, visits, "k", "t", [Last("shop")], [None])
    made = windows(made, sales, "last_shop_ever", "t", [Count()], [None])
    assert [row["count_ever"] for row in rows_of(made, "n")] == [2, 1]


def test_frames_are_forgotten_with_their_last_user() -> None:
    spine, right = table("polars", n=[1], k=[1], t=[10]), table("polars", k=[1], t=[3])
    gc.collect()
    before = len(lineage._beginnings)
    made = windows(spine, right, "k", "t", [Count(), Recency()], [None])
    assert lineage.beginning(made, ["k", "t"]) is spine
    assert lineage.beginning(made, ["count_ever"]) is made
    del made
    gc.collect()
    assert len(lineage._beginnings) == before
