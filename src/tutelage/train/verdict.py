"""The verdict: in plain words, what was gained, from whom, at what cost, or that nothing was gained.

Whether teachers were worth it is decided on validation rows (`worth_it`); the figures of the verdict are of the
test rows, which decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core import Batch, InputError, Task
from ..report import Contender, Report, interval, paired
from ..report.stats import t_quantile
from ..teaching.heldout import row_loss
from .entry import CHOSEN, LABELS_ONLY, MEAN, SINGLE
from .evaluate import answers, row_quality
from .trial import Trial

NOTHING = "Nothing was gained that this test could show."
MOST_NAMES = 6
ODDS = 0.75
"""A better loss counts from this many standard errors above 0: odds of about three to one that it is there."""
SURE = 0.95
"""How probable a difference has to be to decide against the loss: counted answers are coarse, and a second look."""


@dataclass(frozen=True)
class Worth:
    """Whether the teachers were worth it, as validation rows show it.

    Attributes:
        yes: the answer.
        gains: measure to mean gain over learning from the labels alone and its standard error; positive is better.
        rows: how many validation rows decided.
    """

    yes: bool
    gains: Mapping[str, tuple[float, float]]
    rows: int

    def __str__(self) -> str:
        parts = [
            f"{what.replace('_', ' ')} {'better' if gain >= 0 else 'worse'} by {abs(gain):.3f} "
            f"(standard error {error:.3f})"
            for what, (gain, error) in self.gains.items()
        ]
        return f"{'Worth it' if self.yes else 'Not worth it'}, as {self.rows} validation rows say: {', '.join(parts)}."


def worth_it(taught: Sequence[Any], plain: Sequence[Any], batches: Sequence[Batch], task: Task) -> Worth:
    """Whether students with teachers do better than students that learnt from the labels alone.

    It is worth it when the loss per row (log loss; squared error in squared spreads) is better by `ODDS` standard
    errors of the paired differences or, for classes and values, the headline with probability `SURE` (where the task
    measures it row by row; else, for classes, the accuracy), and neither is worse with probability `SURE`. Seeds that
    look at the same rows are averaged row by row; otherwise their rows are put together.

    Args:
        taught: answers of the students with teachers about validation rows, one entry per seed.
        plain: answers of the students without, likewise.
        batches: the validation rows with their labels, likewise.
        task: of all students.

    Raises:
        InputError: nothing to compare, or fewer than two labelled rows.
    """
    if not batches or not len(taught) == len(plain) == len(batches):
        raise InputError(f"{len(taught)} and {len(plain)} answers cannot be compared on {len(batches)} sets of rows")
    same = all(torch.equal(batch.row, batches[0].row) for batch in batches)
    each = [_gains(*triple, task) for triple in zip(taught, plain, batches, strict=True)]
    gains: dict[str, tuple[float, float]] = {}
    count = 0
    for name in each[0]:
        found = [one[name] for one in each]
        rows = torch.stack(found).mean(0) if same else torch.cat(found)
        count = len(rows)
        if count < 2:
            raise InputError(f"{count} labelled validation rows cannot show a gain: give at least 2")
        gains[name] = float(rows.mean()), float(rows.std() / count**0.5)
    limit = t_quantile(SURE, count - 1)
    (loss, error), *others = gains.values()
    gained = loss > ODDS * error or any(gain > limit * error for gain, error in others)
    lost = any(-gain > limit * error for gain, error in gains.values())
    return Worth(gained and not lost, gains, count)


def _gains(taught: Any, plain: Any, batch: Batch, task: Task) -> dict[str, Tensor]:
    """Per row, by how much the student with teachers is better; rows without a label are left out."""
    (one, known), (other, _) = row_loss(taught, batch), row_loss(plain, batch)
    kind = task.space.kind
    name = "squared error" if kind == "values" else "log loss"
    unit = float(batch.target[known].double().var(0).mean()) if kind == "values" and int(known.sum()) > 1 else 1.0
    found = {name: (other - one)[known] / (unit or 1.0)}
    each = [row_quality(task, answer, batch) for answer in (taught, plain)]
    metric = task.headline if task.headline in each[0] else "accuracy"
    if kind in ("classes", "values") and metric in each[0]:
        gain = each[0][metric] - each[1][metric]
        found[metric] = gain if task.higher_is_better[metric] else -gain
    return found


def _worth(trials: Sequence[Trial]) -> Worth | None:
    """As the trials' own validation rows say; None without labels to learn from or to look at."""
    taught: list[Any] = []
    plain: list[Any] = []
    batches: list[Batch] = []
    for trial in trials:
        pair = [trial.result(name) for name in (CHOSEN, LABELS_ONLY)]
        students = [result.fitted.student for result in pair if result is not None and result.fitted is not None]
        row = trial.rows.validation
        if len(students) < 2 or len(row) < 2:
            return None
        for student, kept in zip(students, (taught, plain), strict=True):
            device = next((p.device for p in student.parameters()), torch.device("cpu"))
            kept.append(answers(student, trial.rows, row, trial.task, device)[0])
        batches.append(trial.rows.batch(row, inputs=False, truth=True))
    return worth_it(taught, plain, batches, trials[0].task)


def verdict(report: Report, trials: Sequence[Trial]) -> str:
    """A few sentences a colleague would say; each difference with its 95 % interval."""
    by_name = {contender.name: contender for contender in report.contenders}
    worth = _worth(trials)
    said = [] if worth is None else [str(worth)]
    said += [gain_in_words(report, by_name, worth), _teachers(report, by_name, trials), _cost(by_name, trials)]
    return " ".join(said).strip()


def gain_in_words(report: Report, by_name: Mapping[str, Contender], worth: Worth | None) -> str:
    """What the chosen student gained on test rows, in a sentence that knows what validation rows said."""
    student = by_name[CHOSEN]
    what = report.headline.replace("_", " ")
    level, around = _level(report, student)
    reached = f"{what} {level:.3f}{around}"
    if LABELS_ONLY not in by_name:
        return f"The student reaches {reached}; there are no labels to compare with a student without teachers."
    gain, half = _difference(report, student, by_name[LABELS_ONLY])
    size = f"{abs(gain):.3f}{_plus_minus(half)}"
    if gain > (half or 0.0):
        return f"The student gains {size} over learning from the labels alone and reaches {reached}."
    found = worth is not None and worth.yes
    if half is not None and -gain > half:
        said = "The test rows say otherwise: the" if found else f"{NOTHING} The"
        return f"{said} student loses {size} against learning from the labels alone and reaches {reached}."
    said = "The test rows by themselves cannot show it: the" if found else f"{NOTHING} The"
    signed = f"{gain:+.3f}{_plus_minus(half)}"
    return f"{said} student reaches {reached}, {signed} against learning from the labels alone."


def _teachers(report: Report, by_name: Mapping[str, Contender], trials: Sequence[Trial]) -> str:
    names = [teacher.name for teacher in trials[0].teachers]
    if len(names) == 1:
        return f"It was taught by one teacher, {names[0]}."
    shown = ", ".join(names[:MOST_NAMES]) + (" and others" if len(names) > MOST_NAMES else "")
    fusions = " or ".join(dict.fromkeys(trial.fusion.name.replace("_", " ") for trial in trials))
    said = f"It was taught by {len(names)} teachers ({shown}), combined by {fusions}"
    rivals = [("the best single teacher alone", SINGLE), ("the plain mean of all", MEAN)]
    words = [_against(report, by_name[CHOSEN], by_name[name], who) for who, name in rivals if name in by_name]
    return f"{said}: {'; '.join(words)}." if words else f"{said}."


def _against(report: Report, student: Contender, rival: Contender, who: str) -> str:
    gain, half = _difference(report, student, rival)
    size = f"{abs(gain):.3f}{_plus_minus(half)}"
    if half is not None and abs(gain) <= half:
        return f"not distinguishable from {who} ({gain:+.3f}{_plus_minus(half)})"
    return f"{size} {'better' if gain > 0 else 'worse'} than {who}"


def _cost(by_name: Mapping[str, Contender], trials: Sequence[Trial]) -> str:
    student = by_name[CHOSEN]
    size = f"It has {int(student.cost['parameters']):,} parameters, took {student.cost['train_seconds']:.1f} s to train"
    speed = f"and answers one row in {student.cost['p50_ms']:.2f} ms"
    ensemble = next((c for c in by_name.values() if c.role == "ensemble"), None)
    if ensemble is None:
        return f"{size} {speed}."
    ratio = ensemble.cost["p50_ms"] / max(student.cost["p50_ms"], 1e-9)
    count = len(trials[0].teachers)
    group = {1: "the teacher", 2: "both teachers"}.get(count, f"all {count} teachers")
    faster = f"{ratio:.0f} times faster than" if ratio >= 1.5 else f"{ratio:.1f} times as fast as"
    return f"{size} {speed}, {faster} asking {group}."


def _level(report: Report, contender: Contender) -> tuple[float, str]:
    values = contender.metrics[report.headline]
    if len(values) < 2:
        value = sum(values)
        low, high = report.bootstrap.get(contender.name, {}).get(report.headline, (value, value))
        return value, f" [{low:.3f}, {high:.3f}]"
    mean, half = interval(values)
    return mean, f" ± {half:.3f}"


def _difference(report: Report, student: Contender, rival: Contender) -> tuple[float, float | None]:
    """How much better the student is, and the half width of the interval; None with a single seed."""
    sign = 1.0 if report.metrics_higher_is_better[report.headline] else -1.0
    one, two = student.metrics[report.headline], rival.metrics[report.headline]
    if len(one) != len(two) or len(one) < 2:
        return sign * (sum(one) / len(one) - sum(two) / len(two)), None
    gain, half = paired(one, two)
    return sign * gain, half


def _plus_minus(half: float | None) -> str:
    return "" if half is None else f" ± {half:.3f}"
