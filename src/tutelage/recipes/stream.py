"""A stream: does the price of electricity go up or down? Half-hours of a market that changes, test-then-train.

Elec2 (Harries 1999) has 45,312 half-hours of New South Wales in time order. Labels last: whoever says that of half an
hour ago is right in 85 %, which is the floor. The label says whether the price is above its mean over the last day, so
that a model which is shown the prices of the last day need not learn anything; nobody is shown them here.

| teacher | kind | learns |
|---|---|---|
| linear of a month | logistic regression on the last four weeks | anew every day |
| trees of half a year | LightGBM on the last 26 weeks | anew every week |
| growing tree | Hoeffding adaptive tree | from each row, after it answered |
| no change | rule: as half an hour ago | - |
| time of day | rule: as at this half-hour in the last four weeks | - |

Nobody's answer about a row depends on that row's label, or on later rows.
"""

from __future__ import annotations

from pathlib import Path

from ..core import Fusion
from ..nets import MLP
from ..report import Report
from ..search import Follow, prequential
from ..train import Training
from ..train.contest import Progress
from ._public import public_folder
from ._stream_table import DAY, NAMES, WEEK, change_of_market, make_rows, read_table
from ._stream_teachers import make_teachers
from ._tables import STUDENT

PUBLIC = "electricity.csv, the set `electricity` of https://www.openml.org/d/151"


def stream(
    *,
    data: Path | None = None,
    seeds: int = 5,
    first: float = 0.2,
    epochs: int = 15,
    block: int = 2 * DAY,
    window: int = WEEK,
    trust: int = 4 * WEEK,
    lr: float = 1e-3,
    rows: int | None = None,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils five teachers into a net of one hidden layer, which then follows the stream.

    Args:
        data: folder with `electricity.csv`; below $TUTELAGE_DATA unless given.
        seeds: number of paired seeds, of the students; the stream is the same for all.
        first: share of the stream that is learnt from at leisure, before the test begins.
        epochs: most passes of each student over the first part.
        block: half-hours that are answered before students learn from them.
        window: last half-hours that students learn from after each block, once.
        trust: last half-hours on which fusion and calibrations are fitted after each block.
        lr: learning rate after each block.
        rows: the first so many rows only.
        fusion: how teachers are combined; chosen on rows of the first part unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the file is not there or not in order of time, or a part of the stream is too short.
    """
    table, record = read_table(public_folder("stream-elec2", data, PUBLIC), run)
    table = {name: column[:rows] for name, column in table.items()}
    made = make_rows(table, first, record)

    def told(name: str, done: int, total: int) -> None:
        if progress is not None:
            progress(f"teacher {name}", done, total, 0.0)

    joined = change_of_market(table)
    width = made.columns[STUDENT].shape[1]
    return prequential(
        lambda: MLP(width, len(NAMES), (16,)),
        made,
        make_teachers(made, told),
        follow=Follow(
            block, window, trust, Training(epochs=1, lr=lr, batch_size=64), {"Victoria joins": joined} if joined else {}
        ),
        fusion=fusion,
        training=Training(epochs=epochs, lr=3e-3, patience=3),
        seeds=range(seeds),
        rates=(1e-3, 3e-3, 1e-2),
        pseudo_labels=True,
        run=run,
        title="Electricity: up or down?",
        progress=progress,
    )
