"""select: which teachers are worth listening to, and whether any is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from ..core import Fusion
from ..report import bootstrap
from ..train.settings import one_thread
from .checked import Check, check_advice
from .ground import Ground
from .journal import Journal
from .profiles import correlations, diversity, profiles_of
from .proxy import LABELS, Candidate, Judged, deal, from_json, joined, judge_fold, to_json
from .selection import Added, Advice, Part, Proxy, Selection
from .shapley import shapley
from .subsets import Subsets, gain, subsets_of

MIN_ROWS = 100
"""Fewer held-out rows than this tell little apart, which is then remarked."""
Cards = Mapping[str, Mapping[str, str]]


def select(
    ground: Ground,
    *,
    fusion: Fusion | None = None,
    seeds: Sequence[int] = (0, 1),
    folds: int = 3,
    share: float = 0.5,
    cards: Cards | None = None,
    check: bool = True,
) -> Selection:
    """Selects teachers by what their students make of them.

    The candidates come from greedy forward selection on the cross-fitted loss of the fused teachers (Caruana et al.
    2004, without repetition), ties going to the most different teacher. Small students of the candidates, of every
    single teacher and of labels alone then decide, because a stronger teacher is not a better teacher (Cho and
    Hariharan 2019).

    Args:
        ground: rows and teachers, see `ground_of`.
        fusion: how a subset is fused; the plain mean unless given.
        seeds: of the students, paired.
        folds: in which few held-out rows are judged.
        share: of the planned epochs that the small students take; the students of the check take all.
        cards: teacher name -> what is known about it: any of family, domain, data.
        check: whether the advice is checked on the sealed test rows in the end.

    Returns:
        the advice and everything it stands on; with a run folder, finished units are kept in `select.jsonl`.
    """
    said = (repr(fusion), str(list(seeds)), str(folds), str(share), repr(cards))
    path = None if ground.folder is None else ground.folder / "select.jsonl"
    journal = Journal(path, ground.fingerprint("select", *said))
    with one_thread():
        subsets = subsets_of(ground.said(), ground.heldout, fusion)
    errors = correlations(subsets.folds)
    steps, chosen = _greedy(ground, subsets, errors, cards)
    ground.tell("Shapley values", 0, 1)
    parts, how = _parts(subsets, journal)
    groups = _groups(ground.names, [one.teacher for one in steps], [one.teacher for one in parts if one.left_out > 0])
    candidates = [Candidate(LABELS), *(Candidate(name, members, fusion) for name, members in groups.items())]
    judged = _judged(ground, candidates, seeds, folds, share, journal)
    proxies = _proxies(judged)
    advice, chosen, verdict = _advice(ground, groups, judged, proxies)
    checked = _checked(ground, candidates, groups, chosen, seeds, journal) if check else None
    losses = {one.name: one.loss for one in proxies}
    return Selection(
        advice=advice,
        chosen=chosen,
        verdict=_with_check(verdict, checked),
        profiles=profiles_of(ground, [subsets.losses([i]) for i in range(len(ground.names))]),
        correlation=tuple(tuple(line) for line in errors.tolist()),
        steps=tuple(steps),
        parts=tuple(_part(one, losses) for one in parts),
        how=how,
        proxies=tuple(sorted(proxies, key=lambda one: -one.quality)),
        rows=len(subsets.losses([])),
        check=checked,
        notes=_notes(ground, subsets, proxies),
    )


def _greedy(
    ground: Ground, subsets: Subsets, errors: np.ndarray, cards: Cards | None
) -> tuple[list[Added], tuple[int, ...]]:
    """Steps, the first one not taken included, and who was taken."""
    chosen: list[int] = []
    steps: list[Added] = []
    teachers = ground.trial.teachers
    left = list(range(len(subsets.names)))
    while left:
        before = subsets.losses(chosen)
        gains = {i: gain(before, subsets.losses([*chosen, i])) for i in left}
        best = max(left, key=lambda i: gains[i][0])
        tied = [i for i in left if _ties(subsets, chosen, i, best)]
        apart = {i: diversity(i, chosen, teachers, errors, cards) for i in tied}
        pick = max(tied, key=lambda i: (round(apart[i], 3), gains[i][0])) if chosen else best
        taken = not chosen or gains[pick][0] > gains[pick][1]
        if not taken and pick != best:
            pick = best
            taken = gains[pick][0] > gains[pick][1]
        why = ""
        if pick != best:
            why = f"ties with {subsets.names[best]}, which is more like those chosen"
        steps.append(Added(subsets.names[pick], subsets.loss([*chosen, pick]), *gains[pick], taken, why))
        if not taken:
            break
        chosen.append(pick)
        left.remove(pick)
    return steps, tuple(chosen)


def _ties(subsets: Subsets, chosen: list[int], one: int, best: int) -> bool:
    """Whether adding this teacher is as good as adding the best one, within one standard error."""
    if one == best:
        return True
    behind, error = gain(subsets.losses([*chosen, one]), subsets.losses([*chosen, best]))
    return bool(behind <= error)


def _parts(subsets: Subsets, journal: Journal) -> tuple[list[Part], str]:
    def value(members: frozenset[int]) -> float:
        unit = f"loss of {','.join(subsets.names[i] for i in sorted(members)) or 'nobody'}"
        return -float(journal.once(unit, lambda: subsets.loss(members)))

    count = len(subsets.names)
    found, everyone = shapley(value, count), set(range(count))
    whole, parts = subsets.losses(everyone), list[Part]()
    for i, name in enumerate(subsets.names):
        rise, error = gain(subsets.losses(everyone - {i}), whole)
        parts.append(Part(name, found.values[i], found.errors[i], rise, error))
    return parts, found.how


def _groups(names: tuple[str, ...], order: list[str], helpful: list[str]) -> dict[str, tuple[str, ...]]:
    """Candidate subsets by name: every teacher alone, those selected after each step, those that help, all of them."""
    prefixes = (tuple(order[:size]) for size in range(2, len(order) + 1))
    members = chain(((name,) for name in names), prefixes, (tuple(helpful),), (names,))
    unique = dict.fromkeys(tuple(name for name in names if name in group) for group in members if group)
    return {f"{group[0]} alone" if len(group) == 1 else " + ".join(group): group for group in unique}


def _judged(
    ground: Ground,
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    folds: int,
    share: float,
    journal: Journal,
) -> dict[str, Judged]:
    shorter = replace(ground.training, epochs=max(1, round(share * ground.training.epochs)))
    parts: list[dict[str, Judged]] = []
    for number, row in enumerate(deal(ground, folds)):
        ground.tell("student proxies", number, folds)
        unit = f"students, fold {number}"
        found = journal.once(unit, lambda row=row: to_json(judge_fold(ground, candidates, row, seeds, shorter)))
        parts.append(from_json(found))
    return {name: joined([part[name] for part in parts]) for name in parts[0]}


def _proxies(judged: Mapping[str, Judged]) -> list[Proxy]:
    plain = judged.get(LABELS)
    found: list[Proxy] = []
    for name, one in judged.items():
        rise = None if plain is None or name == LABELS else difference(one, plain)
        found.append(Proxy(name, float(one.right.mean()), float(one.loss.mean()), rise))
    return found


def difference(one: Judged, other: Judged) -> tuple[float, float, float]:
    """Mean gain in quality of one over the other, with its 95 % interval over rows (seeds averaged)."""
    paired = (one.right - other.right).mean(0)
    return float(paired.mean()), *bootstrap(paired)


def _advice(
    ground: Ground,
    groups: Mapping[str, tuple[str, ...]],
    judged: Mapping[str, Judged],
    proxies: Sequence[Proxy],
) -> tuple[Advice, tuple[str, ...], str]:
    """The best students decide; fewer teachers are preferred where more bring nothing beyond chance."""
    quality = {one.name: (one.quality, -one.loss) for one in proxies}
    singles = [name for name, members in groups.items() if len(members) == 1]
    best = max(groups, key=lambda name: quality[name])
    single = max(singles, key=lambda name: quality[name])
    rows = len(judged[best].row)
    plain = next((one for one in proxies if one.name == LABELS), None)
    against = ""
    if plain is not None:
        against = " Against labels alone: {:+.3f} [{:+.3f}, {:+.3f}].".format(
            *difference(judged[single], judged[LABELS])
        )
        better, low, _ = difference(judged[best], judged[LABELS])
        lost, lower = _loss_gain(judged[best], judged[LABELS])
        if low <= 0 and lower <= 0:
            words = (
                f"Do not distil: on {rows} held-out rows the best students ({best}) are not better than students "
                f"that learn from labels alone, beyond chance ({better:+.3f} in quality, {lost:+.3f} in loss)."
            )
            return "do not distil", (), words
    if best == single:
        words = f"One teacher suffices: no group of teachers made better students than {groups[single][0]!r} alone."
        return "one teacher suffices", groups[single], words + against
    more, low, _ = difference(judged[best], judged[single])
    lost, lower = _loss_gain(judged[best], judged[single])
    if low <= 0 and lower <= 0:
        words = (
            f"One teacher suffices: students of {best} are not better than those of {groups[single][0]!r} alone, "
            f"beyond chance ({more:+.3f} in quality, {lost:+.3f} in loss on {rows} held-out rows)."
        )
        return "one teacher suffices", groups[single], words + against
    names = groups[_smallest(groups, judged, best)]
    words = (
        f"Use {', '.join(names)}: the best students of several teachers beat those of {groups[single][0]!r} alone by "
        f"{more:+.3f} in quality and {lost:+.3f} in loss on {rows} held-out rows."
    )
    left = len(ground.names) - len(names)
    return "use these", names, words if not left else f"{words} {left} of {len(ground.names)} can be left out."


def _smallest(groups: Mapping[str, tuple[str, ...]], judged: Mapping[str, Judged], best: str) -> str:
    """The smallest group of several teachers whose students are as good as the best ones, within one standard error."""
    found = best
    for name, members in groups.items():
        behind, error = gain(-judged[name].right.mean(0), -judged[best].right.mean(0))
        worse, wide = gain(judged[name].loss.mean(0), judged[best].loss.mean(0))
        alike = behind <= error and worse <= wide
        if alike and 1 < len(members) < len(groups[found]):
            found = name
    return found


def _loss_gain(one: Judged, other: Judged) -> tuple[float, float]:
    """Mean gain in loss and the lower bound of its 95 % interval over rows."""
    paired = (other.loss - one.loss).mean(0)
    return float(paired.mean()), bootstrap(paired)[0]


def _checked(
    ground: Ground,
    candidates: Sequence[Candidate],
    groups: Mapping[str, tuple[str, ...]],
    chosen: tuple[str, ...],
    seeds: Sequence[int],
    journal: Journal,
) -> Check:
    """The advice, labels alone and all teachers on the sealed rows."""
    from ..report.codec import decode, encode

    advised = next((name for name, members in groups.items() if members == chosen), LABELS)
    everyone = list(groups)[-1]
    asked = [one for one in candidates if one.name in (LABELS, advised, everyone)]
    has_labels = len(ground.rows.labelled_train) > 0
    reference = LABELS if has_labels and advised != LABELS else everyone
    ground.tell("checking the advice", 0, 1)

    def work() -> Any:
        why = "select: checking its advice"
        return encode(check_advice(ground, asked, advised if has_labels or chosen else everyone, reference, seeds, why))

    return decode(Check, journal.once("check", work), "check")


def _with_check(verdict: str, check: Check | None) -> str:
    if check is None or check.advised == check.reference:
        return verdict
    rise, half = check.gain()
    beyond = f" ±{half:.3f}" if np.isfinite(half) else ""
    return (
        f"{verdict} On {check.rows} sealed test rows: {rise:+.3f}{beyond} in {check.metric} against {check.reference}."
    )


def _part(one: Part, losses: Mapping[str, float]) -> Part:
    alone = losses.get(f"{one.teacher} alone")
    return Part(one.teacher, one.shapley, one.error, one.left_out, one.left_error, alone)


def _notes(ground: Ground, subsets: Subsets, proxies: Sequence[Proxy]) -> tuple[str, ...]:
    notes: list[str] = []
    rows = len(subsets.losses([]))
    if rows < MIN_ROWS:
        notes.append(f"{rows} held-out rows tell little apart; {MIN_ROWS} or more would say more")
    notes += [f"teacher {name!r} is flagged: {why}" for name, why in ground.trial.flags.items()]
    quality = {one.name: (one.quality, -one.loss) for one in proxies}
    alone = [name for name in ground.names if f"{name} alone" in quality]
    if len(alone) > 1:
        strong = min(alone, key=lambda name: subsets.loss([ground.names.index(name)]))
        best = max(alone, key=lambda name: quality[f"{name} alone"])
        if strong != best:
            notes.append(f"the strongest teacher is {strong!r}, but alone {best!r} makes the best students")
    return tuple(notes)
