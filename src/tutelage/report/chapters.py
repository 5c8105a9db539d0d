"""Chapters: what a later command (select, analyse, search, explain) adds to the page of a run.

A chapter is finished words and tables. It lies in the record of the run, so that the page can be written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tutelage.core.errors import InputError

if TYPE_CHECKING:
    from tutelage.report.table import Table


@dataclass(frozen=True)
class Sheet:
    """A table of finished texts.

    Args:
        title: what it shows.
        header: one heading per column.
        rows: one text per column each; the first is the row's name.
        note: how to read it, one or two sentences.

    Raises:
        InputError: a row has more or fewer texts than there are columns.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.header)]
        if wrong:
            raise InputError(f"the sheet {self.title!r} has {len(self.header)} columns, a row has {wrong[0]}")


@dataclass(frozen=True)
class Chapter:
    """A section of the page.

    Args:
        key: unique on a page; the command that wrote it.
        title: its heading.
        lead: what the question was.
        verdict: the answer.
        sheets: tables.
        notes: remarks, one sentence each.
    """

    key: str
    title: str
    lead: str
    verdict: str
    sheets: tuple[Sheet, ...] = ()
    notes: tuple[str, ...] = ()

    def table(self, width: int | None = None) -> Table:
        """The chapter as printable text, `width` columns wide (default: the terminal's)."""
        from tutelage.report.section_chapters import chapter_table

        return chapter_table(self, width)
