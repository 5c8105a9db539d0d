"""Every term of the house keeps the contract, and the contract notices terms that do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from tutelage.report.citations import CATALOGUE
from tutelage.teaching import terms
from tutelage.teaching.terms import (
    DIST,
    DKD,
    JSD,
    KL,
    L1,
    LSKD,
    MSE,
    Adversarial,
    BinaryCrossEntropy,
    BinaryKL,
    CrossEntropy,
    GaussianKL,
    GaussianNLL,
    Huber,
    ListNet,
    LogitL1,
    LogitMSE,
    PlackettLuce,
    ReverseKL,
    SquaredError,
    TotalVariation,
)
from tutelage.testing import check_term

TERMS = {
    "kl": KL(),
    "reverse_kl": ReverseKL(),
    "reverse_kl unfloored": ReverseKL(2.0, floor=0.0),
    "squared_error": SquaredError(),
    "jsd": JSD(),
    "jsd .1": JSD(2.0, 0.1),
    "jsd 0": JSD(beta=0.0),
    "jsd 1": JSD(beta=1.0),
    "total_variation": TotalVariation(),
    "logit_mse": LogitMSE(),
    "logit_mse sum": LogitMSE("sum"),
    "logit_l1": LogitL1(),
    "logit_l1 sum": LogitL1("sum"),
    "dkd": DKD(),
    "dkd target": DKD(2.0, 1.0, 2.0, "target"),
    "dist": DIST(),
    "dist rows": DIST(gamma=0.0),
    "dist columns": DIST(beta=0.0),
    "lskd": LSKD(),
    "lskd_dkd": LSKD(DKD(2.0)),
    "binary_kl": BinaryKL(),
    "mse": MSE(),
    "mse in units": MSE((3.0,) * 5, (1.0, 2.0, 3.0, 4.0, 5.0)),
    "huber": Huber(),
    "l1": L1(),
    "gaussian_kl": GaussianKL(),
    "listnet": ListNet(),
    "listnet at 3": ListNet(3.0),
    "gaussian_kl in units": GaussianKL((3.0,), (7.0,)),
}
AVERAGES = {
    "cross_entropy": CrossEntropy(),
    "binary_cross_entropy": BinaryCrossEntropy(),
    "gaussian_nll": GaussianNLL(),
}
"""Losses that keep the teachers' entropy."""
ORDERS = {
    "plackett_luce": PlackettLuce(),
    "adversarial": Adversarial(),
    "adversarial naive": Adversarial(5, form="naive"),
    "plackett_luce of two places": PlackettLuce(2.0, top=2, over="sum"),
}
"""Losses that pull a student that agrees, too: they ask for an order, or look through a discriminator."""


@pytest.mark.parametrize("name", TERMS)
def test_divergence(name: str) -> None:
    check_term(TERMS[name])


@pytest.mark.parametrize("name", AVERAGES)
def test_average(name: str) -> None:
    check_term(AVERAGES[name], divergence=False)


@pytest.mark.parametrize("name", ORDERS)
def test_order(name: str) -> None:
    check_term(ORDERS[name], divergence=False, settles=False)


def test_every_term_is_tested() -> None:
    assert {type(term).__name__ for term in (TERMS | AVERAGES | ORDERS).values()} == set(terms.__all__)


@pytest.mark.parametrize("name", TERMS | AVERAGES | ORDERS)
def test_every_source_is_in_the_catalogue(name: str) -> None:
    assert (TERMS | AVERAGES | ORDERS)[name].source in CATALOGUE


@dataclass(frozen=True)
class Broken:
    """A term with one thing wrong."""

    inner: Any
    changed: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.changed[name] if name in self.changed else getattr(self.inner, name)


def _nan(*arguments: Any) -> Any:
    return KL().loss(*arguments) * torch.nan


def _argmax(answer: Any, temperature: float, context: Any) -> Any:
    return KL().statistic(answer, temperature, context) + answer.probs().mean(-2, keepdim=True)


BROKEN: dict[str, tuple[Any, str]] = {
    "linear": (Broken(JSD(), {"linear": True}), "says it is linear"),
    "not linear": (Broken(KL(), {"linear": False}), "no example shows it"),
    "finite": (Broken(KL(), {"loss": _nan}), "not finite"),
    "shape": (Broken(KL(), {"energy": lambda phi, _: phi}), "energy"),
    "divergence": (CrossEntropy(), "at equality"),
    "batch": (Broken(DIST(), {"needs": frozenset()}), "rows look at each other"),
    "no batch": (Broken(KL(), {"needs": frozenset({"batch"})}), "do not look at each other"),
    "labels": (Broken(DKD(), {"needs": frozenset()}), "does not declare `labels`"),
    "no labels": (Broken(KL(), {"needs": frozenset({"labels"})}), "they change nothing"),
    "needs": (Broken(KL(), {"needs": frozenset({"wind"})}), "which nobody fills in"),
    "unsafe": (Broken(KL(), {"statistic": lambda a, t, _: (a.probs(t) - 0.5).log()}), "not finite"),
    "others": (Broken(KL(), {"statistic": _argmax}), "rows look at each other|negative|at equality|pulls"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_terms_are_noticed(name: str) -> None:
    term, why = BROKEN[name]
    with pytest.raises(AssertionError, match=why):
        check_term(term)


def test_an_average_that_claims_to_be_none_is_noticed() -> None:
    with pytest.raises(AssertionError, match="divergence=True"):
        check_term(replace(KL(), temperature=1.0), divergence=False)
