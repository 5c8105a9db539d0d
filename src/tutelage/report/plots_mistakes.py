"""Figures about mistakes: confusion, reliability, gain per class; actual against predicted for regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tutelage.report.heat import draw_heat, heat_height, matrix_table
from tutelage.report.numbers import clean, fixed, metric_name, shorten
from tutelage.report.plots_scores import contender_colours
from tutelage.report.report import Report
from tutelage.report.svg import GRID, MUTED, SERIES, DataTable, Plot, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_BARS = 24
_MAX_POINTS = 700


def confusion_plot(report: Report) -> Plot | None:
    """Draw which class is taken for which, as shares of the true class."""
    confusion = report.confusion
    if confusion is None or not confusion.classes:
        return None
    counts = np.asarray(confusion.matrix, dtype=np.float64)
    classes = tuple(map(clean, confusion.classes))
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        draw_heat(axes, shares, classes, classes, limits=(0.0, 1.0), power=0.5)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")

    caption = (
        "Rows are true classes, columns what the best student predicted, as shares of the row. A perfect "
        "student "
        "fills only the diagonal; a coloured cell off the diagonal is a pair of classes that it mixes up. "
        "Small shares "
        "are coloured more strongly than in proportion, so that they show."
    )
    alternative = f"Confusion matrix of {len(classes)} classes. {_worst_pair(counts, classes)}"
    svg = render("confusion", alternative, heat_height(len(classes), len(classes)) + 30, paint)
    errors = counts - np.diag(np.diag(counts)) if counts.size > 1600 else counts
    table = matrix_table("true \\ predicted", classes, classes, errors, 0)
    return Plot("confusion", "What it mixes up", caption, svg, table)


def reliability_plot(report: Report) -> Plot | None:
    """Draw how often the contenders are right when they say how sure they are."""
    named = [(name, bins) for name, bins in report.reliability.items() if bins][: len(SERIES)]
    if not named or report.task == "regression":
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)))
        largest = max(item.count for _, bins in named for item in bins) or 1
        handles = []
        colours = contender_colours(report)
        for name, bins in named:
            colour = colours.get(name, MUTED)
            filled = [item for item in bins if item.count > 0]
            confidence = [item.confidence for item in filled]
            accuracy = [item.accuracy for item in filled]
            handles += axes.plot(confidence, accuracy, color=colour)
            sizes = [8 + 60 * item.count / largest for item in filled]
            axes.scatter(confidence, accuracy, s=sizes, color=colour, linewidths=0)
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="how sure it was", ylabel="how often it was right")
        axes.grid()
        labels = [shorten(name, 28) for name, _ in named]
        figure.legend(handles, labels, loc="outside lower left", ncols=2)

    caption = (
        "On the dashed line, a model that says “80 %” is right 80 % of the time. Below the line it is too "
        "sure of "
        "itself, above it too modest. Larger dots hold more rows."
    )
    lines = tuple(
        (clean(name), fixed(item.confidence, 3), fixed(item.accuracy, 3), str(item.count))
        for name, bins in named
        for item in bins
    )
    svg = render("reliability", f"Reliability diagram of {', '.join(name for name, _ in named)}.", 380, paint)
    table = DataTable(("contender", "confidence", "accuracy", "rows"), lines)
    return Plot("reliability", "Does it know when it is right?", caption, svg, table)


def class_gain_plot(report: Report) -> Plot | None:
    """Draw what the teachers gained or cost per class."""
    gain = report.class_gain
    if gain is None or not gain.classes:
        return None
    known = [(clean(name), value) for name, value in zip(gain.classes, gain.values, strict=True) if np.isfinite(value)]
    ranked = sorted(known, key=lambda item: -item[1])
    shown = ranked if len(ranked) <= _MAX_BARS else ranked[: _MAX_BARS // 2] + ranked[-_MAX_BARS // 2 :]
    if not shown:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        places = range(len(shown))
        colours = [SERIES[0] if value >= 0 else SERIES[1] for _, value in shown]
        axes.barh(places, [value for _, value in shown], height=0.66, color=colours, alpha=0.85)
        axes.axvline(0, color=MUTED, linewidth=0.9)
        axes.set_yticks(places, [shorten(name, 20) for name, _ in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.set_xlabel(f"gain in {metric_name(gain.metric)}")

    caption = (
        f"What the best student gains over the reference, per class, in {metric_name(gain.metric)}: bars "
        f"to the right "
        "are classes that the teachers helped with, bars to the left classes that they made worse. "
        + (f"The {len(shown)} most extreme of {len(ranked)} classes are drawn." if len(shown) < len(ranked) else "")
    )
    alternative = f"Gain per class, from {fixed(ranked[-1][1], 3)} to {fixed(ranked[0][1], 3)}."
    svg = render("gain", alternative, 20 * len(shown) + 60, paint)
    table = DataTable(("class", "gain"), tuple((name, fixed(value, 4, sign=True)) for name, value in ranked))
    return Plot("gain", "Gain per class", caption, svg, table)


def residual_plot(report: Report) -> Plot | None:
    """Draw predictions against the truth; at most 700 evenly chosen rows."""
    residuals = report.residuals
    if residuals is None or not residuals.actual:
        return None
    pairs = np.column_stack([residuals.actual, residuals.predicted]).astype(np.float64)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(pairs):
        return None
    shown = pairs[np.linspace(0, len(pairs) - 1, min(len(pairs), _MAX_POINTS)).astype(int)]
    errors = pairs[:, 1] - pairs[:, 0]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        ends = [float(pairs.min()), float(pairs.max())]
        axes.plot(ends, ends, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)))
        axes.plot(shown[:, 0], shown[:, 1], "o", color=SERIES[0], alpha=0.35, markersize=3.5, markeredgewidth=0)
        axes.set(xlabel="actual", ylabel="predicted")
        axes.grid(color=GRID)

    caption = (
        "Each dot is a test row; on the dashed line the prediction is exact, above it too high, below it "
        "too low. "
        "A bend away from the line means that the student is biased at that end of the range. "
        + (f"{len(shown)} of {len(pairs)} rows are drawn." if len(shown) < len(pairs) else "")
    )
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    lines = tuple((f"{100 * level:.0f} %", fixed(float(np.quantile(errors, level)), 4)) for level in levels)
    alternative = f"Predicted against actual values on {len(pairs)} rows; median error {lines[2][1]}."
    svg = render("residuals", alternative, 380, paint)
    table = DataTable(("quantile of the error (predicted minus actual)", "error"), lines)
    return Plot("residuals", "Actual against predicted", caption, svg, table)


def _worst_pair(counts: np.ndarray, classes: tuple[str, ...]) -> str:
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return "No mistakes."
    i, j = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return f"Most frequent mistake: {classes[i]} taken for {classes[j]}, {int(wrong[i, j])} rows."
