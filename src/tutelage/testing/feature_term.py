"""The contract of a feature term, checked: `check_feature_term(MyTerm())`.

What it does, on ordinary and on nasty examples, in float32 and float64:

    declarations    name, source, needs and aligned are words of the house
    form            one finite loss per row, with finite gradients of bounded size, for the student and for the part
                    that learns; nothing for the teacher
    equality        0 at equality and nothing pulls there, where that is claimed; nowhere negative
    honesty         rows do not look at each other unless `batch` is declared
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tutelage.core import NEEDS, Context, FeatureTerm, LearningTerm

ROWS = 6
LARGEST = 1e6
"""Largest entry of a gradient for features of ordinary size."""
APART, EXACT = 1e-6, 1e-9


def check_feature_term(
    term: FeatureTerm, shapes: Sequence[Sequence[int]] = ((5,),), *, divergence: bool = True, invariant: bool = False
) -> None:
    """Checks a comparison of features against the contract of the house.

    Args:
        term: an instance.
        shapes: per row, shapes of features that it takes: [D], [L, D] or [C, H, W].
        divergence: whether the loss is 0 where student and teacher are equal, and nowhere negative; if not, it is shown
            not to be.
        invariant: whether neither a shift, nor a rotation, nor a scale of the teacher's vectors [D] matters; then it is
            shown that they do not.

    Raises:
        AssertionError: the contract is broken; says on which example, and how.
    """
    _check_declarations(term)
    for dtype in (torch.float64, torch.float32):
        for shape in shapes:
            for case in _cases(tuple(shape), dtype):
                _check_form(term, case, f"{term.name} on example {case.name!r} of shape {tuple(shape)}, {dtype}")
    for shape in shapes:
        ordinary = next(_cases(tuple(shape), torch.float64))
        _check_equality(term, ordinary, divergence)
        _check_rows(term, ordinary)
    if invariant:
        _check_invariant(term, next(_cases((5,), torch.float64)))


@dataclass(frozen=True)
class _Case:
    """Features of student and teacher, [B, ...]; `extreme` where numbers are far from ordinary."""

    name: str
    student: Tensor
    teacher: Tensor
    extreme: bool = False


def _cases(shape: tuple[int, ...], dtype: torch.dtype) -> Iterator[_Case]:
    """Examples; the first is the ordinary one."""
    chance = torch.Generator().manual_seed(4)

    def noise() -> Tensor:
        return torch.randn(ROWS, *shape, generator=chance, dtype=torch.float64).to(dtype)

    one, other = noise(), noise()
    half = one.clone()
    half[::2] = 0.0
    twice = one.clone()
    twice[1] = twice[0]
    yield _Case("ordinary", one, other)
    yield _Case("not negative", one.relu(), other.relu())
    yield _Case("student without variance", torch.ones_like(one), other)
    yield _Case("teacher without variance", one, torch.ones_like(other))
    yield _Case("nobody has variance", torch.ones_like(one), torch.ones_like(other))
    yield _Case("student all 0", torch.zeros_like(one), other)
    yield _Case("teacher all 0", one, torch.zeros_like(other))
    yield _Case("all 0", torch.zeros_like(one), torch.zeros_like(other))
    yield _Case("every second row 0", half, other)
    yield _Case("two equal rows", twice, other)
    yield _Case("single row", one[:1], other[:1])
    yield _Case("equal", one, one)
    yield _Case("saturated", 1e4 * one, 1e4 * other, extreme=True)
    yield _Case("tiny", 1e-4 * one, 1e-4 * other, extreme=True)


def _context(rows: int) -> Context:
    number = torch.arange(rows)
    return Context(row=number, target=number % 2, labelled=number % 3 > 0)


def _head(term: FeatureTerm, case: _Case) -> nn.Module | None:
    if not isinstance(term, LearningTerm):
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return term.head(case.student.shape[1:], case.teacher.shape[1:]).to(case.student.dtype)


def _losses(term: FeatureTerm, case: _Case, leaf: Tensor, head: nn.Module | None = None) -> Tensor:
    return term.loss(leaf, case.teacher, _context(len(leaf)), _head(term, case) if head is None else head)


def _check_declarations(term: FeatureTerm) -> None:
    assert term.name.isidentifier(), f"the name {term.name!r} of a term is printed and used as a key: one word"
    assert term.source, f"{term.name} names no source"
    known = NEEDS | {"row"}
    assert term.needs <= known, f"{term.name} needs {sorted(term.needs - known)}, which nobody fills in"
    assert isinstance(term.aligned, bool), f"{term.name}.aligned must be True or False"


def _check_form(term: FeatureTerm, case: _Case, where: str) -> None:
    leaf, teacher = case.student.clone().requires_grad_(), case.teacher.clone().requires_grad_()
    head = _head(term, case)
    losses = term.loss(leaf, teacher.detach(), _context(len(leaf)), head)
    assert losses.shape == (len(leaf),), f"{where}: loss {tuple(losses.shape)} instead of one per row"
    assert bool(torch.isfinite(losses).all()), f"{where}: the loss is not finite"
    assert losses.requires_grad, f"{where}: the loss carries no gradient"
    learnt = [] if head is None else [p for p in head.parameters() if p.requires_grad]
    found = torch.autograd.grad(losses.sum(), [leaf, *learnt], allow_unused=True)
    for grad in (one for one in found if one is not None):
        assert bool(torch.isfinite(grad).all()), f"{where}: a gradient is not finite"
        if not case.extreme:
            largest = float(grad.abs().max()) if grad.numel() else 0.0
            assert largest <= LARGEST, f"{where}: a gradient of {largest:.1e} for features of ordinary size"


def _check_equality(term: FeatureTerm, case: _Case, divergence: bool) -> None:
    same = _Case("equal", case.teacher, case.teacher)
    leaf = same.student.clone().requires_grad_()
    losses = _losses(term, same, leaf)
    largest = float(losses.detach().abs().max())
    if not divergence:
        assert largest > APART, f"{term.name} is 0 at equality: call check_feature_term with divergence=True"
        return
    assert largest <= APART, f"{term.name} is {largest:.1e} at equality, which should be 0"
    (pull,) = torch.autograd.grad(losses.sum(), leaf)
    strength = float(pull.abs().max())
    assert strength <= APART, f"{term.name} pulls a student that equals its teacher, by {strength:.1e}"
    total = float(_losses(term, case, case.student).detach().sum())
    assert total > APART, f"{term.name} sees no difference between features drawn apart, or is negative: {total:.1e}"


def _check_rows(term: FeatureTerm, case: _Case) -> None:
    head = _head(term, case)
    with torch.no_grad():
        whole = _losses(term, case, case.student, head)[:3]
        part = _losses(term, _Case("part", case.student[:3], case.teacher[:3]), case.student[:3], head)
    gap = float((whole - part).abs().max()) / max(1.0, float(whole.abs().max()))
    if "batch" in term.needs:
        assert gap > APART, f"{term.name} declares `batch`, but rows do not look at each other"
    elif "row" not in term.needs:
        assert gap <= EXACT, f"{term.name} does not declare `batch`, but rows look at each other ({gap:.1e})"


def _check_invariant(term: FeatureTerm, case: _Case) -> None:
    chance = torch.Generator().manual_seed(6)
    turn, _ = torch.linalg.qr(torch.randn(5, 5, generator=chance, dtype=torch.float64))
    moved = _Case("moved", case.student, 3.0 * (case.teacher @ turn) + 2.0)
    gap = float((_losses(term, case, case.student) - _losses(term, moved, case.student)).detach().abs().max())
    assert gap <= APART, f"{term.name} sees a rotation, shift or scale of the teacher's space, by {gap:.1e}"
