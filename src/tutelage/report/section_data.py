"""The section of the page on data: sources, steps, joins, gaps, drift. Empty where nothing was recorded."""

from __future__ import annotations

from tutelage.data.record import DataRecord, SourceRecord, StepRecord
from tutelage.report.markup import figures, scrolling, section, simple_table, text
from tutelage.report.numbers import shorten
from tutelage.report.plots_data import data_plots
from tutelage.report.report import Report

_MAX_RULES = 12


def origins(report: Report) -> str:
    """Return what became of the data between the sources and the rows."""
    record = report.data
    if not record:
        return ""
    lead = (
        "From the sources to the rows: every record and row is accounted for, whether it went on, went into "
        "quarantine, or was left out and why."
    )
    remarks = "".join(f"<li>{text(remark)}</li>" for remark in record.remarks)
    return section(
        "data",
        "Where the rows come from",
        lead,
        _sources(record),
        _rules(record),
        _steps(record),
        f'<ul class="fine">{remarks}</ul>' if remarks else "",
        figures(data_plots(record)),
    )


def _sources(record: DataRecord) -> str:
    if not record.sources:
        return ""
    header = ("source", "time", "read", "kept", "in quarantine", "late", "columns with gaps")
    return "<h3>Sources</h3>" + scrolling(simple_table(header, (_source(record, one) for one in record.sources)))


def _source(record: DataRecord, source: SourceRecord) -> tuple[str, ...]:
    gaps = next((part for part in record.missing if part.table == source.name), None)
    told = "" if gaps is None else f"{sum(map(bool, gaps.columns.values()))} of {len(gaps.columns)}"
    numbers = (source.read, source.kept, source.rejected, source.late)
    return (source.name, source.time or "always", *(f"{number:,}" for number in numbers), told)


def _rules(record: DataRecord) -> str:
    """The rules that records broke, with examples; folded."""
    found = [(source.name, rule) for source in record.sources for rule in source.rules]
    told = [(source.name, remark) for source in record.sources for remark in source.remarks]
    if not found and not told:
        return ""
    found.sort(key=lambda item: -item[1].count)
    rows = [
        (name, rule.rule, f"{rule.count:,}", "; ".join(shorten(example, 120) for example in rule.examples[:1]))
        for name, rule in found[:_MAX_RULES]
    ]
    over = sum(rule.count for _, rule in found[_MAX_RULES:])
    rest = f"; {len(found) - _MAX_RULES} more rules were broken by {over:,} records" if over else ""
    table = simple_table(("source", "rule", "records", "for example"), rows, left=2) if rows else ""
    notes = "".join(f"<li>{text(name)}: {text(remark)}</li>" for name, remark in told)
    total = sum(rule.count for _, rule in found)
    summary = f"{total:,} records broke {len(found)} rules{rest}" if found else "Remarks of the readers"
    return (
        f"<details><summary>{text(summary)}</summary>{scrolling(table) if table else ''}"
        f"{f'<ul>{notes}</ul>' if notes else ''}</details>"
    )


def _steps(record: DataRecord) -> str:
    if not record.steps:
        return ""
    header = ("step", "made of", "why", "rows in", "rows out")
    rows = [_step(step) for step in record.steps]
    return "<h3>Steps</h3>" + scrolling(simple_table(header, rows, left=3))


def _step(step: StepRecord) -> tuple[str, ...]:
    why = [f"−{count:,} {reason}" for reason, count in step.lost.items() if count]
    why += [f"+{count:,} {reason}" for reason, count in step.made.items() if count]
    told = "; ".join(why) or "all go on"
    return step.name, ", ".join(step.of), told, f"{step.rows_in:,}", f"{step.rows_out:,}"
