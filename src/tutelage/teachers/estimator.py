"""Estimators with the scikit-learn interface as teachers: also pipelines, LightGBM, XGBoost and CatBoost."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, final

import numpy as np
import torch
from torch import Tensor

from ..core import Classes, Columns, InputError, Labels, Space, Values
from ..core.spaces import Answer
from .digest import digest
from .features import table
from .naming import class_name, class_names, reads_of, rows_in, seen_of
from .output import Output, Reading
from .threads import budgeted

Method = Literal["predict_proba", "decision_function", "predict"]


@final
class EstimatorTeacher:
    """A fitted estimator: class probabilities where it gives them, else decision values, else votes.

    Classes come in the order of `classes_`. Classifiers of several yes/no outputs answer with `Labels`,
    regressors with `Values`. An estimator that was fitted with feature names gets a frame (pandas or polars)
    with these names, others an array. Inside a `thread_budget` its `n_jobs` is the budget.

    Args:
        estimator: anything fitted with `predict` and `predict_proba` or `decision_function`.
        reads: one column [n, F], or several columns that are put side by side in this order.
        name: unique among the teachers of a run.
        names: of the outputs, where the estimator does not know them (labels, values, coded classes).
        with_std: regressors: also ask for `predict(return_std=True)`.
        seen: row numbers it was trained on.
        frozen: False for an estimator that still learns.
        deterministic: False for one that answers by chance.

    Raises:
        InputError: not fitted, or several outputs that are not yes/no.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        reads: str | Sequence[str],
        name: str = "estimator",
        names: Sequence[Any] | np.ndarray | None = None,
        with_std: bool = False,
        seen: np.ndarray | Sequence[int] | None = None,
        frozen: bool = True,
        deterministic: bool = True,
    ) -> None:
        self.name = name
        self.estimator = estimator
        self.reads = reads_of(reads)
        self.frozen = frozen
        self.deterministic = deterministic
        self.seen = seen_of(seen)
        self.with_std = with_std
        self.parameters: int | None = None
        who = f"teacher {name!r}"
        self.space = _space(estimator, names, who)
        self.method: Method = _method(estimator, self.space, who)
        self._reading = Reading(self.space, _declared(self.space, self.method), who)

    @property
    def output_found(self) -> str:
        """What the outputs are, and which method gives them."""
        return f"{self._reading.described.removesuffix(' (declared)')} ({self.method})"

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Digest of class, settings and fitted state (threads and verbosity left out), method and reads."""
        return {
            "kind": "estimator",
            "weights": digest(self.estimator),
            "output": f"{self._reading.fingerprint}:{self.method}:{self.with_std}",
            "reads": digest(self.reads),
            "names": digest(self.space.names),
        }

    def answer(self, columns: Columns) -> Answer:
        """The estimator's answer about these rows.

        Raises:
            InputError: columns are missing or not the ones it was fitted on, or the output does not fit.
        """
        count = rows_in(columns, self.reads, self._reading.who)
        if count == 0:
            return self._reading.empty(scaled=self.with_std)
        given = table(columns, self.reads, self.estimator, self._reading.who)
        options = {"return_std": True} if self.with_std else {}
        with torch.inference_mode(False), budgeted(self.estimator), _no_name_warning():
            found = getattr(self.estimator, self.method)(given, **options)
            if self.space.answer is Labels:
                return self._reading.answer(_yes(found, self.estimator, self.method))
            if self.space.answer is Values:
                mean, scale = found if self.with_std else (found, None)
                return self._reading.answer(_tensor(mean), scale=None if scale is None else _tensor(scale))
            if self.method == "predict":
                return self._reading.answer(_votes(found, self.space.names))
            return self._reading.answer(_tensor(found))


@contextmanager
def _no_name_warning() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X (does not have valid|has) feature names")
        yield


def _tensor(found: Any) -> Tensor:
    return torch.from_numpy(np.array(found, dtype=np.float32))


def _role(estimator: Any) -> str | None:
    """`classifier`, `regressor`, or None where it does not tell."""
    tags: Any = getattr(estimator, "__sklearn_tags__", None)
    return tags().estimator_type if tags else getattr(estimator, "_estimator_type", None)


def _last(estimator: Any) -> Any:
    steps = getattr(estimator, "steps", None)
    return _last(steps[-1][1]) if steps else estimator


def _space(estimator: Any, names: Sequence[Any] | np.ndarray | None, who: str) -> Space:
    classes = getattr(estimator, "classes_", None)
    classes = getattr(_last(estimator), "classes_", None) if classes is None else classes
    if classes is None:
        if _role(estimator) == "classifier" or hasattr(estimator, "predict_proba"):
            raise InputError(f"{who}: {type(estimator).__name__} has no classes_: fit it first")
        if not hasattr(estimator, "predict"):
            raise InputError(f"{who}: {type(estimator).__name__} has no predict: a teacher has to answer about rows")
        return Space(Values, () if names is None else class_names(names))
    several = isinstance(classes, list) and bool(classes) and np.ndim(classes[0]) > 0
    if several and any({class_name(c) for c in part} - {"0", "1", "False", "True"} for part in classes):
        raise InputError(
            f"{who} has several outputs with classes {[list(part) for part in classes[:3]]}: only yes/no "
            "outputs make labels; give one teacher per output"
        )
    if several or _multilabel(_last(estimator)):
        own = () if several or _counted(classes) else class_names(classes)
        return Space(Labels, own if names is None else class_names(names))
    own = class_names(classes)
    given = own if names is None else class_names(names)
    if len(given) != len(own):
        raise InputError(f"{who} knows the {len(own)} classes {list(own)}, but got {len(given)} names {list(given)}")
    return Space(Classes, given)


def _multilabel(estimator: Any) -> bool:
    """Whether a classifier with one list of classes answers yes or no to each of them."""
    coder = getattr(estimator, "_label_binarizer", None)
    return bool(getattr(estimator, "multilabel_", False)) or (getattr(coder, "y_type_", None) == "multilabel-indicator")


def _counted(classes: Any) -> bool:
    return [class_name(c) for c in classes] == [str(i) for i in range(len(classes))]


def _method(estimator: Any, space: Space, who: str) -> Method:
    if space.answer is Values:
        return "predict"
    if hasattr(estimator, "predict_proba"):
        return "predict_proba"
    if hasattr(estimator, "decision_function"):
        if getattr(_last(estimator), "decision_function_shape", "ovr") == "ovo" and len(space.names) > 2:
            raise InputError(f"{who} gives one decision value per pair of classes: set decision_function_shape='ovr'")
        return "decision_function"
    return "predict"


def _declared(space: Space, method: Method) -> Output | None:
    if space.answer is Values:
        return None
    if method == "decision_function":
        return "logits"
    return "probs" if method == "predict_proba" or space.answer is Labels else "votes"


def _yes(found: Any, estimator: Any, method: Method) -> Tensor:
    """[n, C] from per-label outputs: the probability (or log-odds) of yes."""
    if method != "predict_proba" or not isinstance(found, list):
        dense: Any = getattr(found, "toarray", None)
        return _tensor(found if dense is None else dense())
    classes = getattr(estimator, "classes_", None) or _last(estimator).classes_
    columns: list[np.ndarray] = []
    for part, known in zip(found, classes, strict=True):
        yes = [i for i, value in enumerate(known) if class_name(value) in ("1", "True")]
        columns.append(part[:, yes[0]] if yes else np.zeros(len(part)))
    return _tensor(np.stack(columns, axis=1))


def _votes(found: Any, names: Sequence[str]) -> Tensor:
    place = {name: number for number, name in enumerate(names)}
    votes = np.zeros((len(found), len(names)), dtype=np.float32)
    for row, value in enumerate(np.asarray(found).reshape(-1).tolist()):
        votes[row, place[class_name(value) or ""]] = 1.0
    return torch.from_numpy(votes)
