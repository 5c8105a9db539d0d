"""The leaderboard as text: terminal (rich), plain text, Markdown.

A table never exceeds the width it is given. Columns are packed in order of importance; those that do not fit
continue in a second table under the same names, so nothing is lost on a narrow terminal.
"""

from __future__ import annotations

import io
import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tutelage.report.leaderboard import Row, best_of, cost_columns, judge, leaderboard, metric_order
from tutelage.report.numbers import MISSING, Estimate, clean, decimals, estimate_text, metric_name, shorten
from tutelage.report.report import Report

if TYPE_CHECKING:
    from rich.table import Table as RichTable

_GAP = 2
_NAME_WIDTH = 30


class Table(str):
    """Printable text that shows itself as HTML in a notebook."""

    html: str

    def __new__(cls, text: str, html: str) -> Table:
        """Join the text with its HTML form."""
        table = super().__new__(cls, text)
        table.html = html
        return table

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True)
class Column:
    """A column of finished texts.

    Args:
        title: its heading.
        cells: one text per row.
        best: the rows that hold its best value.
        left: whether it is aligned to the left.
    """

    title: str
    cells: tuple[str, ...]
    best: frozenset[int] = frozenset()
    left: bool = False

    def width(self) -> int:
        """Columns of a terminal that it needs; wide characters count twice."""
        from rich.cells import cell_len

        return max(map(cell_len, (self.title, *self.cells)))


def terminal(report: Report, width: int | None = None) -> Table:
    """Return the leaderboard for a terminal, with bold and dim when standard output is one.

    Args:
        report: what to show.
        width: columns of the terminal, at least 40; by default those of the present one.
    """
    from tutelage.report.html import fragment

    titles = (clean(report.title), clean(report.verdict))
    columns = columns_of(leaderboard(report), report)
    return Table(draw_columns(columns, titles, footnotes(report), terminal_width(width)), fragment(report))


def plain(report: Report, width: int = 100) -> str:
    """Return the leaderboard as plain text without styles, ruled with hyphens."""
    titles = (clean(report.title), clean(report.verdict))
    columns = columns_of(leaderboard(report), report)
    return draw_columns(columns, titles, footnotes(report), max(width, 40), plain_text=True)


def terminal_width(width: int | None) -> int:
    """Return the columns to fill: what was asked for, else those of the terminal, never below 40."""
    return max(width or shutil.get_terminal_size((100, 24)).columns, 40)


def markdown(report: Report) -> str:
    """Return the leaderboard as one Markdown table with its footnotes."""
    columns = columns_of(leaderboard(report), report)
    header = "| " + " | ".join(markdown_text(column.title) for column in columns) + " |"
    rule = "|" + "|".join(":--" if column.left else "--:" for column in columns) + "|"
    lines = [header, rule]
    for i in range(len(report.contenders)):
        cells = [_markdown_cell(column, i) for column in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(markdown_text(note) for note in footnotes(report)), ""])


def markdown_text(text: object) -> str:
    """Escape foreign text so that Markdown shows it as it is."""
    escaped = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in ("\\", "|", "`", "*", "_", "[", "]", "#"):
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped


def footnotes(report: Report) -> tuple[str, ...]:
    """Return the sentences that explain the numbers of the leaderboard."""
    seeds = ", ".join(map(str, report.seeds)) or "none"
    if report.interval == "bootstrap over rows":
        source = f"Brackets: 95 % bootstrap interval over test rows, seeds {seeds}."
    else:
        source = f"± is the 95 % Student-t half width over {len(report.seeds)} seeds ({seeds})."
        if len(report.seeds) < 2:
            source = f"One seed ({seeds}): no interval over seeds can be given."
    notes = [source]
    if len(report.seeds) > 1 and report.interval == "t over seeds":
        notes.append("A number without ± does not depend on the seed.")
    if report.reference:
        notes.append(f"Δ: paired difference to “{clean(report.reference)}”; * its 95 % interval excludes zero.")
    return tuple(notes)


def columns_of(rows: Sequence[Row], report: Report) -> tuple[Column, ...]:
    """Return all columns of the leaderboard, the most important first."""
    names = tuple(("▸ " if row.best_student else "") + clean(row.contender.name) for row in rows)
    columns = [Column("contender", names, left=True)]
    for metric in metric_order(report):
        columns.append(metric_column(rows, metric, report.metrics_higher_is_better[metric]))
        if metric == report.headline:
            if report.reference:
                columns.append(difference_column(rows, report))
            columns.extend(cost_text_columns(rows))
    columns.append(Column("role", tuple(row.contender.role for row in rows), left=True))
    return tuple(columns)


def pack(columns: Sequence[Column], width: int) -> tuple[tuple[Column, ...], ...]:
    """Split columns into tables no wider than `width`, each beginning with the first column."""
    first, rest = columns[0], columns[1:]
    tables: list[list[Column]] = [[first]]
    used = first.width() + 2
    for column in rest:
        if used + _GAP + column.width() > width and len(tables[-1]) > 1:
            tables.append([first])
            used = first.width() + 2
        tables[-1].append(column)
        used += _GAP + column.width()
    return tuple(map(tuple, tables))


def draw_columns(
    columns: Sequence[Column],
    titles: Sequence[str],
    notes: Sequence[str],
    width: int,
    *,
    plain_text: bool = False,
) -> str:
    """Draw titles, the columns in as many tables as they need, and notes, within `width`."""
    from rich.console import Console
    from rich.text import Text

    styled = sys.stdout.isatty() and not plain_text
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=styled,
        force_jupyter=False,
        no_color=True,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
    )
    for i, title in enumerate(titles):
        console.print(Text(title, style="" if i else "bold"))
    for part in pack(_fit_names(columns, width), width):
        console.print()
        console.print(_rich_table(part, plain_text))
    for note in notes:
        console.print(Text(note, style="dim"))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _fit_names(columns: Sequence[Column], width: int) -> tuple[Column, ...]:
    """Shorten the names until the widest other column fits beside them."""
    widest = max(column.width() for column in columns[1:])
    room = min(max(width - widest - 2 * _GAP, 8), _NAME_WIDTH + 2)
    names = columns[0]
    return (replace(names, cells=tuple(shorten(cell, room) for cell in names.cells)), *columns[1:])


def metric_column(rows: Sequence[Row], metric: str, higher_is_better: bool) -> Column:
    """Return the column of one metric, "n/a" where a row does not have it."""
    estimates = [row.metrics.get(metric, Estimate(math.nan)) for row in rows]
    digits = decimals(estimates)
    best = best_of((item.mean for item in estimates), higher_is_better)
    return Column(
        f"{metric_name(metric)} {'↑' if higher_is_better else '↓'}",
        tuple(estimate_text(item, digits) for item in estimates),
        frozenset(i for i, item in enumerate(estimates) if item.mean == best),
    )


def cost_text_columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    """Return the columns of all costs that some row has."""
    result: list[Column] = []
    for cost in cost_columns(row.contender for row in rows):
        values = [row.contender.cost.get(cost.key, math.nan) for row in rows]
        best = best_of(values, cost.higher_is_better)
        cells = tuple(cost.text(value) if math.isfinite(value) else MISSING for value in values)
        result.append(Column(cost.short, cells, frozenset(i for i, value in enumerate(values) if value == best)))
    return tuple(result)


def difference_column(rows: Sequence[Row], report: Report) -> Column:
    """Return the paired headline difference to the reference; a star where its interval excludes zero."""
    metric, higher = report.headline, report.metrics_higher_is_better[report.headline]
    digits = decimals(row.differences[metric] for row in rows if metric in row.differences)
    cells: list[str] = []
    for row in rows:
        difference = row.differences.get(metric)
        if difference is None:
            cells.append("reference" if row.reference else MISSING)
            continue
        mark = " " if judge(difference, higher) == "unclear" else "*"
        cells.append(estimate_text(difference, digits, sign=True) + mark)
    return Column("Δ reference", tuple(cells))


def _rich_table(columns: Sequence[Column], plain_text: bool) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    frame = box.Box("    \n    \n -- \n" + 5 * "    \n", ascii=True) if plain_text else box.SIMPLE_HEAD
    table = RichTable(box=frame, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for column in columns:
        justify = "left" if column.left else "right"
        table.add_column(Text(column.title), justify=justify, overflow="ellipsis", no_wrap=True)
    for i in range(len(columns[0].cells)):
        table.add_row(*(Text(column.cells[i], style="bold" if i in column.best else "") for column in columns))
    return table


def _markdown_cell(column: Column, i: int) -> str:
    text = markdown_text(column.cells[i].strip())
    return f"**{text}**" if i in column.best else text
