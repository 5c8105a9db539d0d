"""The sections of the page, in reading order.

Each returns finished HTML, empty when there is nothing to show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tutelage.report import plots, stats
from tutelage.report.citations import reference
from tutelage.report.leaderboard import Row, judge, leaderboard, metric_order
from tutelage.report.markup import (
    columns_table,
    definitions,
    figures,
    scrolling,
    section,
    simple_table,
    text,
)
from tutelage.report.numbers import (
    COSTS,
    decimals,
    estimate_text,
    fixed,
    metric_name,
    percent,
    shorten,
    significant,
)
from tutelage.report.parts import Contender, TeacherCard
from tutelage.report.report import Report
from tutelage.report.section_teachers import listed, taught
from tutelage.report.table import cost_text_columns, difference_column, footnotes, metric_column

_MAX_CARDS = 12
_MAX_DISAGREEMENTS = 12
_WORDS = {"better": "clearly better", "worse": "clearly worse", "unclear": "may be chance"}


def facts(report: Report) -> str:
    """Return the four numbers that most readers came for."""
    rows = leaderboard(report)
    best = next((row for row in rows if row.best_student), None)
    if best is None or report.headline not in best.metrics:
        return ""
    metric, contender = report.headline, best.contender
    digits = decimals(row.metrics[metric] for row in rows if metric in row.metrics)
    cells = [
        _fact(
            f"{metric_name(metric)} of the best student",
            estimate_text(best.metrics[metric], digits),
            contender.name,
        )
    ]
    if metric in best.differences:
        gain = best.differences[metric]
        verdict = _WORDS[judge(gain, report.metrics_higher_is_better[metric])]
        cells.append(_fact("against the reference", estimate_text(gain, digits, sign=True), verdict))
    big = next((row for row in rows if row.contender.role == "ensemble" and metric in row.metrics), None)
    if big is not None:
        mean, _ = stats.paired(contender.metrics[metric], big.contender.metrics[metric])
        cells.append(_fact("against the ensemble", fixed(mean, digits, sign=True), big.contender.name))
    cells.append(_savings(contender, [item for item in report.contenders if item.role in ("ensemble", "teacher")]))
    return f'<dl class="facts">{"".join(cells)}</dl>'


def leaders(report: Report) -> str:
    """Return the leaderboard: figure, table, footnotes."""
    rows = leaderboard(report)
    metrics = [metric_column(rows, name, report.metrics_higher_is_better[name]) for name in metric_order(report)]
    difference = [difference_column(rows, report)] if report.reference else []
    table = columns_table([metrics[0], *difference, *metrics[1:]], [_who(row) for row in rows], _marked(rows))
    notes = " ".join((*footnotes(report), "Bold: the best of a column. Tinted: the best student."))
    lead = (
        "Everyone who could have answered, the best first. Teachers and ensembles show what is possible; "
        "students "
        "and the baseline are what can be shipped."
    )
    return section(
        "leaderboard",
        "Leaderboard",
        lead,
        scrolling(table, "leaders"),
        f'<p class="fine">{text(notes)}</p>',
        figures([plots.leaderboard_plot(report)]),
    )


def costs(report: Report) -> str:
    """Return what each contender costs to keep and to run."""
    rows = [row for row in leaderboard(report) if row.contender.cost]
    if not rows:
        return ""
    table = columns_table(cost_text_columns(rows), [_who(row) for row in rows], _marked(rows))
    lead = "What each contender needs: memory, time per row, and the training it took."
    used = {key for row in rows for key in row.contender.cost}
    meaning = "; ".join(f"{cost.short}: {cost.full}" for cost in COSTS if cost.key in used and cost.short != cost.full)
    fine = f'<p class="fine">{text(meaning)}.</p>' if meaning else ""
    return section("cost", "What it cost", lead, scrolling(table, "leaders"), fine, figures(plots.cost_plots(report)))


def teacher_cards(report: Report) -> str:
    """Return who the teachers are: cards, or a table when there are many."""
    if not report.teachers:
        return ""
    lead = "Who answered, what they know, and whether they may have seen the rows that they answered."
    if len(report.teachers) <= _MAX_CARDS:
        body = f'<div class="cards">{"".join(map(_card, report.teachers))}</div>'
    else:
        header = ("teacher", "kind", "abstained", "saw the rows?", "classes", "calibration")
        body = scrolling(simple_table(header, map(_line, report.teachers), left=6))
    return section("teachers", "Who taught what", lead, body, taught(report))


def curves(report: Report) -> str:
    """Return the learning curves."""
    body = figures(plots.curve_plots(report))
    lead = "How fast each student learned. A good teacher often shows first as a steeper start."
    return section("curves", "Learning curves", lead, body) if body else ""


def weights(report: Report) -> str:
    """Return whom the student listened to."""
    body = figures([plots.weights_over_time_plot(report), plots.weights_by_class_plot(report)])
    rules = ""
    if report.acted:
        rows = [(rule, percent(share)) for rule, share in report.acted.items()]
        rules = "<h3>How often each rule acted</h3>" + _narrow(simple_table(("rule", "rows"), rows))
    lead = "Whom the student listened to. Weights of one row always sum to one over the teachers that answered."
    return section("weights", "Trust", lead, body, rules) if body or rules else ""


def agreement(report: Report) -> str:
    """Return who agrees with whom."""
    body = figures([plots.agreement_plot(report)])
    lead = "Teachers are worth combining when each is right and they are wrong in different places."
    return section("agreement", "Agreement", lead, body) if body else ""


def mistakes(report: Report) -> str:
    """Return where the best student is wrong, and what the teachers changed."""
    drawn = [
        plots.confusion_plot(report),
        plots.residual_plot(report),
        plots.reliability_plot(report),
        plots.class_gain_plot(report),
    ]
    lead = "Where the best student is wrong, whether it knows, and where its teachers helped or harmed."
    body = figures(drawn)
    return section("mistakes", "Mistakes", lead, body) if body else ""


def disagreements(report: Report) -> str:
    """Return the rows on which the teachers disagree most."""
    shown = sorted(report.disagreements, key=lambda item: -item.score)[:_MAX_DISAGREEMENTS]
    if not shown:
        return ""
    cards: list[str] = []
    for item in shown:
        excerpt = f"<blockquote>{text(shorten(item.excerpt, 400))}</blockquote>" if item.excerpt else ""
        cards.append(
            f'<article class="card"><h3>Row {item.row} '
            f'<span class="meta">label {text(item.label)}</span></h3>'
            f'<span class="sub">disagreement {significant(item.score)}</span>'
            f"{excerpt}{_answers(item.answers)}</article>"
        )
    lead = "Worth a look by a person: wrong labels, unclear cases and gaps of single teachers all show up here."
    return section("rows", "Where teachers disagree most", lead, f'<div class="cards">{"".join(cards)}</div>')


def repeat(report: Report) -> str:
    """Return what it takes to get the same numbers again."""
    splits = ", ".join(f"{name} {count:,}" for name, count in report.splits.items())
    pairs = [
        ("plan", text(report.plan)),
        ("seeds", text(", ".join(map(str, report.seeds)))),
        ("rows", text(splits)),
        ("test set", f"<code>{text(report.test_set)}</code>" if report.test_set else ""),
        ("versions", text(report.version)),
        ("intervals", text(f"95 %, {report.interval}")),
        ("created", f"<time>{text(report.created)}</time>"),
    ]
    notes = "".join(f"<li>{text(note)}</li>" for note in report.notes)
    return section(
        "repeat",
        "How to repeat this",
        "The same command, seeds and rows give the same numbers.",
        f"<pre><code>{text(report.command)}</code></pre>",
        definitions(pairs),
        f"<h3>Notes</h3><ul>{notes}</ul>" if notes else "",
        _drift(report),
    )


def sources(report: Report) -> str:
    """Return the papers behind the methods."""
    if not report.sources:
        return ""
    items = "".join(f"<li>{text(reference(key))}</li>" for key in sorted(set(report.sources)))
    entries = report.citations().replace("&", "&amp;").replace("<", "&lt;")
    details = f"<details><summary>BibTeX</summary><pre><code>{entries}</code></pre></details>"
    return section("sources", "Sources", "The methods that this run used.", f"<ul>{items}</ul>", details)


def _fact(name: str, value: str, remark: str) -> str:
    number, mark, spread = text(value).partition(" ±")
    shown = f'{number} <span class="pm">±{spread}</span>' if mark else number
    return f"<div><dt>{text(name)}</dt><dd>{shown}<small>{text(shorten(remark, 60))}</small></dd></div>"


def _savings(student: Contender, others: Sequence[Contender]) -> str:
    words: list[str] = []
    for key, name in (("parameters", "smaller"), ("p50_ms", "faster than the slowest")):
        mine = student.cost.get(key, math.nan)
        theirs = max((item.cost.get(key, 0.0) for item in others), default=0.0)
        if theirs > mine > 0:
            words.append(f"{significant(theirs / mine)}× {name}")
    return _fact("against the largest model", words[0], ", ".join(words[1:])) if words else ""


def _narrow(table: str) -> str:
    return f'<div class="narrow">{table}</div>'


def _who(row: Row) -> str:
    marks = [row.contender.role, "reference" if row.reference else "", row.contender.note]
    below = " · ".join(text(mark) for mark in marks if mark)
    return f'<span class="who">{text(row.contender.name)}</span><span class="sub">{below}</span>'


def _marked(rows: Sequence[Row]) -> frozenset[int]:
    return frozenset(i for i, row in enumerate(rows) if row.best_student)


def _card(teacher: TeacherCard) -> str:
    flagged = teacher.seen.startswith("flagged")
    seen = f'<span class="flag">{text(teacher.seen)}</span>' if flagged else text(teacher.seen)
    pairs = [
        ("classes", text(listed(teacher.coverage, 10)) or "all"),
        ("abstained", percent(teacher.abstained) if teacher.abstained else "never"),
        ("saw the rows", seen),
        ("calibration", text(teacher.calibration)),
        ("source", text(teacher.source)),
        ("reads", text(listed(teacher.reads, 8))),
        ("fingerprint", f"<code>{text(teacher.fingerprint[:16])}</code>" if teacher.fingerprint else ""),
    ]
    kind = f'<span class="sub">{text(teacher.kind)}</span>'
    return f'<article class="card"><h3>{text(teacher.name)}</h3>{kind}{definitions(pairs, "")}</article>'


def _line(teacher: TeacherCard) -> tuple[str, ...]:
    classes = str(len(teacher.coverage)) if teacher.coverage else "all"
    return teacher.name, teacher.kind, percent(teacher.abstained), teacher.seen, classes, teacher.calibration


def _answers(answers: Mapping[str, str]) -> str:
    groups: dict[str, list[str]] = {}
    for name, answer in answers.items():
        groups.setdefault(answer, []).append(name)
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    items = (
        f'<li><strong>{text(shorten(answer, 80))}</strong> <span class="meta">{text(listed(names, 6))}</span></li>'
        for answer, names in ranked
    )
    return f'<ul class="answers">{"".join(items)}</ul>'


def _drift(report: Report) -> str:
    if report.drift is None:
        return ""
    ranked = sorted(report.drift.columns, key=lambda column: -column.score)
    rows = [(column.column, significant(column.score), "drifted" if column.flagged else "") for column in ranked]
    return f"<h3>Drift ({text(report.drift.measure)})</h3>" + _narrow(simple_table(("column", "score", ""), rows))
