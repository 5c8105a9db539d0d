"""Quality against cost: what a point of the headline is worth in parameters and milliseconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tutelage.report.leaderboard import Row, leaderboard
from tutelage.report.numbers import (
    COSTS,
    CostColumn,
    Estimate,
    clean,
    decimals,
    estimate_text,
    metric_name,
    shorten,
)
from tutelage.report.plots_scores import MARKS, direction, role_legend, without_crowd
from tutelage.report.report import Report
from tutelage.report.svg import MUTED, DataTable, Plot, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def cost_plots(report: Report) -> tuple[Plot, ...]:
    """Draw the headline against size and against latency, where at least two contenders have both."""
    wanted = [column for column in COSTS if column.key in ("parameters", "p50_ms")]
    plots = (_cost_plot(report, column) for column in wanted)
    return tuple(plot for plot in plots if plot is not None)


def _cost_plot(report: Report, cost: CostColumn) -> Plot | None:
    metric = report.headline
    rows = [
        row
        for row in leaderboard(report)
        if row.contender.cost.get(cost.key, 0.0) > 0 and math.isfinite(row.metrics.get(metric, Estimate(math.nan)).mean)
    ]
    if len(rows) < 2:
        return None
    shown, _ = without_crowd(rows)
    name, digits = metric_name(metric), decimals(row.metrics[metric] for row in rows)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_xscale("log")
        for row in shown:
            shape, colour, solid = MARKS[row.contender.role]
            at, estimate = row.contender.cost[cost.key], row.metrics[metric]
            if math.isfinite(estimate.half_width) and estimate.half_width > 0:
                axes.plot([at, at], [estimate.low, estimate.high], color=colour, linewidth=1.6, alpha=0.5)
            face = colour if solid else "none"
            axes.plot([at], [estimate.mean], shape, color=colour, markerfacecolor=face, markersize=6.5)
        axes.margins(0.16, 0.16)
        axes.grid(axis="y")
        axes.set_xlabel(f"{cost.full} (log scale)")
        axes.set_title(f"{name} ({direction(report, metric)})", loc="left", color=MUTED, fontsize=10.5)
        axes.xaxis.set_major_formatter(lambda value, _: cost.text(value))
        axes.xaxis.set_minor_formatter("")
        role_legend(figure, shown)
        _name_points(figure, axes, report, shown, cost)

    better = "above" if report.metrics_higher_is_better[metric] else "below"
    caption = (
        f"Quality on the vertical, {cost.full} on the horizontal axis; each mark to the left saves "
        f"nine tenths. A student is worth shipping when nothing lies both {better} it and to the left of it."
    )
    lines = tuple(
        (
            clean(row.contender.name),
            cost.text(row.contender.cost[cost.key]),
            estimate_text(row.metrics[metric], digits),
        )
        for row in rows
    )
    alternative = f"{name} against {cost.full} for {len(rows)} contenders."
    key = f"cost-{cost.key.replace('_', '-')}"
    svg = render(key, alternative, 300, paint)
    return Plot(key, f"{name} against {cost.full}", caption, svg, DataTable(("contender", cost.full, name), lines))


def _name_points(figure: Figure, axes: Axes, report: Report, rows: Sequence[Row], cost: CostColumn) -> None:
    """Name as many points as fit without overlap, the important ones first."""
    figure.draw_without_rendering()
    points = {
        row.contender.name: axes.transData.transform(
            (row.contender.cost[cost.key], row.metrics[report.headline].mean)
        ).tolist()
        for row in rows
    }
    left_end, low_end, right_end, high_end = map(float, axes.get_window_extent().extents)
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in points.values()]
    order = sorted(rows, key=lambda row: (not row.best_student, not row.reference, row.contender.role == "teacher"))
    for row in order:
        label = shorten(row.contender.name, 22)
        x, y = points[row.contender.name]
        width = 6.2 * len(label)
        for dx, dy, side in ((9, -4, "left"), (-9, -4, "right"), (0, 9, "center"), (0, -17, "center")):
            left = x + dx - {"left": 0.0, "right": width, "center": width / 2}[side]
            box = (left, y + dy - 2, left + width, y + dy + 10)
            inside = left_end <= box[0] and box[2] <= right_end and low_end <= box[1] and box[3] <= high_end
            if inside and not any(_overlap(box, other) for other in taken):
                weight = "bold" if row.best_student else "normal"
                axes.annotate(
                    label,
                    (row.contender.cost[cost.key], row.metrics[report.headline].mean),
                    xytext=(dx, dy),
                    textcoords="offset points",
                    ha=side,
                    fontsize=9,
                    fontweight=weight,
                )
                taken.append(box)
                break


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
