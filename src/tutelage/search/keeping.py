"""What a command found out about a run is kept in its folder, and its page is written again."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ..core import MissingExtraError
from ..report import Report
from ..report.report import write_text
from ..train.run import read_record, write_record
from .ground import Ground
from .record import Record


def keep_found(found: Record, folder: Path, ground: Ground | None = None) -> tuple[Path, ...]:
    """Writes KEY.json, and the chapters into report.json and report.html; openings of test rows go into run.json.

    Args:
        found: what was found out.
        folder: of a finished run; a folder without one gets KEY.json alone.
        ground: whose openings of the test rows are recorded.

    Returns:
        the files written.
    """
    written = [write_text(folder / f"{found.key}.json", found.to_json())]
    page = folder / "report.json"
    if page.exists():
        report = Report.load(page)
        for chapter in found.chapters():
            report = report.with_chapter(chapter)
        written.append(report.save_json(page))
        with contextlib.suppress(MissingExtraError):
            written.append(report.save(folder / "report.html"))
    record = read_record(folder)
    if record is not None and ground is not None:
        opened = [why for why in ground.rows.test.openings if why.startswith(f"{found.key}:")]
        before: list[Any] = list(record.get("test_openings", []))
        write_record(folder, record | {"test_openings": [*before, *opened]})
    return tuple(written)
