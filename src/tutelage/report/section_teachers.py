"""Which source and teacher taught what, and who sees what the student does not."""

from __future__ import annotations

from collections.abc import Sequence

from tutelage.report.markup import definitions, scrolling, simple_table, text
from tutelage.report.numbers import MISSING, fixed, metric_name, percent, shorten
from tutelage.report.parts import TeacherCard
from tutelage.report.report import Report


def taught(report: Report) -> str:
    """Return the table of teachers by source, and what the student sees; empty for reports without these figures."""
    known = [card for card in report.teachers if card.asked]
    if not known:
        return ""
    bound = any(card.source for card in known)
    header = [
        *(["source"] if bound else []),
        "teacher",
        "rows answered",
        "abstained",
        f"{metric_name(report.headline)} where it answered",
        "on test rows",
        "weight",
    ]
    ranked = sorted(known, key=lambda card: card.source or "\uffff") if bound else known
    rows = [tuple(_cells(card, header)) for card in ranked]
    table = scrolling(simple_table(header, rows, left=2 if bound else 1))
    note = (
        "Rows answered and abstained: of the training and validation rows. Weight: mean share of the student's target "
        "that came from the teacher; where the fusion gives one answer, the share of the change when the teacher "
        "abstains."
    )
    fine = f'<p class="fine">{text(note)}</p>'
    return f"<h3>Which source and teacher taught what</h3>{table}{fine}{_sight(report)}"


def _sight(report: Report) -> str:
    """What the student sees, and what its teachers see beyond that."""
    if not report.inputs:
        return ""
    beyond = [(card.name, text(listed(card.hidden, 12))) for card in report.teachers if card.hidden]
    pairs = [("student", text(listed(report.inputs, 30))), *((f"{name}, beyond that", told) for name, told in beyond)]
    return f"<h3>Who sees what</h3>{definitions(pairs)}"


def listed(names: Sequence[str], most: int) -> str:
    """Names side by side, of many the first ones."""
    shown = ", ".join(shorten(name, 40) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _cells(card: TeacherCard, header: Sequence[str]) -> list[str]:
    answered = round(card.asked * (1 - card.abstained))
    cells = [
        card.name,
        f"{answered:,} of {card.asked:,}",
        percent(card.abstained),
        MISSING if card.quality is None else fixed(card.quality, 4),
        f"{card.judged:,}",
        MISSING if card.weight is None else fixed(card.weight, 3),
    ]
    if header[0] == "source":
        cells.insert(0, card.source or "any")
    return cells
