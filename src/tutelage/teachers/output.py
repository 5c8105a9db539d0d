"""What the numbers of a model are: logits, log-probabilities, probabilities or votes; declared or found out.

A second softmax is the most common silent fault of distillation, so numbers that contradict the declaration
are an error, and an undeclared kind is decided on the first real rows, remembered, and verified on every
later batch.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ..core import FLOOR, Classes, InputError, Labels, Space, Values
from ..core.spaces import Answer

Output = Literal["logits", "log_probs", "probs", "votes"]

TOLERANCE = 2e-3
"""How far the probabilities of a row may be from summing to 1 (half precision is off by up to 1e-3)."""

WORDS = {"logits": "logits", "log_probs": "log-probabilities", "probs": "probabilities", "votes": "votes"}


class Reading:
    """Turns a model's numbers into an answer of a space.

    Args:
        space: kind of answer; empty names fit any number of outputs.
        declared: what the numbers are; None finds it out.
        who: names the teacher in errors.
    """

    def __init__(self, space: Space, declared: Output | None, who: str) -> None:
        if space.answer is Labels and declared in ("log_probs", "votes"):
            raise InputError(f"{who}: labels are declared as 'logits' or 'probs', not {declared!r}")
        if space.answer is Values and declared is not None:
            raise InputError(f"{who}: values are numbers as they are: leave output={declared!r} out")
        self.space = space
        self.declared: Output | None = declared
        self.found: Output | None = None
        self.reason = ""
        self.who = who
        self.width = len(space.names)

    @property
    def described(self) -> str:
        """What the numbers are and how that is known, for tables and the command line."""
        if self.space.answer is Values:
            return "values"
        if self.declared is not None:
            return f"{WORDS[self.declared]} (declared)"
        return f"{WORDS[self.found]} (found out: {self.reason})" if self.found else "not known before the first answer"

    @property
    def fingerprint(self) -> str:
        """What was declared: what is found out follows from the weights."""
        return f"{self.space.kind}:{self.declared or 'found out'}"

    def answer(self, scores: Tensor, *, scale: Tensor | None = None, valid: Tensor | None = None) -> Answer:
        """The answer that scores [B, C], or [B] or [B, 1] for one column or two classes, stand for.

        Raises:
            InputError: wrong width, or numbers that are not what they were declared to be.
        """
        return self.attached(scores.detach(), scale=None if scale is None else scale.detach(), valid=valid)

    def attached(self, scores: Tensor, *, scale: Tensor | None = None, valid: Tensor | None = None) -> Answer:
        """`answer`, with the gradient of the scores."""
        scores = scores.to("cpu", torch.float32)
        scores = scores.unsqueeze(-1) if scores.dim() == 1 else scores
        if self.space.answer is Values:
            self._check_width(scores)
            scale = None if scale is None else scale.to("cpu", torch.float32).reshape(scores.shape)
            return Values.of(scores, scale, valid=valid)
        if self.space.answer is Labels:
            self._check_width(scores)
            kind = self._settled(scores.detach(), valid)
            made = Labels.from_probs if kind == "probs" else Labels.of
            return made(scores, valid=valid)
        kind = self._settled(scores.detach(), valid)
        scores = _two_columns(scores, kind) if scores.dim() == 2 and scores.shape[1] == 1 else scores
        self._check_width(scores)
        if kind == "probs":
            return Classes.from_probs(scores, valid=valid)
        return Classes.of(scores.clamp_min(math.log(FLOOR)) if kind == "log_probs" else scores, kind, valid=valid)

    def empty(self, *, scaled: bool = False) -> Answer:
        """The answer about no rows; without names its width is 0 before the first answer.

        Args:
            scaled: whether its values come with a scale.
        """
        width = self.width
        if scaled and self.space.answer is Values:
            return Values.of(torch.zeros(0, width), torch.ones(0, width))
        if self.space.answer is not Classes:
            return self.space.answer.of(torch.zeros(0, width))
        kind = self.declared or self.found or "logits"
        return Classes.of(torch.zeros(0, width), "log_probs" if kind == "probs" else kind)

    def _check_width(self, scores: Tensor) -> None:
        names = self.space.names
        if scores.dim() != 2 or (names and scores.shape[1] != len(names)):
            width = len(names) if names else "columns"
            raise InputError(
                f"{self.who} answered shape {tuple(scores.shape)}, but its {self.space.kind} "
                f"{list(names) or ''} need [rows, {width}]: mend the model's output or the list of names"
            )
        self.width = scores.shape[1]

    def _settled(self, scores: Tensor, valid: Tensor | None) -> Output:
        """The kind of output, verified on these scores."""
        known = self.declared or self.found
        if known == "logits" and _outside(scores):
            return known
        real = torch.isfinite(scores).all(-1) if self.declared != "log_probs" else ~torch.isnan(scores).any(-1)
        real = real if valid is None or valid.shape != real.shape else real & valid
        shown = scores if bool(real.all()) else scores[real]
        if self.declared is None and self.found is None:
            if len(shown) == 0:
                return "logits"
            self.found, self.reason = self._find_out(shown)
        kind: Output = self.declared or self.found or "logits"
        fault = _fault(kind, shown, self.space) if len(shown) else None
        if fault is not None:
            known = "declared" if self.declared else f"found out on the first rows ({self.reason})"
            raise InputError(f"{self.who}: the output is {kind!r}, {known}, but {fault}")
        return kind

    def _find_out(self, shown: Tensor) -> tuple[Output, str]:
        inside = bool(((shown >= -TOLERANCE) & (shown <= 1 + TOLERANCE)).all())
        if self.space.answer is Labels or shown.shape[-1] == 1:
            if not inside:
                return "logits", "numbers outside [0, 1]"
            raise InputError(
                f"{self.who} answered only numbers between 0 and 1, which may be probabilities or logits: "
                "declare output='probs' or output='logits'"
            )
        if inside and _sums_to_one(shown):
            return "probs", "rows sum to 1"
        if bool((shown <= TOLERANCE).all()) and _sums_to_one(shown.exp()):
            return "log_probs", "the exponentials of rows sum to 1"
        return "logits", "rows do not sum to 1"


def _outside(scores: Tensor) -> bool:
    """Whether scores are finite and some are no probabilities, which settles that they are logits."""
    if scores.numel() == 0:
        return False
    low, high = (float(end) for end in torch.aminmax(scores))
    return math.isfinite(low - high) and (low < -TOLERANCE or high > 1 + TOLERANCE)


def _sums_to_one(rows: Tensor) -> bool:
    return bool(((rows.sum(-1) - 1).abs() <= TOLERANCE).all())


def _fault(kind: Output, shown: Tensor, space: Space) -> str | None:
    """Why these scores [B, C] cannot be of this kind, with the way out."""
    low, high = float(shown.min()), float(shown.max())
    inside = low >= -TOLERANCE and high <= 1 + TOLERANCE
    single = space.answer is Labels or shown.shape[-1] == 1
    if kind == "logits":
        if not single and inside and _sums_to_one(shown):
            return "these look like probabilities (all in [0, 1], rows sum to 1); declare output='probs'"
        return None
    if kind == "log_probs":
        sums = shown.exp().sum(-1)
        worst = float(sums[(sums - 1).abs().argmax()])
        if abs(worst - 1) > TOLERANCE:
            return f"the exponentials of a row sum to {worst:.4g}, not to 1; declare output='logits'"
        return None
    if not inside:
        return f"there are numbers from {low:.4g} to {high:.4g}, outside [0, 1]; declare output='logits'"
    if single:
        return None
    sums = shown.sum(-1)
    worst = float(sums[(sums - 1).abs().argmax()])
    if abs(worst - 1) > TOLERANCE:
        return f"a row sums to {worst:.4g}, not to 1; declare output='logits', or a space of Labels"
    return None


def _two_columns(scores: Tensor, kind: Output) -> Tensor:
    """One column about the second of two classes as two columns."""
    if kind == "logits":
        return torch.cat([-scores / 2, scores / 2], dim=-1)
    if kind == "log_probs":
        return torch.cat([torch.log1p(-scores.exp().clamp_max(1.0)), scores], dim=-1)
    return torch.cat([1 - scores, scores], dim=-1)
