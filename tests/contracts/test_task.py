"""Every task of the house keeps the contract, and the contract notices tasks that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from tutelage.core import Classes
from tutelage.tasks import NAMED, Classification, Enhancement, Forecasting, MultiLabel, Ordinal, Ranking, Regression
from tutelage.testing import check_task

TASKS_AND_OUTPUTS = {
    "classification": (Classification(("a", "b", "c")), 3),
    "weighted classes": (Classification(("a", "b", "c"), (1.0, 2.0, 0.5)), 3),
    "ordinal": (Ordinal(("a", "b", "c")), 3),
    "multilabel": (MultiLabel(("a", "b", "c")), 3),
    "regression": (Regression(("y", "z")), 2),
    "regression in units": (Regression(("y", "z"), (3.0, -1.0), (10.0, 0.1), loss="huber"), 2),
    "regression with scale": (Regression(("y", "z"), with_scale=True, loss="nll"), 4),
    "forecasting": (Forecasting(("5 min", "10 min")), 2),
    "enhancement": (Enhancement.of_wave(5), 5),
    "ranking": (Ranking(), 20),
    "ranking, drawn by popularity": (Ranking("shown", 30, tuple(1.0 / (i + 1) for i in range(20))), 20),
}


@pytest.mark.parametrize("name", TASKS_AND_OUTPUTS)
def test_task(name: str) -> None:
    task, outputs = TASKS_AND_OUTPUTS[name]
    check_task(task, outputs=outputs)


def test_every_task_is_tested() -> None:
    assert {type(task) for task, _ in TASKS_AND_OUTPUTS.values()} == set(NAMED.values())


@dataclass(frozen=True)
class Broken:
    """A task with one thing wrong."""

    inner: Any
    changed: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.changed[name] if name in self.changed else getattr(self.inner, name)


PLAIN = Classification(("a", "b", "c"))


def _twice(student: Any, batch: Any) -> Any:
    student(*batch.inputs.values())
    return PLAIN.answer(student, batch)


def _silent_is_fine(answer: Any, target: Any, labelled: Any) -> Any:
    return PLAIN.metrics(Classes.of(answer.scores, "logits"), target, labelled)


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "twice": ({"answer": _twice}, "2 times"),
    "double": ({"answer": lambda s, b: Classes.of(s(*b.inputs.values()).double(), "logits")}, "turns"),
    "headline": ({"headline": "beauty"}, "no direction"),
    "mean": ({"hard_loss": lambda a, t: PLAIN.hard_loss(a, t).mean()}, "hard loss"),
    "upside down": ({"hard_loss": lambda a, t: -PLAIN.hard_loss(a, t)}, "costs less"),
    "silent": ({"metrics": _silent_is_fine}, "do not cost anything"),
    "tensor": ({"metrics": lambda a, t, _: {"accuracy": (PLAIN.decode(a) == t).float().mean()}}, "not float"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_tasks_are_noticed(name: str) -> None:
    changed, why = BROKEN[name]
    broken: Any = Broken(PLAIN, changed)
    with pytest.raises(AssertionError, match=why):
        check_task(broken, outputs=3)


def test_a_task_that_reads_absent_labels_is_noticed() -> None:
    def metrics(answer: Any, target: Any, labelled: Any) -> Any:
        return PLAIN.metrics(answer, target, torch.ones_like(labelled))

    broken: Any = Broken(PLAIN, {"metrics": metrics})
    with pytest.raises((AssertionError, RuntimeError, IndexError)):
        check_task(broken, outputs=3)
