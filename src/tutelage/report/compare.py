"""Several runs side by side: their students and ensembles in one table.

Runs can be laid side by side only when they answer the same question: same task, headline and test rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.core.errors import InputError
from tutelage.report.leaderboard import Row, leaderboard
from tutelage.report.numbers import Estimate, clean
from tutelage.report.report import Report, write_text
from tutelage.report.table import (
    Column,
    Table,
    cost_text_columns,
    draw_columns,
    metric_column,
    terminal_width,
)


@dataclass(frozen=True)
class Comparison:
    """The students and ensembles of several runs.

    Args:
        names: one name per run.
        reports: the runs.
        rows: (index of the run, leaderboard row), best headline first.
    """

    names: tuple[str, ...]
    reports: tuple[Report, ...]
    rows: tuple[tuple[int, Row], ...]

    def table(self, width: int | None = None) -> Table:
        """Return the comparison as printable text, `width` columns wide (default: the terminal's)."""
        from tutelage.report.html import comparison_fragment

        titles = (f"{len(self.reports)} runs on the same test rows",)
        notes = ("± is each run's own 95 % interval; differences between runs are not paired.",)
        text = draw_columns(comparison_columns(self), titles, notes, terminal_width(width))
        return Table(text, comparison_fragment(self))

    def to_html(self) -> str:
        """Return the self-contained page."""
        from tutelage.report.html import comparison_page

        return comparison_page(self)

    def save(self, path: str | Path) -> Path:
        """Write the self-contained page to `path`."""
        return write_text(Path(path), self.to_html())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def compare(reports: Sequence[Report], names: Sequence[str] | None = None) -> Comparison:
    """Lay runs side by side.

    Args:
        reports: at least two.
        names: one per report; by default their titles, numbered where two are the same.

    Raises:
        InputError: when the runs differ in task, headline or test rows, saying which run and how.
    """
    if len(reports) < 2:
        raise InputError(f"a comparison needs at least two reports, not {len(reports)}")
    labels = _names(reports) if names is None else tuple(names)
    if len(labels) != len(reports):
        raise InputError(f"{len(labels)} names for {len(reports)} reports; give one each")
    for label, report in zip(labels[1:], reports[1:], strict=True):
        _check_same(labels[0], reports[0], label, report)
    rows = [
        (i, row)
        for i, report in enumerate(reports)
        for row in leaderboard(report)
        if row.contender.role in ("student", "ensemble")
    ]
    headline, higher = reports[0].headline, reports[0].metrics_higher_is_better[reports[0].headline]

    def rank(item: tuple[int, Row]) -> tuple[bool, float]:
        mean = item[1].metrics.get(headline, Estimate(math.nan)).mean
        return math.isnan(mean), 0.0 if math.isnan(mean) else -mean if higher else mean

    return Comparison(labels, tuple(reports), tuple(sorted(rows, key=rank)))


def comparison_columns(comparison: Comparison) -> tuple[Column, ...]:
    """Return all columns, the most important first."""
    first, rows = comparison.reports[0], [row for _, row in comparison.rows]
    columns = [
        Column("contender", tuple(clean(row.contender.name) for row in rows), left=True),
        Column("run", tuple(clean(comparison.names[i]) for i, _ in comparison.rows), left=True),
    ]
    directions: dict[str, bool] = {}
    for report in comparison.reports:
        directions |= {name: up for name, up in report.metrics_higher_is_better.items() if name not in directions}
    used = {metric for row in rows for metric in row.metrics}
    rest = [metric for metric in directions if metric in used and metric != first.headline]
    columns.append(metric_column(rows, first.headline, directions[first.headline]))
    columns += cost_text_columns(rows)
    columns += [metric_column(rows, metric, directions[metric]) for metric in rest]
    return tuple(columns)


def _names(reports: Sequence[Report]) -> tuple[str, ...]:
    titles = [report.title for report in reports]
    return tuple(
        title if titles.count(title) == 1 else f"{title} ({titles[: i + 1].count(title)})"
        for i, title in enumerate(titles)
    )


def _check_same(name: str, report: Report, other_name: str, other: Report) -> None:
    reasons = {
        "task": (report.task, other.task),
        "headline metric": (report.headline, other.headline),
        "number of test rows": (report.splits.get("test"), other.splits.get("test")),
        "test set": (report.test_set, other.test_set),
    }
    for what, (mine, theirs) in reasons.items():
        known = what != "test set" or (mine and theirs)
        if mine != theirs and known:
            raise InputError(
                f"{name!r} and {other_name!r} cannot be compared: their {what} differs ({mine!r} and "
                f"{theirs!r}); "
                "evaluate both runs on the same rows with the same task"
            )
