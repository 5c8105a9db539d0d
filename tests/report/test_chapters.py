"""Chapters that later commands add to a report."""

from __future__ import annotations

import pytest

from report import sample
from tutelage.core import InputError
from tutelage.report import Chapter, Report, Sheet

SHEET = Sheet("Numbers", ("name", "value"), (("<b>a</b>", "1"), ("c", "2")), "How to read it.")
CHAPTER = Chapter("asked", "What was asked", "A question.", "An answer.", (SHEET,), ("a note",))


def test_a_chapter_survives_json_and_replaces_its_own_kind() -> None:
    report = sample.classification().with_chapter(CHAPTER)
    assert Report.from_json(report.to_json()) == report
    other = Chapter("other", "Other", "Q.", "A.")
    newer = Chapter("asked", "Newer", "Q.", "A.")
    assert report.with_chapter(other).with_chapter(newer).chapters == (other, newer)


def test_a_chapter_is_a_section_of_the_page_and_foreign_text_is_escaped() -> None:
    page = sample.classification().with_chapter(CHAPTER).to_html()
    assert '<section id="asked"' in page
    assert '<a href="#asked">What was asked</a>' in page
    assert "&lt;b&gt;a&lt;/b&gt;" in page
    assert "<b>a</b>" not in page


def test_a_chapter_as_text() -> None:
    said = str(CHAPTER.table(80))
    assert "<b>a</b>      1" in said
    assert "note: a note" in said
    assert said.endswith("An answer.")


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="2 columns"):
        Sheet("Numbers", ("name", "value"), (("a",),))
