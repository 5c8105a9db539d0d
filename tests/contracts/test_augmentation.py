"""Every augmentation keeps the contract, and the contract notices those that do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tutelage.data import views
from tutelage.data.views import (
    Augmentation,
    Blur,
    Contrast,
    Crop,
    CutMix,
    Draw,
    Flip,
    Gibbs,
    Mask,
    Mixup,
    Munge,
    Noise,
    Stretch,
    WordDropout,
)
from tutelage.report.citations import CATALOGUE
from tutelage.testing import check_augmentation

ROWS = 24
CHANCE = np.random.default_rng(5)
TEXT = [" ".join(CHANCE.choice(list("abcdefg"), CHANCE.integers(0, 9))) for _ in range(ROWS)]
COLUMNS: dict[str, np.ndarray] = {
    "grey": CHANCE.normal(size=(ROWS, 8, 6)).astype("float32"),
    "bytes": CHANCE.integers(0, 256, (ROWS, 8, 6)).astype("uint8"),
    "colour": CHANCE.normal(size=(ROWS, 8, 6, 3)),
    "front": CHANCE.normal(size=(ROWS, 3, 8, 6)).astype("float32"),
    "number": CHANCE.normal(size=ROWS),
    "gaps": np.where(CHANCE.random(ROWS) < 0.2, np.nan, CHANCE.normal(size=ROWS)),
    "count": CHANCE.integers(0, 5, ROWS),
    "yes": CHANCE.random(ROWS) < 0.5,
    "text": np.array(TEXT, dtype=object),
    "short": np.array(TEXT),
    "nothing": np.array([None if i % 3 else "a b c d e" for i in range(ROWS)], dtype=object),
    "same": np.ones(ROWS),
}
PLANES, TABLE = ("grey", "bytes", "colour", "front"), ("number", "gaps", "count", "yes", "short", "grey", "same")
CASES: dict[str, Augmentation] = {
    "flip": Flip(PLANES),
    "flip vertical": Flip(("front",), 1.0, "vertical"),
    "crop": Crop(PLANES, pad=2),
    "crop reflecting": Crop(("bytes",), pad=3, edge="reflect"),
    "noise": Noise(("grey", "bytes", "number", "count"), 2.0),
    "blur": Blur(PLANES, 0.8),
    "contrast": Contrast(PLANES, 0.3, 0.1),
    "mixup": Mixup(("grey", "colour", "front", "number", "gaps")),
    "cutmix": CutMix(PLANES),
    "words": WordDropout(("text", "short", "nothing"), 0.4),
    "characters": WordDropout(("short",), 0.9, unit="character", mask="_"),
    "mask of time": Mask(("grey", "bytes", "colour"), axis=1, width=3, count=2),
    "mask of frequency": Mask(("grey",), axis=2, width=4, fill=None),
    "stretch": Stretch(("grey",)),
    "munge": Munge(TABLE),
    "gibbs": Gibbs(TABLE, rounds=2),
    "gibbs of one": Gibbs(("number",), leaf=1),
}


@pytest.mark.parametrize("name", CASES)
def test_contract(name: str) -> None:
    case = CASES[name]
    check_augmentation(case, {column: COLUMNS[column] for column in case.columns})
    assert case.source in CATALOGUE or isinstance(case, Flip | Stretch)


def test_every_augmentation_is_tested() -> None:
    kinds = {name for name in views.__all__ if hasattr(getattr(views, name), "fitted")} - {"Augmentation"}
    assert {type(case).__name__ for case in CASES.values()} == kinds


Changes = Callable[[Mapping[str, np.ndarray], np.ndarray, Draw], Any]


def plus(given: Mapping[str, np.ndarray], row: np.ndarray, draw: Draw) -> dict[str, np.ndarray]:
    return {"number": given["number"] + draw.normal()}


@dataclass
class Broken:
    """Adds noise, with one thing wrong."""

    changes: Changes = plus
    columns: Any = ("number",)
    keeps_label: Any = True
    source: str = ""
    fingerprint: str = "noise"
    learns: Callable[[np.ndarray, np.ndarray], float] | None = None

    def fitted(self, columns: Mapping[str, np.ndarray], train: np.ndarray) -> Broken:
        if self.learns is None:
            return self
        learnt = self.learns(columns["number"], train)
        return Broken(lambda given, row, draw: {"number": given["number"] * learnt + draw.uniform()})

    def __call__(self, given: Mapping[str, np.ndarray], row: np.ndarray, draw: Draw) -> Any:
        return self.changes(given, row, draw)


def written(given: Mapping[str, np.ndarray], row: np.ndarray, draw: Draw) -> Any:
    given["number"][:] = 0
    return dict(given)


class Counting:
    """Another result at each call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, given: Mapping[str, np.ndarray], row: np.ndarray, draw: Draw) -> Any:
        self.calls += 1
        return {"number": given["number"] + self.calls}


def test_a_sound_one_passes() -> None:
    check_augmentation(Broken(), COLUMNS)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Broken(columns=["number"]), "as a tuple"),
        (Broken(columns=()), "names no columns"),
        (Broken(keeps_label=1), "keeps_label is 1"),
        (Broken(fingerprint=""), "has the fingerprint ''"),
        (Broken(written), "writes into column 'number'"),
        (Broken(lambda given, row, draw: {}), "did not return column 'number'"),
        (Broken(lambda given, row, draw: {"number": given["number"].astype("float32")}), "made float32"),
        (Broken(lambda given, row, draw: {"number": given["number"][:, None]}), r"of shape \(24, 1\)"),
        (Broken(lambda given, row, draw: {"number": given["number"] / 0 * 0}), "infinite or missing numbers"),
        (Broken(Counting()), "another view when it is asked again"),
        (Broken(lambda given, row, draw: {"number": given["number"] - given["number"].sum()}), "made with it"),
        (Broken(lambda given, row, draw: dict(given)), "changed nothing in 8 views"),
        (
            Broken(learns=lambda number, train: float(number @ np.arange(ROWS))),
            "learns from rows that are not training",
        ),
        (Broken(learns=lambda number, train: float(number[train] @ train)), "which its fingerprint ignores"),
    ],
)
@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value)")
def test_the_contract_notices(broken: Broken, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_augmentation(broken, COLUMNS)


def test_few_rows_are_not_enough() -> None:
    with pytest.raises(AssertionError, match="at least eight rows"):
        check_augmentation(Broken(), {"number": np.arange(3.0)})
