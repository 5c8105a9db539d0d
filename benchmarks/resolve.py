"""Sources that disagree: rules, statistics, learning, a net and models of sources, judged on known truth.

Each round draws a world anew: facts, their truth, and six sources. Every method sees the same claims; `learn` and the
net see the truth of 300 facts as well and nobody is judged on those. Printed is the error of each method as a multiple
of that of its baseline, the majority or the mean, in the same world; then how many claims a second each resolves, and
whether confidence as a row weight helps a student that learns from resolved labels.

    python benchmarks/resolve.py [--rounds 15] [--facts 3000] [--smoke]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import harness
import numpy as np
import torch
from claims import Claim, figure, show
from disagreeing import VALUES, World, copies, crooked, explained, measured, uneven
from sklearn.linear_model import LogisticRegression, Ridge

from tutelage.data import resolve as r
from tutelage.data.resolve import (
    InverseVariance,
    Majority,
    MeanOf,
    OneCoin,
    Resolved,
    SourceModels,
    Table,
    learn,
    train_net,
)


def model(w: World) -> Any:
    """The model that each source gets."""
    return Ridge() if w.table.numbers else LogisticRegression(max_iter=1000)


WORDS: dict[str, Callable[[World], Resolved]] = {
    "majority (rule)": lambda w: Majority()(w.table),
    "latest (rule)": lambda w: r.Latest()(w.table),
    "priority, best source known (rule)": lambda w: r.Priority(("source 0",))(w.table),
    "agreement (statistical)": lambda w: r.ByAgreement()(w.table),
    "one coin (statistical)": lambda w: OneCoin()(w.table),
    "Dawid-Skene (statistical)": lambda w: r.DawidSkene()(w.table),
    "accuracies (statistical)": lambda w: r.Accuracies(wrong=VALUES - 1)(w.table),
    "truth discovery (statistical)": lambda w: r.TruthDiscovery()(w.table),
    "classifier, 300 known (learned)": lambda w: learn(w.table, w.shown)(w.table),
    "net, 300 known (neural)": lambda w: train_net(w.table, w.shown)(w.table),
    "a model per source (model-based)": lambda w: SourceModels(w.features, model(w))(w.table),
}
NUMBERS: dict[str, Callable[[World], Resolved]] = {
    "mean (rule)": lambda w: MeanOf()(w.table),
    "median (rule)": lambda w: r.MedianOf()(w.table),
    "truth discovery (statistical)": lambda w: r.TruthDiscovery()(w.table),
    "inverse variance (statistical)": lambda w: InverseVariance()(w.table),
    "regression, 300 known (learned)": lambda w: learn(w.table, w.shown)(w.table),
    "net, 300 known (neural)": lambda w: train_net(w.table, w.shown)(w.table),
    "a model per source (model-based)": lambda w: SourceModels(w.features, model(w))(w.table),
}
HOME = {
    uneven: "statistical",
    copies: "learned neural",
    explained: "model",
    measured: "statistical",
    crooked: "learned neural",
}


def compared(make: Any, given: Any) -> list[Claim]:
    """Errors of all methods in one kind of world; those at home in it have to beat the baseline."""
    worlds = [make(seed, given.facts) for seed in range(given.rounds)]
    methods = NUMBERS if worlds[0].table.numbers else WORDS
    errors: dict[str, list[float]] = {}
    speed: dict[str, float] = {}
    for name, method in methods.items():
        began = time.process_time()
        errors[name] = [w.error(method(w)) for w in worlds]
        speed[name] = sum(len(w.table) for w in worlds) / max(time.process_time() - began, 1e-9)
    base = np.array(next(iter(errors.values())))
    home = HOME[make].split()
    lines: list[Claim] = []
    for name, found in errors.items():
        limit = 1.0 if any(f"({kind}" in name for kind in home) and "agreement" not in name else None
        note = f"error {np.mean(found):.3g}; {speed[name]:,.0f} claims per CPU-second"
        lines.append(figure(name, np.array(found) / base, limit, note=note))
    return lines


def student(seed: int, facts: int, numbers: bool, rule: Callable[[Table], Resolved], weighted: bool) -> float:
    """Error, on facts it was not taught, of a linear student of resolved labels."""
    w, half = explained(seed, facts, numbers), facts // 2
    found = rule(w.table)
    use = np.flatnonzero(found.confidence[:half] > 0)
    weight = found.confidence[use] if weighted else None
    guess = model(w).fit(w.features[use], found.value[use].tolist(), sample_weight=weight).predict(w.features[half:])
    return float(np.mean(np.square(guess - w.truth[half:]) if numbers else guess != w.truth[half:]))


def main() -> None:
    given = harness.arguments(__doc__, facts=3000)
    torch.set_num_threads(1)
    given.facts = 600 if given.smoke else given.facts
    for make in HOME:
        show(f"Resolving: {make.__doc__}", compared(make, given), given)
    lines: list[Claim] = []
    for rule, numbers in ((Majority(), False), (OneCoin(), False), (MeanOf(), True), (InverseVariance(), True)):
        one, other = (
            np.array([student(s, given.facts // 10, numbers, rule, w) for s in range(4 * given.rounds)])
            for w in (True, False)
        )
        note = f"error {np.mean(one):.3g} instead of {np.mean(other):.3g}"
        lines.append(figure(type(rule).__name__, one / np.maximum(other, 1e-9), None, note=note))
    show("Student's error with confidence as row weight, over the same without", lines, given)


if __name__ == "__main__":
    main()
