"""The tables of the quality benchmark, from the lines that its cells left in a file.

Differences are paired by seed; intervals are Student's t at 95 %. The regret of a rule is what it loses to the best
fixed rule of a protocol; that rule is chosen on the even seeds and scored on the odd ones, and the other way round.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import claims
import numpy as np
from claims import Claim

from tutelage.report import interval, paired

NO_RULES = ("scratch", "single", "pseudo-labels", "auto")  # they do not compete for the best rule
METRICS = ("macro_recall", "macro_f1", "cross_entropy", "ece")

Scores = Mapping[str, np.ndarray]  # of each lane (`rule|objective`) one number per seed, in their order


def scores(runs: Sequence[Mapping[str, Any]], metric: str = "accuracy") -> dict[str, np.ndarray]:
    """One number per seed of each lane; a rule that refused these teachers is the plain mean, which takes its place."""
    objectives = set.intersection(*(objectives_of(run) for run in runs))
    names = {name for run in runs for name in run["found"] if name.split("|")[1] in objectives}
    names |= {f"{rule}|{objective}" for run in runs for rule in run["refused"] for objective in objectives}

    def of(run: Mapping[str, Any], name: str) -> float:
        return run["found"].get(name, run["found"].get(f"mean|{name.split('|')[1]}"))[metric]

    return {name: np.array([of(run, name) for run in runs]) for name in sorted(names)}


def objectives_of(run: Mapping[str, Any]) -> set[str]:
    """With which objectives its students were trained."""
    return {name.split("|")[1] for name in run["found"]}


def regret(found: Scores, rules: Sequence[str]) -> dict[str, np.ndarray]:
    """What each lane loses per seed to the rule that was best on the other half of the seeds."""
    count = len(next(iter(found.values())))
    lost = {name: np.full(count, np.nan) for name in found}
    for half in (0, 1):
        chosen_on, scored_on = np.arange(1 - half, count, 2), np.arange(half, count, 2)
        if not len(chosen_on):
            chosen_on = scored_on
        best = max(rules, key=lambda name: found[name][chosen_on].mean())
        for name, values in found.items():
            lost[name][scored_on] = found[best][scored_on] - values[scored_on]
    return lost


def show(done: Sequence[Mapping[str, Any]], given: argparse.Namespace) -> None:
    """Prints all tables; the regrets go through `claims`, which keeps them where asked to."""
    grid: dict[str, list[Any]] = {}
    for line in sorted((line for line in done if line["part"] == "grid"), key=lambda line: line["seed"]):
        grid.setdefault(line["protocol"], []).append(line["runs"][0])
    if grid:
        found = {protocol: scores(runs) for protocol, runs in grid.items()}
        rules = [name for name in _order(found, "KL") if name.split("|")[0] not in NO_RULES]
        _accuracies(grid, found)
        _others(grid, _order(found, "KL"))
        most = max(len(objectives_of(run)) for runs in grid.values() for run in runs)
        _objectives({p: [run for run in runs if len(objectives_of(run)) == most] for p, runs in grid.items()}, rules)
        _regrets(grid, found, rules, given)
        _acted(grid, rules)
        if all("auto" in run for runs in grid.values() for run in runs):
            _defaults(grid)
            _rivals(grid, "accuracy")
            _rivals(grid, "macro_recall")
    _sizes([line for line in done if line["part"] == "sizes"])


def _order(found: Mapping[str, Scores], objective: str) -> list[str]:
    """Lanes with this objective, best mean accuracy over the protocols first."""
    names = {name for scores in found.values() for name in scores if name.endswith(f"|{objective}")}
    names = {name for name in names if all(name in scores for scores in found.values())}
    return sorted(names, key=lambda name: -np.mean([scores[name].mean() for scores in found.values()]))


def _accuracies(grid: Mapping[str, Any], found: Mapping[str, Scores]) -> None:
    refused = {protocol: {name for run in runs for name in run["refused"]} for protocol, runs in grid.items()}

    def cell(name: str, protocol: str) -> str:
        if name.split("|")[0] in refused[protocol]:
            return "refuses"
        values, plain = found[protocol][name], found[protocol]["mean|KL"]
        gain = "" if name == "mean|KL" else f" ({_against(values, plain)})"
        return _percent(values.mean()) + gain

    seeds = ", ".join(f"{name} {len(runs)}" for name, runs in grid.items())
    what = f"Accuracy with KL, and difference to the plain mean (points; seeds: {seeds})"
    _matrix(what, _order(found, "KL"), list(grid), cell)


def _others(grid: Mapping[str, Any], order: Sequence[str]) -> None:
    values = {(p, metric): scores(runs, metric) for p, runs in grid.items() for metric in METRICS}

    def cell(name: str, protocol: str) -> str:
        recall, f1, loss, ece = (float(values[protocol, metric][name].mean()) for metric in METRICS)
        return f"{_percent(recall)} / {_percent(f1)} / {loss:.3f} / {_percent(ece)}"

    _matrix("Macro recall / macro F1 / cross-entropy / ECE with KL", order, list(grid), cell)


def _objectives(grid: Mapping[str, Any], rules: Sequence[str]) -> None:
    found = {protocol: scores(runs) for protocol, runs in grid.items()}
    names = sorted({lane.split("|")[1] for per in found.values() for lane in per}, key=lambda o: (o != "KL", o))
    losses = {protocol: scores(runs, "cross_entropy") for protocol, runs in grid.items()}
    plain = [name.split("|")[0] for name in rules]
    best = next(rule for rule in plain if all(f"{rule}|{name}" in found[p] for p in grid for name in names))
    for title, rule in (("the plain mean", "mean"), ("the best rule on average", best)):

        def cell(name: str, protocol: str, rule: str = rule) -> str:
            lane, plain = f"{rule}|{name}", found[protocol][f"{rule}|KL"]
            values = found[protocol][lane]
            gain = "" if name == "KL" else f" ({_against(values, plain)})"
            return f"{_percent(values.mean())}{gain}, {losses[protocol][lane].mean():.3f}"

        count = len(next(iter(grid.values())))
        what = f"Objectives with {title} ({rule}): accuracy (difference to KL), cross-entropy; {count} seeds"
        _matrix(what, names, list(grid), cell)


def _regrets(grid: Mapping[str, Any], found: Mapping[str, Scores], rules: Sequence[str], given: Any) -> None:
    lost = {protocol: regret(per, rules) for protocol, per in found.items()}
    seeds = min(len(runs) for runs in grid.values())
    lanes = sorted(_order(found, "KL"), key=lambda name: np.mean([100 * lost[p][name].mean() for p in grid]))
    figures: list[Claim] = []
    for name in lanes:
        each = {protocol: 100 * float(lost[protocol][name].mean()) for protocol in grid}
        mean, half = interval(list(np.mean([100 * lost[p][name][:seeds] for p in grid], axis=0)))
        worst = max(each, key=lambda protocol: each[protocol])
        note = f"most in {worst}: {each[worst]:.2f}; " + ", ".join(f"{p} {v:.2f}" for p, v in each.items())
        figures.append(Claim(name.split("|")[0], mean, mean - half, mean + half, None, " points", note))
    claims.show("Regret to the best fixed rule, KL, mean over the protocols (scored on other seeds)", figures, given)


def _acted(grid: Mapping[str, Any], rules: Sequence[str]) -> None:
    acted = {protocol: scores(runs, "acted") for protocol, runs in grid.items()}
    _matrix("Share of the student's rows on which the rule acted", rules, list(grid),
            lambda name, protocol: f"{_percent(acted[protocol][name].mean())} %")  # fmt: skip


def _defaults(grid: Mapping[str, Any]) -> None:
    def what(run: Mapping[str, Any]) -> str:
        return f"{run['auto']['fusion']} ({run['auto']['how']})"

    picks = sorted({what(run) for runs in grid.values() for run in runs})
    _matrix("How often auto took which fusion, and how", picks, list(grid),
            lambda name, at: str(sum(what(run) == name for run in grid[at])))  # fmt: skip


def _sizes(done: Sequence[Mapping[str, Any]]) -> None:
    for protocol in dict.fromkeys(line["protocol"] for line in done):
        runs = [run for line in done if line["protocol"] == protocol for run in line["runs"]]
        sizes = {f"{run['size'][0]} of {run['size'][1]}": tuple(run["size"]) for run in runs}
        found = {key: scores([run for run in runs if tuple(run["size"]) == size]) for key, size in sizes.items()}

        def cell(name: str, key: str, found: Mapping[str, Scores] = found) -> str:
            values = found[key][name]
            return f"{_percent(values.mean())} ({_against(values, found[key]['mean|KL'])})"

        count = len(next(iter(next(iter(found.values())).values())))
        what = f"{protocol}: labelled rows of all the student's rows; accuracy (difference to the mean), {count} seeds"
        _matrix(what, _order(found, "KL"), list(sizes), cell)


def _rivals(grid: Mapping[str, Any], metric: str) -> None:
    found = {name: scores(runs, metric) for name, runs in grid.items()}

    def cell(rival: str, name: str) -> str:
        return _against(found[name]["auto|KL"], found[name][f"{rival}|KL"])

    _matrix(f"auto minus ..., {metric}, points", ("mean", "single", "scratch"), list(grid), cell)


def _matrix(title: str, names: Sequence[str], columns: Sequence[str], cell: Callable[[str, str], str]) -> None:
    print(f"### {title}\n\n| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name in names:
        print(f"| {name.split('|')[0]} | {' | '.join(cell(name, column) for column in columns)} |")
    print(flush=True)


def _against(values: np.ndarray, reference: np.ndarray) -> str:
    gain, half = paired(list(100 * values), list(100 * reference))
    return f"{gain:+.1f} ± {half:.1f}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"
