"""Figures about the teachers: whom the student listened to, when, on which classes; who agrees with whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tutelage.report.heat import draw_heat, heat_height, matrix_table
from tutelage.report.numbers import clean, fixed, shorten
from tutelage.report.report import Report
from tutelage.report.svg import MUTED, SERIES, DataTable, Plot, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BANDS = len(SERIES)


def weights_over_time_plot(report: Report) -> Plot | None:
    """Draw the mean weight of each teacher as a band of a stack."""
    weights = report.weights_over_time
    if weights is None or not weights.names or not weights.steps:
        return None
    values = np.asarray(weights.values, dtype=np.float64)
    order = np.argsort(-np.nan_to_num(values.mean(axis=0)), kind="stable")
    kept = order[: _BANDS if len(order) <= _BANDS else _BANDS - 1]
    rest = order[len(kept) :]
    bands = [values[:, i] for i in kept]
    labels = [shorten(weights.names[i], 28) for i in kept]
    if len(rest):
        bands.append(values[:, rest].sum(axis=1))
        labels.append(f"{len(rest)} others together")

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        colours = [*SERIES[: len(kept)], *([MUTED] if len(rest) else [])]
        areas = axes.stackplot(weights.steps, np.nan_to_num(bands), colors=colours, alpha=0.78, linewidth=0)
        axes.margins(x=0, y=0)
        axes.set_xlabel("step")
        axes.set_title("mean weight", loc="left", color=MUTED)
        figure.legend(areas, labels, loc="outside lower left", ncols=2)

    caption = (
        "The height of a band is how much of the target came from that teacher at that step, on average "
        "over rows. "
        "Flat bands mean fixed trust; a growing band means that the fusion learned to listen to that teacher."
    )
    lines = tuple(
        (clean(weights.names[i]), *(fixed(float(values[at, i]), 3) for at in (0, len(values) // 2, -1))) for i in order
    )
    top = clean(weights.names[order[0]])
    alternative = f"Teacher weights over training. Largest on average: {top}."
    svg = render("weights-time", alternative, 230 + 15 * ((len(labels) + 1) // 2), paint)
    return Plot(
        "weights-time",
        "Trust over time",
        caption,
        svg,
        DataTable(("teacher", "first", "halfway", "last"), lines),
    )


def weights_by_class_plot(report: Report) -> Plot | None:
    """Draw the mean weight of each teacher on the rows of each class."""
    weights = report.weights_by_class
    if weights is None or not weights.names or not weights.classes:
        return None
    values = np.asarray(weights.values, dtype=np.float64)
    names, classes = tuple(map(clean, weights.names)), tuple(map(clean, weights.classes))
    largest = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0

    def paint(figure: Figure) -> None:
        draw_heat(figure.subplots(), values, names, classes, limits=(0.0, largest))

    caption = (
        "Rows are teachers, columns are true classes; a stronger colour means more trust on the rows of "
        "that class "
        f"(empty is 0, the strongest is {fixed(largest, 2)}). A row with one strong cell is a specialist."
    )
    alternative = f"Heat map of the weights of {len(names)} teachers on {len(classes)} classes."
    svg = render("weights-class", alternative, heat_height(len(names), len(classes)), paint)
    table = matrix_table("teacher", names, classes, values, 3)
    return Plot("weights-class", "Trust by class", caption, svg, table)


def agreement_plot(report: Report) -> Plot | None:
    """Draw how often each pair gives the same answer."""
    agreement = report.agreement
    if agreement is None or len(agreement.names) < 2:
        return None
    values = np.asarray(agreement.matrix, dtype=np.float64)
    names = tuple(map(clean, agreement.names))
    apart = values[~np.eye(len(names), dtype=bool)]
    low = float(np.nanmin(apart)) if np.isfinite(apart).any() else 0.0

    def paint(figure: Figure) -> None:
        draw_heat(figure.subplots(), values, names, names, limits=(max(low - 0.05, 0.0), 1.0))

    caption = (
        "The share of test rows on which two give the same answer; a stronger colour is more often. "
        "Teachers that always agree "
        "add little to each other; teachers that disagree are either specialists or wrong: see trust by "
        "class."
    )
    alternative = f"Agreement between {len(names)} teachers, from {fixed(low, 2)} upwards."
    svg = render("agreement", alternative, heat_height(len(names), len(names)), paint)
    return Plot("agreement", "Who agrees with whom", caption, svg, matrix_table("", names, names, values, 3))
