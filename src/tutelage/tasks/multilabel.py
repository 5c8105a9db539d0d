"""Any number of C labels at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, InputError, Labels, Space
from ..ops import metrics_multilabel as measure
from ..ops.metrics import average_precision, roc_auc
from .headline import check_headline


@dataclass(frozen=True)
class MultiLabel:
    """Yes or no to each label; targets and `labelled` are [B, C].

    Args:
        labels: label names, in the order of the student's outputs.
        headline: the metric a table is sorted by.
    """

    name: ClassVar[str] = "multilabel"
    higher_is_better: ClassVar[Mapping[str, bool]] = {
        "macro_f1": True,
        "micro_f1": True,
        "macro_precision": True,
        "macro_recall": True,
        "subset_accuracy": True,
        "hamming_loss": False,
        "roc_auc": True,
        "average_precision": True,
        "cross_entropy": False,
    }
    labels: tuple[str, ...]
    headline: str = "macro_f1"

    def __post_init__(self) -> None:
        check_headline(self)
        if len(set(self.labels)) != len(self.labels) or not self.labels:
            raise InputError(f"multi-label needs at least one label, all different, got {list(self.labels)}")

    @classmethod
    def of(cls, space: Space, target: np.ndarray, labelled: np.ndarray) -> MultiLabel:
        """Multi-label classification into the names of a space."""
        return cls(space.names)

    @property
    def space(self) -> Space:
        """Labels under their names."""
        return Space(Labels, self.labels)

    def answer(self, student: nn.Module, batch: Batch) -> Labels:
        """The student's log-odds [B, C], in float32 or float64; calls it with the batch's inputs in order."""
        logits = student(*batch.inputs.values())
        if logits.dim() != 2 or logits.shape[1] != len(self.labels):
            raise InputError(
                f"the student answered shape {tuple(logits.shape)}, but {len(self.labels)} labels need "
                f"[rows, {len(self.labels)}]: give it one output per label"
            )
        return Labels.of(logits if logits.dtype == torch.float64 else logits.float())

    def hard_loss(self, answer: Labels, target: Tensor) -> Tensor:
        """Binary cross-entropy [B, C]; of any number where there is no label."""
        truth = target.to(answer.logits.dtype)
        return torch.nn.functional.binary_cross_entropy_with_logits(answer.logits, truth, reduction="none")

    def decode(self, answer: Labels) -> Tensor:
        """Whether each label holds: probability at least one half, bool [B, C]."""
        return answer.logits >= 0

    def metrics(self, answer: Labels, target: Tensor, labelled: Tensor) -> dict[str, float]:
        """F1 (macro, micro), macro precision and recall, subset accuracy, Hamming loss, cross-entropy, and two areas.

        `roc_auc` and `average_precision` are means over the labels that some rows have and others have not; NaN without
        such a label. Entries without a label are left out, label by label. Where a teacher says nothing its probability
        is one half; that is a "no" for precision, recall and F1, and wrong for subset accuracy and Hamming loss.
        """
        if not bool(labelled.any()):
            raise InputError("no labelled entries to measure on")
        truth, said = (target > 0.5) & labelled, self.decode(answer) & answer.valid & labelled
        guess = torch.where(answer.valid, said, ~truth) & labelled
        precision, recall, f1 = measure.label_rates(truth, said).macro()
        rows = labelled.any(-1)
        probs = torch.where(answer.valid, answer.probs(), 0.5)
        return {
            "macro_f1": f1,
            "micro_f1": measure.micro_f1(truth, said),
            "macro_precision": precision,
            "macro_recall": recall,
            "subset_accuracy": measure.subset_accuracy(truth[rows], guess[rows]),
            "hamming_loss": measure.hamming_loss(truth[labelled], guess[labelled]),
            "roc_auc": _over_labels(roc_auc, probs, truth, labelled),
            "average_precision": _over_labels(average_precision, probs, truth, labelled),
            "cross_entropy": measure.binary_cross_entropy(probs[labelled], truth[labelled]),
        }


def _over_labels(rule: Callable[[Tensor, Tensor], float], probs: Tensor, truth: Tensor, labelled: Tensor) -> float:
    """Mean of a measure of rankings over the labels that hold in some of their rows, and in others not."""
    found: list[float] = []
    for label in range(truth.shape[1]):
        row = labelled[:, label]
        if bool(truth[row, label].any()) and not bool(truth[row, label].all()):
            found.append(rule(probs[row, label], truth[row, label]))
    return sum(found) / len(found) if found else float("nan")
