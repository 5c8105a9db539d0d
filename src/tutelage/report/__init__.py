"""The evidence of a run: a plain record, and its table, page, figures and model card."""

from tutelage.report.card import card
from tutelage.report.chapters import Chapter, Sheet
from tutelage.report.citations import bibtex
from tutelage.report.compare import Comparison, compare
from tutelage.report.leaderboard import Row, judge, leaderboard
from tutelage.report.numbers import Estimate
from tutelage.report.parts import (
    Agreement,
    ClassGain,
    ColumnDrift,
    Confusion,
    Contender,
    Curve,
    Disagreement,
    Drift,
    ReliabilityBin,
    Residuals,
    TeacherCard,
    WeightsByClass,
    WeightsOverTime,
)
from tutelage.report.report import Report
from tutelage.report.stats import bootstrap, interval, paired
from tutelage.report.table import Table, markdown, plain, terminal

__all__ = [
    "Agreement",
    "Chapter",
    "ClassGain",
    "ColumnDrift",
    "Comparison",
    "Confusion",
    "Contender",
    "Curve",
    "Disagreement",
    "Drift",
    "Estimate",
    "ReliabilityBin",
    "Report",
    "Residuals",
    "Row",
    "Sheet",
    "Table",
    "TeacherCard",
    "WeightsByClass",
    "WeightsOverTime",
    "bibtex",
    "bootstrap",
    "card",
    "compare",
    "interval",
    "judge",
    "leaderboard",
    "markdown",
    "paired",
    "plain",
    "terminal",
]
