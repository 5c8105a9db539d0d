"""Relations: the same tables on Polars and DuckDB, saved with the functions of their user."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.data.frames import arrays
from tutelage.data.function import Function
from tutelage.data.relations import Aggregate, Join, Relations, Through, Union, Where
from tutelage.testing.step import engines


def paid() -> nw.Expr:
    return nw.col("price") > 0


def doubled(frame: nw.LazyFrame) -> nw.LazyFrame:
    return frame.with_columns((nw.col("spend") * 2).alias("double"))


def objects(values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


SHOP = {
    "users": {"user": objects(["ann", "bob", "eve", None]), "age": np.array([30.0, 40.0, 50.0, 60.0])},
    "march": {
        "user": objects(["ann", "ann", "bob", None, "zoe"]),
        "price": np.array([1.0, 2.5, -1.0, 7.0, 4.0]),
        "item": objects(["x", "x", "y", None, "x"]),
    },
    "april": {"item": objects(["y", None]), "price": np.array([np.nan, 3.0]), "user": objects(["ann", "ann"])},
}
GRAPH = Relations(
    {
        "orders": Union(("march", "april")),
        "paid": Where("orders", Function.of(paid)),
        "spent": Aggregate(
            "paid",
            ("user",),
            {
                "spend": ("price", "sum"),
                "mean": ("price", "mean"),
                "least": ("price", "min"),
                "orders": ("price", "rows"),
                "items": ("item", "count"),
                "kinds": ("item", "distinct"),
            },
        ),
        "doubled": Through("spent", Function.of(doubled)),
        "table": Join("users", "doubled", ("user",), "left"),
    },
    "table",
)


@pytest.fixture(params=["polars", "duckdb"])
def shop(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "polars":
        make: Callable[[Any], Any] = engines()["polars"]
        return {name: _nulls(make(columns)) for name, columns in SHOP.items()}
    import duckdb

    connection = duckdb.connect()
    polars = engines()["polars"]
    return {name: connection.from_arrow(_nulls(polars(columns)).collect().to_arrow()) for name, columns in SHOP.items()}


def _nulls(frame: Any) -> Any:
    return frame.fill_nan(None)


def rows(frame: nw.LazyFrame, *by: str) -> list[dict[str, Any]]:
    columns = arrays(frame)
    found = [
        dict(zip(columns, values, strict=True)) for values in zip(*(c.tolist() for c in columns.values()), strict=True)
    ]
    return sorted(found, key=lambda row: [str(row[name]) for name in by])


def test_the_whole_graph(shop: dict[str, Any]) -> None:
    assert GRAPH.reads == ("march", "april", "users")
    found = {row["user"]: row for row in rows(GRAPH.run(shop), "user")}
    assert len(found) == 4
    ann = found["ann"]
    assert (ann["spend"], ann["orders"], ann["items"], ann["kinds"]) == (6.5, 3, 2, 1)
    assert (ann["mean"], ann["least"], ann["double"]) == (pytest.approx(6.5 / 3), 1.0, 13.0)
    assert all(np.isnan(found[name]["spend"]) for name in ("bob", "eve", None))


@pytest.mark.parametrize(("how", "wanted"), [("inner", ["ann", "ann", "bob"]), ("anti", [None, "zoe"])])
def test_joins(shop: dict[str, Any], how: Any, wanted: list[Any]) -> None:
    found = Relations({"out": Join("march", "users", ("user",), how)}, "out").run(shop)
    assert [row["user"] for row in rows(found, "user")] == sorted(wanted, key=str)
    assert ("age" in found.collect_schema().names()) == (how == "inner")


def test_same_names_on_both_sides_are_told_apart(shop: dict[str, Any]) -> None:
    names = Relations({"out": Join("march", "april", ("user",))}, "out").run(shop).collect_schema().names()
    assert set(names) == {"user", "price", "item", "price_april", "item_april"}


def test_unions_need_the_same_columns(shop: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"'march' and 'users' differ in columns \['age', 'item', 'price'\]"):
        Relations({"out": Union(("march", "users"))}, "out").run(shop)


def test_json_is_exact(shop: dict[str, Any]) -> None:
    again = Relations.from_json(json.loads(json.dumps(GRAPH.to_json())))
    assert again == GRAPH
    assert again.id == GRAPH.id
    assert list(again.nodes) == list(GRAPH.nodes)
    with pytest.raises(InputError, match="node 'magic' is not known"):
        Relations.from_json({**GRAPH.to_json(), "nodes": {n: {"node": "magic"} for n in GRAPH.nodes}})
    with pytest.raises(InputError, match="format 2"):
        Relations.from_json({**GRAPH.to_json(), "format": 2})


def test_missing_tables_and_nodes_are_named(shop: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"tables \['users'\] are missing"):
        GRAPH.run({"march": shop["march"], "april": shop["april"]})
    with pytest.raises(InputError, match="node 'x' is wanted"):
        Relations({}, "x")
    with pytest.raises(InputError, match="inner, left or anti"):
        Join("a", "b", ())
    with pytest.raises(InputError, match="groups and values"):
        Aggregate("a", ("x",), {})


def test_a_function_that_changed_is_refused_and_not_run(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def cheap():  # a comment\n    return 1\n")
    kept = Function.at(f"{file}:cheap")
    assert kept.load()() == 1
    file.write_text("def cheap():\n\n    return (1)\n")
    assert kept.load()() == 1
    file.write_text("raise SystemExit('run')\ndef cheap():\n    return 2\n")
    with pytest.raises(InputError, match="says something else than when it was saved"):
        kept.load()
    file.write_text("x = 1\n")
    with pytest.raises(InputError, match="0 functions called 'cheap'"):
        kept.load()
    with pytest.raises(InputError, match="cannot be read"):
        Function.at(f"{tmp_path / 'none.py'}:cheap")
    with pytest.raises(InputError, match="cannot be found"):
        Function.at("no_such_module_here:f")
    with pytest.raises(InputError, match="is named as in"):
        Function.at("f")
    with pytest.raises(InputError, match="put it at the top"):
        Function.of(lambda: 1)
