"""Heat maps in one colour and many opacities, so that they work on light and dark paper alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tutelage.report.numbers import fixed, shorten
from tutelage.report.svg import INK, PAPER, SERIES, WIDTH, DataTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEVELS = 14
_ANNOTATED = 12
_LABELS = 28
_TABLE_CELLS = 1600


def heat_height(rows: int, columns: int) -> float:
    """Return a figure height that gives square-ish cells without running off a page."""
    cell = (WIDTH - 120) / max(columns, 1)
    return min(max(rows * min(cell, 34.0), 110.0), 420.0) + 90.0


def draw_heat(
    axes: Axes,
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    limits: tuple[float, float],
    power: float = 1.0,
) -> None:
    """Draw `values[row][column]`; opacity grows from `limits[0]` to `limits[1]`, zero and NaN stay empty.

    A `power` below one makes small values visible. Cells carry their number only while there are at most 12
    rows and columns.
    """
    low, high = limits
    shares = np.clip((values - low) / ((high - low) or 1.0), 0.0, 1.0) ** power
    levels = np.where(np.isnan(shares), -1, np.rint(np.nan_to_num(shares) * _LEVELS)).astype(int)
    gap = 0.05 if max(values.shape) <= 24 else 0.0
    for level in range(1, _LEVELS + 1):
        _fill(axes, levels == level, level / _LEVELS, gap)
    if max(values.shape) <= _ANNOTATED:
        _annotate(axes, values, levels)
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    _label(axes, rows, columns)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def matrix_table(
    corner: str, rows: Sequence[str], columns: Sequence[str], values: NDArray[np.float64], digits: int
) -> DataTable:
    """Return the numbers of a heat map; of a very large one only the largest cells, in order."""
    if values.size <= _TABLE_CELLS:
        lines = [(row, *(fixed(value, digits) for value in line)) for row, line in zip(rows, values, strict=True)]
        return DataTable((corner, *columns), tuple(lines))
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), axis=None, kind="stable")[:100]
    places = [(int(i) // len(columns), int(i) % len(columns)) for i in order]
    lines = [(rows[i], columns[j], fixed(float(values[i, j]), digits)) for i, j in places]
    return DataTable(("row", "column", "value"), tuple(lines), f"The 100 largest of {values.size} cells.")


def _fill(axes: Axes, mask: NDArray[np.bool_], opacity: float, gap: float) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    vertices: list[tuple[float, float]] = []
    for i, line in enumerate(mask):
        for start, stop in _runs(line, merge=gap == 0.0):
            left, right, top, bottom = start + gap, stop - gap, i + gap, i + 1 - gap
            vertices += [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    if vertices:
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(vertices) // 5)
        axes.add_patch(PathPatch(Path(vertices, codes), facecolor=SERIES[0], alpha=opacity, linewidth=0))


def _runs(line: NDArray[np.bool_], *, merge: bool) -> list[tuple[int, int]]:
    cells = np.flatnonzero(line).tolist()
    if not merge:
        return [(cell, cell + 1) for cell in cells]
    runs: list[tuple[int, int]] = []
    for cell in cells:
        if runs and runs[-1][1] == cell:
            runs[-1] = (runs[-1][0], cell + 1)
        else:
            runs.append((cell, cell + 1))
    return runs


def _annotate(axes: Axes, values: NDArray[np.float64], levels: NDArray[np.int_]) -> None:
    size = 9.5 if values.shape[1] <= 8 else 8
    for (i, j), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else fixed(float(value), 2)
        if text == "0.00":
            continue
        colour = PAPER if levels[i, j] > 0.6 * _LEVELS else INK
        axes.text(j + 0.5, i + 0.52, text, ha="center", va="center", fontsize=size, color=colour)


def _label(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    for names, place, labels in (
        (rows, axes.set_yticks, axes.set_yticklabels),
        (columns, axes.set_xticks, axes.set_xticklabels),
    ):
        step = -(-len(names) // _LABELS)
        shown = range(0, len(names), step)
        place([i + 0.5 for i in shown])
        labels([shorten(names[i], 16) for i in shown])
    upright = any(len(name) * 7 > (WIDTH - 120) / max(len(columns), 1) for name in columns)
    axes.tick_params(axis="x", rotation=90 if upright or len(columns) > _LABELS else 0)
    if max(len(rows), len(columns)) > 16:
        axes.tick_params(labelsize=8)
