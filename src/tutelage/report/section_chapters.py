"""How a chapter looks: as a section of the page and as text."""

from __future__ import annotations

from tutelage.report.chapters import Chapter, Sheet
from tutelage.report.markup import scrolling, section, simple_table, text
from tutelage.report.table import Column, Table, draw_columns, terminal_width


def chapter_section(chapter: Chapter) -> str:
    """The chapter as a section of the page."""
    parts = [f"<p><strong>{text(chapter.verdict)}</strong></p>"]
    for sheet in chapter.sheets:
        if sheet.rows:
            note = f'<p class="fine">{text(sheet.note)}</p>' if sheet.note else ""
            parts.append(f"<h3>{text(sheet.title)}</h3>{scrolling(simple_table(sheet.header, sheet.rows))}{note}")
    if chapter.notes:
        parts.append(f"<h3>Notes</h3><ul>{''.join(f'<li>{text(note)}</li>' for note in chapter.notes)}</ul>")
    return section(chapter.key, chapter.title, chapter.lead, *parts)


def chapter_table(chapter: Chapter, width: int | None = None) -> Table:
    """The chapter as printable text."""
    size = terminal_width(width)
    drawn = [
        draw_columns(_columns(sheet), (sheet.title,), (sheet.note,) if sheet.note else (), size)
        for sheet in chapter.sheets
        if sheet.rows
    ]
    words = "\n".join((*(f"note: {note}" for note in chapter.notes), "", chapter.verdict))
    return Table("\n".join((*drawn, words)), chapter_section(chapter))


def _columns(sheet: Sheet) -> tuple[Column, ...]:
    return tuple(
        Column(title, tuple(row[i] for row in sheet.rows), left=i == 0) for i, title in enumerate(sheet.header)
    )
