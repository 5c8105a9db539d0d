"""What became of the data: records per source, rows per step, gaps, matches and drift, as one plain value.

    record = DataRecord().adding(*source_parts("clicks", loaded), StepRecord("one per event", ("clicks",), 90, 88,
        {"the same event again": 2}))

It travels with `Rows` into the report of a run. Nothing is dropped in silence: a source whose records, or a step whose
rows do not add up, cannot be recorded. The functions that count are in `recording`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import final

from ..core.errors import InputError

PSI = "population stability index"
LARGE_SHIFT = 0.25
"""The population stability index from which on a column has drifted."""


@final
@dataclass(frozen=True)
class BrokenRule:
    """A rule that records broke.

    Args:
        rule: in words.
        count: how many records broke it.
        examples: where some of them stand, and what they say; text of strangers.
    """

    rule: str
    count: int
    examples: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class SourceRecord:
    """What became of the records of a source.

    Args:
        name: of the source.
        read: records found.
        kept: rows of its table.
        rejected: records in quarantine.
        late: records of a stream that came after their time was over.
        rules: what the rejected ones broke.
        time: its column of event time; empty for a table whose facts hold at all times.
        remarks: what its reader had to say.

    Raises:
        InputError: records are unaccounted for.
    """

    name: str
    read: int
    kept: int
    rejected: int = 0
    late: int = 0
    rules: tuple[BrokenRule, ...] = ()
    time: str = ""
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.read != self.kept + self.rejected + self.late:
            raise InputError(
                f"source {self.name!r}: {self.read} records were read, but {self.kept} kept + {self.rejected} "
                f"rejected + {self.late} late are {self.kept + self.rejected + self.late}: say what became of the rest"
            )


@final
@dataclass(frozen=True)
class StepRecord:
    """What a step on the way to the rows did to their number.

    Args:
        name: of the step, and of the table it makes.
        of: tables it takes: sources, or steps before it; none where the table was not recorded.
        rows_in: of these tables together.
        rows_out: of the table it makes.
        lost: why rows went, and how many.
        made: why rows came, and how many.

    Raises:
        InputError: rows are unaccounted for.
    """

    name: str
    of: tuple[str, ...]
    rows_in: int
    rows_out: int
    lost: Mapping[str, int] = field(default_factory=dict[str, int])
    made: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        numbers = (self.rows_in, self.rows_out, *self.lost.values(), *self.made.values())
        left = self.rows_in + sum(self.made.values()) - sum(self.lost.values())
        if min(numbers) < 0 or left != self.rows_out:
            raise InputError(
                f"step {self.name!r}: {self.rows_in} rows + {dict(self.made)} - {dict(self.lost)} are {left}, but "
                f"{self.rows_out} came out: say what became of the others"
            )


@final
@dataclass(frozen=True)
class MatchRecord:
    """How many rows of a table found a partner.

    Args:
        name: what was looked for.
        how: `as-of`, `window`, `left`, `inner`, `anti`, ...
        left: the table whose rows are counted.
        right: the table that was searched.
        rows: of the left table.
        matched: of these, with at least one partner.

    Raises:
        InputError: more rows were matched than there are.
    """

    name: str
    how: str
    left: str
    right: str
    rows: int
    matched: int

    def __post_init__(self) -> None:
        if not 0 <= self.matched <= self.rows:
            raise InputError(f"match {self.name!r}: {self.matched} of {self.rows} rows cannot have a partner")

    @property
    def share(self) -> float:
        """Of the rows, those with a partner; NaN without rows."""
        return self.matched / self.rows if self.rows else float("nan")


@final
@dataclass(frozen=True)
class MissingRecord:
    """Missing values of a table.

    Args:
        table: a source, a step, or `rows`.
        rows: of it.
        columns: each column that was looked at, and in how many rows it has no value.
    """

    table: str
    rows: int
    columns: Mapping[str, int]


@final
@dataclass(frozen=True)
class Shift:
    """How far a column of some rows is from the same column of others.

    Args:
        column: its name.
        score: see `DriftRecord`.
        chance: what the score stays below in 95 % of the cases where nothing has changed, with so few rows.
    """

    column: str
    score: float
    chance: float

    @property
    def large(self) -> bool:
        """Beyond `LARGE_SHIFT`, and beyond chance."""
        return self.score >= LARGE_SHIFT and self.score > self.chance


@final
@dataclass(frozen=True)
class DriftRecord:
    """How far columns of some rows are from those of others.

    The population stability index is the sum over bins of (now - was) * log(now / was), of shares of rows. Bins are
    tenths of the first rows (numbers) or the twenty most frequent values and the rest (text), and one for missing
    values; half a row is added to each. Below 0.1 little has changed, from 0.25 on a lot.

    Args:
        first: what is compared with, such as `train`.
        second: what is compared.
        columns: shared by both.
        measure: what the scores are.
    """

    first: str
    second: str
    columns: tuple[Shift, ...]
    measure: str = PSI


Part = SourceRecord | StepRecord | MatchRecord | MissingRecord | DriftRecord


@final
@dataclass(frozen=True)
class DataRecord:
    """Everything counted between the sources and the rows, in the order of reading.

    Args:
        sources: records in and out.
        steps: rows in and out.
        matches: of joins.
        missing: values per table and column.
        drift: between tables, or between training and later rows.
        remarks: one sentence each.

    Raises:
        InputError: a step takes a table that is not there, or another number of rows than it has.
    """

    sources: tuple[SourceRecord, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    matches: tuple[MatchRecord, ...] = ()
    missing: tuple[MissingRecord, ...] = ()
    drift: tuple[DriftRecord, ...] = ()
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = {source.name: source.kept for source in self.sources}
        if len(known) != len(self.sources):
            raise InputError(f"sources need different names, got {[source.name for source in self.sources]}")
        for step in self.steps:
            lost = [name for name in step.of if name not in known]
            if lost:
                raise InputError(f"step {step.name!r} takes {lost}, which nobody recorded before; there are {[*known]}")
            if step.name in known:
                raise InputError(f"two tables are called {step.name!r}: give each source and step its own name")
            if step.of and step.rows_in != sum(known[name] for name in step.of):
                told = ", ".join(f"{name} has {known[name]}" for name in step.of)
                raise InputError(f"step {step.name!r} says that it took {step.rows_in} rows, but {told}")
            known[step.name] = step.rows_out

    def __bool__(self) -> bool:
        return self != DataRecord()

    def adding(self, *parts: Part, remarks: tuple[str, ...] = ()) -> DataRecord:
        """The same record with more parts and remarks.

        Raises:
            InputError: see the class.
        """

        def more(kind: type, before: tuple[Part, ...]) -> tuple[Part, ...]:
            return (*before, *(part for part in parts if isinstance(part, kind)))

        return replace(
            self,
            sources=more(SourceRecord, self.sources),
            steps=more(StepRecord, self.steps),
            matches=more(MatchRecord, self.matches),
            missing=more(MissingRecord, self.missing),
            drift=more(DriftRecord, self.drift),
            remarks=(*self.remarks, *remarks),
        )

    def rows_of(self, table: str) -> int | None:
        """Rows of a source or step; None where it was not recorded."""
        counts = {one.name: one.kept for one in self.sources} | {one.name: one.rows_out for one in self.steps}
        return counts.get(table)

    def lines(self) -> Iterator[str]:
        """The counts and match rates, a line each, for people who watch."""
        yield from self.remarks
        for source in self.sources:
            late = f", {source.late} late" if source.late else ""
            yield f"{source.name}: {source.read} records, {source.kept} kept, {source.rejected} in quarantine{late}"
        for step in self.steps:
            why = [f"{count} lost ({reason})" for reason, count in step.lost.items() if count]
            why += [f"{count} more ({reason})" for reason, count in step.made.items() if count]
            yield f"{step.name}: {step.rows_in} rows in, {step.rows_out} out{''.join(f'; {part}' for part in why)}"
        for match in self.matches:
            yield f"{match.name} ({match.how}, {match.right}): {match.matched} of {match.rows} rows have a partner"
        for drift in self.drift:
            large = [f"{shift.column} {shift.score:.2f}" for shift in drift.columns if shift.large]
            if large:
                yield f"drift from {drift.first} to {drift.second} ({drift.measure}): {', '.join(large)}"
