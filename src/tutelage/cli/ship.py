"""`tutelage export`, `compare` and `report`: what becomes of finished runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from rich.console import Console
from rich.table import Table

from ..compress import Exported, export_run
from ..core import InputError
from ..report import compare as compare_reports
from ..train import load
from .use import columns_of, target_of


@dataclass(frozen=True)
class ExportOptions:
    """Write the student for another runtime, and check it row by row against the torch student.

    Attributes:
        run: folder of the run.
        data: labelled rows to check on (table or image folder); some of the run's own test rows unless given.
        to: onnx or pt2.
        int8: also with weights as 8-bit integers (onnx).
        out: folder for the files; RUN/export unless given.
        target: target column of `data`; the run's own unless given.
    """

    run: tyro.conf.Positional[Path]
    data: Path | None = None
    to: Literal["onnx", "pt2"] = "onnx"
    int8: bool = False
    out: Path | None = None
    target: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()


@dataclass(frozen=True)
class CompareOptions:
    """Lay runs side by side; or with --sweep fusions on your data (see tutelage compare --sweep --help).

    Attributes:
        runs: folders of runs.
        html: page to write as well.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    html: Path | None = None


@dataclass(frozen=True)
class ReportOptions:
    """Write the page of a run again, or print its table.

    Attributes:
        run: folder of the run.
        out: page to write; the run's own report.html unless given.
        table: print the table instead.
        citations: print BibTeX of the methods used instead.
    """

    run: tyro.conf.Positional[Path]
    out: Path | None = None
    table: bool = False
    citations: bool = False


def export_command(arguments: list[str]) -> None:
    """Writes the files and prints size, latency and change in quality of each."""
    options = tyro.cli(ExportOptions, args=arguments, prog="tutelage export")
    run = load(options.run)
    if options.data is None:
        columns, target, known = run.check_rows()
    else:
        columns, classes = columns_of(run, options.data)
        target, known = target_of(run, columns, classes, options.data, options.target)

    def measure(answer: Any) -> dict[str, float]:
        return run.task.metrics(answer, target, known)

    with torch.no_grad():
        found = export_run(
            run,
            columns,
            options.out or run.folder / "export",
            to=options.to,
            int8=options.int8,
            measure=measure,
        )
    _table(found, run.task.headline)


def _table(found: list[Exported], headline: str) -> None:
    table = Table(title="the student, form by form (one thread)", title_justify="left")
    for name in ("form", "size", "p50 ms", "p99 ms", "rows/s", "same decision", "largest change", headline):
        table.add_column(name, justify="left" if name == "form" else "right")
    for one in found:
        table.add_row(
            one.name,
            f"{one.size / 1024:.1f} kB",
            f"{one.cost.p50_ms:.3f}",
            f"{one.cost.p99_ms:.3f}",
            f"{one.cost.rows_per_s:,.0f}",
            f"{one.agreement:.2%}",
            f"{one.largest_change:.2g}",
            f"{one.metrics[headline]:.4f}" if one.metrics else "n/a",
        )
    Console(width=max(100, Console().width)).print(table)
    for one in found[1:]:
        print(one.path)


def compare_command(arguments: list[str]) -> None:
    """Prints one table over all runs, or over fusions when asked to --sweep."""
    if "--sweep" in arguments:
        from .sweep import sweep_command

        sweep_command([part for part in arguments if part != "--sweep"])
        return
    options = tyro.cli(CompareOptions, args=arguments, prog="tutelage compare")
    if len(options.runs) < 2:
        raise InputError("compare needs at least two runs")
    found = compare_reports([load(folder).report for folder in options.runs])
    print(found.table())
    if options.html is not None:
        print(found.save(options.html))


def report_command(arguments: list[str]) -> None:
    """Writes the page, or prints table or citations."""
    options = tyro.cli(ReportOptions, args=arguments, prog="tutelage report")
    record = load(options.run).report
    if options.citations:
        print(record.citations())
    elif options.table:
        print(record.table())
    else:
        print(record.save(options.out or options.run / "report.html"))
