"""The contract of a fusion, checked: `check_fusion(MyFusion())`.

What it does, on random and on nasty examples, in float32 and float64:

    declarations    needs, invariants and gives are words of the house
    form            finite numbers of the right shape and type, weights on the simplex, no gradient
    purity          the same input gives the same output, and stays as it was
    honesty         nothing undeclared is read: labels, student, step, chance, other rows
    invariants      the declared ones hold, and each undeclared one is violated on some example (in float64)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import Tensor

from tutelage.core import INVARIANTS, NEEDS, Fusion, InputError, Target, Weights

from .fusion_cases import Case, cases
from .fusion_invariants import GAPS, Outcome, gap, ready, run, shown

KINDS = ("classes", "labels", "values", "scores")
DTYPES = (torch.float32, torch.float64)
HOLDS = 1e-6
"""Largest gap at which an invariant holds, in float64."""
ROWS = {torch.float32: 1e-4, torch.float64: 1e-9}
"""Largest difference that the presence of other rows may make, by rounding."""
VIOLATED = 1e-3
"""Smallest gap at which an invariant is violated."""


def check_fusion(fusion: Fusion, *, answers: Collection[str] | None = None) -> None:
    """Checks a fusion against the contract of the house.

    Args:
        fusion: an instance. One that is `Fittable` is fitted here, for every example; one that holds
            something per teacher without being fitted (see `tutelage.fusion.PerTeacher`) has to hold it for
            five teachers.
        answers: the kinds it fuses (`classes`, `labels`, `values`, `scores`); all others must be refused with an
            InputError. Unless given, whatever it does not refuse, at least one kind.

    Raises:
        AssertionError: the contract is broken; says on which example, and how.
    """
    _check_declarations(fusion)
    fused = [kind for kind in KINDS if run(fusion, cases(kind, torch.float64)[0]) is not None]
    assert fused, f"{fusion.name} refuses every kind of answer"
    if answers is not None:
        assert set(fused) == set(answers), f"{fusion.name} should fuse {sorted(answers)} and fuses {fused}"
    found = [one for kind in fused for dtype in DTYPES for one in _formed(fusion, kind, dtype)]
    largest = dict.fromkeys(GAPS, 0.0)
    for where, case, outcome in found:
        if outcome.answer.dtype != torch.float64:
            continue
        for name, distance in GAPS.items():
            far = distance(fusion, case, outcome)
            largest[name] = max(largest[name], far)
            if name in fusion.invariants:
                assert far <= HOLDS, f"{where}: {name} is declared, but is off by {far:.2g}"
    for name in sorted(INVARIANTS - fusion.invariants):
        assert largest[name] > VIOLATED, (
            f"{fusion.name}: {name} is not declared, and no example violates it by more than {VIOLATED}: declare it"
        )


def _check_declarations(fusion: Fusion) -> None:
    who = fusion.name
    assert who, f"{type(fusion).__name__} needs a name"
    assert fusion.source, f"{who} needs the citation key of its paper in `source`"
    assert fusion.needs <= NEEDS, f"{who} needs {sorted(fusion.needs - NEEDS)}, which the house does not know"
    unknown = sorted(fusion.invariants - INVARIANTS)
    assert not unknown, f"{who} declares invariants that the house does not know: {unknown}"
    assert fusion.gives in ("weights", "target"), f"{who} gives {fusion.gives!r}: weights or target"
    if fusion.gives == "weights":
        missing = sorted({"convex", "permutation", "absent"} - fusion.invariants)
        assert not missing, f"{who} gives weights, so it must declare {missing}"


def _formed(fusion: Fusion, kind: str, dtype: torch.dtype) -> Iterator[tuple[str, Case, Outcome]]:
    """The examples that the fusion does not refuse and what it makes of them, checked one by one."""
    for case in cases(kind, dtype):
        where = f"{fusion.name} on {kind}, example {case.name!r}, {dtype}"
        outcome = _check_form(fusion, case, where)
        if outcome is not None:
            yield where, case, outcome


def _check_form(fusion: Fusion, case: Case, where: str) -> Outcome | None:
    """Form, purity and honesty on one example; what the fusion makes of it, or None when it refuses."""
    signals = case.rows.signals.stacked()
    before = [value.clone() for value in signals.to_arrays().values()]
    try:
        prepared = ready(fusion, case)
        found, again = (Outcome(prepared(signals, shown(fusion, case)), signals) for _ in range(2))
    except InputError as error:
        if case.optional:
            return None
        raise AssertionError(f"{where}: refused, though its kind of answer is not: {error}") from error
    assert all(torch.equal(x, y) for x, y in zip(before, signals.to_arrays().values(), strict=True)), (
        f"{where}: changed its input"
    )
    if isinstance(found.result, Weights):
        assert fusion.gives == "weights", f"{where}: gave weights and declares a target"
        _check_weights(found.result, signals, where)
    else:
        assert fusion.gives == "target", f"{where}: gave a target and declares weights"
        _check_target(found.result, signals, where)
    assert torch.equal(found.answer, again.answer), f"{where}: the same input gave two answers"
    if fusion.needs.isdisjoint({"batch", "random"}):
        part = Outcome(*_of_part(prepared, fusion, case))
        whole = found.answer[: len(part.answer)]
        assert gap(part.answer, whole) <= ROWS[whole.dtype], f"{where}: looks at other rows; declare 'batch'"
    return found


def _of_part(prepared: Fusion, fusion: Fusion, case: Case) -> tuple[Weights | Target, Any]:
    """The answer about the first half of the rows."""
    half = case.rows.take(torch.arange((len(case.rows.signals) + 1) // 2))
    signals = half.signals.stacked()
    return prepared(signals, shown(fusion, Case(case.name, half, case.heldout, case.teachers))), signals


def _check_weights(result: Weights, signals: Any, where: str) -> None:
    values, valid = result.values, signals.valid
    number = next(v.dtype for v in signals.to_arrays().values() if v.dtype.is_floating_point)
    assert values.shape == valid.shape, f"{where}: weights {tuple(values.shape)} for answers {tuple(valid.shape)}"
    assert values.dtype == number, f"{where}: answers are {number}, weights are {values.dtype}"
    assert not values.requires_grad, f"{where}: the weights carry a gradient"
    assert bool(torch.isfinite(values).all()), f"{where}: a weight is not finite"
    assert bool((values >= 0).all()), f"{where}: a weight is negative"
    assert bool((values[~valid] == 0).all()), f"{where}: an abstaining teacher has weight"
    off = float((values.sum(0) - valid.any(0).to(number)).abs().max())
    assert off <= 1e-5, f"{where}: weights should sum to 1 where a teacher answers, else 0; off by {off:.2g}"
    _check_acted(result.acted, valid, where)


def _check_target(result: Target, signals: Any, where: str) -> None:
    answer, valid = result.answer, signals.valid
    assert type(answer) is type(signals), f"{where}: gave {type(answer).__name__} for {type(signals).__name__}"
    answer.check(where)
    assert answer.valid.shape == valid.shape[1:], f"{where}: target about {tuple(answer.valid.shape)} items"
    assert bool((answer.valid <= valid.any(0)).all()), f"{where}: says something where no teacher does"
    for name, value in answer.to_arrays().items():
        if value.dtype.is_floating_point:
            known = signals.to_arrays()[name].dtype
            assert value.dtype == known, f"{where}: answers are {known}, the target is {value.dtype}"
            assert bool(torch.isfinite(value).all()), f"{where}: the target's {name} are not finite"
            assert not value.requires_grad, f"{where}: the target carries a gradient"
    formed = result.temperature
    assert formed is None or 0 < formed < float("inf"), f"{where}: formed at temperature {formed}"
    _check_acted(result.acted, valid, where)


def _check_acted(acted: Tensor | None, valid: Tensor, where: str) -> None:
    if acted is not None:
        assert acted.dtype == torch.bool, f"{where}: acted holds {acted.dtype}, not bool"
        assert acted.shape == valid.shape[1:], f"{where}: acted about {tuple(acted.shape)} items"
        assert bool((acted <= valid.any(0)).all()), f"{where}: acted where no teacher answers"
