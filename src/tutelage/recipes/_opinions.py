"""Opinions and what they are: files, folds, tasks, and the rule of a lexicon."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np

from ..core import InputError, Task
from ..data import Rows
from ..data.steps import Tokens
from ..tasks import Classification, Ordinal
from ._lexicon import CHINESE, ENGLISH, Opinion
from ._texts import TEXT, text_rows

On = Literal["sst2", "sst5", "mr", "waimai"]
NAMES = ("negative", "positive")
STARS = ("very negative", "negative", "neutral", "positive", "very positive")
WORDS = Tokens((TEXT,), length=40, most=8192)
SIGNS = Tokens((TEXT,), "character", length=60, most=4096, buckets=16_384)
FOLDS = {"mr": 10, "waimai": 5}


def read(on: On, folder: Path, fold: int = 0, labelled: float = 1.0) -> Rows:
    """Opinions and what they are (Socher et al. 2013, Pang and Lee 2005, SophonPlus).

    Raises:
        InputError: there is no such fold.
    """
    count = FOLDS.get(on, 1)
    if not 0 <= fold < count:
        raise InputError(f"--on {on} has folds 0 to {count - 1}, got {fold}")
    if on in ("sst2", "sst5"):
        return _treebank(folder, on, labelled)
    texts, label = _pang(folder) if on == "mr" else _reviews(folder)
    test = np.flatnonzero(fold_of(label, count) == fold)
    return text_rows(texts, label, tokens_of(on), names=NAMES, test=test, task=task_of(on), labelled=labelled)


def fold_of(label: list[str], count: int) -> np.ndarray:
    """The fold of each row, int64 [N]: as many of each class in every fold, drawn with seed 0."""
    classes = np.array(label)
    order = np.random.default_rng(0).permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    found = np.empty(len(classes), dtype=np.int64)
    found[order] = np.arange(len(classes)) % count
    return found


def task_of(on: On) -> Task:
    """Five classes have an order; of the Chinese opinions one class is twice as large, so accuracy is no headline."""
    return (
        Ordinal(STARS) if on == "sst5" else Classification(NAMES, headline="macro_f1" if on == "waimai" else "accuracy")
    )


def tokens_of(on: On) -> Tokens:
    """Characters in Chinese, words elsewhere."""
    return SIGNS if on == "waimai" else WORDS


def lexicon_of(on: On) -> Opinion:
    """The rule."""
    return Opinion(CHINESE if on == "waimai" else ENGLISH, STARS if on == "sst5" else NAMES, TEXT)


def _treebank(folder: Path, on: On, labelled: float) -> Rows:
    kind, names = ("binary", NAMES) if on == "sst2" else ("fine", STARS)
    files = [(folder / f"stsa.{kind}.{part}").read_text("utf-8").splitlines() for part in ("train", "dev", "test")]
    parts = [[line.split(" ", 1) for line in lines if line.strip()] for lines in files]
    train, dev, test = map(len, parts)
    lines = [line for part in parts for line in part]
    label = [names[int(number)] for number, _ in lines]
    return text_rows(
        [words for _, words in lines],
        label,
        tokens_of(on),
        names=names,
        validation=np.arange(train, train + dev),
        test=np.arange(train + dev, train + dev + test),
        task=task_of(on),
        labelled=labelled,
    )


def _pang(folder: Path) -> tuple[list[str], list[str]]:
    parts = [(folder / f"rt-polarity.{end}").read_text("latin-1").split("\n") for end in ("neg", "pos")]
    found = [(line, name) for name, lines in zip(NAMES, parts, strict=True) for line in lines if line.strip()]
    return [line for line, _ in found], [name for _, name in found]


def _reviews(folder: Path) -> tuple[list[str], list[str]]:
    with (folder / "waimai_10k.csv").open(encoding="utf-8-sig", newline="") as lines:
        found = list(csv.DictReader(lines))
    return [row["review"] for row in found], [NAMES[int(row["label"])] for row in found]
