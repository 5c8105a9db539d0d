"""Numbers some steps ahead, and how sure one may be of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ..core import Values
from ..ops import metrics_regression as measure
from ..ops.losses import constants
from .regression import Regression

INSIDE, NORMAL = 0.8, 1.2815515655446004
"""Share of outcomes that an interval is meant to hold, and how many scales it reaches to both sides."""

EACH: dict[str, Any] = {"rmse": measure.rmse, "mae": measure.mae, "mape": measure.mape}


class _Directions:
    """Direction of every metric of a task, whose names hold those of its horizons."""

    def __get__(self, task: Forecasting | None, owner: type) -> Mapping[str, bool]:
        columns = () if task is None else task.columns
        each = {f"{name} {column}": False for name in EACH for column in columns}
        return {**Regression.higher_is_better, "mape": False, "interval_gap": False, **each}


@dataclass(frozen=True)
class Forecasting(Regression):
    """One column per horizon, nearest first; otherwise as `Regression`.

    Beside the means over horizons, root mean squared error, mean absolute error and mean absolute percentage error of
    each horizon are reported, and with scales how many outcomes lie in the central interval that is meant to hold 80 %
    of them (of a normal distribution).
    """

    name: ClassVar[str] = "forecasting"
    higher_is_better: ClassVar[Any] = _Directions()
    loss: Literal["mse", "huber", "nll"] = "mse"

    def metrics(self, answer: Values, target: Tensor, labelled: Tensor) -> dict[str, float]:
        """Means over horizons, then every horizon by name; `mape` is a fraction.

        `interval_gap` is how far the share of outcomes inside the interval is from 0.8. Entries without a label are
        left out; a teacher that says nothing is given the centre.
        """
        found = super().metrics(answer, target, labelled)
        mean = torch.where(answer.valid, answer.mean, constants(self.centre, answer.mean))
        shares: list[float] = []
        for place, column in enumerate(self.columns):
            row = labelled[:, place]
            if not bool(row.any()):
                continue
            truth, guess = target[row, place], mean[row, place]
            found |= {f"{name} {column}": rule(truth, guess) for name, rule in EACH.items()}
            if answer.scale is not None:
                inside = (truth - guess).abs() <= NORMAL * answer.scale[row, place]
                shares.append(float(inside.double().mean()))
        sizes = [value for name, value in found.items() if name.startswith("mape ")]
        found["mape"] = sum(sizes) / len(sizes)
        if shares:
            found["interval_gap"] = abs(sum(shares) / len(shares) - INSIDE)
        return found
