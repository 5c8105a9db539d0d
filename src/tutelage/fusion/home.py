"""At home: trust goes to the teachers that were trained on rows like the one that is asked about.

`Home` says whose row a row is, from the rows that each teacher was trained on; `AtHome` weighs the teachers with it. A
mixture of experts (Jacobs et al. 1991) whose gate is not learnt from labels but read off the training rows, by the
share of nearest neighbours (Fix and Hodges 1951).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core import INVARIANTS, Classes, Columns, Context, InputError, Target, Weights
from ..core.spaces.classes import cover
from ..ops.simplex import normalised
from .answers import Gives, dtype_of, of_classes, refusal

NEIGHBOURS = (1, 3, 5, 10, 20, 40)
STRENGTHS = (0.5, 1.0, 2.0, 5.0, 20.0)
MOST_REFERENCES = 5000
CHUNK = 2048
WIDE, NARROW = 512, 128
"""Rows of more numbers than the first are compared in so many random directions."""


@dataclass(frozen=True, eq=False)
class Home:
    """Which teacher was trained on rows like these.

    Attributes:
        reads: numeric columns in which rows are compared.
        rows: the row numbers of the reference, int64 [R].
        reference: rows some teacher was trained on, centred and scaled, float [R, F].
        member: whose they are, float [R, T]; each row sums to 1, shared by the teachers that know it.
        centre: float [F].
        spread: float [F].
        directions: random projection of wide rows, float [W, F]; None: as they are.
        neighbours: number of nearest reference rows that are looked at.
        strength: how many imagined neighbours speak for the overall shares.
        gain: what it says about a reference row that it does not know, in nats per row beyond the overall shares.
        error: standard error of `gain`.
    """

    reads: tuple[str, ...]
    rows: Tensor = field(repr=False)
    reference: Tensor = field(repr=False)
    member: Tensor = field(repr=False)
    centre: Tensor = field(repr=False)
    spread: Tensor = field(repr=False)
    directions: Tensor | None = field(repr=False)
    neighbours: int
    strength: float
    gain: float
    error: float

    @staticmethod
    def of(columns: Columns, reads: Sequence[str], trained: Sequence[np.ndarray], seed: int = 0) -> Home:
        """From the rows that each teacher was trained on; neighbours and strength by leaving one row out.

        Args:
            columns: of the whole table.
            reads: the numeric columns in which rows are compared.
            trained: row numbers per teacher; a teacher with none is at home everywhere alike.
            seed: of the sample that is kept where there are more than 5,000 such rows.

        Raises:
            InputError: a column is missing or not numeric, or no teacher has any row.
        """
        rows = np.unique(np.concatenate([np.asarray(part, dtype=np.int64) for part in trained]))
        if len(rows) < 2:
            raise InputError("nobody is at home anywhere: no teacher says which rows it was trained on")
        if len(rows) > MOST_REFERENCES:
            rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_REFERENCES, replace=False))
        member = torch.from_numpy(np.stack([np.isin(rows, part) for part in trained], axis=1)).float()
        member[:, [len(part) == 0 for part in trained]] = 1.0 / len(trained)
        member = member / member.sum(1, keepdim=True)
        features = _features(columns, reads, rows)
        directions = None
        if features.shape[1] > WIDE:
            drawn = np.random.default_rng(seed).standard_normal((features.shape[1], NARROW)) / NARROW**0.5
            directions = torch.from_numpy(drawn.astype(np.float32))
            features = features @ directions
        centre, spread = features.mean(0), features.std(0)
        spread = torch.where(spread > 1e-6, spread, torch.ones_like(spread))
        reference = (features - centre) / spread
        most = min(max(NEIGHBOURS), len(rows) - 1)
        near = _nearest(reference, reference, most, torch.arange(len(rows)))
        found = [_told(member, near, k, strength) for k in NEIGHBOURS if k <= most for strength in STRENGTHS]
        gain, error, neighbours, strength = max(found)
        place = torch.from_numpy(rows)
        return Home(
            tuple(reads), place, reference, member, centre, spread, directions, neighbours, strength, gain, error
        )

    @property
    def telling(self) -> bool:
        """Whether the teachers' homes can be told apart: the gain is over 0.05 nats and three standard errors."""
        return self.gain > max(0.05, 3.0 * self.error)

    def __call__(self, columns: Columns, *, own: bool = False) -> Tensor:
        """Probability that a row belongs to each teacher's training rows, float [T, B].

        Args:
            columns: of the rows that are asked about.
            own: they are the table it was made from, whose rows are not neighbours of themselves.
        """
        features = _features(columns, self.reads, None)
        if self.directions is not None:
            features = features @ self.directions
        features = (features - self.centre) / self.spread
        near = _nearest(features, self.reference, self.neighbours, self.rows if own else None)
        return _share(self.member, near, self.neighbours, self.strength).T.contiguous()

    def taking(self, teachers: Sequence[int]) -> Home:
        """The same for some of the teachers."""
        member = self.member[:, list(teachers)]
        return replace(self, member=normalised(member.T, torch.ones_like(member.T, dtype=torch.bool)).T)

    def digest(self) -> str:
        """Changes with what it says."""
        parts = (self.reference, self.member, self.centre, self.spread)
        whole = hashlib.sha256(repr((self.reads, self.neighbours, self.strength)).encode())
        for part in parts:
            whole.update(part.contiguous().numpy().tobytes())
        return whole.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class AtHome:
    """Weights by `Home`: the more training rows of a teacher lie near a row, the more it is trusted there.

    A teacher that abstains is left out, and where no home is known (row numbers below 0, or beyond the table) all
    answering teachers count alike and the rule has not acted.

    Args:
        home: which teacher was trained on rows like these.
        names: the teachers, in its order.
        gives: `weights`, mixed term by term on the classes that each teacher knows; or `target`, one mixture of the
            teachers' probabilities in which a class that a teacher does not know has probability 0. For teachers of
            different classes the target says more: where somebody is at home, the classes of the others are out.
        shares: of the rows of a table, by row number, float [T, N]; made by `over`.

    Raises:
        InputError: (when called) `over` was not called, or other teachers answer; a target of anything but classes.
    """

    name = "at_home"
    needs = frozenset({"source"})
    invariants = INVARIANTS
    source = "jacobs1991"
    home: Home
    names: tuple[str, ...]
    gives: Gives = "weights"
    shares: Tensor | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        table = "" if self.shares is None else hashlib.sha256(self.shares.numpy().tobytes()).hexdigest()[:16]
        return f"AtHome({self.names}, gives={self.gives!r}, home={self.home.digest()}, shares={table!r})"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns in which rows are compared."""
        return self.home.reads

    def over(self, columns: Columns) -> AtHome:
        """The same for the table that the home was made from, whose rows are asked about by number."""
        return replace(self, shares=self.home(columns, own=True))

    def placed(self, columns: Columns) -> AtHome:
        """The same for other rows, which are asked about by their place among them."""
        return replace(self, shares=self.home(columns))

    def bound(self, names: Sequence[str]) -> AtHome:
        """The same for these teachers, in this order.

        Raises:
            InputError: it does not know one of them.
        """
        lost = [name for name in names if name not in self.names]
        if lost:
            raise InputError(f"fusion 'at_home' does not know teachers {lost}; it was made for {list(self.names)}")
        return self.taking([self.names.index(name) for name in names])

    def taking(self, teachers: Sequence[int]) -> AtHome:
        """The same for these teachers only, in this order."""
        chosen = list(teachers)
        if chosen == list(range(len(self.names))):
            return self
        shares = None if self.shares is None else self.shares[chosen]
        return replace(self, home=self.home.taking(chosen), names=tuple(self.names[t] for t in chosen), shares=shares)

    def __call__(self, signals: Any, context: Context) -> Weights | Target:
        """Weights [T, *items], or one answer about the B rows formed at `context.temperature`."""
        row, valid = context.row, signals.valid
        if self.shares is None or row is None:
            raise InputError("fusion 'at_home' has to know the rows first: call over(columns) with the whole table")
        if len(self.shares) != len(valid):
            raise InputError(f"fusion 'at_home' knows {len(self.shares)} teachers and got answers of {len(valid)}")
        there = (row >= 0) & (row < self.shares.shape[1])
        share = self.shares.to(valid.device, dtype_of(signals))[:, row.clamp(0, self.shares.shape[1] - 1)]
        share = torch.where(there, share, 1.0)
        wide = share.view(*share.shape, *[1] * (valid.dim() - 2))
        weights = normalised(wide.expand(valid.shape), valid)
        acted = there.view(-1, *[1] * (valid.dim() - 2)) & valid.any(0)
        if self.gives == "weights":
            return Weights(weights, acted)
        if not isinstance(signals, Classes):
            raise refusal(self.name, signals, "only classes can be out of a teacher's reach", "gives='weights'")
        probs = signals.probs(context.temperature).masked_fill(~cover(signals.coverage), 0.0)
        return Target(of_classes((weights.unsqueeze(-1) * probs).sum(0), signals), context.temperature, acted)


def _features(columns: Columns, reads: Sequence[str], rows: np.ndarray | None) -> Tensor:
    """The columns side by side, float [N, F]."""
    lost = [name for name in reads if name not in columns]
    if lost:
        raise InputError(f"rows are compared in columns {list(reads)}, of which {lost} are missing")
    found: list[np.ndarray] = []
    for name in reads:
        column = columns[name] if rows is None else columns[name][rows]
        if column.dtype.kind not in "fiub":
            raise InputError(f"rows are compared in numeric columns, and {name!r} holds {column.dtype}")
        found.append(column.reshape(len(column), -1).astype(np.float32))
    return torch.from_numpy(np.concatenate(found, axis=1))


def _nearest(rows: Tensor, reference: Tensor, count: int, own: Tensor | None = None) -> Tensor:
    """Places of the nearest reference rows, nearest first, int64 [B, count]; reference i is not near row own[i]."""
    found: list[Tensor] = []
    for start in range(0, len(rows), CHUNK):
        far = torch.cdist(rows[start : start + CHUNK], reference)
        if own is not None:
            here = torch.nonzero((own >= start) & (own < start + len(far)) & (own < len(rows))).squeeze(1)
            far[own[here] - start, here] = torch.inf
        found.append(far.topk(count, largest=False).indices)
    return torch.cat(found) if found else torch.zeros((0, count), dtype=torch.int64)


def _share(member: Tensor, near: Tensor, neighbours: int, strength: float) -> Tensor:
    """Share of each teacher among the neighbours, drawn towards its share of all, [B, T]."""
    counted = member[near[:, :neighbours]].sum(1)
    return (counted + strength * member.mean(0)) / (neighbours + strength)


def _told(member: Tensor, near: Tensor, neighbours: int, strength: float) -> tuple[float, float, int, float]:
    """Log-likelihood of the memberships, row left out, beyond that of the overall shares: mean and standard error."""
    share = _share(member, near, neighbours, strength).clamp_min(1e-12)
    gain = (member * (share.log() - member.mean(0).clamp_min(1e-12).log())).sum(1).double()
    return float(gain.mean()), float(gain.std() / len(gain) ** 0.5), neighbours, strength
