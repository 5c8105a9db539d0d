"""Boosted trees as their own libraries write them: XGBoost (.json, .ubj), LightGBM (.txt), CatBoost (.cbm)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from ..core import Classes, Columns, InputError, Labels, Space, Values, require
from ..core.names import class_name
from ..core.spaces import Answer
from .digest import digest, digest_file
from .features import GENERIC, _named, matrix
from .naming import class_names, reads_of, rows_in, seen_of
from .output import Output, Reading
from .saved import load_estimator
from .threads import current_budget

LIBRARIES = {".json": "xgboost", ".ubj": "xgboost", ".txt": "lightgbm", ".cbm": "catboost"}
EXTRAS = {"xgboost": "xgboost", "lightgbm": "gbm", "catboost": "catboost"}


@dataclass(frozen=True)
class _Trees:
    """An opened file.

    Attributes:
        answer: kind of answer.
        names: of the outputs, as far as the file knows them.
        width: number of outputs; 0 where the file does not tell.
        output: what the numbers are.
        features: names it was fitted with; empty where it had none.
        inputs: number of features.
        ask: from features [n, F] to numbers [n] or [n, W], and a scale or None.
    """

    answer: type[Any]
    names: tuple[str, ...]
    width: int
    output: Output | None
    features: tuple[str, ...]
    inputs: int
    ask: Callable[[np.ndarray], tuple[Any, Any]]


@final
class BoostedTeacher:
    """A file of boosted trees, asked through the library that wrote it.

    What it was fitted for decides whether it answers about classes, labels or values. CatBoost files know the names of
    their classes; the others number them, 0 to C-1. A file with feature names takes its columns by name.

    Args:
        path: the file.
        reads: one column [n, F], or several columns that are put side by side in this order.
        name: unique among the teachers of a run; the file's name unless given.
        classes: names of the outputs (classes, labels or values), where the file does not have the right ones.
        seen: row numbers it was trained on.

    Raises:
        MissingExtraError: the library is not installed (extras `xgboost`, `gbm`, `catboost`).
        InputError: the file cannot be opened, or was fitted for something that is none of these answers.
    """

    frozen = True
    deterministic = True

    def __init__(
        self,
        path: str | Path,
        *,
        reads: str | Sequence[str],
        name: str | None = None,
        classes: Sequence[Any] | np.ndarray | None = None,
        seen: np.ndarray | Sequence[int] | None = None,
    ) -> None:
        self.path = Path(path)
        self.name = self.path.stem if name is None else name
        self.reads = reads_of(reads)
        self.seen = seen_of(seen)
        self.parameters: int | None = None
        who = f"teacher {self.name!r}"
        library = LIBRARIES.get(self.path.suffix.lower())
        if library is None or not self.path.is_file():
            raise InputError(f"{self.path} is no file of boosted trees: give one that ends in {', '.join(LIBRARIES)}")
        self._digest = digest_file(self.path)
        module = require(library, extra=EXTRAS[library], why=f"open {self.path.name}")
        try:
            self._trees = _OPENERS[library](module, self.path)
        except (InputError, ImportError, MemoryError):
            raise
        except Exception as error:
            raise InputError(f"{self.path} cannot be opened by {library}: {_first(error)}") from error
        names = self._trees.names if classes is None else class_names(classes)
        if names and self._trees.width and len(names) != self._trees.width:
            raise InputError(f"{who} has {self._trees.width} outputs, but got the {len(names)} names {list(names)}")
        self.space = Space(self._trees.answer, names)
        self._reading = Reading(self.space, self._trees.output, who)

    @property
    def output_found(self) -> str:
        """What the outputs are, as the file's objective says."""
        return self._reading.described

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The file's bytes, reads and names."""
        return {
            "kind": "boosted",
            "weights": self._digest,
            "output": self._reading.fingerprint,
            "reads": digest(self.reads),
            "names": digest(self.space.names),
        }

    def answer(self, columns: Columns) -> Answer:
        """The trees' answer about these rows.

        Raises:
            InputError: columns are missing, not numbers, or not the ones that they were fitted on.
        """
        who = self._reading.who
        if rows_in(columns, self.reads, who) == 0:
            return self._reading.empty()
        features = self._trees.features
        given = _named(columns, self.reads, features, who)[1] if features else matrix(columns, self.reads)
        given = given[:, None] if given.ndim == 1 else given
        if given.shape[1] != self._trees.inputs:
            raise InputError(
                f"{who} was fitted on {self._trees.inputs} features, but columns {list(self.reads)[:9]} have shape "
                f"{given.shape}: name the columns that it reads"
            )
        try:
            mean, scale = self._trees.ask(given)
        except Exception as error:
            raise InputError(
                f"{who} cannot be asked about columns {list(self.reads)[:9]} of shape {given.shape} and type "
                f"{given.dtype}: {_first(error)}"
            ) from error
        with torch.inference_mode(False):
            return self._reading.answer(_tensor(mean), scale=None if scale is None else _tensor(scale))


def _tensor(found: Any) -> Tensor:
    return torch.from_numpy(np.array(found, dtype=np.float32))


def _first(error: BaseException) -> str:
    """The first line of an error; what comes after it in these libraries is a stack of their own."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def _fitted_for(path: Path, goal: Any, why: str = "") -> InputError:
    return InputError(
        f"{path} was fitted for {goal!r}{why}, which is no answer about classes, labels or values: open it in Python, "
        "and wrap it in a RuleTeacher(batched=True)"
    )


def _own(names: Any) -> tuple[str, ...]:
    """Feature names, unless they were made up."""
    found = tuple(str(name) for name in names or ())
    return () if all(GENERIC.fullmatch(name) for name in found) else found


def _counted(number: int) -> tuple[str, ...]:
    return tuple(str(i) for i in range(number))


def _xgboost(library: Any, path: Path) -> _Trees:
    booster = library.Booster(model_file=str(path))
    learner = json.loads(booster.save_config())["learner"]
    goal, sizes = learner["objective"]["name"], learner["learner_model_param"]
    if "c" in (booster.feature_types or ()):
        raise _fitted_for(path, goal, " on columns of categories, whose codes it does not hold")
    best = booster.attr("best_iteration")
    last = (0, 0) if best is None else (0, int(best) + 1)
    targets = int(sizes.get("num_target", 1))

    def ask(given: np.ndarray, margin: bool) -> tuple[Any, None]:
        table = library.DMatrix(given, missing=math.nan, nthread=current_budget())
        booster.set_param({"nthread": current_budget() or 0})
        return booster.predict(table, output_margin=margin, validate_features=False, iteration_range=last), None

    shape = (_own(booster.feature_names), int(booster.num_features()))
    if goal in ("multi:softprob", "multi:softmax"):
        number = int(sizes["num_class"])
        return _Trees(Classes, _counted(number), number, "logits", *shape, lambda given: ask(given, True))
    if goal in ("binary:logistic", "binary:logitraw"):
        answer, names = (Classes, _counted(2)) if targets == 1 else (Labels, _counted(targets))
        return _Trees(answer, names, len(names), "logits", *shape, lambda given: ask(given, True))
    if goal.startswith(("reg:", "count:")):
        return _Trees(Values, (), targets, None, *shape, lambda given: ask(given, False))
    raise _fitted_for(path, goal)


def _lightgbm(library: Any, path: Path) -> _Trees:
    file = load_estimator(path)
    if any(file.booster.pandas_categorical or ()):
        raise _fitted_for(path, "a frame", " with columns of categories")
    shape = (_own(file.booster.feature_name()), int(file.booster.num_feature()))
    if hasattr(file, "classes_"):
        names = class_names(file.classes_)
        return _Trees(Classes, names, len(names), "probs", *shape, lambda given: (file.predict_proba(given), None))
    return _Trees(Values, (), 1, None, *shape, lambda given: (file.predict(given), None))


CATBOOST_VALUES = (
    *("RMSE", "MAE", "Quantile", "LogCosh", "Lq", "MAPE", "Huber", "Expectile", "MultiRMSE", "RMSEWithUncertainty"),
    *("Poisson", "Tweedie"),
)


def _catboost(library: Any, path: Path) -> _Trees:
    model = library.CatBoost()
    model.load_model(str(path), format="cbm")
    goal = str(model.get_all_params().get("loss_function", "none")).split(":")[0]
    shape = (_own(model.feature_names_), len(model.feature_names_))
    words = set(model.get_cat_feature_indices())
    known = class_names(model.classes_) if len(model.classes_) else ()

    def ask(given: np.ndarray, kind: str) -> Any:
        table = given
        if words:
            table = given.astype(object)
            for place in words:
                table[:, place] = [class_name(value) for value in given[:, place].tolist()]
        return model.predict(table, prediction_type=kind, thread_count=current_budget() or -1)

    if goal in ("Logloss", "CrossEntropy", "MultiClass"):
        names = known or _counted(2)
        return _Trees(
            Classes, names, len(names), "log_probs", *shape, lambda given: (ask(given, "LogProbability"), None)
        )
    if goal in ("MultiLogloss", "MultiCrossEntropy"):
        return _Trees(Labels, known, len(known), "probs", *shape, lambda given: (ask(given, "Probability"), None))
    if goal == "RMSEWithUncertainty":

        def spread(given: np.ndarray) -> tuple[Any, Any]:
            found = ask(given, goal)
            return found[:, 0], np.sqrt(found[:, 1])

        return _Trees(Values, (), 1, None, *shape, spread)
    if goal in CATBOOST_VALUES:
        kind = "Exponent" if goal in ("Poisson", "Tweedie") else "RawFormulaVal"
        return _Trees(Values, (), 0 if goal == "MultiRMSE" else 1, None, *shape, lambda given: (ask(given, kind), None))
    raise _fitted_for(path, goal)


_OPENERS: dict[str, Callable[[Any, Path], _Trees]] = {
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
}
