"""Saving a teacher into a folder, and loading it again: one pair of functions per kind of teacher.

A loaded teacher gives the same answers under the same name, and has the same fingerprint; a `ModuleTeacher`
comes back as an `ExportedTeacher`, whose fingerprint is the file's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core import Columns, KnowsRows, Teacher
from ..core.spaces import KINDS
from .align import Aligned, AlignedByRow
from .binding import Binding
from .bound import Bound, BoundByRow, bound, example_rows
from .endpoint import EndpointTeacher
from .keep_endpoint import load_endpoint, save_endpoint
from .keep_models import MODELS
from .keep_rankers import RANKERS
from .keeping import Keeping, Opening, Way, common, seen_in, space_from_json, space_to_json
from .kept_code import keep_code, open_code
from .predictions import Predictions
from .rule import RuleTeacher
from .stored import StoredRowsTeacher, StoredTeacher

EXAMPLES = 16
"""Rows on which a teacher that changes its form is asked before and after."""


def save_teacher(
    teacher: Teacher, folder: str | Path, columns: Columns, *, extra: Mapping[type, Way] | None = None
) -> dict[str, Any]:
    """Writes a teacher into a folder.

    Modules become torch.export programs for any number of rows, estimators skops files; files are copied,
    stored predictions written as they were understood; rules from files are copied with their file, rules
    from importable modules referenced; recommenders are their code and the arrays that they hold; of
    endpoints it is written how they are asked.

    Args:
        teacher: of a kind in `WAYS` or `extra`.
        folder: made if it is not there.
        columns: raw columns of a few rows, which modules are exported with, and modules and estimators are
            asked about before and after.
        extra: how further kinds of teacher are saved.

    Returns:
        JSON values that `load_saved` takes; file names are relative to the folder.

    Raises:
        InputError: it cannot be saved, or does not answer the same afterwards; says why and what to do.
        MissingExtraError: the library that writes it is not installed.
    """
    count = min((len(column) for column in columns.values()), default=0)
    shown = example_rows(teacher, columns, np.arange(count), EXAMPLES)
    given = {name: np.asarray(column)[shown] for name, column in columns.items()}
    return Keeping(given, WAYS | dict(extra or {})).save(teacher, Path(folder))


def load_saved(
    description: Mapping[str, Any],
    folder: str | Path,
    *,
    allow_pickle: bool = False,
    trusted: Sequence[str] = (),
    code: Sequence[str | Path] = (),
    extra: Mapping[type, Way] | None = None,
) -> Teacher:
    """The teacher that `save_teacher` wrote.

    Args:
        description: what `save_teacher` returned.
        folder: where its files lie now.
        allow_pickle: run the code that the folder brings or names: rules, programs with pickled objects.
        trusted: types that .skops files may hold; see `load_estimator`.
        code: Python files (under the name they had) and modules whose rules may be run in any case.
        extra: as for `save_teacher`.

    Raises:
        StoreError: a file is missing or damaged, code has changed, or the description is not understood.
        InputError: code would be run, or types be made, that nobody allowed.
    """
    ways = WAYS | dict(extra or {})
    return Opening(ways, allow_pickle, tuple(trusted), tuple(code)).open(description, Path(folder))


def _save_rule(teacher: RuleTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    origin = keep_code(teacher.function, folder, f"rule {teacher.name!r}")
    options = {"batched": teacher.batched, "output": teacher.output, "deterministic": teacher.deterministic}
    return common(teacher, folder) | {"function": origin} | options


def _load_rule(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    return RuleTeacher(
        open_code(description["function"], folder, opening, f"rule {description['name']!r}"),
        reads=description["reads"],
        space=space_from_json(description["space"]),
        name=description["name"],
        batched=description["batched"],
        output=description["output"],
        seen=seen_in(description, folder),
        deterministic=description["deterministic"],
    )


def _save_stored(teacher: StoredTeacher | StoredRowsTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    found = teacher.predictions
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in found.answer.to_arrays().items()}
    arrays["/keys"] = found.keys
    np.savez(folder / "predictions.npz", **arrays)
    return common(teacher, folder) | {"described": found.described, "meta": found.answer.meta()}


def _load_stored(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    space = space_from_json(description["space"])
    with np.load(folder / "predictions.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    keys = arrays.pop("/keys")
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    answer = KINDS[space.kind].from_arrays(tensors, description["meta"])
    found = Predictions(keys, answer, space, description["described"])
    name, seen = description["name"], seen_in(description, folder)
    if not description["reads"]:
        return StoredRowsTeacher(found, name=name, seen=seen)
    return StoredTeacher(found, key=description["reads"][0], name=name, seen=seen)


def _save_aligned(teacher: Aligned | AlignedByRow, folder: Path, keeping: Keeping) -> dict[str, Any]:
    groups = teacher.groups if isinstance(teacher, Aligned) else teacher.plain.groups
    return {
        "teacher": keeping.member(teacher.teacher, folder, 0),
        "space": space_to_json(teacher.space),
        "groups": None if groups is None else [list(group) for group in groups],
    }


def _load_aligned(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    inner: Any = opening.member(description["teacher"], folder, 0)
    by_row = isinstance(inner, KnowsRows)
    return (AlignedByRow if by_row else Aligned)(inner, space_from_json(description["space"]), description["groups"])


def _save_bound(teacher: Bound | BoundByRow, folder: Path, keeping: Keeping) -> dict[str, Any]:
    binding = teacher.binding
    there = binding.rows(keeping.columns)
    own = replace(keeping, columns={name: column[there] for name, column in keeping.columns.items()})
    told = {"source": binding.source, "present": list(binding.present), "filled": list(binding.filled)}
    return {"teacher": own.member(teacher.teacher, folder, 0), **told}


def _load_bound(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    present, filled = tuple(description["present"]), tuple(description["filled"])
    return bound(opening.member(description["teacher"], folder, 0), Binding(description["source"], present, filled))


WAYS: dict[type, Way] = {
    **MODELS,
    **RANKERS,
    Aligned: Way(_save_aligned, _load_aligned),
    AlignedByRow: Way(_save_aligned, _load_aligned),
    Bound: Way(_save_bound, _load_bound),
    BoundByRow: Way(_save_bound, _load_bound),
    EndpointTeacher: Way(save_endpoint, load_endpoint),
    RuleTeacher: Way(_save_rule, _load_rule),
    StoredRowsTeacher: Way(_save_stored, _load_stored),
    StoredTeacher: Way(_save_stored, _load_stored),
}
"""How each kind of teacher in this folder is saved and loaded."""
