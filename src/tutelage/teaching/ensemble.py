"""The fused ensemble: many teachers that answer as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core import (
    Columns,
    Context,
    Fusion,
    KnowsRows,
    Scores,
    Signals,
    Space,
    Teacher,
)
from ..fusion import PerTeacher, Placed
from ..fusion.answers import answer_of
from ..store.fingerprint import digest
from . import calibration as calibrating
from .calibration import AsIs, Calibration


@dataclass(frozen=True)
class Ensemble:
    """Several teachers and a fusion, as one teacher: saved, asked, used inside another fusion.

    Weights mix probabilities (of rankings: of the common candidates; values: means and variances); labels are not
    looked at, so rules that need them fall back to what they do on unlabelled rows.

    Attributes:
        teachers: aligned to `space`.
        fusion: fitted, if it has to be.
        calibrations: one per teacher.

    Raises:
        InputError: the fusion holds weights by name that are not the teachers' names.
    """

    name: str
    teachers: tuple[Teacher, ...]
    fusion: Fusion
    calibrations: tuple[Calibration, ...]
    space: Space
    frozen: bool = True
    deterministic: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.fusion, PerTeacher):
            object.__setattr__(self, "fusion", self.fusion.bound([teacher.name for teacher in self.teachers]))

    @staticmethod
    def of(name: str, teachers: Sequence[Teacher], fusion: Fusion) -> Ensemble:
        """An ensemble of teachers that share one space, their answers taken as they are."""
        return Ensemble(name, tuple(teachers), fusion, tuple(AsIs() for _ in teachers), teachers[0].space)

    @property
    def reads(self) -> tuple[str, ...]:
        """Every column some teacher reads, or the fusion looks at."""
        own: tuple[str, ...] = self.fusion.reads if isinstance(self.fusion, Placed) else ()
        return tuple(dict.fromkeys([*(name for teacher in self.teachers for name in teacher.reads), *own]))

    @property
    def seen(self) -> np.ndarray | None:
        """Rows any teacher was trained on; None when one of them does not know."""
        parts = [teacher.seen for teacher in self.teachers]
        known = [part for part in parts if part is not None]
        return np.unique(np.concatenate(known)) if len(known) == len(parts) else None

    @property
    def parameters(self) -> int | None:
        """Sum over the teachers, or None when one does not count."""
        parts = [teacher.parameters for teacher in self.teachers]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Fingerprints of the members, the fusion, and the calibrations."""
        members = {
            f"teacher:{t.name}": digest(*sorted(f"{k}={v}" for k, v in t.fingerprint.items())) for t in self.teachers
        }
        return members | {
            "fusion": digest(repr(self.fusion)),
            "calibration": digest(*[repr(c.to_json()) for c in self.calibrations]),
        }

    def save(self, folder: str | Path, columns: Columns, *, extra: Mapping[type, Any] | None = None) -> None:
        """Writes members, fusion and calibrations into a folder, for `load_ensemble`; see `save_ensemble`."""
        from .saved import save_ensemble

        save_ensemble(self, folder, columns, extra=extra)

    def answer(self, columns: Columns) -> Any:
        """The fused answer."""
        return self._fused([teacher.answer(columns) for teacher in self.teachers], columns)

    def answer_rows(self, columns: Columns, row: np.ndarray) -> Any:
        """The fused answer about these row numbers; members that know rows are told them."""
        answers = [
            t.answer_rows(columns, row) if isinstance(t, KnowsRows) else t.answer(columns) for t in self.teachers
        ]
        return self._fused(answers, columns)

    def _fused(self, answers: list[Any], columns: Columns) -> Any:
        signals = Signals(tuple(t.name for t in self.teachers), tuple(answers))
        stacked = calibrating.apply(self.calibrations, signals).stacked()
        nothing = torch.zeros(stacked.valid.shape[1:], dtype=torch.bool)
        blank = torch.zeros(len(stacked), dtype=torch.int64) if nothing.dim() == 1 else nothing.float()
        if isinstance(stacked, Scores):
            blank = torch.zeros_like(stacked.score[0])
        row = torch.arange(stacked.valid.shape[1])
        fusion = self.fusion.placed(columns) if isinstance(self.fusion, Placed) else self.fusion
        result = fusion(stacked, Context(row=row, target=blank, labelled=nothing))
        return answer_of(result, stacked)
