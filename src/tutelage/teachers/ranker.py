"""Recommenders as teachers: whatever scores the candidates of a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Columns, InputError, Scores, Space
from ..core.spaces.scores import PADDING
from .digest import digest
from .naming import reads_of, rows_in, seen_of


@runtime_checkable
class Ranker(Protocol):
    """Anything that scores candidates."""

    def scores(self, columns: Columns) -> Any:
        """Scores [n, N] of the candidates of n queries; see `RankingTeacher`."""
        ...


@final
class RankingTeacher:
    """A recommender that scores the candidates of each row, or some of them, or none.

    It is asked with the columns it reads and answers an array [n, N], one score per candidate in the order of the
    candidates' column; the higher the better, in any unit. NaN: it does not know the item. A row of NaN: it abstains.
    Or it answers with lists of its own, a pair (item ids [n, M], scores [n, M]), in any order, -1 where a list ends:
    candidates that are not on the list are unknown to it.

    Args:
        ranker: an object with `scores(columns)`, a function of the columns, or an `nn.Module`, which is called in
            evaluation mode with the columns it reads as tensors, in order.
        reads: names of the columns it gets, beside the candidates, which it always gets; a module gets these alone.
        items: name of the column with the candidates' ids, int [n, N], -1 for padding.
        name: unique among the teachers of a run; that of the function or of the ranker's class unless given.
        seen: row numbers it was made from.
        deterministic: False for a ranker that answers by chance.

    Raises:
        InputError: the ranker cannot be asked; (when asked) it fails, or its answer does not fit the candidates.
    """

    frozen = True

    def __init__(
        self,
        ranker: Any,
        *,
        reads: str | Sequence[str] = (),
        items: str = "candidates",
        name: str | None = None,
        seen: np.ndarray | Sequence[int] | None = None,
        deterministic: bool = True,
    ) -> None:
        if not (isinstance(ranker, Ranker) or callable(ranker)):
            raise InputError(
                f"a {type(ranker).__name__} cannot be asked for scores: give an object with scores(columns), a "
                "function of the columns, or an nn.Module"
            )
        self.name = getattr(ranker, "__name__", type(ranker).__name__) if name is None else name
        self.ranker = ranker
        self.items = items
        self.given = reads_of(reads)
        self.reads = tuple(dict.fromkeys((*self.given, items)))
        self.space = Space(Scores, (items,))
        self.deterministic = deterministic
        self.seen = seen_of(seen)
        self.parameters = sum(p.numel() for p in ranker.parameters()) if isinstance(ranker, nn.Module) else None
        self._who = f"ranker {self.name!r}"
        self._content = digest(ranker)

    @property
    def output_found(self) -> str:
        """Scores."""
        return self.space.kind

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The ranker's code and content as they were when the teacher was made."""
        return {"kind": "ranker", "weights": self._content, "reads": digest((self.given, self.items))}

    def answer(self, columns: Columns) -> Scores:
        """Scores of the candidates of these rows.

        Raises:
            InputError: the ranker fails, or its answer does not fit the candidates.
        """
        count = rows_in(columns, self.reads, self._who)
        given = {name: np.asarray(columns[name]) for name in self.reads}
        item = candidates_in(given[self.items], f"{self._who}: column {self.items!r}")
        with torch.inference_mode(False), torch.no_grad():
            if count == 0:
                return Scores.of(torch.zeros(item.shape), item)
            try:
                found = self._asked(given)
            except Exception as error:
                raise InputError(f"{self._who} failed on {count} rows: {type(error).__name__}: {error}") from error
            if isinstance(found, tuple) and len(found) == 2:
                own, score = (np.asarray(part) for part in found)
                listed = candidates_in(own, f"{self._who}: its own lists")
                return self._read(score, listed).at(item)
            return self._read(np.asarray(found), item)

    def _asked(self, given: Mapping[str, np.ndarray]) -> Any:
        if isinstance(self.ranker, nn.Module):
            return _module_scores(self.ranker, [given[name] for name in self.given or self.reads])
        ask = self.ranker.scores if isinstance(self.ranker, Ranker) else self.ranker
        return ask(given)

    def _read(self, score: np.ndarray, item: Tensor) -> Scores:
        if score.shape != tuple(item.shape) or score.dtype.kind not in "fiub":
            raise InputError(
                f"{self._who} answered {score.dtype} {tuple(score.shape)} about candidates {tuple(item.shape)}: it has "
                "to give one number per candidate, NaN for items that it does not know"
            )
        plain = torch.from_numpy(score.astype(np.float32))
        return Scores.of(plain, item, listed=~torch.isnan(plain))


def candidates_in(column: np.ndarray, what: str) -> Tensor:
    """A column of item ids [n, N] as int64.

    Raises:
        InputError: it holds no whole numbers, has another shape, ids below -1, or one item twice in a row.
    """
    if column.dtype.kind not in "iu" or column.ndim != 2:
        raise InputError(f"{what} holds {column.dtype} {column.shape}, expected item ids: whole numbers [rows, N]")
    item = torch.from_numpy(column.astype(np.int64))
    if item.numel() and int(item.min()) < PADDING:
        raise InputError(f"{what} holds the item {int(item.min())}: ids count from 0, and -1 is padding")
    ordered = item.sort(dim=-1).values
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(-1)
    if bool(twice.any()):
        raise InputError(f"{what} lists an item twice in {int(twice.sum())} rows, the first {int(twice.nonzero()[0])}")
    return item


def _module_scores(module: nn.Module, columns: Sequence[np.ndarray]) -> np.ndarray:
    was = {part: part.training for part in module.modules()}
    module.eval()
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    try:
        tensors = [torch.from_numpy(np.ascontiguousarray(column)) for column in columns]
        given = [(t.float() if t.is_floating_point() else t.long()).to(device) for t in tensors]
        return module(*given).cpu().numpy()
    finally:
        for part, training in was.items():
            part.training = training
