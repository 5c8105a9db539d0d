"""Counting for a `DataRecord`: what sources, frames, joins, recipes and finished rows have to show.

Frames may be of any engine. Each function asks for one row of counts, so it costs one pass over the frame: keep
(`engine.keep`) what is expensive to compute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np

from ..core import Columns, InputError
from ..core.names import missing
from .fitted import FittedRecipe
from .frames import Frame, arrays, lazy
from .quarantine import Rejected
from .record import BrokenRule, DataRecord, DriftRecord, MatchRecord, MissingRecord, Shift, SourceRecord, StepRecord
from .relations import Aggregate, Join, Node, Relations
from .relations import Union as AllRows
from .shift import shift_of
from .sources.protocol import Loaded, Source
from .sources.stream import Stream

if TYPE_CHECKING:
    from .rows import Rows

EXAMPLES, WIDTH = 3, 160
"""Examples kept per broken rule, and letters of each."""
SAMPLE = 100_000
"""Rows of either side that drift looks at."""
MOST = 300
"""Columns of the rows that are looked at; the others are named in a remark."""


def source_parts(source: Source, loaded: Loaded) -> tuple[SourceRecord, MissingRecord]:
    """Records in and out of a source that was read, with the rules that were broken, and the gaps of its table.

    Args:
        source: what was read.
        loaded: what it gave.
    """
    counts = loaded.counts
    rules = broken_rules(loaded.rejected)
    known = source.time or ""
    record = SourceRecord(
        source.name, counts.read, counts.kept, counts.rejected, 0, rules, known, tuple(loaded.remarks)
    )
    return record, count_missing(source.name, loaded.frame)


def stream_part(stream: Stream) -> SourceRecord:
    """Records in and out of a stream, up to its last commit."""
    counts = stream.committed.counts
    rows, rejected, late = counts["rows"], counts["rejected"], counts["late"]
    read = rows + rejected + late
    return SourceRecord(stream.name, read, rows, rejected, late, broken_rules(stream.rejected()), stream.time)


def broken_rules(rejected: Sequence[Rejected]) -> tuple[BrokenRule, ...]:
    """Each rule that was broken, the most frequent first, with the first records that broke it."""
    counts = Counter(record.rule for record in rejected)
    found: list[BrokenRule] = []
    for rule, count in counts.most_common():
        own = [record for record in rejected if record.rule == rule][:EXAMPLES]
        found.append(BrokenRule(rule, count, tuple(map(_example, own))))
    return tuple(found)


def count_rows(frame: Frame) -> int:
    """Rows of a frame."""
    return int(arrays(lazy(frame).select(nw.len().alias("rows")))["rows"][0])


def count_missing(table: str, data: Frame | Columns) -> MissingRecord:
    """In how many rows each column has no value: null, NaN, NaT, None or "".

    Args:
        table: its name.
        data: a frame, or columns [N, ...] by name; of these, columns with more than one axis are passed over.
    """
    if isinstance(data, Mapping):
        rows = len(next(iter(data.values()))) if data else 0
        counts = {name: int(missing(column).sum()) for name, column in data.items() if column.ndim == 1}
        return MissingRecord(table, rows, counts)
    frame = lazy(data)
    wanted = [nw.len().cast(nw.Int64).alias("/rows")]
    schema = frame.collect_schema()
    for place, (name, dtype) in enumerate(schema.items()):
        column = nw.col(name)
        gap = column.is_null()
        if dtype.is_float():
            gap = gap | column.is_nan().fill_null(False)
        elif dtype == nw.String:
            gap = gap | (column == "").fill_null(False)
        wanted.append(gap.cast(nw.Int64).sum().cast(nw.Int64).alias(f"/{place}"))
    found = arrays(frame.select(*wanted))
    counts = {name: int(np.nan_to_num(found[f"/{place}"][0])) for place, name in enumerate(schema.names())}
    return MissingRecord(table, int(found["/rows"][0]), counts)


def matched(name: str, how: str, left: str, right: str, found: np.ndarray) -> MatchRecord:
    """How many rows found a partner, of a table in memory.

    Args:
        name: what was looked for.
        how: kind of join.
        left: name of the table.
        right: name of the one that was searched.
        found: bool [N].
    """
    return MatchRecord(name, how, left, right, len(found), int(np.count_nonzero(found)))


def match_rates(frame: Frame, left: str, wanted: Mapping[str, tuple[str, str, nw.Expr]]) -> tuple[MatchRecord, ...]:
    """The same of a frame: after an as-of join or windows, say which rows have found something.

    Args:
        frame: the joined rows.
        left: name of their table.
        wanted: what was looked for -> kind of join, name of the other table, and an expression that is true where a
            partner was found, such as `~nw.col("price").is_null()` or `nw.col("clicks_count_14d") > 0`.
    """
    begun = lazy(frame)
    sums = [
        expr.fill_null(False).cast(nw.Int64).sum().cast(nw.Int64).alias(f"/{place}")
        for place, (_, _, expr) in enumerate(wanted.values())
    ]
    found = arrays(begun.select(nw.len().cast(nw.Int64).alias("/rows"), *sums))
    rows = int(found["/rows"][0])
    return tuple(
        MatchRecord(name, how, left, right, rows, int(np.nan_to_num(found[f"/{place}"][0])))
        for place, (name, (how, right, _)) in enumerate(wanted.items())
    )


def join_parts(name: str, join: Join, left: Frame, right: Frame) -> tuple[StepRecord, MatchRecord]:
    """What a join does to the rows of its left table: those without partner, and those with several.

    Args:
        name: of the joined table.
        join: the tables' names, key, and kind.
        left: the one.
        right: the other.
    """
    on = list(join.on)
    sides = lazy(left).select(*on), lazy(right).select(*on).group_by(*on).agg(nw.len().cast(nw.Int64).alias("/n"))
    rows = count_rows(sides[0])
    both = sides[0].join(sides[1], on=on, how="inner")
    found = arrays(both.select(nw.len().cast(nw.Int64).alias("rows"), nw.col("/n").sum().cast(nw.Int64).alias("out")))
    partnered, pairs = int(found["rows"][0]), int(np.nan_to_num(found["out"][0]))
    match = MatchRecord(name, join.how, join.left, join.right, rows, partnered)
    alone = f"no partner in {join.right}"
    more = {f"several partners in {join.right}": pairs - partnered}
    if join.how == "anti":
        return StepRecord(name, (), rows, rows - partnered, {f"a partner in {join.right}": partnered}), match
    if join.how == "left":
        return StepRecord(name, (), rows, rows - partnered + pairs, {}, more), match
    return StepRecord(name, (), rows, pairs, {alone: rows - partnered}, more), match


def run_recorded(
    relations: Relations, tables: Mapping[str, Frame], record: DataRecord | None = None
) -> tuple[nw.LazyFrame[Any], DataRecord]:
    """`relations.run(tables)`, and a record with a step per node and a match rate per join.

    Each node is counted by a query of its own: slower than `run`, by about one pass per node.

    Args:
        relations: the graph.
        tables: frames by name.
        record: to go on from; tables that it does not know are added as sources with what they hold.

    Raises:
        InputError: a table is missing, or the record counts other rows for it.
    """
    known: dict[str, nw.LazyFrame] = {}
    found = DataRecord() if record is None else record
    for name in relations.reads:
        if name not in tables:
            raise InputError(f"tables {[name]} are missing; there are {list(tables)}")
        known[name] = lazy(tables[name])
        if found.rows_of(name) is None:
            rows = count_rows(known[name])
            found = found.adding(SourceRecord(name, rows, rows))
    for name, node in relations.nodes.items():
        known[name] = node.run(known)
        found = found.adding(*_node_parts(name, node, known))
    return known[relations.output], found


def prepared_part(name: str, table: str, fitted: FittedRecipe, train: int) -> StepRecord:
    """What a recipe did to the training rows: how many each of its steps dropped.

    Args:
        name: of the prepared table.
        table: the one it was made of, recorded before with these training rows.
        fitted: the recipe.
        train: training rows it was given.
    """
    lost = {f"step {step}": count for step, count in fitted.dropped.items() if count}
    return StepRecord(name, (table,), train, fitted.rows, lost)


def drift_between(
    first: str, second: str, one: Columns, other: Columns, names: Sequence[str] | None = None, seed: int = 0
) -> DriftRecord:
    """How far columns of some rows are from the same columns of others; times and arrays are passed over.

    Args:
        first: name of the one.
        second: name of the other.
        one: columns [N] by name.
        other: columns [M] by name.
        names: columns to look at; all that both have unless given.
        seed: of the sample of at most 100,000 rows of either side.
    """
    shared = [name for name in (one if names is None else names) if name in one and name in other]
    shared = [name for name in shared if one[name].ndim == 1 and one[name].dtype.kind in "fiubOU"]
    shifts = [Shift(name, *shift_of(_sampled(one[name], seed), _sampled(other[name], seed))) for name in shared]
    ranked = sorted((shift for shift in shifts if np.isfinite(shift.score)), key=lambda shift: -shift.score)
    return DriftRecord(first, second, tuple(ranked))


def rows_record(rows: Rows) -> DataRecord:
    """The record that came with rows, and what can be told from the rows themselves: split, gaps, and drift.

    It opens the test rows, which are compared with training rows.
    """
    record = rows.record
    test = rows.test.open("counts, gaps and drift of the data record")
    parts = {"train": rows.train, "validation": rows.validation, "test": test}
    used = sum(map(len, parts.values()))
    lost = {"in no part of the split": len(rows) - used}
    if all(step.name != "split" for step in record.steps):
        record = record.adding(StepRecord("split", (), len(rows), used, lost if len(rows) > used else {}))
    plain = {name: column for name, column in rows.columns.items() if column.ndim == 1}
    over = list(plain)[MOST:]
    looked = {name: column for name, column in plain.items() if name not in over}
    drifts = [
        drift_between("train", name, _at(looked, rows.train), _at(looked, part))
        for name, part in parts.items()
        if name != "train" and len(part)
    ]
    remarks = (f"{len(over)} columns of the rows were not looked at, such as {over[0]!r}.",) if over else ()
    if not looked:
        return record.adding(remarks=remarks)
    drifts = [drift for drift in drifts if drift.columns]
    return record.adding(count_missing("rows", looked), *drifts, remarks=remarks)


def _at(columns: Columns, row: np.ndarray) -> dict[str, np.ndarray]:
    return {name: column[row] for name, column in columns.items()}


def _sampled(column: np.ndarray, seed: int) -> np.ndarray:
    if len(column) <= SAMPLE:
        return column
    return column[np.sort(np.random.default_rng(seed).choice(len(column), SAMPLE, replace=False))]


def _example(record: Rejected) -> str:
    place = f"{PurePath(record.file).name}:{record.line}" if record.line else PurePath(record.file).name
    raw = record.raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()
    return f"{place}: {raw if len(raw) <= WIDTH else raw[: WIDTH - 1] + '…'}"


def _node_parts(name: str, node: Node, known: Mapping[str, nw.LazyFrame]) -> Iterator[StepRecord | MatchRecord]:
    if isinstance(node, Join):
        step, match = join_parts(name, node, known[node.left], known[node.right])
        yield StepRecord(name, (node.left,), step.rows_in, step.rows_out, step.lost, step.made)
        yield match
        return
    before, after = sum(count_rows(known[table]) for table in node.reads), count_rows(known[name])
    if isinstance(node, Aggregate):
        yield StepRecord(name, node.reads, before, after, {f"together with others of {list(node.by)}": before - after})
    elif isinstance(node, AllRows) or before == after:
        yield StepRecord(name, node.reads, before, after)
    else:
        why = getattr(node, "condition", None) or getattr(node, "function", None)
        told = f"by {why.path}" if why is not None else "left out"
        change = {told: abs(before - after)}
        yield StepRecord(name, node.reads, before, after, *((change, {}) if after < before else ({}, change)))
