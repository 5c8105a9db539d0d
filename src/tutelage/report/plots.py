"""All figures of a report.

Each is a function from the report to a `Plot`, or to none when its data are missing.
"""

from __future__ import annotations

from tutelage.report.plots_cost import cost_plots
from tutelage.report.plots_mistakes import class_gain_plot, confusion_plot, reliability_plot, residual_plot
from tutelage.report.plots_scores import curve_plots, leaderboard_plot
from tutelage.report.plots_teachers import agreement_plot, weights_by_class_plot, weights_over_time_plot
from tutelage.report.svg import Plot

__all__ = [
    "Plot",
    "agreement_plot",
    "class_gain_plot",
    "confusion_plot",
    "cost_plots",
    "curve_plots",
    "leaderboard_plot",
    "reliability_plot",
    "residual_plot",
    "weights_by_class_plot",
    "weights_over_time_plot",
]
