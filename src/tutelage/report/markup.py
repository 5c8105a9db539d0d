"""Pieces of HTML.

Every foreign text goes through `text`, which cleans and escapes it; nothing else writes foreign words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from tutelage.report.numbers import clean
from tutelage.report.svg import DataTable, Plot
from tutelage.report.table import Column


def text(value: object) -> str:
    """Clean and escape foreign text for any place in a page."""
    return escape(clean(value), quote=True)


def document(title: str, style: str, body: str) -> str:
    """Return a complete page that can load nothing from anywhere and run no script."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(key: str, title: str, lead: str, *content: str) -> str:
    """Return one section of the page; `content` is finished HTML."""
    inside = "\n".join(part for part in content if part)
    return (
        f'<section id="{key}" aria-labelledby="{key}-title">\n<h2 id="{key}-title">{text(title)}</h2>\n'
        f'<p class="lead">{text(lead)}</p>\n{inside}\n</section>'
    )


def figures(plots: Iterable[Plot | None]) -> str:
    """Return a grid of the figures that there are."""
    boxes = [_figure(plot) for plot in plots if plot is not None]
    return f'<div class="figures">{"".join(boxes)}</div>' if boxes else ""


def scrolling(table: str, kind: str = "") -> str:
    """Return a table that scrolls inside its own box when it is wider than the page."""
    return f'<div class="scroll {kind}" tabindex="0" role="region" aria-label="table">{table}</div>'


def simple_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """Return a table of plain texts; the first `left` columns are aligned to the left."""

    def kind(i: int) -> str:
        return ' class="left wrap"' if i < left else ""

    head = "".join(f'<th scope="col"{kind(i)}>{text(cell)}</th>' for i, cell in enumerate(header))
    lines: list[str] = []
    for row in rows:
        cells = (f"<td{kind(i)}>{text(cell)}</td>" for i, cell in enumerate(row) if i > 0)
        lines.append(f'<tr><th scope="row"{kind(0)}>{text(row[0])}</th>{"".join(cells)}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def columns_table(columns: Sequence[Column], first: Sequence[str], marked: frozenset[int] = frozenset()) -> str:
    """Return a table of columns; `first` holds the finished row headings, `marked` the rows to tint."""
    head = '<th scope="col" class="left">contender</th>' + "".join(
        f'<th scope="col"{_left(column)}>{_title(column)}</th>' for column in columns
    )
    lines: list[str] = []
    for i, heading in enumerate(first):
        cells = "".join(f"<td{_left(column)}>{_cell(column, i)}</td>" for column in columns)
        kind = ' class="best"' if i in marked else ""
        lines.append(f'<tr{kind}><th scope="row" class="name">{heading}</th>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def bare_table(columns: Sequence[Column], caption: str, notes: Iterable[str]) -> str:
    """Return a table that needs no style sheet, for notebooks."""
    head = "".join(f"<th>{text(column.title)}</th>" for column in columns)
    lines = (
        "<tr>" + "".join(f"<td>{_cell(column, i)}</td>" for column in columns) + "</tr>"
        for i in range(len(columns[0].cells))
    )
    below = "".join(f"<div><small>{text(note)}</small></div>" for note in notes)
    return (
        f"<div><strong>{text(caption)}</strong><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>{below}</div>"
    )


def definitions(pairs: Iterable[tuple[str, str]], kind: str = "plain") -> str:
    """Return a list of terms; the second of each pair is finished HTML, empty ones are left out."""
    items = "".join(f"<dt>{text(term)}</dt><dd>{value}</dd>" for term, value in pairs if value)
    return f'<dl class="{kind}">{items}</dl>'


def _title(column: Column) -> str:
    name, _, arrow = text(column.title).rpartition(" ")
    return f"{name}&nbsp;{arrow}" if arrow in "↑↓" else text(column.title)


def _left(column: Column) -> str:
    return ' class="left wrap"' if column.left else ""


def _cell(column: Column, i: int) -> str:
    number, mark, spread = text(column.cells[i]).partition(" ±")
    shown = f"<b>{number}</b>" if i in column.best else number
    return f'{shown} <span class="pm">±{spread}</span>' if mark else shown


def _figure(plot: Plot) -> str:
    return (
        f"<figure><h3>{text(plot.title)}</h3>{plot.svg}"
        f"<figcaption><p>{text(plot.caption)}</p></figcaption>"
        f"<details><summary>The numbers</summary>{_numbers(plot.table)}</details></figure>"
    )


def _numbers(table: DataTable) -> str:
    note = f'<p class="fine">{text(table.note)}</p>' if table.note else ""
    return scrolling(simple_table(table.header, table.rows)) + note
