"""From scores of claims to one value per fact, with provenance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .table import Resolved, Table


def candidates(table: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different values of each fact: their facts [K], codes [K], and the candidate of each claim [M]."""
    width = max(len(table.names), 1)
    cell, place = np.unique(table.fact * width + table.code, return_inverse=True)
    return cell // width, cell % width, place.reshape(-1)


def best_claims(table: Table, *keys: np.ndarray) -> np.ndarray:
    """The claim of each fact with the largest first key, then the largest second ..., then the earliest source.

    Returns:
        int64 [F]; -1 for facts without claims.
    """
    ranked = [_rank(key) for key in keys]
    order = np.lexsort((table.code, table.source, *(-key for key in reversed(ranked)), table.fact))
    facts, first = np.unique(table.fact[order], return_index=True)
    found = np.full(len(table.facts), -1, dtype=np.int64)
    found[facts] = order[first]
    return found


def _rank(key: np.ndarray) -> np.ndarray:
    """Floats to twelve digits, so that the order of a sum decides nothing; NaN is the smallest."""
    if key.dtype.kind != "f":
        return key.astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = 11 - np.floor(np.log10(np.abs(np.where(key == 0, 1.0, key))))
        rounded = np.where(np.isfinite(key), np.round(key * 10.0**digits) / 10.0**digits, -np.inf)
    return np.unique(rounded, return_inverse=True)[1].reshape(-1)


def chosen(
    table: Table,
    best: np.ndarray,
    rule: str,
    *,
    confidence: np.ndarray | None = None,
    trust: Mapping[str, float] | None = None,
    everyone: Table | None = None,
) -> Resolved:
    """The value of one claim per fact.

    Args:
        table: the claims that were believed.
        best: their numbers, int64 [F]; -1 is unresolved.
        rule: in words.
        confidence: float64 [F]; the share of the weight of all claims that say the value unless given.
        trust: per source.
        everyone: all claims, where some were not believed.
    """
    everyone = table if everyone is None else everyone
    known = best >= 0
    code = np.full(len(table.facts), -1, dtype=np.int64)
    code[known] = table.code[best[known]]
    value = _empty(table)
    value[known] = table.value[best[known]]
    says = everyone.code == code[everyone.fact]
    return _resolved(everyone, value, known, says, rule, confidence, trust)


def combined(
    table: Table,
    value: np.ndarray,
    rule: str,
    *,
    confidence: np.ndarray | None = None,
    trust: Mapping[str, float] | None = None,
    near: float = 0.0,
) -> Resolved:
    """Numbers made of all claims about a fact; those within `near` of it say the value.

    Provenance names every source that had a say, which is all of them.
    """
    known = np.isfinite(value)
    says = np.abs(table.value - value[table.fact]) <= np.maximum(near, 1e-9 * np.abs(value[table.fact]))
    return _resolved(table, value, known, says, rule, confidence, trust, named=np.ones(len(table), dtype=bool))


def usual_distance(table: Table) -> float:
    """Root mean squared distance of the claims from the mean of their fact, over facts with several claims."""
    size = len(table.facts)
    count = np.bincount(table.fact, minlength=size)
    mean = np.bincount(table.fact, weights=table.value, minlength=size) / np.maximum(count, 1)
    gap = (table.value - mean[table.fact])[count[table.fact] > 1]
    return float(np.sqrt(np.mean(np.square(gap)))) if len(gap) else 0.0


def _empty(table: Table) -> np.ndarray:
    size = len(table.facts)
    return np.full(size, np.nan) if table.numbers else np.full(size, None, dtype=object)


def _resolved(
    table: Table,
    value: np.ndarray,
    known: np.ndarray,
    says: np.ndarray,
    rule: str,
    confidence: np.ndarray | None,
    trust: Mapping[str, float] | None,
    named: np.ndarray | None = None,
) -> Resolved:
    size = len(table.facts)
    agreeing = np.bincount(table.fact[says], minlength=size)
    total = np.bincount(table.fact, minlength=size)
    if confidence is None:
        weight = np.bincount(table.fact, weights=table.weight, minlength=size)
        share = np.bincount(table.fact[says], weights=table.weight[says], minlength=size)
        confidence = np.where(weight > 0, share / np.where(weight > 0, weight, 1.0), 0.0)
    confidence = np.where(known, np.clip(confidence, 0.0, 1.0), 0.0)
    by = sources_of(table, says if named is None else named, known)
    return Resolved(table.facts, value, confidence, by, total, agreeing, dict(trust or {}), rule)


def sources_of(table: Table, says: np.ndarray, known: np.ndarray) -> np.ndarray:
    """object [F]: tuples of the names of the sources of some claims."""
    by = np.empty(len(table.facts), dtype=object)
    by[:] = [()] * len(by)
    rows = np.flatnonzero(says & known[table.fact])
    pairs = np.unique(table.fact[rows] * len(table.sources) + table.source[rows])
    facts, starts = np.unique(pairs // max(len(table.sources), 1), return_index=True)
    named = [table.sources[number] for number in (pairs % max(len(table.sources), 1)).tolist()]
    stops = [*starts[1:].tolist(), len(named)][: len(facts)]
    for fact, start, stop in zip(facts.tolist(), starts.tolist(), stops, strict=True):
        by[fact] = tuple(named[start:stop])
    return by
