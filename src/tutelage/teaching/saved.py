"""An ensemble in a folder: `ensemble.json`, and its members in `members/0`, `members/1`, ...

A fusion is written as the path of its class and its fields. Only fusions of `tutelage.fusion`, and of Python
files that the user allows to be run, are made again; nothing is imported because a file says so.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from .. import fusion as fusions
from ..core import Columns, Fusion, InputError, StoreError, Teacher, TutelageError
from ..teachers.keep import load_saved, save_teacher
from ..teachers.keeping import Keeping, Opening, Way, space_from_json, space_to_json
from ..teachers.kept_code import keep_code, open_code
from . import calibration as calibrating
from .ensemble import Ensemble

FORMAT = 1
FILE = "ensemble.json"


def save_ensemble(
    ensemble: Ensemble, folder: str | Path, columns: Columns, *, extra: Mapping[type, Way] | None = None
) -> None:
    """Writes an ensemble into a folder, in one piece; an ensemble found there is replaced.

    Args:
        ensemble: its fusion fitted, if it has to be.
        folder: new, empty, or that of an ensemble.
        columns: raw columns of a few rows, as for `save_teacher`.
        extra: how further kinds of teacher are saved.

    Raises:
        InputError: the folder holds something else, or members, fusion or calibrations cannot be saved; one
            line for each.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()) and not (folder / FILE).is_file():
        raise InputError(f"{folder} holds something that is not an ensemble: give another folder")
    fresh = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        description = save_teacher(ensemble, fresh, columns, extra={Ensemble: WAY, **(extra or {})})
        (fresh / FILE).write_text(json.dumps({"format": FORMAT, **description}, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def load_ensemble(
    folder: str | Path,
    *,
    allow_pickle: bool = False,
    trusted: Sequence[str] = (),
    code: Sequence[str | Path] = (),
    extra: Mapping[type, Way] | None = None,
) -> Ensemble:
    """The ensemble that `Ensemble.save` wrote; see `load_saved` for the arguments.

    Raises:
        StoreError: there is none, it is damaged, or its description is not understood.
        InputError: a member or the fusion would run code that nobody allowed.
    """
    path = Path(folder) / FILE
    try:
        description: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read ({error}): there is no whole ensemble in {folder}") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise StoreError(f"{path} is not of format {FORMAT}, which this tutelage reads: save the ensemble again")
    ways = {Ensemble: WAY, **(extra or {})}
    found = load_saved(description, folder, allow_pickle=allow_pickle, trusted=trusted, code=code, extra=ways)
    if not isinstance(found, Ensemble):
        raise StoreError(f"{path} describes a {type(found).__name__}, which is no ensemble: use load_saved")
    return found


def _save(ensemble: Ensemble, folder: Path, keeping: Keeping) -> dict[str, Any]:
    problems: list[str] = []

    def tried(make: Callable[[], Any]) -> Any:
        try:
            return make()
        except TutelageError as error:
            problems.append(" ".join(str(error).split()))

    members = [tried(lambda t=t, i=i: keeping.member(t, folder, i)) for i, t in enumerate(ensemble.teachers)]
    fusion = tried(lambda: fusion_to_json(ensemble.fusion, folder))
    named = zip(ensemble.teachers, ensemble.calibrations, strict=True)
    calibrations = [tried(lambda t=t, c=c: _calibration(c, t)) for t, c in named]
    if problems:
        raise InputError("\n".join(problems))
    return {
        "name": ensemble.name,
        "space": space_to_json(ensemble.space),
        "frozen": ensemble.frozen,
        "deterministic": ensemble.deterministic,
        "calibrations": calibrations,
        "fusion": fusion,
        "members": members,
    }


def _load(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    return Ensemble(
        name=description["name"],
        teachers=tuple(opening.member(part, folder, i) for i, part in enumerate(description["members"])),
        fusion=fusion_from_json(description["fusion"], folder, opening),
        calibrations=tuple(calibrating.from_json(value) for value in description["calibrations"]),
        space=space_from_json(description["space"]),
        frozen=description["frozen"],
        deterministic=description["deterministic"],
    )


WAY = Way(_save, _load)
"""How an ensemble is saved and loaded, also as a member of another one."""


def _calibration(calibration: calibrating.Calibration, teacher: Teacher) -> dict[str, Any]:
    value = calibration.to_json()
    try:
        same = calibrating.from_json(value) == calibration
    except InputError:
        same = False
    if not same:
        raise InputError(
            f"the calibration of teacher {teacher.name!r}, {calibration!r}, cannot be read back from JSON: use one of "
            "tutelage.teaching.calibration"
        )
    return value


def fusion_to_json(fusion: Fusion, folder: Path) -> dict[str, Any]:
    """Class and fields of a fusion; the file of a class of the user's is copied into the folder.

    Fields that do not count in comparisons (the held-out rows that a fusion was fitted on) are left out.

    Raises:
        InputError: it is no dataclass, a field holds what cannot be written, or its class cannot be found again.
    """
    kind, who = type(fusion), f"fusion {fusion.name!r}"
    if not is_dataclass(kind):
        raise InputError(f"{who} is a {kind.__name__}, which is no dataclass: make it a frozen dataclass to save it")
    shipped = _dataclasses(fusions.__name__)
    origin = {} if _path(kind) in shipped else keep_code(kind, folder, who)
    known = shipped | _dataclasses(kind.__module__)
    value = _written(fusion, known, who)
    try:
        _read(value, known)
    except Exception as error:
        raise InputError(f"{who} cannot be made again from its fields: {type(error).__name__}: {error}") from error
    return {**value, **origin}


def fusion_from_json(value: Mapping[str, Any], folder: Path, opening: Opening) -> Fusion:
    """The fusion written by `fusion_to_json`.

    Raises:
        StoreError: its class is not a fusion, or not one that may be made.
        InputError: its class lies in code that nobody allowed to be run.
    """
    known = _dataclasses(fusions.__name__)
    path = value["class"]
    if "from" in value:
        made = open_code({"from": value["from"], "code": value["code"]}, folder, opening, f"the fusion in {folder}")
        path = _path(made)
        known |= {path: made, **_dataclasses(made.__module__)}
    roles = ("name", "needs", "invariants", "gives", "source", "__call__")
    kind = known.get(path)
    if kind is None or not is_dataclass(kind) or not all(hasattr(kind, role) for role in roles):
        raise StoreError(
            f"the fusion in {folder} is to be a {path!r}, which is no fusion of tutelage.fusion (nor of a file of "
            "yours): it is not made"
        )
    return cast("Fusion", _read({"class": path, "fields": value["fields"]}, known))


def _path(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _dataclasses(module: str) -> dict[str, type]:
    """The dataclasses that a loaded module and its parts define, by their paths."""
    parts = [part for name, part in list(sys.modules.items()) if name == module or name.startswith(f"{module}.")]
    found = [kind for part in parts for kind in vars(part).values() if isinstance(kind, type) and is_dataclass(kind)]
    return {_path(kind): kind for kind in found if f"{kind.__module__}.".startswith(f"{module}.")}


def _written(value: Any, known: Mapping[str, type], who: str) -> Any:
    """JSON of a field's value: tuples are arrays; everything JSON does not have is a dict of one or two keys."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [_written(item, known, who) for item in value]
    if isinstance(value, list):
        return {"list": [_written(item, known, who) for item in value]}
    if isinstance(value, set | frozenset):
        return {"set": [_written(item, known, who) for item in sorted(value, key=repr)]}
    if isinstance(value, Mapping):
        return {"map": [[_written(key, known, who), _written(item, known, who)] for key, item in value.items()]}
    if isinstance(value, Tensor):
        raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return {"tensor": [str(value.dtype).removeprefix("torch."), list(value.shape), _text(raw)]}
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return {"array": [value.dtype.str, list(value.shape), _text(value)]}
    if _path(type(value)) in known:
        shown = [part.name for part in fields(cast("Any", value)) if part.init and part.compare]
        return {
            "class": _path(type(value)),
            "fields": {name: _written(getattr(value, name), known, who) for name in shown},
        }
    raise InputError(
        f"{who} holds a {type(value).__name__}, which cannot be written: keep numbers, strings, tuples, dictionaries, "
        "tensors, and dataclasses of its own file in it"
    )


def _read(value: Any, known: Mapping[str, type]) -> Any:
    if isinstance(value, list):
        return tuple(_read(item, known) for item in value)
    if not isinstance(value, dict):
        return value
    if "class" in value:
        if value["class"] not in known:
            raise StoreError(f"a fusion holds a {value['class']!r}, which is no part of a fusion: it is not made")
        return known[value["class"]](**{name: _read(item, known) for name, item in value["fields"].items()})
    ((kind, inner),) = value.items()
    return READERS[kind](inner, known)


def _tensor(value: Any, known: Mapping[str, type]) -> Tensor:
    dtype, raw = getattr(torch, value[0]), bytearray(base64.b64decode(value[2]))
    return torch.frombuffer(raw, dtype=dtype).reshape(value[1]) if raw else torch.empty(value[1], dtype=dtype)


def _array(value: Any, known: Mapping[str, type]) -> np.ndarray:
    return np.frombuffer(bytearray(base64.b64decode(value[2])), dtype=np.dtype(value[0])).reshape(value[1])


READERS: dict[str, Callable[[Any, Mapping[str, type]], Any]] = {
    "list": lambda value, known: list(_read(value, known)),
    "set": lambda value, known: frozenset(_read(value, known)),
    "map": lambda value, known: {_read(key, known): _read(item, known) for key, item in value},
    "tensor": _tensor,
    "array": _array,
}


def _text(raw: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(raw).tobytes()).decode()
