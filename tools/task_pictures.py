"""Draws the tables of docs/tasks/*.md that begin with "| who": `python tools/task_pictures.py`.

Each picture is that of the first column, drawn from the page itself, and stands in front of its table; who is far off
the others is in the table alone. A test looks whether pages and pictures agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tutelage.report.plots_scores import MARKS
from tutelage.report.stylesheet import LIGHT
from tutelage.report.svg import INK, MUTED, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOCS = Path(__file__).parent.parent / "docs"
TABLE = re.compile(r"^\| who.*\n\|[-|]+\n(?:\|.*\n)+", re.MULTILINE)
PLAIN = "student: labels only"
NUMBER = r"[-−]?[\d,]*\.?\d+"
CELL = re.compile(rf"({NUMBER})(?: ±({NUMBER})| \[({NUMBER}), ({NUMBER})\])?")


@dataclass(frozen=True)
class Dot:
    """A contender of a table: its name, mean, and 95 % interval (the mean twice where the table has none)."""

    name: str
    mean: float
    low: float
    high: float

    @property
    def role(self) -> str:
        """One of those that `MARKS` knows."""
        if "labels only" in self.name or "all labels" in self.name:
            return "baseline"
        if self.name.startswith("student"):
            return "student"
        return "ensemble" if "ensemble" in self.name or "fused" in self.name else "teacher"


def dots(table: str) -> tuple[str, list[Dot]]:
    """What is counted, and the rows of a table; what is no number in the first column is left out."""
    head, _, *lines = (line.strip("|").split("|") for line in table.strip().splitlines())
    found: list[Dot] = []
    for name, cell, *_ in lines:
        match = CELL.match(cell.strip().replace("**", ""))
        if match is not None:
            mean, half, low, high = (None if one is None else number(one) for one in match.groups())
            assert mean is not None
            around = (mean - (half or 0.0), mean + (half or 0.0)) if low is None or high is None else (low, high)
            found.append(Dot(re.sub(r"[*`]|\s*\(.*\)", "", name).strip(), mean, *around))
    return head[1].strip(), found


def near(table: str) -> tuple[str, list[Dot]]:
    """`dots` without those that are far off the others; the student of labels alone always stays."""
    what, found = dots(table)
    middle = median(dot.mean for dot in found)
    usual = 6 * median(abs(dot.mean - middle) for dot in found)
    kept = [dot for dot in found if usual == 0 or abs(dot.mean - middle) <= usual or dot.name == PLAIN]
    return what, kept


def around(found: list[Dot]) -> str:
    """Says what the lines are, where there are any."""
    return " with 95 % intervals" if any(dot.low < dot.high for dot in found) else ""


def number(text: str) -> float:
    """As pages write it: with a proper minus sign, and commas between thousands."""
    return float(text.replace("−", "-").replace(",", ""))


def spoken(table: str) -> str:
    """What a screen reader says of the picture of a table."""
    what, found = near(table)
    said = "; ".join(f"{dot.name} {dot.mean:g} ({dot.low:g} to {dot.high:g})" for dot in found)
    return f"{what}{around(found)}: {said}"


def picture(key: str, table: str) -> str:
    """The drawing of a table, as a file."""
    what, found = near(table)

    def paint(figure: Figure) -> None:
        axes: Axes = figure.subplots()
        for place, dot in enumerate(found):
            marker, colour, filled = MARKS[dot.role]
            axes.plot([dot.low, dot.high], [place, place], color=colour, linewidth=2, alpha=0.6)
            axes.plot(dot.mean, place, marker, color=colour, markerfacecolor=colour if filled else "white")
            if dot.name == PLAIN:
                axes.axvline(dot.mean, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)), zorder=0)
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_yticks(range(len(found)), [dot.name for dot in found], color=INK)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=True)
        axes.set_xlabel(what)

    drawn = render(key, spoken(table), 20 * len(found) + 56, paint)
    alone = 'xmlns="http://www.w3.org/2000/svg" width="640" font-family="system-ui, sans-serif" font-size="9"'
    drawn = drawn.replace("<svg", f"<svg {alone}", 1)
    return drawn.replace(">", f"><style>svg{{{LIGHT.replace(chr(10), '')}background:var(--paper)}}</style>", 1) + "\n"


def pages() -> dict[Path, tuple[str, dict[Path, str]]]:
    """By page: its text with every picture in place, and table by file of the picture."""
    made: dict[Path, tuple[str, dict[Path, str]]] = {}
    for page in sorted((DOCS / "tasks").glob("*.md")):
        text = re.sub(r"!\[.*?\]\(\.\./assets/tasks/[^)]*\)\n\n", "", page.read_text(encoding="utf-8"))
        tables: dict[Path, str] = {}

        def shown(match: re.Match[str], page: Path = page, tables: dict[Path, str] = tables) -> str:
            what, found = dots(match[0])
            if len(found) < 3:
                return match[0]
            path = DOCS / "assets" / "tasks" / f"{page.stem}-{len(tables) + 1}.svg"
            tables[path] = match[0]
            return f"![{what} of each contender{around(found)}](../assets/tasks/{path.name})\n\n{match[0]}"

        made[page] = (TABLE.sub(shown, text), tables)
    return made


if __name__ == "__main__":
    for page, (text, tables) in pages().items():
        page.write_text(text, encoding="utf-8")
        for path, table in tables.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(picture(path.stem, table), encoding="utf-8")
