"""Every comparison of features keeps the contract, and the contract notices those that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from tutelage.core import FeatureTerm
from tutelage.report.citations import CATALOGUE
from tutelage.teaching import features
from tutelage.teaching.features import AT, CKA, CRD, NST, PKT, RKD, SP, VID, Encoder, FitNet, Relations
from tutelage.testing import check_feature_term

VECTOR, TOKENS, MAP = (5,), (4, 6), (4, 3, 3)
ALL = (VECTOR, TOKENS, MAP)
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "fitnet": (FitNet(), {"shapes": ALL}),
    "at": (AT(), {"shapes": (TOKENS, MAP)}),
    "at of the paper": (AT("norm"), {"shapes": (TOKENS, MAP)}),
    "sp": (SP(), {"shapes": ALL}),
    "rkd": (RKD(), {"shapes": ALL, "invariant": True}),
    "rkd distances": (RKD(angle=0.0), {"invariant": True}),
    "rkd angles": (RKD(distance=0.0), {"invariant": True}),
    "rkd anchors": (RKD(anchors=2), {"shapes": ALL, "invariant": True}),
    "pkt": (PKT(), {"shapes": ALL}),
    "nst": (NST(), {"shapes": (TOKENS, MAP, (2, 4, 4))}),
    "cka": (CKA(), {"shapes": ALL, "invariant": True}),
    "relations": (Relations(2), {"shapes": (TOKENS,)}),
    "encoder": (Encoder(), {"shapes": ALL}),
    "encoder of summary and patches": (Encoder(0.5, 0.5, prefix=1), {"shapes": (TOKENS, MAP)}),
    "vid": (VID(), {"shapes": ALL, "divergence": False}),
    "crd": (CRD(rows=8, negatives=3, width=4), {"shapes": ALL, "divergence": False}),
}


@pytest.mark.parametrize("name", CASES)
def test_contract(name: str) -> None:
    term, options = CASES[name]
    check_feature_term(term, **options)
    assert term.source in CATALOGUE


def test_every_term_is_tested() -> None:
    public = {name for name in features.__all__ if isinstance(getattr(features, name), type)}
    terms = {name for name in public if hasattr(getattr(features, name), "aligned") and name != "FeatureTerm"}
    assert {type(term).__name__ for term, _ in CASES.values()} == terms


@dataclass(frozen=True)
class Broken:
    """A term with one thing wrong."""

    compute: Callable[[Tensor, Tensor], Tensor]
    needs: frozenset[str] = frozenset()
    name: str = "broken"
    source: str = "romero2015"
    aligned: bool = True

    def loss(self, student: Tensor, teacher: Tensor, context: Any, head: Any = None) -> Tensor:
        return self.compute(student, teacher)


def square(s: Tensor, t: Tensor) -> Tensor:
    return (s - t).square().mean(1)


BROKEN: dict[str, tuple[Broken, str]] = {
    "batch mean": (Broken(lambda s, t: square(s, t).mean()), "instead of one per row"),
    "detached": (Broken(lambda s, t: square(s, t).detach()), "carries no gradient"),
    "root": (Broken(lambda s, t: (s - t).square().sum(1).sqrt()), "gradient is not finite"),
    "no floor": (Broken(lambda s, t: 1 - (s * t).sum(1) / (s.norm(dim=1) * t.norm(dim=1))), "not finite"),
    "steep": (Broken(lambda s, t: (s / (s.norm(dim=1, keepdim=True) + 1e-9) - t).square().mean(1)), "ordinary size"),
    "looks around": (Broken(lambda s, t: square(s - s.mean(0), t - t.mean(0))), "rows look at each other"),
    "does not": (Broken(square, frozenset({"batch"})), "do not look at each other"),
    "offset": (Broken(lambda s, t: square(s, t) + 1), "at equality"),
    "blind": (Broken(lambda s, t: 0 * square(s, t)), "sees no difference"),
    "unknown need": (Broken(square, frozenset({"luck"})), "which nobody fills in"),
    "no source": (Broken(square, source=""), "names no source"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_suite_notices(name: str) -> None:
    term, words = BROKEN[name]
    assert isinstance(term, FeatureTerm)
    with pytest.raises(AssertionError, match=words):
        check_feature_term(term)


def test_the_suite_notices_what_is_not_invariant_and_not_zero() -> None:
    with pytest.raises(AssertionError, match="sees a rotation"):
        check_feature_term(SP(), invariant=True)
    with pytest.raises(AssertionError, match="divergence=True"):
        check_feature_term(FitNet(), divergence=False)
    assert torch.is_grad_enabled()
