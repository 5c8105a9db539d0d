"""The model card: what a person who was not there has to know about the student, in Markdown."""

from __future__ import annotations

from tutelage.report.leaderboard import leaderboard
from tutelage.report.numbers import clean, percent
from tutelage.report.report import Report
from tutelage.report.table import markdown, markdown_text

_TASKS = {
    "classification": "assigns each row to one class",
    "multilabel": "assigns any number of labels to each row",
    "regression": "predicts a number for each row",
    "enhancement": "takes the noise out of a wave",
    "ranking": "puts the candidates of each row in order",
}


def card(report: Report) -> str:
    """Return the model card of the best student."""
    parts = [
        f"# {markdown_text(report.title)}",
        markdown_text(report.verdict),
        _what(report),
        "## Data\n\n" + _data(report),
        "## Teachers\n\n" + _teachers(report),
        "## Numbers\n\n" + markdown(report).strip(),
        "## Limits\n\n" + _limits(report),
        "## How to use it\n\n" + _usage(),
        "## How to repeat it\n\n" + _repeat(report),
    ]
    if report.sources:
        parts.append("## Methods\n\n```bibtex\n" + report.citations() + "\n```")
    return "\n\n".join(parts) + "\n"


def _what(report: Report) -> str:
    best = next((row.contender for row in leaderboard(report) if row.best_student), None)
    name = f"“{markdown_text(best.name)}”" if best else "The student"
    size = ""
    if best and "parameters" in best.cost:
        size = f" It has {best.cost['parameters']:,.0f} parameters."
    teachers = "no teachers" if not report.teachers else f"{len(report.teachers)} teacher(s)"
    does = _TASKS.get(report.task, f"was made for {markdown_text(report.task)}")
    return (
        "## What it is\n\n"
        f"{name} {does}. It was distilled from {teachers} with tutelage on "
        f"{markdown_text(report.created)}.{size}"
    )


def _data(report: Report) -> str:
    if not report.splits:
        return "The sizes of the splits were not recorded."
    lines = ["| split | rows |", "|:--|--:|"]
    lines += [f"| {markdown_text(name)} | {rows:,} |" for name, rows in report.splits.items()]
    if report.data.sources:
        lines += ["", "| source | read | kept | in quarantine | late |", "|:--|--:|--:|--:|--:|"]
    for one in report.data.sources:
        numbers = (one.read, one.kept, one.rejected, one.late)
        lines.append(f"| {markdown_text(one.name)} | {' | '.join(f'{number:,}' for number in numbers)} |")
    return "\n".join(lines)


def _teachers(report: Report) -> str:
    if not report.teachers:
        return "None: the student learned from labels alone."
    lines = [
        "| teacher | kind | source | classes | abstained | saw these rows? | calibration |",
        "|:--|:--|:--|:--|--:|:--|:--|",
    ]
    for teacher in report.teachers:
        coverage = f"{len(teacher.coverage)} of them" if teacher.coverage else "all"
        cells = (
            teacher.name,
            teacher.kind,
            teacher.source or "any",
            coverage,
            percent(teacher.abstained),
            teacher.seen,
            teacher.calibration,
        )
        lines.append("| " + " | ".join(markdown_text(cell or "none") for cell in cells) + " |")
    return "\n".join(lines)


def _limits(report: Report) -> str:
    limits = [
        "The numbers hold for rows like those of the test split; on other data, measure again.",
        "The student can repeat mistakes that its teachers share.",
    ]
    limits += [f"Teacher {teacher.name}: {teacher.seen}." for teacher in report.teachers if "flagged" in teacher.seen]
    limits += [f"{rule} acted on {percent(share)} of the rows." for rule, share in report.acted.items()]
    if report.drift is not None:
        drifted = [column.column for column in report.drift.columns if column.flagged]
        limits += [f"Columns that drifted: {', '.join(drifted)}."] if drifted else []
    for found in report.data.drift:
        far = [shift.column for shift in found.columns if shift.large]
        limits += [f"From {found.first} to {found.second} these columns drifted: {', '.join(far)}."] if far else []
    return "\n".join(f"- {markdown_text(item)}" for item in (*limits, *report.notes))


def _usage() -> str:
    return (
        "The student is an ordinary `torch.nn.Module`: load its weights from the run folder, give it the "
        "columns "
        "that it was trained on, in the same preparation, and call it in `eval` mode. No teacher is needed."
    )


def _repeat(report: Report) -> str:
    # Four ticks: a command with a code fence of its own stays inside the block.
    fence = "````"
    command = clean(report.command).replace(fence, "'''")
    seeds = ", ".join(map(str, report.seeds)) or "none"
    return (
        f"{fence}console\n$ {command}\n{fence}\n\n"
        f"- Versions: {markdown_text(report.version)}\n- Seeds: {seeds}\n- Plan: {markdown_text(report.plan)}"
    )
