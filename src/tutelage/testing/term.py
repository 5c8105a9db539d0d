"""The contract of a term, checked: `check_term(MyTerm())`.

What it does, on ordinary and on nasty examples, in float32 and float64:

    declarations    name, source, needs and answers are words of the house
    form            statistics, energies and losses of the right shape; finite, with finite gradients, also
                    for a teacher that is silent
    identity        linear: the weighted sum of the teachers' losses and the loss of their mean statistic
                    have the same value and student gradient; otherwise they are shown to differ
    single          a teacher counts the same alone and among others
    equality        a divergence is never negative and 0 at equality; nothing pulls a student that agrees, unless
                    the term compares orders
    honesty         rows do not look at each other unless `batch` is declared, labels are not read unless
                    `labels` is; votes are refused
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from tutelage.core import KINDS, NEEDS, Classes, Context, InputError, Labels, Scores, Term, Values
from tutelage.ops.mixing import mixed
from tutelage.ops.schedules import schedule

TEACHERS, ROWS, WIDTH = 3, 7, 5
EXACT, CLOSE = 1e-8, 2e-3
"""Largest relative gap between what has to be equal, in float64 and in float32."""
APART = 1e-4
"""Smallest relative gap between what has to differ."""


def check_term(term: Term, *, divergence: bool = True, settles: bool = True) -> None:
    """Checks a term against the contract of the house.

    Args:
        term: an instance.
        divergence: whether the loss is 0 at equality and nowhere negative; if not, it is shown not to be.
        settles: whether nothing pulls a student that agrees with its only teacher; if not, something is shown to (terms
            that compare orders always ask for more distance).

    Raises:
        AssertionError: the contract is broken; says on which example, and how.
    """
    _check_declarations(term)
    for dtype in (torch.float64, torch.float32):
        for case in _cases(term.answers, dtype):
            where = f"{term.name} on example {case.name!r}, {dtype}"
            _check_form(term, case, where)
            _check_silent(term, case, where)
            _check_single(term, case, where)
            if divergence:
                assert float(_losses(term, case, case.leaf).min()) > -1e-4, f"{where}: a divergence is negative"
    ordinary = next(_cases(term.answers, torch.float64))
    _check_identity(term)
    _check_equality(term, ordinary, divergence, settles)
    _check_rows(term, ordinary)
    _check_labels(term, ordinary)
    if term.answers == "classes":
        _check_votes(term)


@dataclass(frozen=True)
class _Case:
    """Teachers [T, B, ...] and the numbers a student answers with."""

    name: str
    teachers: Any
    leaf: Tensor
    context: Context
    temperature: float


def _cases(kind: str, dtype: torch.dtype) -> Iterator[_Case]:
    """Examples for one kind of answer; the first is the ordinary one, without anything nasty."""
    chance = torch.Generator().manual_seed(3)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=chance, dtype=torch.float64).to(dtype)

    tail = () if kind != "values" else (2,)
    plain, leaf = noise(TEACHERS, ROWS, WIDTH, *tail), noise(ROWS, WIDTH, *tail)
    flat = torch.zeros_like(plain)
    high = torch.where(plain > 0, 50.0, -50.0).to(dtype)
    if kind == "values":
        high = torch.stack([1e3 * plain[..., 0], plain[..., 1].clamp(-2, 2)], dim=-1)
    shapes: dict[str, tuple[Tensor, Tensor]] = {
        "ordinary": (plain, leaf),
        "saturated": (high, leaf),
        "saturated, against it": (high, -high[0] if kind != "values" else high[1]),
        "constant teachers": (flat, leaf),
        "constant student": (plain, torch.zeros_like(leaf)),
        "all constant": (flat, torch.zeros_like(leaf)),
        "single row": (plain[:, :1], leaf[:1]),
    }
    if kind == "classes":
        hot = 60.0 * torch.nn.functional.one_hot(plain.argmax(-1), WIDTH).to(dtype)
        shapes |= {"one-hot": (hot, leaf), "two classes": (plain[..., :2], leaf[..., :2])}
    for temperature in (1.0, 4.0):
        for name, (scores, student) in shapes.items():
            yield _Case(name, _answer(kind, scores), student, _context(kind, student), temperature)
    known = torch.tensor([True, True, False, True, False])
    partly = _answer(kind, plain, coverage=known.expand(TEACHERS, WIDTH))
    yield _Case("partial coverage", partly, leaf, _context(kind, leaf), 2.0)
    if kind == "scores":
        listed = torch.arange(WIDTH) != torch.arange(TEACHERS).view(-1, 1, 1)
        own = Scores.of(plain, listed=listed.expand_as(plain))
        yield _Case("lists of their own", own, leaf, _context(kind, leaf), 1.0)


def _answer(kind: str, numbers: Tensor, coverage: Tensor | None = None) -> Any:
    """An answer, of a teacher or the student, made of plain numbers."""
    if kind == "classes":
        return Classes.of(numbers, "logits", coverage=coverage)
    if kind == "labels":
        return Labels.of(numbers, coverage=coverage)
    if kind == "scores":
        listed = None if coverage is None else coverage.unsqueeze(-2).expand_as(numbers)
        return Scores.of(numbers, listed=listed)
    return Values.of(numbers[..., 0], numbers[..., 1].exp(), coverage=coverage)


def _context(kind: str, leaf: Tensor) -> Context:
    """Labels, of which every third row has none."""
    rows, width = leaf.shape[:2]
    labelled = torch.arange(rows) % 3 != 2
    if kind == "classes":
        return Context(target=torch.arange(rows) % width, labelled=labelled)
    target = (torch.arange(rows * width) % 2).view(rows, width).to(leaf.dtype)
    if kind == "scores":
        return Context(target=target, labelled=labelled)
    return Context(target=target, labelled=labelled.unsqueeze(-1).expand(rows, width))


def _phi(term: Term, case: _Case) -> Tensor:
    return term.statistic(case.teachers, case.temperature, replace(case.context, temperature=case.temperature))


def _loss(term: Term, case: _Case, leaf: Tensor, phi: Tensor) -> Tensor:
    coverage = torch.ones_like(case.teachers.coverage[0]) if _entrywise(case) else case.teachers.coverage[0]
    return term.loss(_answer(term.answers, leaf), phi, coverage, case.temperature, case.context)


def _entrywise(case: _Case) -> bool:
    """Whether answers are valid entry by entry, so that coverage is part of validity."""
    return case.teachers.valid.dim() == 3


def _losses(term: Term, case: _Case, leaf: Tensor) -> Tensor:
    """[T, *items]: the loss against each teacher."""
    return torch.stack([_loss(term, case, leaf, phi) for phi in _phi(term, case)])


def _pull(total: Tensor, leaf: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(total.sum(), leaf, allow_unused=True)
    return torch.zeros_like(leaf) if found is None else found


def _gap(one: Tensor, other: Tensor) -> float:
    """Largest difference, relative to the largest entry that differs when that is above 1."""
    one, other = one.detach(), other.detach()
    away = torch.where(one == other, 0.0, one - other)
    return float(away.abs().max()) / max(1.0, float(torch.where(one == other, 0.0, other).abs().max()))


def _check_declarations(term: Term) -> None:
    assert term.name.isidentifier(), f"the name {term.name!r} of a term is printed and used as a key: one word"
    assert term.source, f"{term.name} names no source"
    assert term.answers in KINDS, f"{term.name} compares {term.answers!r}; there are {sorted(KINDS)}"
    assert term.needs <= NEEDS, f"{term.name} needs {sorted(term.needs - NEEDS)}, which nobody fills in"
    assert isinstance(term.linear, bool), f"{term.name}.linear must be True or False"
    assert isinstance(term.closed, bool), f"{term.name}.closed must be True or False"
    schedule(term.temperature, f"temperature of {term.name}", 1e-3)


def _check_form(term: Term, case: _Case, where: str) -> None:
    items = case.teachers.items
    phi = _phi(term, case)
    assert phi.shape[: len(items)] == items, f"{where}: statistic {tuple(phi.shape)} does not begin with {items}"
    assert not phi.requires_grad, f"{where}: the statistic carries a gradient"
    energy = term.energy(phi, case.temperature)
    assert energy.shape == items, f"{where}: energy {tuple(energy.shape)} instead of {items}"
    assert bool(torch.isfinite(energy).all()), f"{where}: the energy is not finite"
    leaf = case.leaf.clone().requires_grad_()
    for one in phi:
        losses = _loss(term, case, leaf, one)
        assert losses.shape == items[1:], f"{where}: loss {tuple(losses.shape)} instead of {items[1:]}"
        assert bool(torch.isfinite(losses).all()), f"{where}: the loss is not finite"
        pull = _pull(losses, leaf)
        assert bool(torch.isfinite(pull).all()), f"{where}: the gradient is not finite"


def _check_silent(term: Term, case: _Case, where: str) -> None:
    """Where a teacher abstains its statistic is 0, and its loss counts nothing but must be finite."""
    leaf = case.leaf.clone().requires_grad_()
    losses = _loss(term, case, leaf, torch.zeros_like(_phi(term, case)[0]))
    fine = bool(torch.isfinite(losses).all()) and bool(torch.isfinite(_pull(losses, leaf)).all())
    assert fine, f"{where}: loss or gradient against a silent teacher (statistic 0) is not finite"


def _check_single(term: Term, case: _Case, where: str) -> None:
    parts = {
        Classes: ("scores", "coverage"),
        Labels: ("logits", "coverage"),
        Values: ("mean", "scale", "coverage"),
        Scores: ("item", "score", "listed"),
    }[type(case.teachers)]
    held = {name: getattr(case.teachers, name) for name in (*parts, "valid")}
    alone, first = (replace(case.teachers, **{name: one[at] for name, one in held.items()}) for at in (0, slice(1)))
    alone = term.statistic(alone, case.temperature, case.context)
    first = term.statistic(first, case.temperature, case.context)
    gap = _gap(alone, first[0])
    assert gap <= CLOSE, f"{where}: the statistic of a teacher alone and stacked differs by {gap:.1e}"


def _check_identity(term: Term) -> None:
    chance, largest = torch.Generator().manual_seed(5), 0.0
    for case in _cases(term.answers, torch.float64):
        if term.answers == "values" and case.name.startswith("saturated"):
            continue
        weights = torch.rand(case.teachers.items, generator=chance, dtype=torch.float64)
        weights = weights / weights.sum(0)
        leaf = case.leaf.clone().requires_grad_()
        literal = mixed(_losses(term, case, leaf), weights)
        phi = _phi(term, case)
        finite = phi.masked_fill(torch.isneginf(phi), 0.0)
        mean = mixed(finite, weights)
        rest = mixed(term.energy(phi, case.temperature), weights) - term.energy(mean, case.temperature)
        short = _loss(term, case, leaf, mean) + rest
        gap = max(_gap(short, literal), _gap(_pull(short, leaf), _pull(literal, leaf)))
        largest = max(largest, gap)
        if term.linear:
            assert gap <= EXACT, (
                f"{term.name} says it is linear, but on example {case.name!r} the loss of the mean statistic and "
                f"the mean of the losses differ by {gap:.1e}"
            )
    assert term.linear or largest >= APART, f"{term.name} says it is not linear, but no example shows it"


def _check_equality(term: Term, case: _Case, divergence: bool, settles: bool) -> None:
    first = case.teachers
    numbers = {"classes": "scores", "labels": "logits", "scores": "score"}.get(term.answers)
    same = torch.stack([first.mean[0], first.scale[0].log()], -1) if numbers is None else getattr(first, numbers)[0]
    leaf = same.clone().requires_grad_()
    losses = _loss(term, case, leaf, _phi(term, case)[0])
    pull = float(_pull(losses, leaf).abs().max())
    if settles:
        assert pull <= 1e-3, f"{term.name} pulls a student that agrees with its only teacher, by {pull:.1e}"
    else:
        assert pull > 1e-3, f"{term.name} does not pull a student that agrees: call check_term with settles=True"
    largest = float(losses.detach().abs().max())
    if divergence:
        assert largest <= 1e-4, f"{term.name} is {largest:.1e} at equality, which should be 0"
    else:
        assert largest > APART, f"{term.name} is 0 at equality: call check_term with divergence=True"


def _check_rows(term: Term, case: _Case) -> None:
    keep = torch.tensor([0, 2, 3])
    assert case.context.target is not None
    assert case.context.labelled is not None
    context = replace(case.context, target=case.context.target[keep], labelled=case.context.labelled[keep])
    fewer = replace(case, teachers=case.teachers.take(keep), leaf=case.leaf[keep], context=context)
    gap = _gap(_losses(term, fewer, fewer.leaf), _losses(term, case, case.leaf)[:, keep])
    if "batch" in term.needs:
        assert gap >= APART, f"{term.name} declares `batch`, but rows do not look at each other"
    else:
        assert gap <= EXACT, f"{term.name} does not declare `batch`, but rows look at each other ({gap:.1e})"


def _check_labels(term: Term, case: _Case) -> None:
    assert case.context.labelled is not None
    blank = replace(case, context=replace(case.context, labelled=torch.zeros_like(case.context.labelled)))
    none = replace(case, context=Context())
    losses = _losses(term, case, case.leaf)
    gap = _gap(losses, _losses(term, blank, case.leaf))
    assert _gap(_losses(term, none, case.leaf), _losses(term, blank, case.leaf)) <= EXACT, (
        f"{term.name} treats rows without labels and a context without labels differently"
    )
    if "labels" in term.needs:
        assert gap >= APART, f"{term.name} declares `labels`, but they change nothing"
    else:
        assert gap <= EXACT, f"{term.name} does not declare `labels`, but they change the loss by {gap:.1e}"


def _check_votes(term: Term) -> None:
    votes = Classes.of(torch.eye(WIDTH)[:ROWS], "votes")
    try:
        term.statistic(votes, 1.0, Context())
    except InputError:
        return
    raise AssertionError(f"{term.name} accepts votes, which have neither logits nor probabilities yet")
