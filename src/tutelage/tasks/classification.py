"""One class out of C."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, Classes, InputError, Space
from ..ops import metrics as measure
from ..ops.losses import constants
from .headline import check_headline


@dataclass(frozen=True)
class Classification:
    """Single-label classification.

    With two classes the second one is the positive one: precision, recall, F1 and ROC AUC are about it.

    Args:
        classes: class names, in the order of the student's outputs.
        class_weight: trust per class in the hard loss; equal unless given.
        headline: the metric a table is sorted by. Where nearly all rows are of one class, accuracy says little.
        decision: weight per class when it is decided, all of them positive; equal unless given. The answer is the class
            with the largest product of probability and weight, so that probabilities stay what they are. With the cost
            of missing each class as its weight, that is the answer of least expected cost (Elkan 2001).

    Raises:
        InputError: fewer than two classes, two of one name, weights that do not fit, or an unknown headline.
    """

    name: ClassVar[str] = "classification"
    higher_is_better: ClassVar[Mapping[str, bool]] = {
        "accuracy": True,
        "macro_precision": True,
        "macro_recall": True,
        "macro_f1": True,
        "rare_recall": True,
        "precision": True,
        "recall": True,
        "f1": True,
        "roc_auc": True,
        "cross_entropy": False,
        "ece": False,
        "cost": False,
    }
    classes: tuple[str, ...]
    class_weight: tuple[float, ...] | None = None
    headline: str = "accuracy"
    decision: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes) or len(self.classes) < 2:
            raise InputError(f"classification needs at least two different classes, got {list(self.classes)}")
        for what, weights in (("class weights", self.class_weight), ("decision weights", self.decision)):
            if weights is not None and len(weights) != len(self.classes):
                raise InputError(f"{len(self.classes)} classes need as many {what}, got {len(weights)}")
        if self.decision is not None and not min(self.decision) > 0:
            raise InputError(f"decision weights are positive, got {self.decision}")
        check_headline(self)

    @classmethod
    def of(cls, space: Space, target: np.ndarray, labelled: np.ndarray) -> Classification:
        """Classification into the names of a space."""
        return cls(space.names)

    @property
    def space(self) -> Space:
        """Classes under their names."""
        return Space(Classes, self.classes)

    def answer(self, student: nn.Module, batch: Batch) -> Classes:
        """The student's logits [B, C], in float32 or float64; calls it with the batch's inputs in order."""
        logits = student(*batch.inputs.values())
        if logits.dim() != 2 or logits.shape[1] != len(self.classes):
            raise InputError(
                f"the student answered shape {tuple(logits.shape)}, but {len(self.classes)} classes need "
                f"[rows, {len(self.classes)}]: give it one output per class"
            )
        return Classes.of(logits if logits.dtype == torch.float64 else logits.float(), "logits")

    def hard_loss(self, answer: Classes, target: Tensor) -> Tensor:
        """Cross-entropy [B] at temperature 1, times the class weight; of any number where there is no label."""
        truth = target.clamp(0, len(self.classes) - 1)
        losses = torch.nn.functional.nll_loss(answer.log_probs(), truth, reduction="none")
        return losses if self.class_weight is None else losses * constants(self.class_weight, losses)[truth]

    def hard_graded(self, answer: Classes, target: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
        """`hard_loss` [B], and trust times its gradient [B, C]: class weight times (q - one-hot truth)."""
        truth, log_q = target.clamp(0, len(self.classes) - 1).unsqueeze(-1), answer.log_probs()
        losses, heard = -log_q.gather(-1, truth).squeeze(-1), trust.to(log_q.dtype)
        if self.class_weight is not None:
            weight = constants(self.class_weight, losses)[truth.squeeze(-1)]
            losses, heard = losses * weight, heard * weight
        heard = heard.unsqueeze(-1)
        return losses, log_q.exp().mul_(heard).scatter_add_(-1, truth, -heard)

    def decode(self, answer: Classes) -> Tensor:
        """The most probable class, or the one that the decision weights favour, int64 [B]; of votes the one named."""
        scores = answer.scores
        if self.decision is not None and answer.kind != "votes":
            scores = answer.log_probs() + constants(self.decision, scores).log()
        return scores.masked_fill(~answer.coverage, -torch.inf).argmax(-1)

    def metrics(self, answer: Classes, target: Tensor, labelled: Tensor) -> dict[str, float]:
        """Accuracy, macro precision, recall and F1, cross-entropy and ECE (15 bins) on labelled rows.

        `rare_recall` is the recall of the class with the fewest of these rows (of equals the first), if it has any.
        With decision weights also `cost`: the mean weight of the true classes that were missed.
        With two classes also precision, recall, F1 and ROC AUC of the second; the latter NaN where it never occurs.

        A row on which a teacher abstains counts as wrong, with a uniform answer.
        """
        truth, classes = target[labelled], len(self.classes)
        if len(truth) == 0:
            raise InputError("no labelled rows to measure on")
        probs = torch.where(answer.valid.unsqueeze(-1), answer.probs(), 1.0 / classes)[labelled]
        table = measure.confusion(truth, self._guess(answer)[labelled], classes)
        sizes = torch.bincount(truth, minlength=classes)
        rates = measure.rates(table, sizes)
        precision, recall, f1 = rates.macro()
        by_row = {name: float(each.mean()) for name, each in self.row_metrics(answer, target, labelled).items()}
        return {
            "accuracy": by_row.pop("accuracy"),
            "macro_precision": precision,
            "macro_recall": recall,
            "macro_f1": f1,
            "rare_recall": float(rates.recall[torch.where(sizes > 0, sizes, len(truth) + 1).argmin()]),
            **(_of_positive(rates, probs, truth) if classes == 2 else {}),
            "cross_entropy": measure.cross_entropy(probs, truth),
            "ece": measure.calibration_error(probs, truth, bins=15),
            **by_row,
        }

    def row_metrics(self, answer: Classes, target: Tensor, labelled: Tensor) -> dict[str, Tensor]:
        """Accuracy and cost per labelled row, float64 [n]: right or not; the weight of a true class if missed."""
        truth = target[labelled]
        right = (self._guess(answer)[labelled] == truth).double()
        if self.decision is None:
            return {"accuracy": right}
        return {"accuracy": right, "cost": constants(self.decision, right)[truth] * (1.0 - right)}

    def _guess(self, answer: Classes) -> Tensor:
        return torch.where(answer.valid, self.decode(answer), -1)


def _of_positive(rates: measure.Rates, probs: Tensor, truth: Tensor) -> dict[str, float]:
    """What two classes are judged by besides: the second one's rates and ranking."""
    return {
        "precision": float(rates.precision[1]),
        "recall": float(rates.recall[1]),
        "f1": float(rates.f1[1]),
        "roc_auc": measure.roc_auc(probs[:, 1], truth == 1),
    }
