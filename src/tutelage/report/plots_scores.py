"""Figures about quality: leaderboard with intervals, learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tutelage.report.leaderboard import Row, leaderboard
from tutelage.report.numbers import (
    Estimate,
    clean,
    decimals,
    estimate_text,
    fixed,
    metric_name,
    shorten,
)
from tutelage.report.parts import Curve
from tutelage.report.report import Report
from tutelage.report.svg import INK, MUTED, SERIES, DataTable, Plot, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = {
    "student": ("o", SERIES[0], True),
    "baseline": ("o", SERIES[1], False),
    "ensemble": ("D", MUTED, True),
    "teacher": ("s", MUTED, False),
    "stage": ("^", SERIES[2], False),
}
_MAX_TEACHERS = 12
_MAX_LINES = len(SERIES)


def leaderboard_plot(report: Report) -> Plot | None:
    """Draw one dot with its interval per contender, best first."""
    metric = report.headline
    rows = [row for row in leaderboard(report) if math.isfinite(row.metrics.get(metric, Estimate(math.nan)).mean)]
    if not rows:
        return None
    shown, hidden = without_crowd(rows)
    name, digits = metric_name(metric), decimals(row.metrics[metric] for row in rows)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for i, row in enumerate(shown):
            _dot(axes, i, row, row.metrics[metric])
        reference = next((row for row in shown if row.reference), None)
        if reference is not None:
            axes.axvline(reference.metrics[metric].mean, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)), zorder=0)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_yticks(range(len(shown)), [shorten(row.contender.name, 27) for row in shown])
        for label, row in zip(axes.get_yticklabels(), shown, strict=True):
            label.set(color=INK, fontweight="bold" if row.best_student else "normal")
        axes.spines["left"].set_visible(False)
        axes.grid()
        axes.set_xlabel(f"{name} ({direction(report, metric)})")
        role_legend(figure, shown)

    caption = (
        f"Each dot is the mean {name} of one contender, each line its 95 % interval; the best is on top. "
        "Where two lines overlap widely, the order between them may be chance. "
        + ("The dashed line marks the reference. " if report.reference else "")
        + (f"{hidden} weaker teachers are left out of the drawing, not of the table." if hidden else "")
    )
    lines = tuple(
        (clean(row.contender.name), row.contender.role, estimate_text(row.metrics[metric], digits)) for row in rows
    )
    alternative = f"{name} of {len(rows)} contenders. Best: {lines[0][0]}, {lines[0][2]}."
    svg = render("leaderboard", alternative, 24 * len(shown) + 74, paint)
    return Plot("leaderboard", f"{name} with intervals", caption, svg, DataTable(("contender", "role", name), lines))


def curve_plots(report: Report) -> tuple[Plot, ...]:
    """Draw one learning-curve figure per curve name."""
    names = list(dict.fromkeys(curve.name for curve in report.curves))
    return tuple(_curve_plot(report, name, f"curve-{i}") for i, name in enumerate(names))


def contender_colours(report: Report) -> dict[str, str]:
    """Give the best student the first colour, the reference the second, other students the rest, in order."""
    rows = [row for row in leaderboard(report) if row.contender.role in ("student", "baseline", "stage")]
    rows.sort(key=lambda row: (not row.best_student, not row.reference))
    return {row.contender.name: colour for row, colour in zip(rows, SERIES, strict=False)}


def without_crowd(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Return the rows without the weaker of many teachers, and how many those were."""
    teachers = [row for row in rows if row.contender.role == "teacher"]
    dropped = {row.contender.name for row in teachers[_MAX_TEACHERS:]}
    return [row for row in rows if row.contender.name not in dropped], len(dropped)


def _dot(axes: Axes, place: int, row: Row, estimate: Estimate) -> None:
    shape, colour, solid = MARKS[row.contender.role]
    if math.isfinite(estimate.half_width) and estimate.half_width > 0:
        axes.plot([estimate.low, estimate.high], [place, place], color=colour, linewidth=2.2, alpha=0.55)
    face = colour if solid else "none"
    axes.plot(
        [estimate.mean],
        [place],
        shape,
        color=colour,
        markerfacecolor=face,
        markersize=6.5,
        markeredgewidth=1.5,
    )


def role_legend(figure: Figure, rows: Sequence[Row]) -> None:
    """Explain the marks below the axes."""
    from matplotlib.lines import Line2D

    roles = [role for role in MARKS if any(row.contender.role == role for row in rows)]
    handles = [
        Line2D([], [], color=colour, marker=shape, linestyle="", markerfacecolor=colour if solid else "none")
        for shape, colour, solid in (MARKS[role] for role in roles)
    ]
    figure.legend(
        handles,
        roles,
        loc="outside lower left",
        ncols=5,
        labelcolor=MUTED,
        handletextpad=0.2,
        columnspacing=1,
    )


def direction(report: Report, metric: str) -> str:
    """Say which end of an axis is good."""
    return "higher is better" if report.metrics_higher_is_better[metric] else "lower is better"


def _curve_plot(report: Report, name: str, key: str) -> Plot:
    groups: dict[str, list[Curve]] = {}
    for curve in report.curves:
        if curve.name == name:
            groups.setdefault(curve.contender, []).append(curve)
    order = [row.contender.name for row in leaderboard(report) if row.contender.name in groups]
    order += [contender for contender in groups if contender not in order]
    shown, colours = order[:_MAX_LINES], contender_colours(report)
    if report.reference in order and report.reference not in shown:
        shown[-1] = report.reference

    def paint(figure: Figure) -> None:
        from matplotlib.lines import Line2D

        axes = figure.subplots()
        handles: list[Line2D] = []
        for contender in shown:
            dashes, colour = (
                (0, (4, 2)) if contender == report.reference else "-",
                colours.get(contender, MUTED),
            )
            mean = _mean_curve(groups[contender])
            for curve in groups[contender] if len(groups[contender]) > 1 else ():
                axes.plot(curve.steps, curve.values, color=colour, linewidth=0.7, alpha=0.3)
            handles += axes.plot(mean.steps, mean.values, color=colour, linestyle=dashes)
        axes.grid(axis="y")
        axes.set_xlabel("step")
        axes.set_title(clean(name), loc="left", color=MUTED)
        labels = [shorten(contender, 28) for contender in shown]
        figure.legend(handles, labels, loc="outside lower left", ncols=2, labelcolor=INK)

    caption = (
        "How each student learns: the thick line is the mean over seeds, the thin ones are single seeds. "
        "A line that rises earlier reaches its quality in fewer steps. "
        + (f"Only the best {len(shown)} of {len(order)} are drawn." if len(shown) < len(order) else "")
    )
    lines = tuple(_curve_summary(clean(contender), _mean_curve(groups[contender])) for contender in order)
    alternative = f"{name} over training steps for {', '.join(shown)}."
    svg = render(key, alternative, 250 + 15 * math.ceil(len(shown) / 2), paint)
    table = DataTable(("contender", "first", "halfway", "last", "last step"), lines)
    return Plot(key, clean(name), caption, svg, table)


def _mean_curve(curves: Sequence[Curve]) -> Curve:
    """Average seeds over the steps that all of them have."""
    common = sorted(set.intersection(*(set(curve.steps) for curve in curves)))
    if not common:
        return curves[0]
    tables = [dict(zip(curve.steps, curve.values, strict=True)) for curve in curves]
    values = np.mean([[table[step] for step in common] for table in tables], axis=0)
    return Curve(curves[0].contender, -1, curves[0].name, tuple(common), tuple(values.tolist()))


def _curve_summary(name: str, curve: Curve) -> tuple[str, ...]:
    if not curve.values:
        return name, *("n/a",) * 4
    picks = (curve.values[0], curve.values[len(curve.values) // 2], curve.values[-1])
    return name, *(fixed(value, 4) for value in picks), str(curve.steps[-1])
