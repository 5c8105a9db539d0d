"""What the columns of a file of stored predictions mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core import Classes, InputError, Labels, Space, Values, require
from ..core.spaces import Answer
from .digest import digest
from .naming import class_name, class_names, match_key, space_of
from .output import Output, Reading

PREFIXES: dict[str, Output] = {"p_": "probs", "log_prob_": "log_probs", "logit_": "logits"}


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers under sorted keys, and what their numbers are."""

    keys: np.ndarray
    answer: Answer
    space: Space
    described: str

    def find(self, asked: np.ndarray) -> tuple[Answer, np.ndarray]:
        """The answers about these keys, abstaining where there is none, and which keys were found (bool)."""
        wanted = _comparable(asked, self.keys)
        place = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        found = self.keys[place] == wanted
        picked: Any = self.answer.take(torch.from_numpy(place))
        known = torch.from_numpy(found).reshape(-1, *[1] * (picked.valid.dim() - 1))
        return replace(picked, valid=picked.valid & known), found

    @property
    def fingerprint(self) -> dict[str, str]:
        """The keys and the answers as they were understood."""
        arrays = {name: tensor.numpy() for name, tensor in self.answer.to_arrays().items()}
        return {
            "kind": "stored",
            "weights": digest((self.keys, arrays, self.answer.meta())),
            "output": self.described,
            "names": digest(self.space.names),
        }


def read_predictions(
    path: Path,
    *,
    key: str,
    columns: Sequence[str] | None = None,
    classes: Sequence[Any] | np.ndarray | None = None,
    space: Space | None = None,
    output: Output | None = None,
) -> Predictions:
    """The predictions in a file; rows with empty or NaN numbers abstain.

    Understood are, in this order: the `columns` given; one column `p_<name>`, `log_prob_<name>` or
    `logit_<name>` per class or label; `mean` and, if there, `scale` (or `mean_<name>`, `scale_<name>`); a
    column `label` of votes; columns under the names of the space; any other columns of numbers, one per
    class.
    """
    table = read_table(path)
    if key not in table:
        raise InputError(f"{path} has no key column {key!r}; it has {list(table)}: give key=")
    keys = _comparable(table.pop(key), None)
    distinct, first, count = np.unique(keys, return_index=True, return_counts=True)
    if (count > 1).any():
        twice = distinct[count > 1]
        raise InputError(f"{path} holds {len(twice)} keys more than once, such as {twice[:5].tolist()}: keep one each")
    if not len(distinct):
        raise InputError(f"{path} holds no rows")
    table = {name: column[first] for name, column in table.items()}
    answer, found, described = _understood(table, path, columns, space_of(space, classes), output)
    return Predictions(distinct, answer, found, described)


def read_table(path: Path) -> dict[str, np.ndarray]:
    """The columns of a .npz, .parquet or .csv file."""
    if not path.is_file():
        raise InputError(f"{path} is no file: give a .parquet, .csv or .npz file of predictions")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        polars = require("polars", extra="data", why="read stored predictions")
        frame = (
            polars.read_parquet(path) if path.suffix == ".parquet" else polars.read_csv(path, infer_schema_length=None)
        )
    except (MemoryError, ImportError):
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return {name: frame[name].to_numpy() for name in frame.columns}


def _understood(
    table: dict[str, np.ndarray],
    path: Path,
    columns: Sequence[str] | None,
    space: Space,
    output: Output | None,
) -> tuple[Answer, Space, str]:
    who = f"file {path.name}"
    names = list(columns) if columns is not None else None
    if names is None:
        for prefix, kind in PREFIXES.items():
            names = [name for name in table if name.startswith(prefix)]
            if names:
                own = class_names([name.removeprefix(prefix) for name in names])
                return _scored(table, names, Space(space.answer, own), output or kind, who)
        means = [name for name in table if name == "mean" or name.startswith("mean_")]
        if means and space.answer is not Labels:
            return _valued(table, means, space, who)
        if "label" in table and space.answer is Classes:
            return _voted(table["label"], space, who)
        named = [name for name in table if _among(name, space.names)]
        if space.names and (named or space.answer is not Classes):
            names = named
        else:
            names = [name for name, column in table.items() if column.dtype.kind in "fiu"]
    lost = [name for name in names if name not in table]
    if lost or not names or (len(names) < 2 and space.answer is Classes):
        raise InputError(
            f"{who}: no predictions found in the columns "
            f"{list(table)}{f', which lack {lost}' if lost else ''}. Name "
            "them p_<class> for each class, `label`, or `mean`; or give columns="
        )
    own = space.names if columns is not None and len(space.names) == len(names) else class_names(names)
    found = Space(space.answer, own)
    if space.answer is Values:
        return _valued(table, names, found, who)
    return _scored(table, names, found, output, who)


def _among(column: str, names: Sequence[str]) -> bool:
    return match_key(column) in {match_key(name) for name in names}


def _numbers(table: Mapping[str, np.ndarray], names: Sequence[str], who: str) -> np.ndarray:
    try:
        return np.stack([table[name].astype(np.float64) for name in names], axis=1)
    except (TypeError, ValueError) as error:
        raise InputError(f"{who}: the columns {list(names)} do not hold numbers only: {error}") from error


def _scored(
    table: Mapping[str, np.ndarray], names: Sequence[str], space: Space, output: Output | None, who: str
) -> tuple[Answer, Space, str]:
    numbers = _numbers(table, names, who)
    known = ~np.isnan(numbers)
    valid = torch.from_numpy(known if space.answer is Labels else known.all(1))
    reading = Reading(space, output, who)
    answer = reading.answer(torch.from_numpy(np.where(known, numbers, 0.0)), valid=valid)
    return answer, space, reading.described


def _valued(table: Mapping[str, np.ndarray], means: Sequence[str], space: Space, who: str) -> tuple[Answer, Space, str]:
    mean = _numbers(table, means, who)
    scales = [name.replace("mean", "scale", 1) for name in means]
    scale = _numbers(table, scales, who) if all(name in table for name in scales) else None
    valid = ~np.isnan(mean) if scale is None else ~np.isnan(mean) & ~np.isnan(scale)
    own = () if list(means) == ["mean"] else class_names([name.removeprefix("mean_") for name in means])
    found = Space(Values, space.names if space.answer is Values and space.names else own)
    filled = None if scale is None else torch.from_numpy(np.where(valid, scale, 1.0))
    reading = Reading(found, None, who)
    answer = reading.answer(torch.from_numpy(np.where(valid, mean, 0.0)), scale=filled, valid=torch.from_numpy(valid))
    return answer, found, "values"


def _voted(label: np.ndarray, space: Space, who: str) -> tuple[Answer, Space, str]:
    votes = [class_name(value) for value in label.tolist()]
    present = sorted({vote for vote in votes if vote is not None})
    names = space.names or class_names(present)
    strange = [vote for vote in present if vote not in names]
    if strange:
        raise InputError(f"{who}: column 'label' holds {strange[:5]}, which are not among {list(names)}")
    scores = torch.zeros(len(votes), len(names))
    for row, vote in enumerate(votes):
        if vote is not None:
            scores[row, names.index(vote)] = 1.0
    valid = torch.tensor([vote is not None for vote in votes])
    return Classes.of(scores, "votes", valid=valid), Space(Classes, names), "votes (column label)"


def _comparable(keys: np.ndarray, like: np.ndarray | None) -> np.ndarray:
    """Keys as whole numbers where all of them are (and those of the file too), else as text."""
    numeric = keys.dtype.kind in "iub" or (keys.dtype.kind == "f" and bool(np.all(np.mod(keys, 1) == 0)))
    if numeric and (like is None or like.dtype.kind == "i"):
        return keys.astype(np.int64)
    text = [class_name(key) for key in keys.tolist()]
    if None in text and like is None:
        raise InputError(f"{sum(t is None for t in text)} keys are empty: every stored prediction needs its key")
    if like is not None and like.dtype.kind == "i":
        return np.array([_number(t) for t in text], dtype=np.int64)
    return np.array([t or "" for t in text], dtype=np.str_)


def _number(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        return np.iinfo(np.int64).min
