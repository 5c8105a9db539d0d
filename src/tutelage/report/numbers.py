"""How numbers and names become text: one place, so that page, terminal and card agree.

Names and excerpts come from strangers. `clean` is applied to each of them before it is shown anywhere: it
removes what could steer a terminal, break XML or turn the reading direction around. Escaping for HTML or
Markdown is the business of the renderer.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

MISSING = "n/a"
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Estimate(NamedTuple):
    """A mean with the bounds of its interval; the bounds are NaN when there is none."""

    mean: float
    low: float = math.nan
    high: float = math.nan

    @property
    def half_width(self) -> float:
        """The larger distance from the mean to a bound; NaN without an interval."""
        return max(self.high - self.mean, self.mean - self.low)

    @property
    def symmetric(self) -> bool:
        """Whether "mean ± half width" tells all."""
        return math.isclose(self.high - self.mean, self.mean - self.low, rel_tol=1e-6, abs_tol=1e-12)


@dataclass(frozen=True)
class CostColumn:
    """A known cost: its key, a short and a full name, its text form, and its direction."""

    key: str
    short: str
    full: str
    text: Callable[[float | int], str]
    higher_is_better: bool = False


def clean(text: object) -> str:
    """Replace control characters, lone surrogates and direction overrides; join lines."""
    joined = " ".join(str(text).split())
    return "".join("\ufffd" if _is_unsafe(character) else character for character in joined)


def _is_unsafe(character: str) -> bool:
    if unicodedata.category(character) in ("Cc", "Cs") or character in _DIRECTION_MARKS:
        return True
    return ord(character) & 0xFFFE == 0xFFFE


def shorten(text: object, width: int) -> str:
    """Clean, and cut to `width` characters with an ellipsis."""
    cleaned = clean(text)
    return cleaned if len(cleaned) <= width else cleaned[: width - 1].rstrip() + "…"


def decimals(estimates: Iterable[Estimate]) -> int:
    """Choose the decimals of a column: two digits of its typical interval, else four digits of the value."""
    known = [item for item in estimates if math.isfinite(item.mean)]
    widths = sorted(item.half_width for item in known if math.isfinite(item.half_width) and item.half_width > 0)
    if widths:
        return min(max(1 - math.floor(math.log10(widths[len(widths) // 2])), 0), 4)
    largest = max((abs(item.mean) for item in known), default=0.0)
    return 4 if largest < 1 else min(max(3 - math.floor(math.log10(largest)), 0), 4)


def fixed(value: float | int, digits: int, *, sign: bool = False) -> str:
    """Write a number with `digits` decimals; a true minus sign, "n/a" for NaN, "∞" for infinity."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    if float(text) == 0.0:
        text = text.replace("-", "+" if sign else "")
    return text.replace("-", "−")


def estimate_text(estimate: Estimate | None, digits: int, *, sign: bool = False) -> str:
    """Write "0.912 ±0.004", "0.912 [0.905, 0.920]", or the bare mean when no interval is known."""
    if estimate is None:
        return MISSING
    mean = fixed(estimate.mean, digits, sign=sign)
    if not math.isfinite(estimate.half_width) or estimate.half_width == 0.0:
        return mean
    if estimate.symmetric:
        return f"{mean} ±{fixed(estimate.half_width, digits)}"
    low, high = (fixed(bound, digits, sign=sign) for bound in (estimate.low, estimate.high))
    return f"{mean} [{low}, {high}]"


def count(value: float | int) -> str:
    """Write a count with three digits and a unit: 950, 12.3k, 4.57M."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * limit:
            return f"{significant(value / limit)}{unit}"
    return significant(value)


def significant(value: float | int) -> str:
    """Write three significant digits without an exponent where that is readable."""
    if not math.isfinite(value):
        return fixed(value, 0)
    if value == 0:
        return "0"
    if abs(value) < 1e-4 or abs(value) >= 1e6:
        return f"{value:.2e}".replace("-", "−")
    value = float(f"{value:.3g}") if abs(value) < 1000 else round(value)
    places = max(2 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{places}f}"
    return (text.rstrip("0").rstrip(".") if places and value == round(value) else text).replace("-", "−")


def bytes_text(value: float | int) -> str:
    """Write a size in decimal units: 830 B, 1.2 MB."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= 0.9995 * limit:
            return f"{significant(value / limit)} {unit}"
    return f"{significant(value)} B" if math.isfinite(value) else MISSING


def seconds(value: float | int) -> str:
    """Write a duration: 0.42 s, 3 min 05 s, 2 h 10 min."""
    if not math.isfinite(value) or value < 60:
        return f"{significant(value)} s" if math.isfinite(value) else MISSING
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def milliseconds(value: float | int) -> str:
    """Write a latency in milliseconds."""
    return f"{significant(value)} ms" if math.isfinite(value) else MISSING


def percent(share: float | int) -> str:
    """Write a share in [0, 1] as a percentage."""
    return f"{100 * share:.1f} %" if math.isfinite(share) else MISSING


COSTS = (
    CostColumn("parameters", "params", "parameters", count),
    CostColumn("p50_ms", "p50", "median latency", milliseconds),
    CostColumn("p99_ms", "p99", "99th percentile latency", milliseconds),
    CostColumn("rows_per_s", "rows/s", "rows per second", count, higher_is_better=True),
    CostColumn("steps_to_95", "steps 95%", "steps to 95 % of the final quality", count),
    CostColumn("bytes", "size", "size on disk", bytes_text),
    CostColumn("train_seconds", "train", "training time", seconds),
)

_METRIC_NAMES = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "ece": "calibration error",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "nll": "NLL",
    "map": "mAP",
    "auc": "AUC",
    "f1": "F1",
    "roc_auc": "ROC AUC",
}


def metric_name(metric: str) -> str:
    """Return the name of a metric as a reader would write it."""
    return _METRIC_NAMES.get(metric, clean(metric).replace("_", " "))
