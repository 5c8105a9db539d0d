"""The case study: one student per shop, without teachers and with, on public data.

For each shop and task (see `tutelage run shop --help`) a student learns from few labels alone, and from teachers: one
per source, those of the integrated table, or both. Figures are means over paired seeds with 95 % intervals, differences
to the student without teachers, on test rows that nothing was chosen on. All students stop when the validation loss
no longer falls.

    python benchmarks/case_study.py [--on sessions films groceries made-up] [--task buy rank] [--seeds 5]
        [--labelled 0.1] [--teachers sources table both] [--patience 5] [--drawn N] [--smoke] [--json FILE]

It needs TUTELAGE_DATA, but for made-up.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path

import claims
import numpy as np
from claims import Claim

from tutelage.recipes.shop import BUY, RANK, shop
from tutelage.report import Contender, Report
from tutelage.report.stats import interval, paired
from tutelage.train.entry import ALL_LABELS, CHOSEN, LABELS_ONLY

SHOPS, WHO = ("made-up", "sessions", "films", "groceries"), ("sources", "table", "both")
MEASURES = {
    "buy": ("accuracy", "precision", "recall", "f1", "cross_entropy", "roc_auc"),
    "rank": ("recall@10", "ndcg@10", "hit@10", "mrr", "coverage@10"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", nargs="+", choices=SHOPS, default=SHOPS)
    parser.add_argument("--task", nargs="+", choices=("buy", "rank"), default=("buy", "rank"))
    parser.add_argument("--teachers", nargs="+", choices=WHO, default=WHO)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--patience", type=int, default=5, help="0 for all epochs")
    parser.add_argument("--labelled", type=float, default=0.1)
    parser.add_argument("--drawn", type=int, default=None)
    parser.add_argument("--smoke", action="store_true", help="a small shop that is made up, one seed, two epochs")
    parser.add_argument("--json", type=Path, help="file that gets the figures, one a line")
    asked, gains = parser.parse_args(), list[Claim]()
    if asked.smoke:
        gains += show("made-up", "buy", ("both",), seeds=2, epochs=2, labelled=0.2, users=120)
    for on in () if asked.smoke else asked.on:
        for task in asked.task:
            there = task == "buy" if on == "made-up" else on in (BUY if task == "buy" else RANK)
            if there and (on == "made-up" or os.environ.get("TUTELAGE_DATA")):
                more = {"drawn": asked.drawn} if task == "rank" else {}
                settings = {
                    "seeds": asked.seeds,
                    "epochs": asked.epochs,
                    "patience": asked.patience or None,
                    "labelled": asked.labelled,
                }
                gains += show(on, task, asked.teachers, **settings, **more)
    claims.show("What the teachers give the student", gains, asked)


def show(on: str, task: str, who: Sequence[str], **settings: float | None) -> list[Claim]:
    """One table: the student alone and with each set of teachers, the ensembles, and the single teachers."""
    measures, alone, gains = MEASURES[task], None, list[Claim]()
    told = ", ".join(f"{name} {value}" for name, value in settings.items() if value is not None)
    print(f"\n### {on}, {task} ({told})\n")
    print(f"| who | {' | '.join(measures)} | rows/s |\n|---|{'---|' * (len(measures) + 1)}")
    for teachers in who:
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            report: Report = shop(on=on, task=task, teachers=teachers, **settings)  # type: ignore[arg-type]
        found = {contender.name: contender for contender in report.contenders}
        if alone is None:
            alone = found[LABELS_ONLY]
            _line("student, no teachers", alone, None, measures)
            if ALL_LABELS in found:
                _line("student, no teachers, all labels that teachers had", found[ALL_LABELS], alone, measures)
        names = {CHOSEN: "student, chosen fusion", "student: plain mean": "student, plain mean"}
        names |= {"student: best single teacher": "student, best single teacher"}
        names |= {"ensemble of the teachers": "the teachers themselves, fused"}
        for name, called in names.items():
            if name not in found:  # the plain mean was chosen
                continue
            _line(f"{called} ({teachers})", found[name], found[LABELS_ONLY] if "student" in name else None, measures)
        for contender in report.contenders:
            if contender.role == "teacher" and teachers == who[-1]:
                _line(f"teacher {contender.name}", contender, None, measures)
        for measure in measures[:2] if task == "rank" else ("accuracy", "f1", "cross_entropy"):
            gain, half = paired(found[CHOSEN].metrics[measure], found[LABELS_ONLY].metrics[measure])
            what = f"{on}, {task}, teachers {teachers}: {measure}, chosen fusion less no teachers"
            gains.append(Claim(what, gain, gain - half, gain + half, None, ""))
        print(f"<!-- {teachers}: {time.perf_counter() - start:.0f} s; {report.verdict} -->", flush=True)
    return gains


def _line(called: str, one: Contender, alone: Contender | None, measures: Sequence[str]) -> None:
    cells: list[str] = []
    for measure in measures:
        values = one.metrics[measure]
        text = f"{np.mean(values):.3f}"
        if alone is not None and len(values) > 1:
            gain, half = paired(values, alone.metrics[measure])
            text += f" ({gain:+.3f} ±{half:.3f})"
        elif len(values) > 1:
            text += f" ±{interval(values)[1]:.3f}"
        cells.append(text)
    print(f"| {called} | {' | '.join(cells)} | {one.cost.get('rows_per_s', float('nan')):,.0f} |")


if __name__ == "__main__":
    main()
