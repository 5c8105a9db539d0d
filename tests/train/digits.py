"""Handwritten digits with few training rows, for tests in which a method has to be better than the plain way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import tutelage as tl
from tutelage.data import Rows


def few_digits(count: int, seed: int, column: str = "pixels") -> Rows:
    """The digits as vectors of 64 numbers in [0, 1] (or, as `image`, 8 x 8), with this many training rows."""
    data: Any = load_digits()
    values = data.images if column == "image" else data.data
    rows = tl.rows_of({column: values.astype("float32") / 16}, data.target, seed=seed)
    return replace(rows, train=np.random.default_rng(seed).permutation(rows.train)[:count])


def seeded(seed: int, *hidden: int) -> nn.Module:
    """A fresh perceptron for the digits."""
    torch.manual_seed(seed)
    return tl.MLP(64, 10, hidden)
