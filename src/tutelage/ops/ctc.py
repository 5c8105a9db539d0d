"""Connectionist temporal classification: strings from what is said at each moment; Graves et al. 2006."""

from __future__ import annotations

import torch
from torch import Tensor

BLANK = 0
"""The symbol that stands for nothing."""


def ctc_losses(log_probs: Tensor, target: Tensor) -> Tensor:
    """Minus the log-probability of each string, over all ways to lay it along the time, per symbol of the string.

    Args:
        log_probs: [B, time, C], of which symbol `BLANK` means nothing.
        target: int64 [B, longest], symbols from 1, filled up with `BLANK`.

    Returns:
        [B]; 0 where a string does not fit into the time.
    """
    place = log_probs.device
    if place.type == "mps":  # has no kernel for it
        log_probs, target = log_probs.cpu(), target.cpu()
    length = (target != BLANK).sum(1)
    time = torch.full_like(length, log_probs.shape[1])
    losses = torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1), target, time, length, blank=BLANK, reduction="none", zero_infinity=True
    )
    return (losses / length.clamp_min(1)).to(place)


def best_path(log_probs: Tensor) -> list[tuple[list[int], list[float]]]:
    """The symbols of the best way through the time, each with the highest probability that it reaches on its stay.

    Symbols that follow themselves without a blank between are one.

    Args:
        log_probs: [B, time, C].
    """
    found: list[tuple[list[int], list[float]]] = []
    height, place = log_probs.max(-1)
    for symbols, sure in zip(place.tolist(), height.exp().tolist(), strict=True):
        string: list[int] = []
        heights: list[float] = []
        before = BLANK
        for symbol, value in zip(symbols, sure, strict=True):
            if symbol != BLANK and symbol != before:
                string.append(symbol)
                heights.append(value)
            elif symbol != BLANK:
                heights[-1] = max(heights[-1], value)
            before = symbol
        found.append((string, heights))
    return found
