"""The verdict: in plain words, what was gained, from whom, at what cost, or that nothing was gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..report import Contender, Report, interval, paired
from .trial import CHOSEN, LABELS_ONLY, MEAN, SINGLE, Trial

NOTHING = "Nothing was gained that this test could show."
MOST_NAMES = 6


def verdict(report: Report, trials: Sequence[Trial]) -> str:
    """A few sentences a colleague would say; each difference with its 95 % interval."""
    by_name = {contender.name: contender for contender in report.contenders}
    return " ".join([_gain(report, by_name), _teachers(report, by_name, trials), _cost(by_name, trials)]).strip()


def _gain(report: Report, by_name: Mapping[str, Contender]) -> str:
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
    if half is not None and -gain > half:
        return f"{NOTHING} The student loses {size} against learning from the labels alone and reaches {reached}."
    signed = f"{gain:+.3f}{_plus_minus(half)}"
    return f"{NOTHING} The student reaches {reached}, {signed} against learning from the labels alone."


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
