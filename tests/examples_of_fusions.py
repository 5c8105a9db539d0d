"""Fusions that hold something about teachers or rows, made for five teachers and the rows of the contract suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.tree import DecisionTreeClassifier

from tutelage.fusion import MTKDRL, RLKD, AtHome, Blend, Home, Mean, Median, MetaModel, MetaWeights, Weighted

TRUST = (0.3, 0.1, 0.2, 0.25, 0.15)


def home() -> AtHome:
    """Five teachers, each trained on rows around a place of its own."""
    chance = np.random.default_rng(0)
    places = np.repeat(np.arange(5.0), 8)
    table = {"x": (chance.normal(size=(40, 2)) + places[:, None]).astype(np.float32)}
    names = tuple(f"teacher {number}" for number in range(5))
    return AtHome(Home.of(table, ["x"], list(np.arange(40).reshape(5, 8))), names).over(table)


def learnt(kind: Any, **options: Any) -> Any:
    """One that learns beside the student, for five teachers, after some learning."""
    made = kind([f"teacher {number}" for number in range(5)], **options)
    with torch.no_grad():
        for place, value in enumerate(made.parameters()):
            value.add_(torch.randn(value.shape, generator=torch.Generator().manual_seed(place)))
    return made


MADE: dict[str, Callable[[], Any]] = {
    "AtHome": home,
    "Blend": lambda: Blend((Mean(), Median())),
    "MetaModel": lambda: MetaModel(DecisionTreeClassifier(max_depth=3, random_state=0)),
    "MTKDRL": lambda: learnt(MTKDRL),
    "MetaWeights": lambda: learnt(MetaWeights),
    "RLKD": lambda: learnt(RLKD),
    "Weighted": lambda: Weighted(TRUST),
}
"""Class name to an example, for those that cannot be made without arguments."""
