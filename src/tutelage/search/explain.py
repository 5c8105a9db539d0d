"""explain: who formed the targets, what the student looks at, and whether such statements can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from ..core import Context, InputError
from ..data import Rows
from ..teachers.bound import sources_of
from ..teaching.fusing import influence
from ..train.cards import silenced
from ..train.settings import one_thread
from .attributions import Asked, by_gradients, by_permuting, randomised, teacher_asks
from .explanation import Agreed, Explanation, Formed, Importance, Method, SealedOrder
from .faithful import Faith, faith_of, rank_correlation
from .ground import Ground
from .journal import Journal
from .proxy import Candidate, target_of, train_candidates

MOST_ROWS = 200
"""Rows that are attributed; a sample of the validation rows where there are more."""
TOGETHER = "all together, by trust"
PERMUTING, GRADIENTS = "permutation", "integrated gradients"


def explain(
    ground: Ground, *, seeds: Sequence[int] = (0, 1, 2), rows: int = MOST_ROWS, check: bool = True
) -> Explanation:
    """Explains the students of the chosen fusion.

    Targets: each teacher's share in what the student was taught, row by row. Students: the run's own, and one more per
    further seed, trained from the store; by permuting (Breiman 2001) and by integrated gradients (Sundararajan et al.
    2017). The attributions themselves are judged: deletion and insertion against random orders (Petsiuk et al. 2018),
    seeds against each other, and a net with shuffled weights (Adebayo et al. 2018).

    Args:
        ground: rows and teachers, see `ground_of`.
        seeds: of the students; the first is the run's own where the run kept it.
        rows: most rows that are attributed.
        check: whether the ranking of the inputs is tried on the sealed test rows in the end.

    Raises:
        InputError: there is no seed.
        MissingExtraError: captum (the extra `explain`) is not installed.
    """
    if not len(seeds):
        raise InputError("explain needs at least one seed of a student")
    path = None if ground.folder is None else ground.folder / "explain.jsonl"
    journal = Journal(path, ground.fingerprint("explain", repr(ground.trial.fusion), str(rows)))
    asked = Asked.of(ground.rows, ground.task, explained_rows(ground, rows))
    declined = ground.trial.declined
    candidate = Candidate("student", () if declined else ground.names, ground.trial.fusion)
    with one_thread():
        formed = () if declined else targets_of(ground, candidate)
        trust = _mean(formed)
        found = [
            journal.once(f"student, seed {seed}", lambda seed=seed: _attributed(ground, asked, candidate, seed))
            for seed in seeds
        ]
        methods = _methods(found)
        agreement = _agreement(ground, asked, found, trust)
    order = np.argsort(-np.mean([one["rise"] for one in found], axis=0))
    sealed = None
    if check:
        seen = journal.once("check", lambda: _check(ground, candidate, seeds[0], order))
        sealed = SealedOrder(seen["rows"], _three(seen["gain"]))
    importances = _importances(asked, found, order)
    return Explanation(
        verdict=_verdict(trust, importances, methods, sealed),
        trust=trust,
        sources=_sources(ground, trust),
        formed=formed,
        importances=importances,
        methods=methods,
        agreement=agreement,
        rows=len(asked.row),
        students=len(found),
        check=sealed,
        notes=tuple(dict.fromkeys(note for one in found for note in one["notes"])),
    )


def explained_rows(ground: Ground, most: int) -> np.ndarray:
    """Held-out rows to attribute, a sample of them where there are many; labelled, and none is a test row."""
    row = ground.trial.heldout
    return row if len(row) <= most else np.sort(np.random.default_rng(0).choice(row, most, replace=False))


def targets_of(ground: Ground, candidate: Candidate) -> tuple[Formed, ...]:
    """Each teacher's share in the target of each row that the student learnt from."""
    target = target_of(ground, candidate, ground.rows, ground.trial.heldout)
    batch = ground.rows.batch(ground.rows.taught, inputs=False)
    context = Context(target=batch.target, labelled=batch.labelled, row=batch.row)
    signals = target.signals(batch.row, batch.view)
    try:
        trust = influence(signals, target.fusion, context)
    except InputError:  # it was fitted with all teachers and cannot leave one out: let each abstain instead
        moved = silenced(signals, target.fusion, context)
        if moved is None:
            return ()
        trust = moved / moved.sum(0).clamp_min(torch.finfo(moved.dtype).tiny)
    shares = trust.T.tolist()
    return tuple(
        Formed(int(row), dict(zip(ground.names, share, strict=True)))
        for row, share in zip(batch.row.tolist(), shares, strict=True)
    )


def student_of(ground: Ground, candidate: Candidate, seed: int) -> nn.Module:
    """The run's own student where it kept the one of this seed, else one trained from the store."""
    kept = None if ground.folder is None else Path(ground.folder) / "student.safetensors"
    if kept is not None and kept.exists() and seed == ground.trial.seed and seed == ground.contest.seeds[0]:
        student = ground.trial.student()
        student.load_state_dict(load_file(kept))
        return student.eval()
    trained = train_candidates(ground, ground.rows, ground.trial.heldout, [candidate], [seed])
    return trained[candidate.name][0].cpu().eval()


def _attributed(ground: Ground, asked: Asked, candidate: Candidate, seed: int) -> dict[str, Any]:
    """Attributions of one student, how faithful they are, and those of the same net with shuffled weights."""
    ground.tell(f"attributions, seed {seed}", 0, 1)
    student = student_of(ground, candidate, seed)
    blank = randomised(student, seed)
    permuted, rise = by_permuting(asked, lambda columns: asked.answer(student, columns))
    shuffled, _ = by_permuting(asked, lambda columns: asked.answer(blank, columns))
    found: dict[str, Any] = {"rise": rise.mean(0).tolist(), "notes": [], "methods": {}}
    attributed = {PERMUTING: (permuted, shuffled)}
    try:
        gradients, error = by_gradients(asked, student)
        attributed[GRADIENTS] = (gradients, by_gradients(asked, blank)[0])
        if error > 0.05:
            found["notes"].append(f"integrated gradients of a row add up to within {error:.1f} of what they should")
    except InputError as error:
        found["notes"].append(f"no integrated gradients: {error}")
    for name, (own, other) in attributed.items():
        faith = faith_of(asked, lambda columns: asked.answer(student, columns), own)
        found["methods"][name] = {
            "attribution": own.tolist(),
            "deletion": faith.deletion,
            "insertion": faith.insertion,
            "randomised": rank_correlation(own, other),
        }
    return found


def _methods(found: Sequence[Mapping[str, Any]]) -> tuple[Method, ...]:
    made: list[Method] = []
    for name, first in found[0]["methods"].items():
        all_of_it = [np.array(one["methods"][name]["attribution"]) for one in found]
        pairs = [rank_correlation(one, other) for one, other in combinations(all_of_it, 2)]
        deletion, insertion = (tuple(first[key]) for key in ("deletion", "insertion"))
        shuffled = float(np.mean([one["methods"][name]["randomised"] for one in found]))
        stability = float(np.mean(pairs)) if pairs else float("nan")
        made.append(Method(name, Faith(_three(deletion), _three(insertion)), stability, shuffled))
    return tuple(made)


def _agreement(
    ground: Ground, asked: Asked, found: Sequence[Mapping[str, Any]], trust: Mapping[str, float]
) -> tuple[Agreed, ...]:
    """Rank correlation of what moves the losses, with teachers that read what the student reads, and with all."""
    own, made = np.mean([one["rise"] for one in found], axis=0), list[Agreed]()
    together, read = np.zeros(len(own)), set[int]()
    for teacher in ground.trial.teachers:
        shared = [i for i, group in enumerate(asked.groups) if group.column in teacher.reads]
        if shared:
            rise = by_permuting(asked, teacher_asks(asked, teacher))[1].mean(0)
            together[shared] += trust.get(teacher.name, 1.0) * rise[shared]
            read |= set(shared)
            made.append(Agreed(teacher.name, len(shared), _alike(own, rise, shared)))
    return (*made, Agreed(TOGETHER, len(read), _alike(own, together, sorted(read)))) if made else ()


def _alike(one: np.ndarray, other: np.ndarray, places: Sequence[int]) -> float:
    """Rank correlation over these groups; NaN below three."""
    return rank_correlation(one[places], other[places]) if len(places) > 2 else float("nan")


def _importances(asked: Asked, found: Sequence[Mapping[str, Any]], order: np.ndarray) -> tuple[Importance, ...]:
    rises = np.array([one["rise"] for one in found])
    spread = rises.std(0, ddof=1) if len(found) > 1 else np.full(rises.shape[1], np.nan)
    sizes = np.full(rises.shape[1], np.nan)
    if all(GRADIENTS in one["methods"] for one in found):
        parts = [np.abs(one["methods"][GRADIENTS]["attribution"]).mean(0) for one in found]
        sizes = np.mean(parts, axis=0)
    return tuple(
        Importance(asked.groups[i].name, float(rises[:, i].mean()), float(spread[i]), float(sizes[i])) for i in order
    )


def _check(ground: Ground, candidate: Candidate, seed: int, order: np.ndarray) -> dict[str, Any]:
    """The ranking of the inputs on sealed rows, which are opened for this."""
    rows: Rows = ground.rows
    row = rows.test.open("explain: the ranking of the inputs on test rows")[:MOST_ROWS]
    asked, student = Asked.of(rows, ground.task, row), student_of(ground, candidate, seed)
    ranking = np.empty(len(order))
    ranking[order] = np.arange(len(order))[::-1]
    found = faith_of(
        asked, lambda columns: asked.answer(student, columns), np.broadcast_to(ranking, (len(row), len(order)))
    )
    return {"rows": len(row), "gain": found.deletion}


def _mean(formed: Sequence[Formed]) -> dict[str, float]:
    if not formed:
        return {}
    return {name: float(np.mean([one.trust[name] for one in formed])) for name in formed[0].trust}


def _sources(ground: Ground, trust: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for teacher in ground.trial.teachers:
        for source in sources_of(teacher)[:1] or ("any row",):
            found[source] = found.get(source, 0.0) + trust.get(teacher.name, 0.0)
    return found if set(found) != {"any row"} else {}


def _verdict(
    trust: Mapping[str, float],
    importances: Sequence[Importance],
    methods: Sequence[Method],
    sealed: SealedOrder | None,
) -> str:
    parts: list[str] = []
    if trust:
        top = max(trust.values())
        most = [name for name in trust if top - trust[name] < 0.01]
        share = f"most of them ({top:.0%}{' each' if len(most) > 1 else ''})"
        alike = len(most) == len(trust)
        parts.append("All formed the targets alike." if alike else f"{', '.join(map(repr, most))} formed {share}.")
    named = ", ".join(one.group for one in importances[:3])
    parts.append(f"The student looks at {named} most.")
    for one in methods:
        wrong = []
        if not one.faith.better:
            wrong.append("its order is not better than a random one")
        if one.stability < 0.5:
            wrong.append(f"students of other seeds give other orders (rank correlation {one.stability:.2f})")
        if one.randomised > 0.5:
            wrong.append(f"shuffled weights give nearly the same order ({one.randomised:.2f})")
        believed = "can be believed" if not wrong else "is to be taken with care: " + "; ".join(wrong)
        parts.append(f"Attribution by {one.name} {believed}.")
    if sealed is not None:
        mean, low, high = sealed.gain
        parts.append(f"On {sealed.rows} sealed test rows its order gains {mean:+.3f} [{low:+.3f}, {high:+.3f}].")
    return " ".join(parts)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
