"""`Report`: the record of a run, and the ways to show it.

The record is plain data; how it looks is decided elsewhere, and loaded only when asked for:

    report.table()      table.py        terminal, plain text, notebook
    report.save(path)   html.py         one self-contained page
    report.card()       card.py         model card in Markdown
    report.compare(..)  compare.py      several runs side by side
    report.citations()  citations.py    BibTeX of the methods used
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tutelage.core.errors import InputError
from tutelage.data.record import DataRecord
from tutelage.report.chapters import Chapter
from tutelage.report.codec import decode, encode
from tutelage.report.parts import (
    Agreement,
    ClassGain,
    Confusion,
    Contender,
    Curve,
    Disagreement,
    Drift,
    IntervalKind,
    ReliabilityBin,
    Residuals,
    TeacherCard,
    WeightsByClass,
    WeightsOverTime,
)

if TYPE_CHECKING:
    from tutelage.report.compare import Comparison
    from tutelage.report.table import Table

_FORMAT = 1
Bounds = Mapping[str, Mapping[str, tuple[float, float]]]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything a run has to show for itself.

    Args:
        title: name of the run.
        task: its name, "classification" perhaps.
        created: UTC time in ISO form.
        command: what to type to repeat the run.
        version: versions of tutelage and what it stood on.
        seeds: the seeds, in the order of the metric values.
        headline: the metric that decides.
        metrics_higher_is_better: the direction of every metric that any contender reports.
        verdict: one sentence.
        plan: which plan the planner chose, and why.
        contenders: the competitors, in any order.
        reference: the contender that paired differences refer to; empty for none.
        splits: rows per split, such as train, validation, test.
        test_set: content hash of the test rows, so that `compare` can refuse different ones; empty if unknown.
        reliability: contender -> bins of the reliability diagram.
        acted: rule -> share of rows on which it acted.
        interval: where the intervals come from.
        bootstrap: contender -> metric -> (low, high), with "bootstrap over rows".
        bootstrap_difference: the same for the paired difference to the reference.
        notes: remarks for the reader, one sentence each.
        sources: citation keys of `tutelage.report.citations`.
        data: what was counted between the sources and the rows.
        inputs: raw columns that the student sees.
        chapters: what later commands added.

    Raises:
        InputError: when the parts contradict each other.
    """

    title: str
    task: str
    created: str
    command: str
    version: str
    seeds: tuple[int, ...]
    headline: str
    metrics_higher_is_better: Mapping[str, bool]
    verdict: str
    plan: str
    contenders: tuple[Contender, ...]
    reference: str = ""
    splits: Mapping[str, int] = field(default_factory=dict[str, int])
    test_set: str = ""
    teachers: tuple[TeacherCard, ...] = ()
    curves: tuple[Curve, ...] = ()
    weights_over_time: WeightsOverTime | None = None
    weights_by_class: WeightsByClass | None = None
    agreement: Agreement | None = None
    confusion: Confusion | None = None
    reliability: Mapping[str, tuple[ReliabilityBin, ...]] = field(default_factory=dict[str, tuple[ReliabilityBin, ...]])
    class_gain: ClassGain | None = None
    residuals: Residuals | None = None
    disagreements: tuple[Disagreement, ...] = ()
    acted: Mapping[str, float] = field(default_factory=dict[str, float])
    interval: IntervalKind = "t over seeds"
    bootstrap: Bounds = field(default_factory=dict[str, Mapping[str, tuple[float, float]]])
    bootstrap_difference: Bounds = field(default_factory=dict[str, Mapping[str, tuple[float, float]]])
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    drift: Drift | None = None
    data: DataRecord = field(default_factory=DataRecord)
    inputs: tuple[str, ...] = ()
    chapters: tuple[Chapter, ...] = ()

    def __post_init__(self) -> None:
        _check(self)

    def table(self, width: int | None = None) -> Table:
        """Return the leaderboard as printable text, `width` columns wide (default: the terminal's)."""
        from tutelage.report.table import terminal

        return terminal(self, width)

    def to_html(self) -> str:
        """Return the self-contained page.

        Raises:
            MissingExtraError: when matplotlib (the extra `report`) is not installed.
        """
        from tutelage.report.html import page

        return page(self)

    def save(self, path: str | Path) -> Path:
        """Write the self-contained page to `path`; see `to_html`."""
        return write_text(Path(path), self.to_html())

    def card(self) -> str:
        """Return the model card in Markdown."""
        from tutelage.report.card import card

        return card(self)

    def citations(self) -> str:
        """Return the BibTeX entries of the methods that the run used."""
        from tutelage.report.citations import bibtex

        return bibtex(self.sources)

    def with_chapter(self, chapter: Chapter) -> Report:
        """The same report with this chapter, in the place of an earlier one of its key."""
        others = (one for one in self.chapters if one.key != chapter.key)
        return replace(self, chapters=(*others, chapter))

    def compare(self, *others: Report) -> Comparison:
        """Lay this run beside others with the same task and test set."""
        from tutelage.report.compare import compare

        return compare((self, *others))

    def to_json(self) -> str:
        """Return the record as strict JSON."""
        return json.dumps({"format": _FORMAT, "report": encode(self)}, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read back what `to_json` wrote.

        Raises:
            InputError: naming the first thing that is not as expected.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            found = content.get("format") if isinstance(content, dict) else type(content).__name__
            raise InputError(f"not a report of format {_FORMAT} (found {found!r}); was it written by Report.save_json?")
        return decode(cls, content.get("report"), "report")

    def save_json(self, path: str | Path) -> Path:
        """Write `to_json` to `path`."""
        return write_text(Path(path), self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read a file that `save_json` wrote; errors name the file."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _check(report: Report) -> None:
    names = [contender.name for contender in report.contenders]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"contender names must be unique, {twice[0]!r} occurs {names.count(twice[0])} times")
    if report.reference and report.reference not in names:
        raise InputError(f"the reference {report.reference!r} is none of the contenders {names}")
    if report.headline not in report.metrics_higher_is_better:
        raise InputError(f"the headline {report.headline!r} has no entry in metrics_higher_is_better")
    for contender in report.contenders:
        for metric, values in contender.metrics.items():
            if metric not in report.metrics_higher_is_better:
                raise InputError(f"{metric!r} of {contender.name!r} has no entry in metrics_higher_is_better")
            if len(values) not in (1, len(report.seeds)):
                raise InputError(
                    f"{metric!r} of {contender.name!r} has {len(values)} values for {len(report.seeds)} "
                    f"seeds; "
                    "give one per seed, or a single one that holds for every seed"
                )


def write_text(path: Path, text: str) -> Path:
    """Write a file as a whole or not at all; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path
