"""From the raw values of a report to leaderboard rows: means, intervals, paired differences, who is best.

Terminal, page, plots, card and comparison all read these rows, so they cannot disagree about a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tutelage.report import stats
from tutelage.report.numbers import COSTS, CostColumn, Estimate, clean, significant
from tutelage.report.parts import Contender
from tutelage.report.report import Report

Judgement = Literal["better", "worse", "unclear"]


@dataclass(frozen=True)
class Row:
    """One line of the leaderboard.

    Args:
        contender: whose line it is.
        metrics: metric -> estimate.
        differences: metric -> paired difference to the reference; empty for the reference itself.
        reference: whether this is the reference.
        best_student: whether this is the student with the best headline.
    """

    contender: Contender
    metrics: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    reference: bool
    best_student: bool


def leaderboard(report: Report) -> tuple[Row, ...]:
    """Return one row per contender, best headline first, contenders without one last."""
    reference = next((item for item in report.contenders if item.name == report.reference), None)
    rows = [_row(report, contender, reference) for contender in report.contenders]
    rows.sort(key=lambda row: _rank(row, report))
    best = next((row.contender.name for row in rows if row.contender.role == "student"), None)
    return tuple(replace(row, best_student=True) if row.contender.name == best else row for row in rows)


def metric_order(report: Report) -> tuple[str, ...]:
    """Return the metrics that some contender has: headline first, then in the order of the report."""
    used = {metric for contender in report.contenders for metric in contender.metrics}
    rest = [metric for metric in report.metrics_higher_is_better if metric in used and metric != report.headline]
    return (report.headline, *rest)


def cost_columns(contenders: Iterable[Contender]) -> tuple[CostColumn, ...]:
    """Return the costs that some contender has: known ones in their order, then any others by name."""
    used = {key for contender in contenders for key in contender.cost}
    known = tuple(column for column in COSTS if column.key in used)
    others = sorted(used - {column.key for column in known})
    return known + tuple(CostColumn(key, clean(key), clean(key), significant) for key in others)


def judge(difference: Estimate, higher_is_better: bool) -> Judgement:
    """Say whether a difference is one: its interval has to exclude zero."""
    if math.isnan(difference.low) or difference.low <= 0 <= difference.high:
        return "unclear"
    return "better" if (difference.mean > 0) == higher_is_better else "worse"


def best_of(values: Iterable[float | int], higher_is_better: bool) -> float:
    """Return the best finite value, NaN without one."""
    finite = [float(value) for value in values if math.isfinite(value)]
    choose: Callable[[list[float]], float] = max if higher_is_better else min
    return choose(finite) if finite else math.nan


def _row(report: Report, contender: Contender, reference: Contender | None) -> Row:
    metrics = {metric: _estimate(report, contender, metric) for metric in contender.metrics}
    differences: dict[str, Estimate] = {}
    if reference is not None and reference is not contender:
        shared = [metric for metric in contender.metrics if metric in reference.metrics]
        differences = {metric: _difference(report, contender, reference, metric) for metric in shared}
    return Row(contender, metrics, differences, reference is contender, best_student=False)


def _estimate(report: Report, contender: Contender, metric: str) -> Estimate:
    mean, half_width = stats.interval(contender.metrics[metric])
    if report.interval == "bootstrap over rows":
        return Estimate(mean, *report.bootstrap.get(contender.name, {}).get(metric, (math.nan, math.nan)))
    return Estimate(mean, mean - half_width, mean + half_width)


def _difference(report: Report, contender: Contender, reference: Contender, metric: str) -> Estimate:
    mean, half_width = stats.paired(contender.metrics[metric], reference.metrics[metric])
    if report.interval == "bootstrap over rows":
        bounds = report.bootstrap_difference.get(contender.name, {}).get(metric, (math.nan, math.nan))
        return Estimate(mean, *bounds)
    return Estimate(mean, mean - half_width, mean + half_width)


def _rank(row: Row, report: Report) -> tuple[bool, float]:
    mean = row.metrics.get(report.headline, Estimate(math.nan)).mean
    if math.isnan(mean):
        return True, 0.0
    return False, -mean if report.metrics_higher_is_better[report.headline] else mean
