"""Several models, one per fold, as one teacher: asked about a row, it answers with the model that never saw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..core import Columns, Signals, Space, Teacher, Weights
from ..fusion.answers import answer_of
from ..ops.simplex import normalised
from ..store.fingerprint import digest


@dataclass(frozen=True)
class OutOfFold:
    """One model per fold, as one teacher that never answers about a row it was fitted on.

    Rows in the map are answered by the model that did not see them, live or stored; all others by the
    mean of the fold models.

    Attributes:
        models: one teacher per fold.
        fold: int64 [N], the fold in which a row was held out, -1 for rows no model was fitted on.
    """

    name: str
    models: tuple[Teacher, ...]
    fold: np.ndarray
    frozen: bool = True
    deterministic: bool = True

    @property
    def space(self) -> Space:
        """That of the models."""
        return self.models[0].space

    @property
    def reads(self) -> tuple[str, ...]:
        """That of the models."""
        return self.models[0].reads

    @property
    def seen(self) -> np.ndarray:
        """No row is answered by a model that saw it."""
        return np.zeros(0, dtype=np.int64)

    @property
    def fitted_on(self) -> np.ndarray:
        """Row numbers some model was fitted on."""
        return np.flatnonzero(self.fold >= 0)

    @property
    def parameters(self) -> int | None:
        """Sum over the models, where they count."""
        parts = [model.parameters for model in self.models]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Fingerprints of the models and the fold map."""
        parts = [f"{k}={v}" for model in self.models for k, v in sorted(model.fingerprint.items())]
        return {"models": digest(*parts), "folds": digest(self.fold.tobytes())}

    @property
    def members(self) -> tuple[Teacher, ...]:
        """The fold models."""
        return self.models

    def with_members(self, members: Sequence[Teacher]) -> OutOfFold:
        """The same with other fold models."""
        return replace(self, models=tuple(members))

    def answer(self, columns: Columns) -> Any:
        """The mean of the fold models, for rows that none was fitted on."""
        return _mean([model.answer(columns) for model in self.models])

    def answer_rows(self, columns: Columns, row: np.ndarray) -> Any:
        """Out of fold where a row is in the map, the mean of the models elsewhere."""
        known = (row >= 0) & (row < len(self.fold))
        fold = np.where(known, self.fold[np.where(known, row, 0)], -1)
        answers = [model.answer(columns) for model in self.models]
        pieces = [_mean(answers), *[_mean([answer]) for answer in answers]]
        joined = type(pieces[0]).concat(pieces)
        place = torch.from_numpy((fold + 1) * len(row) + np.arange(len(row)))
        return joined.take(place)


def _mean(answers: Sequence[Any]) -> Any:
    names = tuple(str(i) for i in range(len(answers)))
    if all(getattr(answer, "kind", "") == "votes" for answer in answers):
        scores = torch.stack([answer.scores for answer in answers]).mean(0)
        return type(answers[0]).of(scores, "votes", valid=answers[0].valid, coverage=answers[0].coverage)
    stacked = Signals(names, tuple(answers)).stacked()
    return answer_of(Weights(normalised(torch.ones(stacked.valid.shape), stacked.valid)), stacked)
