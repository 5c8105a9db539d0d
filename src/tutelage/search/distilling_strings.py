"""distill_strings: several recognisers that write strings, one small net that does, and the evidence."""

from __future__ import annotations

import contextlib
import math
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .._version import __version__
from ..core import Batch, InputError, MissingExtraError
from ..report import Contender, Report, bootstrap, paired
from ..store.fingerprint import digest
from ..train.contest import Progress
from ..train.entry import ALL_LABELS, CHOSEN, LABELS_ONLY, MEAN, SINGLE
from ..train.keep import export
from ..train.run import end_of_strings
from ..train.settings import Training, one_thread
from ..train.summary import command
from ..train.verdict import NOTHING
from .string_trial import FUSIONS, NETS, WER, WHOLE, Parts, Score, Trial, Writer


def distill_strings(
    student: nn.Module | Callable[[], Any],
    parts: Callable[[int], Parts],
    teachers: Callable[[int, Parts], Sequence[Writer]],
    *,
    training: Training | None = None,
    soft: float = 0.9,
    rates: Sequence[float] = (),
    seeds: Sequence[int] = (0, 1, 2),
    run: Path | None = None,
    title: str = "distillation of strings",
    progress: Progress | None = None,
) -> Report:
    """Distils recognisers of strings into one net over frames, and compares.

    Students learn moment by moment from the mean, the geometric mean and the entropy-weighted mean of the teachers'
    nets, and by CTC from the strings that win the vote (ROVER); of these the one with the lowest word error rate on
    validation strings is the chosen one. Beside them: labels alone (with as many steps, and a learning rate chosen on
    validation strings, which all take), the best single teacher, and all labels the teachers had.

    Args:
        student: a net from frames [B, time, features] to scores of symbols [B, moments, C], or a maker.
        parts: makes the strings of a seed.
        teachers: makes the teachers of a seed; at least one says how likely symbols are at each moment, at as many
            moments as the student.
        training: settings of each student.
        soft: share of what is learnt from teachers, moment by moment.
        rates: learning rates to choose from.
        seeds: one trial each.
        run: folder for report.json, report.html and the student (student.pt2). Every net that is trained is kept below
            it, in nets/, under the fingerprint of all that it was made of: a run that was killed trains no net again
            that it had finished. Give `kept=run / NETS` to the nets that teach, too.
        title: of the report.
        progress: told what happens.

    Raises:
        InputError: no seed, or no teacher speaks of moments.
    """
    if not seeds:
        raise InputError("distill_strings needs at least one seed: give seeds=(0, 1, 2)")
    trials: list[Trial] = []
    stages = 2 + max(1, len(rates)) + len(FUSIONS)
    for seed in seeds:
        place = count()

        def told(what: str, seed: int = seed, place: Iterator[int] = place) -> None:
            done = next(place)
            if progress is not None:
                progress(f"seed {seed}: {what}", done, stages, (len(trials) + done / stages) / len(seeds))

        told("teachers")
        own = parts(seed)
        given = (teachers(seed, own), student, training or Training(), rates, soft, told)
        with one_thread():
            trials.append(Trial(seed, own, *given, kept=None if run is None else run / NETS).ran())
    report = _report(trials, title, soft)
    if run is not None:
        _keep(trials[0], report, run)
    return report


def _keep(trial: Trial, report: Report, run: Path) -> None:
    report.save_json(run / "report.json")
    assert trial.student is not None
    frames = torch.from_numpy(trial.parts.train.frames[:2])
    export(trial.student.cpu().eval(), Batch.of({"frames": frames}), run / "student.pt2")
    with contextlib.suppress(MissingExtraError):
        report.save(run / "report.html")
    end_of_strings(run)


def _report(trials: Sequence[Trial], title: str, soft: float) -> Report:
    first = trials[0]
    contenders = tuple(_contender(name, trials) for name in first.scores)
    rates = {one.name: one.metrics[WER] for one in contenders}
    bounds: dict[str, Any] = {"interval": "t over seeds"}
    if len(trials) == 1:
        found = {name: {WER: _bounds(score)} for name, score in first.scores.items()}
        bounds = {"interval": "bootstrap over rows", "bootstrap": found}
    test = first.parts.test
    return Report(
        title=title,
        task="transcription",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command(),
        version=f"tutelage {__version__}, torch {torch.__version__}, Python {platform.python_version()}",
        seeds=tuple(one.seed for one in trials),
        headline=WER,
        metrics_higher_is_better={WER: False, WHOLE: False},
        verdict=_verdict(rates),
        plan=f"soft share {soft:g} of the divergence at each moment, the rest CTC on known strings",
        contenders=contenders,
        reference=LABELS_ONLY,
        splits={
            "labelled": int(first.parts.train.known.sum()),
            "unlabelled": int((~first.parts.train.known).sum()),
            "validation": len(first.parts.validation),
            "test": len(test),
        },
        test_set=digest(test.frames.tobytes(), test.target.tobytes()),
        notes=tuple(
            f"seed {one.seed}: word error rates on validation strings: "
            + ", ".join(f"{name} {value:.3f}" for name, value in one.watched.items()) + "."
            for one in trials
        ),
        sources=("graves2006", "fiscus1997"),
        **bounds,
    )  # fmt: skip


def _verdict(rates: Mapping[str, tuple[float, ...]]) -> str:
    """What the chosen student gained, with 95 % intervals where there are several seeds."""

    def less(other: str) -> tuple[float, float, str]:
        gain, half = paired(rates[other], rates[CHOSEN])
        return gain, half, f"{gain:+.3f}" + ("" if math.isnan(half) else f" ±{half:.3f}")

    gain, half, said = less(LABELS_ONLY)
    shown = gain > 0 if math.isnan(half) else gain > half
    beside = ", ".join(f"{less(other)[2]} than {other.removeprefix('student: ')}" for other in (SINGLE, MEAN))
    level, without = (float(np.mean(rates[name])) for name in (CHOSEN, LABELS_ONLY))
    return ("" if shown else f"{NOTHING} ") + (
        f"The chosen student has a word error rate of {level:.3f}, that of labels alone "
        f"{without:.3f}: {said} errors per word fewer than labels alone, {beside}."
    )


def _bounds(score: Score) -> tuple[float, float]:
    """Of the word error rate, strings drawn again."""
    pairs = np.array([(one.errors, one.hits + one.substitutions + one.deletions) for one in score.edits])
    return bootstrap(pairs, lambda some: float(some[:, 0].sum() / max(1.0, some[:, 1].sum())), draws=300)


def _contender(name: str, trials: Sequence[Trial]) -> Contender:
    scores = [one.scores[name] for one in trials]
    spent = [one.cost for one in scores if one.cost is not None]
    costs: dict[str, float | int] = {}
    if spent:
        costs = {
            key: float(np.median([getattr(one, key) for one in spent])) for key in ("p50_ms", "p99_ms", "rows_per_s")
        }
    if scores[0].parameters is not None:
        costs["parameters"] = scores[0].parameters
    role = "student" if name.startswith("student") else "ensemble" if name.startswith("ensemble") else "teacher"
    role = "baseline" if name in (LABELS_ONLY, ALL_LABELS) else role
    note = ", ".join(dict.fromkeys(one.note for one in scores if one.note))
    metrics = {WER: tuple(one.rate for one in scores), WHOLE: tuple(one.whole for one in scores)}
    return Contender(name, role, metrics, costs, note)
