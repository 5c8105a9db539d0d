"""Rows dealt into parts of about the same size, as whole groups where rows belong together."""

from __future__ import annotations

import numpy as np

from ..core import InputError


def deal(target: np.ndarray, count: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """The part of each row, int64 [N] in 0 .. count - 1: whole groups, stratified by the rarest class that one holds.

    Args:
        target: classes as whole numbers [N].
        count: how many parts.
        seed: of the draw.
        groups: rows with the same value stay together; every row is its own group unless given.

    Raises:
        InputError: fewer groups than parts.
    """
    names = np.arange(len(target)) if groups is None else groups
    _, code = np.unique(names, return_inverse=True)
    code = code.reshape(-1)
    size = int(code.max(initial=-1)) + 1
    if count < 1 or size < count:
        raise InputError(f"{count} parts need at least as many groups of rows, there are {size}")
    _, classes, counts = np.unique(target, return_inverse=True, return_counts=True)
    rank = np.argsort(np.argsort(counts, kind="stable"), kind="stable")[classes.reshape(-1)]
    rarest = np.full(size, len(counts), dtype=np.int64)
    np.minimum.at(rarest, code, rank)
    order = np.random.default_rng(seed).permutation(size)
    order = order[np.lexsort((np.bincount(code, minlength=size)[order], rarest[order]))]
    part = np.empty(size, dtype=np.int64)
    part[order] = np.arange(size) % count
    return part[code]


def shown(target: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which rows are in a share of them, bool [N], of all classes alike.

    Args:
        target: classes as whole numbers [N].
        share: in (0, 1]; one part of `1 / share` where that is a whole number, else of a twentieth each, rounded.
        seed: of the draw.

    Raises:
        InputError: the share is not in (0, 1], or there are fewer rows than parts.
    """
    if not 0 < share <= 1:
        raise InputError(f"--labelled is a share of rows in (0, 1], got {share}")
    parts = round(1 / share)
    if abs(parts * share - 1) < 1e-6 or share < 0.05:
        return deal(target, parts, seed) == 0
    return deal(target, 20, seed) < round(20 * share)
