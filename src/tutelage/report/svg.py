"""Matplotlib figures as small, deterministic SVG that follows the page.

Figures are drawn in sentinel colours, which then become CSS variables: the page decides what "ink" or
"series 3" looks like, in light and in dark. Text stays text. No time stamp, random id or user style enters:
the same report gives the same bytes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from tutelage.core.errors import require
from tutelage.report.numbers import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#010101", "#020202", "#030303", "#040404"
SERIES = tuple(f"#05050{i}" for i in range(1, 9))
_VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)", PAPER: "var(--paper)"} | {
    colour: f"var(--c{i})" for i, colour in enumerate(SERIES, 1)
}
WIDTH = 400

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 10.5,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}


@dataclass(frozen=True)
class DataTable:
    """The numbers behind a figure, as finished text; `note` says what was left out."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Plot:
    """A finished figure.

    Args:
        key: unique in its page; letters, digits and hyphens.
        title: what it shows.
        caption: how to read it, in plain words.
        svg: the drawing, an `<svg role="img">` element with its text alternative.
        table: the same numbers as text.
    """

    key: str
    title: str
    caption: str
    svg: str
    table: DataTable


def render(key: str, alternative: str, height: float | int, paint: Callable[[Figure], None]) -> str:
    """Draw one figure and return its `<svg>` element.

    Args:
        key: prefix of all ids in the drawing.
        alternative: the text that a screen reader speaks.
        height: in the same units as `WIDTH`.
        paint: draws on an empty figure.

    Raises:
        MissingExtraError: when matplotlib is not installed.
    """
    require("matplotlib", extra="report", why="draw the figures of a report")
    from matplotlib import style
    from matplotlib.figure import Figure

    stream = io.StringIO()
    with style.context(["default", _STYLE | {"svg.hashsalt": key}]), warnings.catch_warnings():
        # The browser brings its own fonts; only text measured here lacks the glyph.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from (current )?font")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support .* natively")
        figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")
        paint(figure)
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(stream, format="svg", metadata=metadata)
    return _tidy(stream.getvalue(), key, alternative)


def _tidy(svg: str, key: str, alternative: str) -> str:
    body = svg[svg.index("<svg") :]
    view = re.search(r'viewBox="([^"]*)"', body)
    box = view.group(1) if view else f"0 0 {WIDTH} {WIDTH}"
    body = body[body.index(">") + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    # Only tags are rewritten: between them stand names of strangers, to be shown as they are.
    body = re.sub(r"<[^>]*>", lambda tag: _tidy_tag(tag.group(), key), body)
    body = re.sub(r"\s*\n\s*", "\n", body).strip()
    spoken = escape(clean(alternative))
    return f'<svg viewBox="{box}" class="plot" role="img" stroke-linejoin="round" aria-label="{spoken}">{body}'


def _tidy_tag(tag: str, key: str) -> str:
    tag = re.sub(r"\s+", " ", tag)
    if tag.startswith("<g "):
        tag = re.sub(r' id="[^"]*"', "", tag)
    tag = re.sub(r' id="', f' id="{key}-', tag)
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{key}-', tag)
    tag = re.sub(r"url\(#", f"url(#{key}-", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"', "", tag)
    tag = re.sub(r"(\d+\.\d\d?)\d*", r"\1", tag)
    tag = re.sub(r"font: (?:[a-z0-9]+ )*?([\d.]+px) [^;\"]*", r"font-size: \1", tag)
    tag = re.sub(r" font-family: [^;\"]*;?", "", tag)
    for colour, variable in _VARIABLES.items():
        tag = tag.replace(colour, variable)
    return tag
