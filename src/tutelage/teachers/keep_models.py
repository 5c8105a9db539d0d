"""Saving and loading the teachers that are models: torch modules and programs, estimators, ONNX files."""

from __future__ import annotations

import copy
import importlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core import InputError, StoreError, Teacher, require
from .batching import evaluating, numbers_of, stacked_inputs
from .boosted import BoostedTeacher
from .estimator import EstimatorTeacher
from .exported import ExportedTeacher
from .keeping import Keeping, Opening, Way, common, seen_in, space_from_json
from .keras import KerasTeacher
from .module import ModuleTeacher
from .naming import rows_in
from .onnx import OnnxTeacher
from .output import WORDS, Reading
from .saved import LightgbmFile, load_estimator
from .transformer import TransformerTeacher, files_of


def _save_module(teacher: ModuleTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    who = f"teacher {teacher.name!r}"
    _no_transform(teacher, "a module whose first layers do what the transform does")
    if not teacher.deterministic:
        raise InputError(f"{who} answers by chance, which an exported program would not say: it cannot be saved")
    device, dtype = teacher.numerics
    module = teacher.module if device.type == "cpu" else copy.deepcopy(teacher.module).cpu()
    three = np.arange(3) % _examples(teacher, keeping)
    given = {name: np.asarray(keeping.columns[name])[three] for name in teacher.reads}
    inputs: Any = stacked_inputs(teacher.reads, dtype, who)(given)
    rows = torch.export.Dim("rows", min=1, max=1 << 20)
    try:
        with evaluating(module), torch.no_grad():
            program = torch.export.export(
                _Plain(module, teacher._reading).eval(),
                inputs,
                dynamic_shapes=(tuple({0: rows} for _ in inputs),),
                strict=False,
            )
        torch.export.save(program, folder / "program.pt2")
    except Exception as error:
        raise InputError(
            f"{who} ({type(teacher.module).__name__}) cannot be written by torch.export: {_first(error)}. Give another "
            "form of it: a .pt2 or .onnx file of your own, or its stored predictions"
        ) from error
    description = common(teacher, folder) | _reading(teacher) | {"batch_size": teacher.batch_size}
    _same_answers(teacher, _load_exported(description, folder, Opening({})), keeping)
    return description


class _Plain(nn.Module):
    """A teacher's module with plain outputs: a tensor, or a dict of mean and scale."""

    def __init__(self, module: nn.Module, reading: Reading) -> None:
        super().__init__()
        self.module = module
        self.reading = reading

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        mean, scale = numbers_of(self.module(*inputs), self.reading)
        return mean if scale is None else {"mean": mean, "scale": scale}


def _save_exported(teacher: ExportedTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    _no_transform(teacher, "a program that holds it")
    shutil.copyfile(teacher.path, folder / "program.pt2")
    return common(teacher, folder) | _reading(teacher) | {"batch_size": teacher.batch_size}


def _load_exported(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    found = ExportedTeacher(
        folder / "program.pt2",
        reads=description["reads"],
        name=description["name"],
        space=space_from_json(description["space"]),
        output=description["declared"],
        batch_size=description["batch_size"],
        allow_pickle=opening.allow_pickle,
        seen=seen_in(description, folder),
    )
    return _restored(found, description)


def _save_estimator(teacher: EstimatorTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    file = "estimator.txt" if isinstance(teacher.estimator, LightgbmFile) else "estimator.skops"
    description = common(teacher, folder) | {
        "file": file,
        "with_std": teacher.with_std,
        "frozen": teacher.frozen,
        "deterministic": teacher.deterministic,
    }
    path = folder / file
    if isinstance(teacher.estimator, LightgbmFile):
        teacher.estimator.booster.save_model(str(path))
        return description
    skops = require("skops.io", extra="sklearn", why=f"save teacher {teacher.name!r}")
    try:
        skops.dump(teacher.estimator, path)
        again = skops.load(path, trusted=skops.get_untrusted_types(file=path))  # written a line above
    except Exception as error:
        raise InputError(
            f"teacher {teacher.name!r} ({type(teacher.estimator).__name__}) cannot be written by skops: "
            f"{_first(error)}. Put functions at the top level of an importable module, or give its stored predictions"
        ) from error
    if teacher.deterministic:
        _same_answers(teacher, _estimator(again, description, folder), keeping)
    return description


def _load_estimator(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    if description["file"] not in ("estimator.skops", "estimator.txt"):
        raise StoreError(f"{folder}: {description['file']!r} is not a file that an estimator is saved in")
    found = load_estimator(folder / description["file"], trusted=opening.trusted)
    return _estimator(found, description, folder)


def _estimator(found: Any, description: Mapping[str, Any], folder: Path) -> EstimatorTeacher:
    return EstimatorTeacher(
        found,
        reads=description["reads"],
        name=description["name"],
        names=description["space"]["names"] or None,
        with_std=description["with_std"],
        seen=seen_in(description, folder),
        frozen=description["frozen"],
        deterministic=description["deterministic"],
    )


def _save_onnx(teacher: OnnxTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    _no_transform(teacher, "a model that holds it")
    shutil.copyfile(teacher.path, folder / "model.onnx")
    onnx: Any = importlib.import_module("onnx")
    for tensor in onnx.load(str(teacher.path), load_external_data=False).graph.initializer:
        for place in {entry.value for entry in tensor.external_data if entry.key == "location"}:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(teacher.path.parent / place, folder / place)
    return (
        common(teacher, folder)
        | _reading(teacher)
        | {
            "output_name": teacher._output.name,
            "providers": list(teacher.providers),
            "batch_size": teacher.batch_size,
        }
    )


def _load_onnx(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    found = OnnxTeacher(
        folder / "model.onnx",
        reads=description["reads"],
        name=description["name"],
        space=space_from_json(description["space"]),
        output=description["declared"],
        output_name=description["output_name"],
        providers=description["providers"],
        batch_size=description["batch_size"],
        seen=seen_in(description, folder),
    )
    return _restored(found, description)


def _save_boosted(teacher: BoostedTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    file = f"trees{teacher.path.suffix.lower()}"
    shutil.copyfile(teacher.path, folder / file)
    return common(teacher, folder) | {"file": file}


def _load_boosted(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    return BoostedTeacher(
        folder / Path(description["file"]).name,
        reads=description["reads"],
        name=description["name"],
        classes=description["space"]["names"] or None,
        seen=seen_in(description, folder),
    )


def _save_transformer(teacher: TransformerTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    (folder / "model").mkdir(exist_ok=True)
    for file in files_of(teacher.folder):
        shutil.copyfile(file, folder / "model" / file.name)
    options = {"features": teacher.features, "max_length": teacher.max_length, "batch_size": teacher.batch_size}
    return common(teacher, folder) | options


def _load_transformer(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    return TransformerTeacher(
        folder / "model",
        reads=description["reads"],
        name=description["name"],
        classes=None if description["features"] else description["space"]["names"] or None,
        features=description["features"],
        max_length=description["max_length"],
        batch_size=description["batch_size"],
        seen=seen_in(description, folder),
    )


def _save_keras(teacher: KerasTeacher, folder: Path, keeping: Keeping) -> dict[str, Any]:
    shutil.copyfile(teacher.path, folder / "model.keras")
    options = {"backend": teacher.backend, "own_process": teacher.own_process, "batch_size": teacher.batch_size}
    return common(teacher, folder) | _reading(teacher) | options


def _load_keras(description: Mapping[str, Any], folder: Path, opening: Opening) -> Teacher:
    found = KerasTeacher(
        folder / "model.keras",
        reads=description["reads"],
        name=description["name"],
        space=space_from_json(description["space"]),
        output=description["declared"],
        backend=description["backend"],
        own_process=description["own_process"],
        batch_size=description["batch_size"],
        seen=seen_in(description, folder),
    )
    return _restored(found, description)


MODELS: dict[type, Way] = {
    BoostedTeacher: Way(_save_boosted, _load_boosted),
    EstimatorTeacher: Way(_save_estimator, _load_estimator),
    ExportedTeacher: Way(_save_exported, _load_exported),
    KerasTeacher: Way(_save_keras, _load_keras),
    ModuleTeacher: Way(_save_module, _load_exported),
    OnnxTeacher: Way(_save_onnx, _load_onnx),
    TransformerTeacher: Way(_save_transformer, _load_transformer),
}
"""How each kind of model is saved and loaded."""


def _no_transform(teacher: Any, instead: str) -> None:
    if teacher.transform is not None:
        raise InputError(
            f"teacher {teacher.name!r} has a transform=, a Python function that no file holds: give it columns that "
            f"are transformed already, {instead}, or its stored predictions"
        )


def _reading(teacher: Any) -> dict[str, Any]:
    """What was declared and found out about the numbers of a teacher."""
    reading: Reading = teacher._reading
    return {"declared": reading.declared, "found": reading.found, "reason": reading.reason}


def _restored(teacher: Any, description: Mapping[str, Any]) -> Any:
    if description["found"] not in (None, *WORDS):
        raise StoreError(f"teacher {teacher.name!r}: output {description['found']!r} is none of {list(WORDS)}")
    teacher._reading.found, teacher._reading.reason = description["found"], description["reason"]
    return teacher


def _examples(teacher: Teacher, keeping: Keeping) -> int:
    count = rows_in(keeping.columns, teacher.reads, f"saving teacher {teacher.name!r}")
    if not count:
        raise InputError(f"saving teacher {teacher.name!r} needs columns of at least one row")
    return count


def _same_answers(teacher: Teacher, again: Teacher, keeping: Keeping) -> None:
    """Raises InputError unless a teacher answers the example rows as before."""
    rows = slice(0, _examples(teacher, keeping))
    columns = {name: keeping.columns[name][rows] for name in teacher.reads}
    before, after = teacher.answer(columns).to_arrays(), again.answer(columns).to_arrays()
    for name, old in before.items():
        if not torch.allclose(old.double(), after[name].double(), rtol=1e-4, atol=1e-5):
            change = float((old.double() - after[name].double()).abs().max())
            raise InputError(
                f"teacher {teacher.name!r} does not answer the same after saving ({name} change by {change:.3g}): give "
                "its stored predictions"
            )


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"
