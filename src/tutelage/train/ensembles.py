"""The ensemble of a finished run: how it is kept in the run's folder, and how it comes back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Columns, InputError, StoreError, Teacher, TutelageError
from ..data import Rows
from ..teachers.bound import example_rows
from ..teachers.keeping import Keeping, Opening, Way
from ..teaching import Ensemble, load_ensemble, save_ensemble
from .out_of_fold import OutOfFold
from .run import Run, load

FOLDER = "ensemble"
NOT_KEPT = "the ensemble is not kept: "
EXAMPLES = 16


def _save_folds(teacher: OutOfFold, folder: Path, keeping: Keeping) -> dict[str, Any]:
    np.save(folder / "fold.npy", teacher.fold)
    models = [keeping.member(model, folder, place) for place, model in enumerate(teacher.models)]
    return {
        "name": teacher.name,
        "models": models,
        "frozen": teacher.frozen,
        "deterministic": teacher.deterministic,
    }


def _load_folds(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    models = tuple(opening.member(part, folder, place) for place, part in enumerate(description["models"]))
    fold = np.load(folder / "fold.npy", allow_pickle=False)
    return OutOfFold(description["name"], models, fold, description["frozen"], description["deterministic"])


def _save_run(teacher: Run, folder: Path, keeping: Keeping) -> dict[str, Any]:
    place = folder / teacher.name
    place.mkdir(exist_ok=True)
    for file in ("run.json", "student.pt2"):
        shutil.copyfile(teacher.folder / file, place / file)
    return {"name": teacher.name}


def _load_run(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    if Path(description["name"]).name != description["name"]:
        raise StoreError(f"{folder} names the run {description['name']!r}, a folder outside: it is not opened")
    return load(folder / description["name"])


MEMBERS: dict[type, Way] = {OutOfFold: Way(_save_folds, _load_folds), Run: Way(_save_run, _load_run)}
"""How the teachers of this floor are saved and loaded as members of an ensemble."""


def keep_ensemble(ensemble: Ensemble, rows: Rows, folder: Path) -> list[str]:
    """Saves the ensemble of a run below its folder, if that can be done.

    Returns:
        why not: one sentence per member (or fusion) that cannot be saved; empty when it was saved.
    """
    row = example_rows(ensemble, rows.columns, rows.train, EXAMPLES)
    columns = {name: rows.columns[name][row] for name in ensemble.reads}
    try:
        save_ensemble(ensemble, folder / FOLDER, columns, extra=MEMBERS)
    except (TutelageError, OSError) as error:
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        return [NOT_KEPT + line for line in str(error).splitlines()]
    return []


def open_ensemble(
    run: Run,
    *,
    allow_pickle: bool = False,
    trusted: Sequence[str] = (),
    code: Sequence[str | Path] = (),
) -> Ensemble:
    """The ensemble that a run has kept; see `load_ensemble` for the arguments.

    Raises:
        InputError: it was not kept, says why; or it would run code that nobody allowed.
        StoreError: it is damaged.
    """
    if not (run.folder / FOLDER).is_dir():
        reasons = [text for text in run.record.get("remarks", []) if text.startswith(NOT_KEPT)]
        why = "; ".join(text.removeprefix(NOT_KEPT) for text in reasons)
        raise InputError(
            f"the run in {run.folder} has no ensemble: {why or 'its folder is not there'}. Only the student can be used"
        )
    folder = run.folder / FOLDER
    return load_ensemble(folder, allow_pickle=allow_pickle, trusted=trusted, code=code, extra=MEMBERS)


def columns_for(ensemble: Ensemble, run: Run, columns: Columns) -> Columns:
    """The columns that the members read: raw ones, and what the run's preparation makes where one reads that."""
    if all(name in columns for name in ensemble.reads) or run.preparation is None:
        return columns
    return {**columns, **run.preparation.apply(columns)}
