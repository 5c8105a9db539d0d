"""The verdict: in plain words, what was gained, from whom, at what cost, or that nothing was gained."""

from __future__ import annotations

from collections.abc import Sequence

from ..report import Contender, Report, interval, paired
from .trial import CHOSEN, LABELS_ONLY, MEAN, SINGLE, Trial


def verdict(report: Report, trials: Sequence[Trial]) -> str:
    """One or two sentences a colleague would say, each claim with its interval."""
    by_name = {contender.name: contender for contender in report.contenders}
    student = by_name[CHOSEN]
    head = report.headline
    value, half = _estimate(report, student)
    teachers = len(trials[0].teachers)
    parts = [f"The student of {_whom(trials)} reaches {head.replace('_', ' ')} {value:.3f}{half}"]
    rivals = [
        ("labels only", LABELS_ONLY),
        ("the best single teacher's student", SINGLE),
        ("the plain mean's", MEAN),
    ]
    words = [
        text for title, name in rivals if name in by_name and (text := _against(report, student, by_name[name], title))
    ]
    if words:
        parts.append("; ".join(words))
    cost = _cost(by_name, student, teachers)
    sentence = ": ".join(parts[:2]) + (f". {cost}" if cost else ".")
    return sentence if _gained(report, by_name) else "Nothing was gained that this test could show. " + sentence


def _whom(trials: Sequence[Trial]) -> str:
    names = [teacher.name for teacher in trials[0].teachers]
    fusions = " or ".join(dict.fromkeys(trial.fusion.name for trial in trials))
    if len(names) == 1:
        return f"the one teacher {names[0]}"
    return f"{len(names)} teachers ({fusions})"


def _estimate(report: Report, contender: Contender) -> tuple[float, str]:
    values = contender.metrics[report.headline]
    if len(values) < 2:
        value = sum(values)
        low, high = report.bootstrap.get(contender.name, {}).get(report.headline, (value, value))
        return value, f" [{low:.3f}, {high:.3f}]"
    mean, half = interval(values)
    return mean, f" ± {half:.3f}"


def _against(report: Report, student: Contender, rival: Contender, title: str) -> str:
    one, two = student.metrics[report.headline], rival.metrics[report.headline]
    if len(one) != len(two) or len(one) < 2:
        return f"{sum(one) / len(one) - sum(two) / len(two):+.3f} against {title}"
    gain, half = paired(one, two)
    sure = "" if abs(gain) > half else ", not distinguishable"
    return f"{gain:+.3f} ± {half:.3f} against {title}{sure}"


def _gained(report: Report, by_name: dict[str, Contender]) -> bool:
    if LABELS_ONLY not in by_name:
        return True
    one, two = by_name[CHOSEN].metrics[report.headline], by_name[LABELS_ONLY].metrics[report.headline]
    sign = 1.0 if report.metrics_higher_is_better[report.headline] else -1.0
    if len(one) < 2:
        return sign * (sum(one) - sum(two)) > 0
    gain, half = paired(one, two)
    return sign * gain > half


def _cost(by_name: dict[str, Contender], student: Contender, teachers: int) -> str:
    ensemble = next((c for c in by_name.values() if c.role == "ensemble"), None)
    if ensemble is None or "parameters" not in student.cost:
        return ""
    faster = ensemble.cost["p50_ms"] / max(student.cost["p50_ms"], 1e-9)
    group = "the teacher" if teachers == 1 else f"all {teachers} teachers together"
    return (
        f"It has {int(student.cost['parameters']):,} parameters and answers one row in "
        f"{student.cost['p50_ms']:.2f} ms, {faster:.0f} times faster than {group}."
    )
