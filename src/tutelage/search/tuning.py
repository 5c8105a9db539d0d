"""search_best: teachers, fusion, objective, temperature, soft share and student size within a time budget."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core import InputError, require
from ..data.views import Views
from ..report.codec import decode, encode
from .augmenting import usual_views
from .best import Best
from .checked import Check, check_trained, enough
from .front import fronted, tried_of, winner_of
from .ground import Ground
from .journal import Journal
from .proposals import BATCH, distributions_of, setting_of, study_of, trials_of
from .proxy import LABELS, Candidate, Judged, deal, joined, judged_on, students_of, target_of, train_candidates, without
from .space import (
    Maker,
    Place,
    Setting,
    parameters_of,
    place_of,
)
from .subsets import gain

MOST_ROWS = 2000
"""Rows that a setting is judged on at most."""


def search_best(
    ground: Ground,
    *,
    seconds: float = 300.0,
    trials: int | None = None,
    seeds: Sequence[int] = (0,),
    folds: int = 3,
    share: float = 1.0,
    sizes: Mapping[str, Maker] | None = None,
    augmentations: Mapping[str, Views] | None = None,
    check: bool = True,
) -> Best:
    """Searches settings by Optuna's tree-structured Parzen estimator (Bergstra et al. 2011; Akiba et al. 2019).

    Teachers answer each row and view once: a trial trains small students from the store, the students of a batch of
    trials as one network where that is possible. Trials are judged on rows that nobody has learnt from, in folds where
    these are few.

    Args:
        ground: rows and teachers, see `ground_of`.
        seconds: of trials; what an interrupted search spent counts.
        trials: how many at most.
        seeds: of the students of a trial.
        folds: in which few held-out rows are judged.
        share: of the planned epochs that the students of trials take.
        sizes: makers of students by name, beside the contest's own; half and double widths of a known net unless given.
        augmentations: views by name, tried beside the rows as they are; what suits the columns unless given, an empty
            mapping for none. Teachers are asked about each once, when it is first tried.
        check: whether winner and default are compared on the sealed test rows in the end.

    Raises:
        MissingExtraError: Optuna (the extra `search`) is not installed.
        InputError: no time and no trials, or every setting was refused.
    """
    if seconds <= 0 and not trials:
        raise InputError(f"a search needs time or trials, got {seconds} seconds and {trials} trials")
    optuna = require("optuna", extra="search", why="search settings")
    labelled = len(ground.rows.labelled_train) > 0
    views = usual_views(ground.rows, ground.trial.teachers) if augmentations is None else augmentations
    place = place_of(ground.contest, ground.task, ground.names, labelled, sizes, views)
    path = None if ground.folder is None else ground.folder / "search.jsonl"
    said = (str(list(seeds)), str(folds), str(share), str(sorted(place.sizes)), repr(place.augmentations))
    journal = Journal(path, ground.fingerprint("search", *said))
    parts = [_sample(row) for row in deal(ground, folds)]
    study = study_of(optuna, place, journal)
    while _left(journal, seconds, trials):
        ground.tell("trials", len(trials_of(journal)), trials or len(trials_of(journal)) + BATCH)
        size = BATCH if trials is None else min(BATCH, trials - len(trials_of(journal)))
        _batch(ground, place, study, optuna, journal, parts, seeds, share, size)
    return _best(ground, place, journal, seeds, sum(map(len, parts)), check)


def _sample(row: np.ndarray) -> np.ndarray:
    """Some of the rows where there are very many, the same at every call."""
    return row if len(row) <= MOST_ROWS else np.sort(np.random.default_rng(0).choice(row, MOST_ROWS, replace=False))


def _left(journal: Journal, seconds: float, trials: int | None) -> bool:
    done = trials_of(journal)
    if not done:
        return True
    if trials is not None and len(done) >= trials:
        return False
    spent = sum(one["seconds"] for one in done)
    return spent + BATCH * spent / len(done) <= seconds if trials is None else spent < seconds


def _batch(
    ground: Ground,
    place: Place,
    study: Any,
    optuna: Any,
    journal: Journal,
    parts: Sequence[np.ndarray],
    seeds: Sequence[int],
    share: float,
    size: int,
) -> None:
    """Asks for some settings, trains their students together, tells what came out, and keeps it."""
    space = distributions_of(optuna, place)
    asked = [study.ask(space) for _ in range(size)]
    settings = [setting_of(place, trial.params) for trial in asked]
    start = time.perf_counter()
    judged, refused = _judged(ground, place, list(dict.fromkeys(settings)), parts, seeds, share)
    spent = (time.perf_counter() - start) / size
    first = len(trials_of(journal))
    for number, (trial, setting) in enumerate(zip(asked, settings, strict=True)):
        kept: dict[str, Any] = {"params": trial.params, "setting": encode(setting), "seconds": spent}
        kept |= {"refused": refused.get(setting, ""), "parameters": parameters_of(place.sizes[setting.size])}
        if setting in judged:
            one = judged[setting]
            kept |= {"quality": float(one.right.mean()), "loss": float(one.loss.mean())}
            kept["right"] = np.round(one.right.mean(0), 5).tolist()
            study.tell(trial, [kept["quality"], float(kept["parameters"])])
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        journal.once(f"trial {first + number}", lambda kept=kept: kept)


def _judged(
    ground: Ground,
    place: Place,
    settings: Sequence[Setting],
    parts: Sequence[np.ndarray],
    seeds: Sequence[int],
    share: float,
) -> tuple[dict[Setting, Judged], dict[Setting, str]]:
    """Judgements of the settings over all folds, and why some were refused."""
    training = replace(ground.training, epochs=max(1, round(share * ground.training.epochs)))
    found: dict[Setting, list[Judged]] = {}
    refused: dict[Setting, str] = {}
    for row in parts:
        learning, left = np.setdiff1d(ground.trial.heldout, row), without(ground.rows, row)
        views: dict[str, Ground] = {}
        groups: dict[tuple[str, str], dict[str, tuple[Setting, Any]]] = {}
        for setting in settings:
            if setting in refused:
                continue
            try:
                own = views.get(setting.augmentation) or ground.over(place.augmented(setting, left))
                views[setting.augmentation] = own
                target = target_of(own, place.candidate(setting), own.rows, learning)
            except InputError as error:
                refused[setting] = f"{setting} is refused: {error}"
                continue
            groups.setdefault((setting.size, setting.augmentation), {})[str(setting)] = (setting, target)
        for (size, augmentation), members in groups.items():
            targets = {name: target for name, (_, target) in members.items()}
            students = students_of(place.sizes[size], targets, seeds, views[augmentation].rows, training, ground)
            for name, made in students.items():
                found.setdefault(members[name][0], []).append(judged_on(made, ground, row))
    return {setting: joined(some) for setting, some in found.items() if len(some) == len(parts)}, refused


def _best(ground: Ground, place: Place, journal: Journal, seeds: Sequence[int], rows: int, check: bool) -> Best:
    done = trials_of(journal)
    known = {decode(Setting, one["setting"], "setting"): one for one in done if not one["refused"]}
    refused = tuple(one["refused"] for one in done if one["refused"])
    if not known:
        raise InputError(f"every setting was refused: {refused[0]}")
    tried = sorted(
        fronted([tried_of(setting, one) for setting, one in known.items()]), key=lambda t: (-t.quality, t.loss)
    )
    rights = {setting: np.array(one["right"]) for setting, one in known.items()}
    start = decode(Setting, done[0]["setting"], "setting") if not done[0]["refused"] else tried[0].setting
    winner = winner_of(tried, rights)
    own = next(one for one in tried if one.setting == winner)
    better, error = gain(rights[winner], rights[start])
    words = f"The winner is {winner}: it reaches {own.quality:.3f} on {rows} held-out rows with {own.parameters:,} "
    words += f"parameters, {better:+.3f} ±{error:.3f} against the default"
    words += ", which may be chance. " if winner != start and better < 2 * error else ". "
    words += f"The best of {len(tried)} settings looks better than it is."
    checked = _check(ground, place, journal, winner, start, seeds) if check else None
    if checked is not None and checked.advised != checked.reference:
        rise, half = checked.gain()
        words += f" On {checked.rows} sealed test rows: {rise:+.3f}" + (f" ±{half:.3f}." if np.isfinite(half) else ".")
    seconds = float(sum(one["seconds"] for one in done))
    return Best(winner, start, tuple(tried), refused, rows, seconds, words, checked)


def _check(
    ground: Ground, place: Place, journal: Journal, winner: Setting, start: Setting, seeds: Sequence[int]
) -> Check:
    """Winner, default and labels alone on the sealed rows, students trained on all training rows."""
    several = enough(seeds)
    ground.tell("checking the winner", 0, 1)

    def work() -> Any:
        trained: dict[str, Sequence[Any]] = {}
        for name, setting in (("the winner", winner), ("the default", start)):
            own = ground.over(place.augmented(setting, ground.rows))
            one, size = place.candidate(setting, name), place.sizes[setting.size]
            trained |= train_candidates(own, own.rows, ground.trial.heldout, [one], several, student=size)
        alone = [Candidate(LABELS)]
        trained |= train_candidates(ground, ground.rows, ground.trial.heldout, alone, several)
        return encode(check_trained(ground, trained, "the winner", "the default", "search: checking the winner"))

    return decode(Check, journal.once(f"check of {winner} against {start}", work), "check")
