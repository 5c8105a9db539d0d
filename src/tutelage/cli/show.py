"""What every command shows: progress, a table, the last sentence."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ..report import Report
from ..train.contest import Progress as Listener
from ..train.run import read_record


class Bar:
    """One line: what is being done, a bar for the whole, and the time left; plain lines where there is no terminal."""

    def __init__(self, progress: Progress, plain: bool) -> None:
        self.progress = progress
        self.plain = plain
        self.task = progress.add_task("starting", total=1.0, left="")
        self.start = time.monotonic()
        self.last = ""

    def __call__(self, stage: str, done: int, total: int, overall: float) -> None:
        """Shows how far the job is."""
        spent = time.monotonic() - self.start
        left = spent / overall - spent if overall > 0.02 else None
        text = "" if left is None else f"about {clock(left)} left"
        self.progress.update(self.task, description=f"{stage} {done}/{total}", completed=overall, left=text)
        if self.plain and stage != self.last:
            self.last = stage
            print(f"[{clock(spent)}] {stage} {text and '(' + text + ')'}".rstrip(), file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """A duration as 7s, 3m 05s or 2h 10m."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m {whole % 60:02d}s" if whole < 3600 else f"{whole // 3600}h {whole // 60 % 60:02d}m"


@contextmanager
def progress() -> Generator[Listener]:
    """A listener that draws on the standard error stream."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield Bar(bars, plain=not console.is_terminal)


def results(report: Report, run: Path | None) -> None:
    """The table, where everything lies, and the verdict last."""
    print(replace(report, verdict="").table())
    if run is not None:
        record = read_record(run) or {}
        for teacher, how in record.get("ran", {}).items():
            if how["steps"]:
                print(f"teacher {teacher}: {how['words']}")
        known = record.get("status") == "finished"
        use = f"tutelage predict {run} DATA" if known else f"torch.export.load({str(run / 'student.pt2')!r})"
        print(f"\nrun     {run}\nreport  {run / 'report.html'}\nuse it  {use}")
    print(f"\n{report.verdict}")


def new_folder(name: str, asked: Path | None, resume: bool) -> Path:
    """The folder of a run: the one asked for, else runs/NAME, runs/NAME-2, ...; the last of them to resume."""
    if asked is not None:
        return asked
    folder, number = Path("runs") / name, 2
    while folder.exists():
        before, folder, number = folder, Path("runs") / f"{name}-{number}", number + 1
        if resume and not folder.exists():
            return before
    return folder


def said(remark: str) -> None:
    """A remark for the user, on the standard error stream."""
    print(remark, file=sys.stderr, flush=True)
