"""Your own kind of teacher: whatever can answer about a row. Here: a colleague's notes, and the nearest of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

import tutelage as tl
from tutelage.fusion import Mean
from tutelage.store.fingerprint import digest
from tutelage.testing import check_teacher


@dataclass(frozen=True)
class Notes:
    """Remembers some labelled examples and answers like the nearest one; without opinion where none is near."""

    examples: np.ndarray
    labels: np.ndarray
    space: tl.Space
    seen: np.ndarray
    reach: float = 2.5
    name: str = "notes"
    reads: tuple[str, ...] = ("pixels",)
    frozen: bool = True  # its answers never change, so they can be stored
    deterministic: bool = True
    parameters: int | None = None

    @property
    def fingerprint(self) -> Mapping[str, str]:
        return {"weights": digest(self.examples.tobytes(), self.labels.tobytes()), "reach": str(self.reach)}

    def answer(self, columns: Mapping[str, np.ndarray]) -> tl.Classes:
        distance = np.linalg.norm(columns["pixels"][:, None] - self.examples[None], axis=-1)
        votes = np.eye(len(self.space.names), dtype=np.float32)[self.labels[distance.argmin(1)]]
        near = torch.from_numpy(distance.min(1) < self.reach)
        return tl.Classes.of(torch.from_numpy(votes), "votes", valid=near)


def main() -> None:
    data: Any = load_digits()
    rows = tl.rows_of({"pixels": (data.data / 16).astype(np.float32)}, data.target)
    own = rows.train[:200]
    notes = Notes(rows.columns["pixels"][own], rows.target[own], rows.space, np.sort(own))
    check_teacher(notes, {"pixels": rows.columns["pixels"][:20]}, changed=replace(notes, reach=2.0))

    signals, heldout = tl.Memory.of([notes], rows.columns), rows.validation
    distillation = tl.generate_distillation_targets(signals, rows, Mean(), heldout=heldout)
    fitted = tl.optimize_model(tl.MLP(64, 10, (32,)), distillation, rows, tl.Training(epochs=20, lr=1e-2))
    found = tl.evaluate_performance(fitted.student, rows)
    print(found.metrics)
    assert found.metrics["accuracy"] > 0.85


if __name__ == "__main__":
    main()
