"""Plain functions as teachers: rules that may have no opinion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, final

import numpy as np
import torch

from ..core import Classes, Columns, InputError, Labels, Space, Values
from ..core.spaces import Answer
from .digest import digest
from .naming import class_name, reads_of, rows_in, seen_of, space_of
from .output import TOLERANCE


@final
class RuleTeacher:
    """A function of a row's values that answers or abstains.

    Per row it gets a dict from column to value and returns a class name (a vote), a mapping from class to
    probability (what is left goes to the classes not named, evenly), or None: no opinion. For values it
    returns a number or a sequence of them; for labels a mapping from label to yes/no or probability.

    With `batched=True` it gets the columns and returns an array: class names [n] (None, NaN or "" abstains),
    probabilities [n, C] or numbers [n] or [n, D] (NaN rows abstain), or a pair (such an array, valid [n]).

    A rule either votes or gives probabilities: its first opinion decides, unless `output` does.

    Args:
        function: the rule.
        reads: names of the columns it gets.
        classes: the classes it may name.
        space: instead of `classes`, for labels and values.
        name: unique among the teachers of a run; the function's name unless given.
        batched: it takes whole columns.
        output: `votes` or `probs`.
        seen: row numbers it was made from.
        deterministic: False for a rule that answers by chance.
    """

    frozen = True

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        reads: str | Sequence[str],
        classes: Sequence[Any] | np.ndarray | None = None,
        space: Space | None = None,
        name: str | None = None,
        batched: bool = False,
        output: Literal["votes", "probs"] | None = None,
        seen: np.ndarray | Sequence[int] | None = None,
        deterministic: bool = True,
    ) -> None:
        self.name = getattr(function, "__name__", type(function).__name__) if name is None else name
        self.function = function
        self.reads = reads_of(reads)
        self.space = space_of(space, classes)
        self.batched = batched
        self.output: Literal["votes", "probs"] | None = output
        self.deterministic = deterministic
        self.seen = seen_of(seen)
        self.parameters: int | None = None
        self._who = f"rule {self.name!r}"
        self._code = digest(function)
        if not self.space.names:
            raise InputError(f"{self._who} needs the names of what it may answer: give classes= or space=")

    @property
    def output_found(self) -> str:
        """Votes, probabilities or values."""
        if self.space.answer is not Classes:
            return self.space.kind
        return {"votes": "votes", "probs": "probabilities", None: "not known before the first opinion"}[self.output]

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The function's source, defaults, closure and the globals it uses, as they were when the teacher "
        "was made."""
        return {
            "kind": "rule",
            "weights": self._code,
            "output": f"{self.space.kind}:{self.batched}",
            "reads": digest(self.reads),
            "names": digest(self.space.names),
        }

    def answer(self, columns: Columns) -> Answer:
        """The rule's opinions about these rows.

        Raises:
            InputError: the rule fails on a row or answers what is not in its space; names row and values.
        """
        count = rows_in(columns, self.reads, self._who)
        given = {name: np.asarray(columns[name]) for name in self.reads}
        with torch.inference_mode(False):
            if self.batched:
                return self._batched(given, count)
            opinions = [self._opinion(given, i) for i in range(count)]
            return self._filled(opinions, given)

    def _opinion(self, given: Mapping[str, np.ndarray], row: int) -> Any:
        values = _values(given, row)
        try:
            return self.function(values)
        except Exception as error:
            raise InputError(
                f"{self._who} failed at position {row} with the values {_shown(values)}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _filled(self, opinions: Sequence[Any], given: Mapping[str, np.ndarray]) -> Answer:
        numbers = np.full((len(opinions), len(self.space.names)), np.nan)
        for row, opinion in enumerate(opinions):
            if _empty(opinion):
                continue
            try:
                numbers[row] = self._numbers(opinion)
            except (InputError, TypeError, ValueError) as error:
                raise InputError(
                    f"{self._who} answered {opinion!r} at position {row} with the values "
                    f"{_shown(_values(given, row))}: {error}"
                ) from error
        return self._answer(numbers, None)

    def _numbers(self, opinion: Any) -> Any:
        names = self.space.names
        if self.space.answer is Values:
            return opinion
        if self.space.answer is Labels:
            found = mapped(opinion, names)
            return [found.get(name, np.nan) for name in names]
        if isinstance(opinion, Mapping):
            self._settle("probs")
            return spread(mapped(opinion, names), names)
        if self.output is None:
            self._settle("votes")
        return _one_hot(opinion, names)

    def _settle(self, found: Literal["votes", "probs"]) -> None:
        if self.output is None:
            self.output = found
        if self.output != found:
            raise InputError("it voted before and now gives probabilities: declare output='probs'")

    def _batched(self, given: Mapping[str, np.ndarray], count: int) -> Answer:
        if count == 0:
            return self._answer(np.zeros((0, len(self.space.names))), None)
        try:
            found = self.function(given)
        except Exception as error:
            raise InputError(
                f"{self._who} failed on {count} rows, the first with the values {_shown(_values(given, 0))}: "
                f"{type(error).__name__}: {error}"
            ) from error
        found, valid = found if isinstance(found, tuple) and len(found) == 2 else (found, None)
        array = np.asarray(found)
        if len(array) != count or (valid is not None and np.shape(valid) != (count,)):
            raise InputError(f"{self._who} was given {count} rows and answered shape {array.shape}")
        if self.space.answer is Classes and array.ndim == 1:
            known = [None if valid is not None and not valid[i] else item for i, item in enumerate(array.tolist())]
            return self._filled(known, given)
        width = len(self.space.names)
        if array.reshape(count, -1).shape[1] != width:
            raise InputError(f"{self._who} answered shape {array.shape}, expected [{count}, {width}]")
        if self.space.answer is Classes:
            self._settle("probs")
        return self._answer(array.reshape(count, width).astype(np.float64), valid)

    def _answer(self, numbers: np.ndarray, valid: Any) -> Answer:
        known = ~np.isnan(numbers)
        known = known if valid is None else known & np.asarray(valid, dtype=bool)[:, None]
        plain = torch.from_numpy(np.where(known, numbers, 0.0).astype(np.float32))
        if self.space.answer is Values:
            return Values.of(plain, valid=torch.from_numpy(known))
        if self.space.answer is Labels:
            return Labels.from_probs(plain, valid=torch.from_numpy(known))
        rows = torch.from_numpy(known.all(1))
        if self.output != "probs":
            return Classes.of(plain, "votes", valid=rows)
        wrong = (((plain.sum(1) - 1).abs() > TOLERANCE) | (plain < 0).any(1)) & rows
        if bool(wrong.any()):
            row = int(wrong.nonzero()[0])
            raise InputError(f"{self._who} answered {numbers[row].tolist()} at position {row}: probabilities sum to 1")
        return Classes.from_probs(plain, valid=rows)


def _values(given: Mapping[str, np.ndarray], row: int) -> dict[str, Any]:
    """One row; numbers as Python's own."""
    picked = {name: column[row] for name, column in given.items()}
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in picked.items()}


def _shown(values: Mapping[str, Any]) -> str:
    short = {n: f"array{v.shape}" if isinstance(v, np.ndarray) else v for n, v in values.items()}
    return str(short) if len(str(short)) <= 400 else f"{str(short)[:400]} ..."


def _empty(opinion: Any) -> bool:
    if opinion is None:
        return True
    return isinstance(opinion, str | float | np.generic) and class_name(opinion) is None


def _place(opinion: Any, names: Sequence[str]) -> str:
    name = class_name(opinion)
    if name is None or name not in names:
        raise InputError(f"{opinion!r} is not among its names {list(names)}")
    return name


def mapped(opinion: Any, names: Sequence[str]) -> dict[str, float]:
    """Numbers by name, those that are there.

    Raises:
        InputError: not a mapping, or a name that is not among `names`.
    """
    if not isinstance(opinion, Mapping):
        raise InputError(f"expected a mapping from names to numbers, got {type(opinion).__name__}")
    return {_place(key, names): float(value) for key, value in opinion.items() if value is not None}


def spread(found: Mapping[str, float], names: Sequence[str]) -> list[float]:
    """Probabilities of all classes; what the named ones leave goes to the others evenly.

    Raises:
        InputError: they are negative, or sum to more than 1, or all are named and sum to less.
    """
    left, others = 1.0 - sum(found.values()), len(names) - len(found)
    if left < -TOLERANCE or (not others and left > TOLERANCE) or min(found.values(), default=0.0) < 0:
        raise InputError(f"probabilities are not negative and sum to 1, these sum to {1.0 - left:.4g}")
    return [found.get(name, max(left, 0.0) / max(others, 1)) for name in names]


def _one_hot(opinion: Any, names: Sequence[str]) -> list[float]:
    chosen = _place(opinion, names)
    return [float(name == chosen) for name in names]
