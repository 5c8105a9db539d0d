"""analyse: four questions on the user's own data, each answered on rows that nothing here has learnt from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core import Fusion, InputError, Teacher
from ..data import Rows
from ..fusion import Mean, Placed
from ..report import bootstrap
from ..report.codec import decode, encode
from ..teaching import calibration as calibrating
from ..teaching.calibration import calibrated_on
from ..train.baselines import linear
from ..train.choose import candidates
from ..train.evaluate import teacher_answers
from ..train.fitted import fit_teacher
from ..train.homemade import teacher_makers
from ..train.settings import Training, one_thread
from .analysis import Analysis, Gain, Line, Question
from .checked import Check, check_advice
from .ground import Ground
from .journal import Journal
from .proxy import (
    LABELS,
    Candidate,
    Judged,
    deal,
    from_json,
    joined,
    judge_fold,
    judged_on,
    measured,
    target_of,
    to_json,
    train_candidates,
    without,
)
from .subsets import subsets_of
from .versions import Version, versions

DISTILLED = "distilled student"


def analyse(
    ground: Ground, *, seeds: Sequence[int] = (0, 1), folds: int = 3, share: float = 0.5, check: bool = True
) -> Analysis:
    """Answers four questions: against other models, about the data, about the teachers, about the fusion.

    Args:
        ground: rows and teachers, see `ground_of`.
        seeds: of the students, paired.
        folds: in which few held-out rows are judged.
        share: of the planned epochs that the students take; the students of the check take all.
        check: whether the advised fusion is checked on the sealed test rows in the end.

    Returns:
        the answers; with a run folder, finished units are kept in `analyse.jsonl`.
    """
    path = None if ground.folder is None else ground.folder / "analyse.jsonl"
    said = (repr(ground.trial.fusion), str(list(seeds)), str(folds), str(share))
    journal = Journal(path, ground.fingerprint("analyse", *said))
    shorter = replace(ground.training, epochs=max(1, round(share * ground.training.epochs)))
    parts = deal(ground, folds)
    models = _by_fold(parts, "models", journal, lambda row: _models(ground, row, seeds, shorter))
    fusions = _by_fold(parts, "fusions", journal, lambda row: _fusions(ground, row, seeds, shorter))
    data = _data(ground, parts[0], seeds, shorter, journal)
    fusion = about_fusion(fusions)
    checked = _checked(ground, fusion, seeds, journal) if check else None
    questions = (about_models(models), about_data(data), about_teachers(ground), fusion)
    return Analysis(questions, checked)


def about_models(judged: Mapping[str, Judged]) -> Question:
    """Against models that one could have instead."""
    lines = _lines(judged, DISTILLED)
    best = lines[0].name
    own = next(one for one in lines if one.name == DISTILLED)
    beaten = [one.name for one in lines if one.gain is not None and one.gain[2] < 0]
    better = [one.name for one in lines if one.gain is not None and one.gain[1] > 0]
    first = "the best here" if best == DISTILLED else f"best is {best}"
    words = f"The distilled student reaches {own.quality:.3f}, {first}."
    words += f" Beyond chance it beats {', '.join(beaten)}." if beaten else " Beyond chance it beats nobody."
    words += f" Beyond chance it is beaten by {', '.join(better)}." if better else ""
    note = "Trees and linear models learn from the student's own labelled rows."
    rows = len(judged[DISTILLED].row)
    return Question("models", "Against other models", words, DISTILLED, lines, rows, note)


def about_data(found: Sequence[tuple[Version, Mapping[str, Judged]]]) -> Question:
    """What the distribution of the training rows changes, for the distilled student and for labels alone."""
    lines: list[Line] = []
    words: list[str] = []
    for factor in dict.fromkeys(version.factor for version, _ in found):
        levels = [(version, judged) for version, judged in found if version.factor == factor]
        gains: dict[str, Gain] = {}
        for version, judged in levels:
            rise = None if LABELS not in judged else _gain(judged[DISTILLED], judged[LABELS])
            own = judged[DISTILLED]
            name = f"{factor}: {version.name}"
            lines.append(Line(name, float(own.right.mean()), float(own.loss.mean()), rise, version.detail))
            if rise is not None:
                gains[version.name] = rise
        if gains:
            most = max(gains, key=lambda name: gains[name][0])
            least = min(gains, key=lambda name: gains[name][0])
            sure = "" if gains[most][1] > 0 else ", which may be chance"
            words.append(
                f"{factor}: teachers bring most with {most} ({gains[most][0]:+.3f}{sure}), least with {least} "
                f"({gains[least][0]:+.3f})"
            )
    verdict = "; ".join(words) + "." if words else "There are no labels to compare with."
    rows = max(len(judged[DISTILLED].row) for _, judged in found)
    return Question("data", "What the data change", verdict, LABELS, tuple(lines), rows, "One fold of the rows.")


def about_teachers(ground: Ground) -> Question:
    """Each teacher alone, and what leaving it out costs the fused loss."""
    with one_thread():
        subsets = subsets_of(ground.said(), ground.heldout, _free(ground.trial.fusion))
        names, everyone = subsets.names, set(range(len(subsets.names)))
        whole, lines = subsets.losses(everyone), list[Line]()
        for i, name in enumerate(names):
            rest = subsets.losses(everyone - {i})
            gain = (float((rest - whole).mean()), *bootstrap(rest - whole))
            lines.append(Line(name, float("nan"), subsets.loss([i]), gain, _where(ground, i)))
    lines.sort(key=lambda one: -(one.gain or (0.0,))[0])
    needed = [one.name for one in lines if one.gain is not None and one.gain[1] > 0]
    harmful = [one.name for one in lines if one.gain is not None and one.gain[2] < 0]
    words = f"Leaving out {', '.join(needed)} costs the ensemble beyond chance." if needed else "None is missed."
    words += f" Without {', '.join(harmful)} the ensemble is better." if harmful else ""
    note = "Loss: of the teacher alone. Against the rest: by how much the fused loss rises without it."
    return Question("teachers", "Which teachers", words, "the rest", tuple(lines), len(whole), note)


def about_fusion(judged: Mapping[str, Judged]) -> Question:
    """Students of every fusion, against the plain mean."""
    plain = Mean().name
    lines = _lines(judged, plain)
    better = [one for one in lines if one.gain is not None and one.gain[1] > 0]
    words = "No fusion makes better students than the plain mean beyond chance."
    if better:
        words = f"{better[0].name} makes better students than the plain mean ({better[0].gain[0]:+.3f} in quality)."  # type: ignore[index]
    worse = [one.name for one in lines if one.gain is not None and one.gain[2] < 0]
    words += f" Worse beyond chance: {', '.join(worse)}." if worse else ""
    return Question("fusion", "Which fusion", words, plain, lines, len(judged[plain].row))


def _models(ground: Ground, row: np.ndarray, seeds: Sequence[int], training: Training) -> dict[str, Judged]:
    own = Candidate(DISTILLED, ground.names, ground.trial.fusion)
    found = judge_fold(ground, [Candidate(LABELS), own], row, seeds, training)
    rows, learning = without(ground.rows, row), np.setdiff1d(ground.trial.heldout, row)
    truth, known = ground.rows.batch(row, inputs=False, truth=True), ground.rows.batch(learning, inputs=False)
    signals, before = (ground.signals.gather(b.row, b.view) for b in (truth, known))
    with one_thread():
        shown = calibrating.apply(calibrated_on(before.answers, known), signals)
        for name, answer in zip(shown.names, shown.answers, strict=True):
            found[f"teacher {name}"] = _one(row, *measured(answer, truth))
        for name, model in _others(rows, ground).items():
            found[name] = _one(row, *measured(teacher_answers(model, ground.rows, row), truth))
    return found


def _others(rows: Rows, ground: Ground) -> dict[str, Teacher]:
    """Models that one could train on the student's labelled rows instead."""
    if len(rows.labelled_train) < 10:
        return {}
    found = {name: make(rows, 0) for name, make in linear(rows).items()}
    for make in teacher_makers(rows):
        kind = type(make()).__name__
        if kind in ("MLP", "ConvNet"):
            continue
        settings: dict[str, Any] = {"name": f"{kind}: labels only", "seed": 0, "training": Training()}
        model = fit_teacher(make, rows, rows.labelled_train, ground.task, **settings)
        found[model.name] = model
    return found


def _fusions(ground: Ground, row: np.ndarray, seeds: Sequence[int], training: Training) -> dict[str, Judged]:
    learning = np.setdiff1d(ground.trial.heldout, row)
    asked: dict[str, Candidate] = {}
    for fusion in (Mean(), *candidates(ground.task), ground.trial.fusion):
        one = Candidate(fusion.name, ground.names, fusion)
        if fusion.name not in asked and _works(ground, one, row, learning):
            asked[fusion.name] = one
    return judge_fold(ground, list(asked.values()), row, seeds, training)


def _works(ground: Ground, one: Candidate, row: np.ndarray, learning: np.ndarray) -> bool:
    try:
        target_of(ground, one, without(ground.rows, row), learning)
    except InputError:
        return False
    return True


def _data(
    ground: Ground, judged: np.ndarray, seeds: Sequence[int], training: Training, journal: Journal
) -> list[tuple[Version, dict[str, Judged]]]:
    learning = np.setdiff1d(ground.trial.heldout, judged)
    found: list[tuple[Version, dict[str, Judged]]] = []
    own = Candidate(DISTILLED, ground.names, ground.trial.fusion)
    for version in versions(ground, without(ground.rows, judged), judged):

        def work(version: Version = version) -> Any:
            students = train_candidates(ground, version.rows, learning, [Candidate(LABELS), own], seeds, training)
            return to_json({name: judged_on(made, ground, version.judged) for name, made in students.items()})

        ground.tell(f"{version.factor}: {version.name}", 0, 1)
        found.append((version, from_json(journal.once(f"data, {version.key}", work))))
    return found


def _checked(ground: Ground, fusion: Question, seeds: Sequence[int], journal: Journal) -> Check:
    """The fusion that is advised, the plain mean, and labels alone on the sealed rows."""
    better = [one.name for one in fusion.lines if one.gain is not None and one.gain[1] > 0]
    known: dict[str, Fusion] = {f.name: f for f in (Mean(), *candidates(ground.task), ground.trial.fusion)}
    advised = better[0] if better else fusion.against
    names = dict.fromkeys((advised, fusion.against))
    asked = [Candidate(name, ground.names, known[name]) for name in names]
    reference = fusion.against if advised != fusion.against or not len(ground.rows.labelled_train) else LABELS
    ground.tell("checking the advice", 0, 1)

    def work() -> Any:
        why = "analyse: checking the advised fusion"
        return encode(check_advice(ground, [Candidate(LABELS), *asked], advised, reference, seeds, why))

    return decode(Check, journal.once("check", work), "check")


def _by_fold(
    parts: Sequence[np.ndarray], what: str, journal: Journal, work: Callable[[np.ndarray], dict[str, Judged]]
) -> dict[str, Judged]:
    found = [
        from_json(journal.once(f"{what}, fold {number}", lambda row=row: to_json(work(row))))
        for number, row in enumerate(parts)
    ]
    return {name: joined([part[name] for part in found]) for name in found[0] if all(name in part for part in found)}


def _lines(judged: Mapping[str, Judged], against: str) -> tuple[Line, ...]:
    """Best first."""
    lines = [
        Line(
            name,
            float(one.right.mean()),
            float(one.loss.mean()),
            None if name == against else _gain(one, judged[against]),
        )
        for name, one in judged.items()
    ]
    return tuple(sorted(lines, key=lambda one: (-one.quality, one.loss)))


def _gain(one: Judged, other: Judged) -> Gain:
    paired = one.right.mean(0) - other.right.mean(0)
    return float(paired.mean()), *bootstrap(paired)


def _one(row: np.ndarray, loss: np.ndarray, right: np.ndarray) -> Judged:
    return Judged(row, loss[None], right[None])


def _free(fusion: Fusion) -> Fusion:
    """The fusion where it can be asked about any subset of the teachers, else the plain mean."""
    bound = getattr(fusion, "fitted", False) or isinstance(fusion, Placed) or fusion.needs - {"labels", "source"}
    return Mean() if bound else fusion


def _where(ground: Ground, teacher: int) -> str:
    """How often it answers, in words."""
    valid = ground.said().answers[teacher].valid
    share = float(valid.reshape(len(valid), -1).any(1).float().mean())
    return f"answers {share:.0%}"
