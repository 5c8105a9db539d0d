"""A teacher from a file or an address, by what its name says; for the command line and for short scripts."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Classes, Columns, InputError, Space, Teacher
from .align import aligned
from .boosted import BoostedTeacher
from .endpoint import EndpointTeacher
from .estimator import EstimatorTeacher
from .exported import ExportedTeacher
from .keras import KerasTeacher
from .onnx import OnnxTeacher
from .output import Output
from .rule import RuleTeacher
from .saved import load_estimator
from .stored import stored
from .transformer import TransformerTeacher

LOADED = "tutelage_rule_"
"""How the names of modules begin that `load_function` reads from files."""

KINDS = (
    ".skops, .joblib, .pkl (estimators), .txt (LightGBM), .json, .ubj (XGBoost), .cbm (CatBoost), .keras, .onnx, "
    ".pt2 (torch.export), "
    ".parquet, .csv, .npz (stored predictions), file.py:function (a rule), http:// and https:// (endpoints), "
    "a folder with config.json (Hugging Face)"
)

REFUSED = {
    (
        ".pt",
        ".pth",
        ".ckpt",
        ".bin",
        ".safetensors",
    ): "holds weights (or a pickle), not a model that can be asked: "
    "save it with torch.export.save as .pt2, or build the module in Python and wrap it in ModuleTeacher",
}


def load_teacher(
    spec: str | Path,
    *,
    reads: str | Sequence[str],
    name: str | None = None,
    space: Space | None = None,
    mapping: Mapping[Any, Any] | None = None,
    classes: Sequence[Any] | np.ndarray | None = None,
    output: Output | None = None,
    key: str | None = None,
    allow_pickle: bool = False,
    trusted: Sequence[str] = (),
    probes: Columns | None = None,
    seen: np.ndarray | Sequence[int] | None = None,
) -> Teacher:
    """A teacher from a file, answering in the task's names when the task's space is given.

    Args:
        spec: path of a file, `file.py:function`, a Hugging Face folder, or address of an endpoint.
        reads: the raw columns it reads; not used by stored predictions.
        name: unique among the teachers of a run; the file's or the function's name unless given.
        space: the task's space, which the teacher is aligned to.
        mapping: the teacher's class name -> the task's; see `aligned`.
        classes: the teacher's own names, where the file does not hold them.
        output: what its numbers are, where they are to be declared.
        key: key column of stored predictions; row numbers in column `row` unless given.
        allow_pickle: open files that may run any code while they are opened.
        trusted: types that a .skops file may hold.
        probes: raw columns of a few rows that never change; endpoints only, see `EndpointTeacher`.
        seen: row numbers it was trained on.

    Raises:
        InputError: an unknown or refused kind of file, or whatever is wrong with it.
    """
    text = str(spec)
    own_space = space if space is not None and space.answer is not Classes and classes is None else None
    named: dict[str, Any] = {"name": name} if name is not None else {}
    plain: dict[str, Any] = {"reads": reads, "seen": seen, **named}
    numbers: dict[str, Any] = {**plain, "classes": classes, "output": output}
    asked = None if classes is not None else space
    match _kind(text):
        case "http":
            found: Teacher = EndpointTeacher(text, space=asked, probes=probes, **numbers)
        case ".py":
            found = RuleTeacher(load_function(text), space=asked, **numbers)
        case ".skops" | ".joblib" | ".pkl" | ".txt":
            estimator = load_estimator(text, allow_pickle=allow_pickle, trusted=trusted)
            found = EstimatorTeacher(estimator, reads=reads, names=classes, seen=seen, name=name or Path(text).stem)
        case ".json" | ".ubj" | ".cbm":
            found = BoostedTeacher(text, classes=classes, **plain)
        case "hf":
            found = TransformerTeacher(text, classes=classes, **plain)
        case ".keras":
            found = KerasTeacher(text, space=own_space, **numbers)
        case ".onnx":
            found = OnnxTeacher(text, space=own_space, **numbers)
        case ".pt2":
            found = ExportedTeacher(text, space=own_space, allow_pickle=allow_pickle, **numbers)
        case ".parquet" | ".csv" | ".npz":
            found = stored(text, key=key, classes=classes, space=asked, output=output, seen=seen, **named)
        case suffix:
            raise _refusal(text, suffix)
    return found if space is None else aligned(found, space, mapping)


def _kind(text: str) -> str:
    if text.startswith(("http://", "https://")):
        return "http"
    if (Path(text) / "config.json").is_file():
        return "hf"
    return ".py" if ".py:" in text else Path(text).suffix.lower()


def _refusal(text: str, suffix: str) -> InputError:
    for suffixes, why in REFUSED.items():
        if suffix in suffixes:
            return InputError(f"{text} {why}")
    what = "a folder" if Path(text).is_dir() else f"a file ending in {suffix!r}" if suffix else "no known kind of file"
    return InputError(f"{text} is {what}, which is no kind of teacher; known are {KINDS}")


def load_function(spec: str) -> Callable[..., Any]:
    """The function that `file.py:function` names; runs the file.

    Raises:
        InputError: no such file or function, or the file fails.
    """
    file, _, function = spec.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{file} is no file: a rule is given as file.py:function")
    module_name = f"{LOADED}{path.stem}"
    found = importlib.util.spec_from_file_location(module_name, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[module_name] = module
    try:
        found.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{path} failed while it was read: {type(error).__name__}: {error}") from error
    made = getattr(module, function, None)
    if not callable(made):
        there = [key for key, item in vars(module).items() if callable(item) and not key.startswith("_")]
        raise InputError(f"{path} has no function {function!r}; it has {there}")
    return made
