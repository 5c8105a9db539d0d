"""Evaluation: answers about many rows, their quality, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, MeasuresRows, Space, Task, Teacher
from ..data import Rows
from ..tasks import task_for
from ..teachers import aligned, thread_budget
from ..teaching import AsIs
from ..teaching.sources import ask_one
from .settings import one_thread


def task_of(rows: Rows) -> Task:
    """The task of the rows, or the one that fits them; values are standardised by the labelled training rows."""
    if rows.task is not None:
        return rows.task
    row = rows.labelled_train if len(rows.labelled_train) else rows.validation
    return task_for(rows.space, rows.target[row], rows.labelled[row])


def answers(
    student: nn.Module,
    rows: Rows,
    row: np.ndarray,
    task: Task,
    device: torch.device | str = "cpu",
    size: int = 1024,
) -> tuple[Any, Batch]:
    """The student's answers about these rows, on the CPU, and the rows as one batch without inputs.

    The student answers in evaluation mode and is left as it was.
    """
    was = student.training
    student.eval()
    found: list[Any] = []
    with torch.no_grad():
        for batch in rows.batches(row, size):
            found.append(on_cpu(task.answer(student, batch.to(device))))
    student.train(was)
    return type(found[0]).concat(found), rows.batch(row, inputs=False, truth=True)


def quality(task: Task, answer: Any, batch: Batch) -> dict[str, float]:
    """The task's metrics on labelled rows."""
    with one_thread():
        return task.metrics(answer, batch.target, batch.labelled)


def row_quality(task: Task, answer: Any, batch: Batch) -> dict[str, Tensor]:
    """By metric that is a mean over rows, its value per labelled row; none where the task tells none."""
    if not isinstance(task, MeasuresRows):
        return {}
    with one_thread():
        return task.row_metrics(answer, batch.target, batch.labelled)


def in_names(teacher: Teacher, space: Space) -> Teacher:
    """The teacher, answering in the task's names, whatever the order of its own."""
    return teacher if teacher.space == space else aligned(teacher, space)


def teacher_answers(teacher: Teacher, rows: Rows, row: np.ndarray, size: int = 4096) -> Any:
    """A teacher's answers about these rows."""
    parts = [ask_one(teacher, rows.columns, row[i : i + size]) for i in range(0, len(row), size)]
    first: Any = type(parts[0])
    return first.concat(parts)


@dataclass(frozen=True)
class Cost:
    """What an answer costs on this machine.

    Attributes:
        p50_ms: median wall time of one row asked alone, in milliseconds.
        p99_ms: 99th percentile of the same.
        rows_per_s: rows per second when asked in batches.
    """

    p50_ms: float
    p99_ms: float
    rows_per_s: float


def cost(one: Callable[[], object], many: Callable[[], object], rows: int, seconds: float = 0.08) -> Cost:
    """Measures `one` (asks about a single row) and `many` (asks about `rows` rows), warm, for about `seconds`."""
    one()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 20 or (time.perf_counter() < end and len(times) < 5000):
        start = time.perf_counter()
        one()
        times.append(time.perf_counter() - start)
        if len(times) >= 5 and sum(times) > 4 * seconds:
            break
    many()
    start, turns = time.perf_counter(), 0
    while turns < 1 or time.perf_counter() - start < seconds / 2:
        many()
        turns += 1
    rate = turns * rows / (time.perf_counter() - start)
    return Cost(float(np.percentile(times, 50)) * 1e3, float(np.percentile(times, 99)) * 1e3, rate)


def student_cost(student: nn.Module, rows: Rows, row: np.ndarray, device: torch.device | str = "cpu") -> Cost:
    """Cost of a student on one thread, where it lies; single rows and batches of up to 1024 rows."""

    def ask(given: list[Tensor]) -> None:
        student(*given)
        if torch.device(device).type == "cuda":  # it answers later than it returns
            torch.cuda.synchronize(device)

    was = student.training
    student.eval()
    single = list(rows.batch(row[:1]).to(device).inputs.values())
    group = list(rows.batch(row[:1024]).to(device).inputs.values())
    with torch.inference_mode(), thread_budget(1):
        found = cost(lambda: ask(single), lambda: ask(group), min(len(row), 1024))
    student.train(was)
    return found


def teacher_cost(teacher: Teacher, rows: Rows, row: np.ndarray) -> Cost:
    """Cost of a teacher on one thread, like a student's; its own transform included."""
    size = min(len(row), 1024)
    with thread_budget(1):
        return cost(
            lambda: ask_one(teacher, rows.columns, row[:1]),
            lambda: ask_one(teacher, rows.columns, row[:size]),
            size,
        )


@dataclass(frozen=True)
class Performance:
    """Quality and cost of one contender on some rows.

    Attributes:
        metrics: of the task.
        cost: latency and throughput on this machine.
        parameters: where they count, else None.
        answer: the answers themselves.
    """

    metrics: Mapping[str, float]
    cost: Cost
    parameters: int | None
    answer: Any = field(repr=False)


def measured(model: nn.Module | Teacher, rows: Rows, task: Task, row: np.ndarray) -> tuple[Mapping[str, float], Any]:
    """Metrics of a student or a teacher on these rows, and its answers; votes are probabilities of stated accuracy."""
    batch = rows.batch(row, inputs=False, truth=True)
    if isinstance(model, nn.Module):
        answer, _ = answers(model, rows, row, task, _where(model))
    else:
        answer = AsIs().apply(teacher_answers(in_names(model, task.space), rows, row))
    return quality(task, answer, batch), answer


def performance(model: nn.Module | Teacher, rows: Rows, task: Task, row: np.ndarray) -> Performance:
    """Quality and cost of a student or a teacher on these rows."""
    metrics, answer = measured(model, rows, task, row)
    if isinstance(model, nn.Module):
        return Performance(metrics, student_cost(model, rows, row, _where(model)), parameters(model), answer)
    model = in_names(model, task.space)
    return Performance(metrics, teacher_cost(model, rows, row), model.parameters, answer)


def _where(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def parameters(module: nn.Module) -> int:
    """Number of trainable and fixed parameters."""
    return sum(p.numel() for p in module.parameters())


def on_cpu(answer: Any) -> Any:
    """The same answer on the CPU."""
    return moved(answer, torch.device("cpu"))


def moved(answer: Any, device: torch.device) -> Any:
    """The same answer on another device."""
    arrays = {name: value.to(device) for name, value in answer.to_arrays().items()}
    return type(answer).from_arrays(arrays, answer.meta())
