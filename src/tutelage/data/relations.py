"""Tables to one table, as a graph that can be saved: union, joins, roll-up, filters.

Each node is one Narwhals expression with a name; what they do not cover is a plain function of the user's (`Through`).

    Relations({
        "paid": Where("orders", Function.of(paid)),
        "spent": Aggregate("paid", ("user",), {"spend": ("price", "sum"), "orders": ("price", "rows")}),
        "table": Join("users", "spent", ("user",), "left"),
    }, "table").run({"orders": orders, "users": users})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, final, get_args

import narwhals.stable.v2 as nw

from ..core import InputError
from .frames import Frame, lazy
from .function import Function
from .state import sha256

FORMAT = 1
How = Literal["sum", "mean", "min", "max", "count", "rows", "distinct"]
Tables = Mapping[str, nw.LazyFrame]


@final
@dataclass(frozen=True)
class Union:
    """The rows of several tables with the same columns, in any order of columns; none is dropped."""

    node: ClassVar[str] = "union"
    tables: tuple[str, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of tables."""
        return self.tables

    def run(self, tables: Tables) -> nw.LazyFrame:
        """The table.

        Raises:
            InputError: the columns differ.
        """
        columns = {name: tables[name].collect_schema().names() for name in self.tables}
        first = columns[self.tables[0]]
        for name, found in columns.items():
            if set(found) != set(first):
                strange = sorted(set(found) ^ set(first))
                raise InputError(
                    f"tables {self.tables[0]!r} and {name!r} differ in columns {strange}: a union needs the same"
                )
        return nw.concat([tables[name].select(*first) for name in self.tables], how="vertical")


@final
@dataclass(frozen=True)
class Join:
    """Rows of two tables with the same key; missing keys match nothing.

    Args:
        left: one table.
        right: the other.
        on: columns of the key, of both.
        how: `inner`, `left` (all rows of the left table) or `anti` (rows of the left table without a partner).
    """

    node: ClassVar[str] = "join"
    left: str
    right: str
    on: tuple[str, ...]
    how: Literal["inner", "left", "anti"] = "left"

    def __post_init__(self) -> None:
        if self.how not in ("inner", "left", "anti") or not self.on:
            raise InputError(f"join {self.how!r} on {self.on}: inner, left or anti, on at least one column")

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of tables."""
        return self.left, self.right

    def run(self, tables: Tables) -> nw.LazyFrame:
        """The table; columns that both have get `_<right>` on the right side."""
        left, right = tables[self.left], tables[self.right]
        if self.how == "anti":
            return left.join(right.select(*self.on).unique(), on=list(self.on), how="anti")
        return left.join(right, on=list(self.on), how=self.how, suffix=f"_{self.right}")


@final
@dataclass(frozen=True)
class Aggregate:
    """One row per group.

    Args:
        table: which one.
        by: columns of the group.
        values: new column to (column, how): `sum`, `mean`, `min`, `max`, `count` (values there), `rows`, `distinct`
            (different values there). Sums are float64, counts int64, on every engine.
    """

    node: ClassVar[str] = "aggregate"
    table: str
    by: tuple[str, ...]
    values: Mapping[str, tuple[str, How]]

    def __post_init__(self) -> None:
        wrong = [how for _, how in self.values.values() if how not in get_args(How)]
        if wrong or not self.by or not self.values:
            raise InputError(f"aggregate by {self.by} of {dict(self.values)}: groups and values by {get_args(How)}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of tables."""
        return (self.table,)

    def run(self, tables: Tables) -> nw.LazyFrame:
        """The table."""
        made = [_aggregate(nw.col(column), how).alias(name) for name, (column, how) in self.values.items()]
        return tables[self.table].group_by(*self.by).agg(*made)


def _aggregate(column: nw.Expr, how: How) -> nw.Expr:
    if how == "rows":
        return nw.len().cast(nw.Int64)
    if how == "count":
        return column.count().cast(nw.Int64)
    if how == "distinct":
        return (column.n_unique() - column.is_null().any().cast(nw.Int64)).cast(nw.Int64)
    if how == "sum":
        return column.cast(nw.Float64).sum()
    return {"mean": column.mean, "min": column.min, "max": column.max}[how]()


@final
@dataclass(frozen=True)
class Where:
    """The rows for which an expression is true; `condition` is a function without arguments that gives it."""

    node: ClassVar[str] = "where"
    table: str
    condition: Function

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of tables."""
        return (self.table,)

    def run(self, tables: Tables) -> nw.LazyFrame:
        """The table."""
        return tables[self.table].filter(self.condition.load()())


@final
@dataclass(frozen=True)
class Through:
    """What a function from a lazy frame to a lazy frame makes of a table."""

    node: ClassVar[str] = "through"
    table: str
    function: Function

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of tables."""
        return (self.table,)

    def run(self, tables: Tables) -> nw.LazyFrame:
        """The table."""
        return self.function.load()(tables[self.table])


Node = Union | Join | Aggregate | Where | Through
NODES = (Union, Join, Aggregate, Where, Through)


@final
@dataclass(frozen=True)
class Relations:
    """Named nodes, each of which reads tables or nodes before it.

    Args:
        nodes: name to node, in order.
        output: the node that is wanted.

    Raises:
        InputError: there is no such node.
    """

    nodes: Mapping[str, Node]
    output: str

    def __post_init__(self) -> None:
        if self.output not in self.nodes:
            raise InputError(f"node {self.output!r} is wanted, there are {list(self.nodes)}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Tables that have to be given."""
        made, found = set[str](), dict[str, None]()
        for name, node in self.nodes.items():
            found |= dict.fromkeys(table for table in node.reads if table not in made)
            made.add(name)
        return tuple(found)

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical JSON."""
        return sha256(self.to_json())

    def run(self, tables: Mapping[str, Frame]) -> nw.LazyFrame:
        """The wanted table, computed by its engine when it is asked for.

        Raises:
            InputError: a table is missing, or a node cannot work on it.
        """
        missing = [name for name in self.reads if name not in tables]
        if missing:
            raise InputError(f"tables {missing} are missing; there are {list(tables)}")
        known: dict[str, nw.LazyFrame] = {name: lazy(tables[name]) for name in self.reads}
        for name, node in self.nodes.items():
            known[name] = node.run(known)
        return known[self.output]

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        nodes = {name: {"node": node.node, **_settings(node)} for name, node in self.nodes.items()}
        order = list(self.nodes)
        return {"format": FORMAT, "nodes": nodes, "order": order, "output": self.output}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Relations:
        """What `to_json` wrote.

        Raises:
            InputError: a newer format, or an unknown node.
        """
        if value.get("format") != FORMAT:
            raise InputError(f"relations of format {value.get('format')!r}, this version of tutelage reads {FORMAT}")
        return Relations({name: _node(value["nodes"][name]) for name in value["order"]}, value["output"])


def _settings(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(node).items():
        if isinstance(value, Function):
            found[name] = {"path": value.path, "code": value.code}
        elif isinstance(value, Mapping):
            found[name] = {key: list(part) for key, part in value.items()}
        else:
            found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _node(value: Mapping[str, Any]) -> Node:
    given = dict(value)
    name = given.pop("node")
    kind: Any = next((kind for kind in NODES if kind.node == name), None)
    if kind is None:
        raise InputError(f"node {name!r} is not known; there are {[kind.node for kind in NODES]}: update tutelage")
    for key, part in given.items():
        if key in ("condition", "function"):
            given[key] = Function(**part)
        elif isinstance(part, dict):
            given[key] = {column: tuple(pair) for column, pair in part.items()}
        elif isinstance(part, list):
            given[key] = tuple(part)
    return kind(**given)
