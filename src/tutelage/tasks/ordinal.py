"""One class out of C that have an order, such as stars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, Classes, InputError, Space
from ..ops import metrics as measure
from .classification import Classification
from .headline import check_headline


@dataclass(frozen=True)
class Ordinal:
    """Classes in order, the lowest first; a mistake costs as many steps as lie between guess and truth.

    Teachers and fusions are those of classification: answers are class scores. The prediction is the median class,
    which of all classes has the least expected difference from the truth; it may not be the most probable one.

    Args:
        classes: class names from the lowest to the highest, in the order of the student's outputs.
        headline: the metric a table is sorted by.

    Raises:
        InputError: fewer than three classes, two of one name, or an unknown headline.
    """

    name: ClassVar[str] = "ordinal"
    higher_is_better: ClassVar[Mapping[str, bool]] = {
        "ordinal_error": False,
        "accuracy": True,
        "macro_f1": True,
        "within_one": True,
        "cross_entropy": False,
        "ece": False,
    }
    classes: tuple[str, ...]
    headline: str = "ordinal_error"

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 3:
            raise InputError(
                f"an order needs at least three different classes, got {list(self.classes)}: two are a Classification"
            )
        check_headline(self)

    @classmethod
    def of(cls, space: Space, target: np.ndarray, labelled: np.ndarray) -> Ordinal:
        """The names of a space, in their order."""
        return cls(space.names)

    @property
    def space(self) -> Space:
        """Classes under their names."""
        return Space(Classes, self.classes)

    def answer(self, student: nn.Module, batch: Batch) -> Classes:
        """The student's logits [B, C]; see `Classification.answer`."""
        return Classification(self.classes).answer(student, batch)

    def hard_loss(self, answer: Classes, target: Tensor) -> Tensor:
        """Cross-entropy [B] at temperature 1; of any number where there is no label."""
        return Classification(self.classes).hard_loss(answer, target)

    def hard_graded(self, answer: Classes, target: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
        """`hard_loss` [B], and trust times its gradient [B, C]."""
        return Classification(self.classes).hard_graded(answer, target, trust)

    def decode(self, answer: Classes) -> Tensor:
        """The median class, int64 [B]: the first one up to which there is half of the probability; a vote."""
        if answer.kind == "votes":
            return Classification(self.classes).decode(answer)
        below = answer.probs().detach().cumsum(-1) < 0.5 - 1e-6
        return below.sum(-1).clamp(max=len(self.classes) - 1)

    def metrics(self, answer: Classes, target: Tensor, labelled: Tensor) -> dict[str, float]:
        """Ordinal error and more on labelled rows.

        `ordinal_error` is the mean absolute difference between prediction and truth, in classes; `within_one` the share
        of rows where it is at most one. Accuracy and macro F1 are of the same prediction, cross-entropy and ECE (15
        bins) of the probabilities.

        A row on which a teacher abstains counts as wrong, by as much as its truth can be missed, with a uniform answer.
        """
        truth, classes = target[labelled], len(self.classes)
        if len(truth) == 0:
            raise InputError("no labelled rows to measure on")
        probs = torch.where(answer.valid.unsqueeze(-1), answer.probs(), 1.0 / classes)[labelled]
        table = measure.confusion(truth, self._guess(answer)[labelled], classes)
        by_row = {name: float(each.mean()) for name, each in self.row_metrics(answer, target, labelled).items()}
        return {
            "ordinal_error": by_row["ordinal_error"],
            "accuracy": by_row["accuracy"],
            "macro_f1": measure.rates(table, torch.bincount(truth, minlength=classes)).macro()[2],
            "within_one": by_row["within_one"],
            "cross_entropy": measure.cross_entropy(probs, truth),
            "ece": measure.calibration_error(probs, truth, bins=15),
        }

    def row_metrics(self, answer: Classes, target: Tensor, labelled: Tensor) -> dict[str, Tensor]:
        """Ordinal error, accuracy and whether it is at most one class away, per labelled row, float64 [n]."""
        truth, guess = target[labelled], self._guess(answer)[labelled]
        farthest = torch.maximum(truth, len(self.classes) - 1 - truth)
        away = torch.where(guess < 0, farthest, (guess - truth).abs()).double()
        return {"ordinal_error": away, "accuracy": (away == 0).double(), "within_one": (away <= 1).double()}

    def _guess(self, answer: Classes) -> Tensor:
        return torch.where(answer.valid, self.decode(answer), -1)
