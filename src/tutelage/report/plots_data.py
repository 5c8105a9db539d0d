"""Figures about the data: what was lost, what is missing, which joins found a partner, what has drifted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tutelage.data.record import LARGE_SHIFT, DataRecord
from tutelage.report.numbers import clean, fixed, percent, shorten
from tutelage.report.svg import MUTED, SERIES, DataTable, Plot, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_BARS = 20
_SPOKEN = 60


@dataclass(frozen=True)
class _Bar:
    """A line of a bar figure: lengths one after the other, and what stands behind them."""

    name: str
    lengths: tuple[float | int, ...]
    text: str


def data_plots(record: DataRecord) -> tuple[Plot | None, ...]:
    """Draw all that there is, in the order of the way from sources to rows."""
    drifts = [_drift_plot(record, number) for number in range(len(record.drift))]
    return _rows_plot(record), _match_plot(record), _missing_plot(record), *drifts


def _rows_plot(record: DataRecord) -> Plot | None:
    """Draw what became of the records of each source and the rows of each step."""
    bars = [_Bar(s.name, (s.kept, s.rejected + s.late), f"{s.kept:,} of {s.read:,}") for s in record.sources]
    for step in record.steps:
        lost = sum(step.lost.values())
        bars.append(_Bar(step.name, (step.rows_out, lost), f"{step.rows_out:,} of {step.rows_out + lost:,}"))
    if not bars:
        return None
    shares = [_Bar(b.name, tuple(v / max(sum(b.lengths), 1) for v in b.lengths), b.text) for b in bars]
    caption = (
        "Of the records of each source and the rows that came into each step, the share that went on. The rest is in "
        "quarantine, late, or lost for the reasons in the table; sources come first, then steps in their order."
    )
    lines = tuple((clean(b.name), f"{b.lengths[0]:,.0f}", f"{b.lengths[1]:,.0f}") for b in bars)
    table = DataTable(("source or step", "went on", "did not"), lines)
    svg = _bars("data-rows", f"What became of the rows of {len(bars)} tables.", shares, "share of rows", limit=1.0)
    return Plot("data-rows", "What became of the rows", caption, svg, table)


def _match_plot(record: DataRecord) -> Plot | None:
    """Draw the share of rows that found a partner, per join."""
    known = [match for match in record.matches if match.rows]
    if not known:
        return None
    bars = [_Bar(match.name, (match.share,), f"{percent(match.share)}") for match in known]
    caption = (
        "The share of rows for which each look into another table found something. What it did not find is a missing "
        "value, a count of zero, or a reason for a teacher of that source to abstain."
    )
    lines = tuple(
        (clean(m.name), clean(m.how), clean(m.right), f"{m.matched:,}", f"{m.rows:,}", percent(m.share)) for m in known
    )
    table = DataTable(("looked for", "join", "in", "found", "of rows", "share"), lines)
    least = min(known, key=lambda match: match.share)
    spoken = f"Match rates of {len(known)} joins. Lowest: {clean(least.name)}, {percent(least.share)}."
    svg = _bars("data-matches", spoken, bars[:_MAX_BARS], "rows with a partner", limit=1.0)
    return Plot("data-matches", "Who found a partner", caption, svg, table)


def _missing_plot(record: DataRecord) -> Plot | None:
    """Draw the columns with the most missing values, over all tables."""
    found = [
        (part.table, name, count, count / part.rows)
        for part in record.missing
        for name, count in part.columns.items()
        if count and part.rows
    ]
    if not found:
        return None
    found.sort(key=lambda item: -item[3])
    bars = [_Bar(f"{table}: {name}", (share,), percent(share)) for table, name, _, share in found[:_MAX_BARS]]
    looked = sum(len(part.columns) for part in record.missing)
    caption = (
        f"The share of rows without a value, of the columns of sources and of the finished rows that have gaps: "
        f"{len(found)} of {looked} columns."
        + (f" The {_MAX_BARS} with the most are drawn." if len(found) > _MAX_BARS else "")
    )
    lines = tuple((clean(table), clean(name), f"{count:,}", percent(share)) for table, name, count, share in found)
    table = DataTable(("table", "column", "rows without", "share"), lines)
    spoken = f"Missing values of {len(found)} columns. Most: {clean(bars[0].name)}, {bars[0].text}."
    svg = _bars("data-missing", spoken, bars, "rows without a value", limit=1.0)
    return Plot("data-missing", "What is missing", caption, svg, table)


def _drift_plot(record: DataRecord, number: int) -> Plot | None:
    """Draw how far the columns of one table are from those of another, farthest first."""
    drift = record.drift[number]
    shifts = sorted((s for s in drift.columns if math.isfinite(s.score)), key=lambda shift: -shift.score)
    if not shifts:
        return None
    bars = [_Bar(s.column, (s.score,), fixed(s.score, 2)) for s in shifts[:_MAX_BARS]]
    first, second = clean(drift.first), clean(drift.second)
    large = sum(shift.large for shift in shifts)
    caption = (
        f"The {clean(drift.measure)} of each column: how far {second} is from {first}. Right of the dashed line "
        f"({LARGE_SHIFT}) much has changed: {large} of {len(shifts)} columns."
        + (f" The {_MAX_BARS} farthest are drawn." if len(shifts) > _MAX_BARS else "")
    )
    lines = tuple(
        (clean(s.column), fixed(s.score, 3), fixed(s.chance, 3), "drifted" if s.large else "") for s in shifts
    )
    table = DataTable(
        ("column", "index", "chance gives up to", ""), lines, "Chance: 95 % level, where rows are independent."
    )
    spoken = f"Drift from {first} to {second}. Farthest: {clean(bars[0].name)}, {bars[0].text}."
    limit = max(LARGE_SHIFT * 1.15, bars[0].lengths[0])
    svg = _bars(f"data-drift-{number}", spoken, bars, clean(drift.measure), limit=limit, line=LARGE_SHIFT)
    return Plot(f"data-drift-{number}", f"Drift: {first} → {second}", caption, svg, table)


def _bars(key: str, spoken: str, bars: Sequence[_Bar], label: str, *, limit: float, line: float | None = None) -> str:
    """Horizontal bars, one line each, their text behind the end."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        _lengths(axes, bars)
        if line is not None:
            axes.axvline(line, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)))
        for place, bar in enumerate(bars):
            axes.text(limit * 1.03, place, shorten(bar.text, 24), va="center", fontsize=9.5, color=MUTED)
        axes.set_xlim(0, limit * 1.0)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.set_yticks(range(len(bars)), [shorten(bar.name, 26) for bar in bars])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel(shorten(label, _SPOKEN))

    return render(key, spoken, 20 * len(bars) + 58, paint)


def _lengths(axes: Axes, bars: Sequence[_Bar]) -> None:
    start = [0.0] * len(bars)
    for part in range(max(len(bar.lengths) for bar in bars)):
        values = [bar.lengths[part] if part < len(bar.lengths) else 0.0 for bar in bars]
        axes.barh(range(len(bars)), values, left=start, height=0.62, color=SERIES[part], alpha=0.85)
        start = [before + value for before, value in zip(start, values, strict=True)]
