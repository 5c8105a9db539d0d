"""The chapter of a stream: who was how good when, around what happened, and whether differences outlast chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch

from ..report import Chapter, Sheet, bootstrap
from ..train.entry import LABELS_ONLY, Result
from ..train.evaluate import quality
from ..train.trial import Trial

STRETCHES = 10
LONG, NEAR = 14, 28
"""Blocks that are drawn together by the bootstrap, and blocks that are shown before and after a mark."""


def over_time(trials: Sequence[Trial], block: int, marks: Mapping[str, int]) -> Chapter:
    """Headline per stretch of the test rows, around marks, and paired differences by the block bootstrap.

    The bootstrap draws stretches of `LONG` blocks, since rows that are near in time are alike (Künsch 1989).

    Args:
        trials: all seeds; every contender has answered all test rows, in time order.
        block: rows that were answered before anybody learnt from them.
        marks: row numbers by name.
    """
    first = trials[0]
    tested = first.rows.test.open("the chapter over time")
    edges = np.linspace(0, len(tested), min(STRETCHES, len(tested)) + 1).round().astype(np.int64)
    parts = [np.arange(a, b) for a, b in pairwise(edges)]
    header = tuple(f"from row {tested[part[0]]}" for part in parts)
    shown = [Sheet(f"{first.task.headline} over time", ("who", *header), _lines(trials, parts), "Mean over seeds.")]
    near = {
        f"{name}, {side}": np.arange(max(0, begin), max(0, min(begin + NEAR * block, len(tested))))
        for name, row in marks.items()
        for side, begin in (
            ("before", int(row - tested[0]) - NEAR * block),
            ("after", int(row - tested[0])),
            ("later", int(row - tested[0]) + NEAR * block),
        )
    }
    near = {name: part for name, part in near.items() if len(part)}
    if near:
        note = f"Each column is of {NEAR} blocks, which are {NEAR * block} rows."
        shown.append(Sheet("Around what happened", ("who", *near), _lines(trials, list(near.values())), note))
    shown += _differences(trials, block)
    lead = (
        f"Each block of {block} rows was answered before anybody learnt from it; calibrations, fusions and students "
        "then learnt from the last rows. No answer depends on a later row."
    )
    return Chapter("over_time", "Over time", lead, "", tuple(shown))


def _lines(trials: Sequence[Trial], parts: Sequence[np.ndarray]) -> tuple[tuple[str, ...], ...]:
    return tuple((name, *(f"{value:.3f}" for value in _means(trials, name, parts))) for name in _names(trials))


def _names(trials: Sequence[Trial]) -> list[str]:
    """Contenders that took part under all seeds."""
    known = dict.fromkeys(result.name for trial in trials for result in trial.results)
    return [name for name in known if all(trial.result(name) is not None for trial in trials)]


def _means(trials: Sequence[Trial], name: str, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Headline of a contender on positions among the test rows, mean over seeds; one number per part."""
    found: list[list[float]] = []
    done: dict[int, list[float]] = {}
    for trial in trials:
        result = trial.result(name)
        assert result is not None
        if id(result) not in done:  # teachers are the same under all seeds
            done[id(result)] = [_on(trial, result, part) for part in parts]
        found.append(done[id(result)])
    return np.mean(found, axis=0)


def _on(trial: Trial, result: Result, part: np.ndarray) -> float:
    row = trial.rows.test.open(f"{result.name!r} over time")[part]
    batch = trial.rows.batch(row, inputs=False, truth=True)
    answer = result.performance.answer.take(torch.from_numpy(part))
    return float(quality(trial.task, answer, batch)[trial.task.headline])


def _differences(trials: Sequence[Trial], block: int) -> list[Sheet]:
    """Differences to the student of labels alone and to each of its like, by stretches of blocks."""
    names, size = _names(trials), len(trials[0].rows.test)
    count = size // (LONG * block)
    if count < 3 or LABELS_ONLY not in names:
        return []
    parts = np.array_split(np.arange(size), count)
    values = {name: _means(trials, name, parts) for name in names}
    base = values[LABELS_ONLY]
    lines: list[tuple[str, ...]] = []
    for name in names:
        gain = values[name] - base
        low, high = bootstrap(gain, draws=2000)
        lines.append((name, f"{gain.mean():+.4f}", f"{low:+.4f} to {high:+.4f}", f"{int((gain > 0).sum())} of {count}"))
    header = ("who", "difference", "95 % interval", "stretches in which it is better")
    note = f"{count} stretches of {LONG} blocks drawn again 2000 times; means over seeds, paired in time."
    return [Sheet(f"Against {LABELS_ONLY.removeprefix('student: ')}", header, tuple(lines), note)]
