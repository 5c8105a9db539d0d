"""The loop of a sweep: `fit`, with a lane axis."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Batch, InputError, Renewable, Step
from ..data.rows import Rows, batch_count
from ..teaching import Distillation
from ..teaching.lanes import Apart, Lanes, joined
from .evaluate import answers, on_cpu, quality
from .history import Epoch, Fitted
from .lanes import Together
from .settings import Plateau, Training

MOST_ROWS = 16384
"""Rows times lanes of one forward pass over validation rows."""


@dataclass
class Book:
    """What one group of lanes adds up in an epoch: parts by name [G], and `LaneLoss.told` with its number of steps."""

    parts: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    last: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    told: Tensor | None = None
    steps: int = 0

    def add(self, means: dict[str, Tensor], told: Tensor | None) -> None:
        """One step more."""
        self.last = {name: value.detach() for name, value in means.items()}
        for name, value in self.last.items():
            self.parts[name] = self.parts[name] + value if name in self.parts else value
        if told is not None:
            self.told = told if self.told is None else self.told + told
            self.steps += 1


@dataclass
class Race:
    """Students of one architecture on their way through the epochs.

    Attributes:
        names: of the lanes, for errors.
        students: one per lane, on the device; written to at the end.
        targets: one per lane, prepared, of one task.
        seeds: one per lane, of the order of batches.
        running: numbers of the lanes still in the network, in its order.
        groups: the same numbers, by whom they share their losses with.
    """

    names: Sequence[str]
    students: Sequence[nn.Module]
    targets: Sequence[Distillation]
    seeds: Sequence[int]
    rows: Rows
    training: Training
    device: torch.device
    running: list[int] = field(init=False)
    groups: list[tuple[list[int], Lanes]] = field(init=False)
    step: int = 0
    rate: float = 0.0

    def __post_init__(self) -> None:
        rows, count = self.rows, len(self.students)
        self.task = self.targets[0].task
        self.looked = rows.validation if len(rows.validation) else rows.labelled_train
        needed = rows if self.training.watch == "loss" else replace(rows, validation=rows.validation[:0])
        self.groups = joined(self.targets, [batch.to(self.device) for batch in needed.lessons()])
        self.running = [lane for members, _ in self.groups for lane in members]
        self.network = Together([self.students[lane] for lane in self.running])
        self.optimizer = self.training.optimizer(self.network)
        self.kept = [torch.zeros_like(value) for value in self.network.learnt]
        self.histories: list[list[Epoch]] = [[] for _ in range(count)]
        self.best, self.best_epoch, self.stale = [math.inf] * count, [0] * count, [0] * count
        self.start = time.perf_counter()

    def run(self, told: Callable[[int, int], None]) -> list[Fitted]:
        """All epochs, and what `fit` would return per lane."""
        for epoch in range(self.training.epochs):
            self._renew()
            records = self._epoch(epoch)
            if self.training.looks(epoch + 1):
                pairs = zip(self.running, self._watched(records), strict=True)
                self._keep([lane for lane, record in pairs if self._better(lane, record)])
                self._drop()
            told(epoch + 1, self.training.epochs)
            if not self.running:
                break
        return [self._finished(lane) for lane in range(len(self.students))]

    def _epoch(self, epoch: int) -> list[Epoch]:
        size, count = self.training.batch_size, len(self.rows.train)
        per_epoch = batch_count(count, size)
        order, books = self._order(epoch), [Book() for _ in self.groups]
        self.network.train()
        for number in range(per_epoch):
            stop = count if number == per_epoch - 1 else (number + 1) * size
            batch = self._batch(order[:, number * size : stop].reshape(-1), epoch)
            at = Step(self.step, epoch, self.step / (per_epoch * self.training.epochs))
            self._set_rate(at)
            loss = self._loss(self.task.answer(self.network, batch), batch, at, books)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._check(self.network.clip(self.training.clip), epoch, books)
            self.optimizer.step()
            self.step += 1
        pairs = zip(self.groups, books, strict=True)
        return [record for (_, lanes), book in pairs for record in self._records(epoch, per_epoch, lanes, book)]

    def _batch(self, row: np.ndarray, epoch: int) -> Batch:
        return self.rows.batch(row, view=self.rows.view_of(row, epoch)).to(self.device)

    def _order(self, epoch: int) -> np.ndarray:
        """The training rows of each running lane in the order of its batches, [S, N]."""
        rows, found = self.rows, dict[int, np.ndarray]()
        for seed in {self.seeds[lane] for lane in self.running}:
            whole = next(rows.batches(rows.train, len(rows.train), seed=seed, epoch=epoch, inputs=False))
            found[seed] = whole.row.numpy()
        return np.stack([found[self.seeds[lane]] for lane in self.running])

    def _set_rate(self, at: Step) -> None:
        rate = self.training.rate()
        assert not isinstance(rate, Plateau)
        self.rate = rate.at(Step(at.step, at.epoch, at.progress + 1e-9))
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate

    def _loss(self, answer: Any, batch: Batch, at: Step, books: Sequence[Book]) -> Tensor:
        """The sum over all lanes, noted down."""
        total: list[Tensor] = []
        squares = self.network.squares() if any(lanes.objective.l2 > 0 for _, lanes in self.groups) else None
        for (_, lanes), place, book in zip(self.groups, self._places(), books, strict=True):
            loss = lanes.losses(*self._part(answer, batch, place), at)
            means = {name: part.value() for name, part in loss.parts.items()}
            if lanes.objective.l2 > 0 and squares is not None:
                means["l2"] = lanes.objective.l2 * squares[place]
            book.add(means, loss.told)
            total += [value.sum() for value in means.values()]
        return torch.stack(total).sum()

    def _places(self) -> list[slice]:
        """Where the lanes of each group lie in the network."""
        ends = list(itertools.accumulate(len(members) for members, _ in self.groups))
        return [slice(end - len(members), end) for end, (members, _) in zip(ends, self.groups, strict=True)]

    def _part(self, answer: Any, batch: Batch, place: slice) -> tuple[Any, Batch]:
        """Answers and rows of some lanes."""
        if len(self.groups) == 1:
            return answer, batch
        each = len(batch) // len(self.running)
        cut = slice(place.start * each, place.stop * each)
        names = ("row", "view", "weight", "target", "labelled")
        return answer.take(cut), Batch({}, **{name: getattr(batch, name)[cut] for name in names})

    def _check(self, norm: Tensor, epoch: int, books: Sequence[Book]) -> None:
        good = torch.isfinite(norm)
        if bool(good.all()):
            return
        number = int((~good).nonzero()[0, 0])
        place, book = next((p, b) for p, b in zip(self._places(), books, strict=True) if p.start <= number < p.stop)
        parts = {name: float(value[number - place.start]) for name, value in book.last.items()}
        name = self.names[self.running[number]]
        raise InputError(
            f"lane {name!r}: the gradient became NaN or infinite in epoch {epoch + 1}, step {self.step} (parts of the "
            f"loss: {parts}): lower the learning rate, or check the student's inputs"
        )

    def _records(self, epoch: int, per_epoch: int, lanes: Lanes, book: Book) -> list[Epoch]:
        parts = {name: (value / per_epoch).tolist() for name, value in book.parts.items()}
        told = [[0.0, 0.0]] * len(lanes) if book.told is None else book.told.tolist()
        found: list[Epoch] = []
        for number, (teachers, line) in enumerate(zip(lanes.teachers, told, strict=True)):
            trust = [value / max(line[-2], 1.0) for value in line[:teachers]]
            own = {name: values[number] for name, values in parts.items()}
            acted = line[-1] / max(book.steps, 1)
            found.append(Epoch(epoch + 1, self.step, self.rate, own, math.nan, {}, trust, acted, 0.0))
        return found

    @torch.no_grad()
    def _watched(self, records: list[Epoch]) -> list[Epoch]:
        """The records with what the validation rows say."""
        training, task, count = self.training, self.task, len(self.running)
        values, found = [sum(record.parts.values()) for record in records], [dict[str, float]() for _ in records]
        if len(self.looked):
            answer = self._answers()
            rows = self.rows.batch(self.looked, inputs=False, truth=True)
            own, each = on_cpu(answer), len(self.looked)
            found = [quality(task, own.take(slice(at * each, at * each + each)), rows) for at in range(count)]
            if training.watch == "loss":
                at = Step(records[0].step, records[0].epoch, 1.0)
                values = self._values(answer, _repeated(rows.to(self.device), count), at)
            elif training.watch in found[0]:
                sign = -1.0 if task.higher_is_better[training.watch] else 1.0
                values = [sign * one[training.watch] for one in found]
            else:
                raise InputError(
                    f"watch={training.watch!r} does not fit this student: loss or one of {sorted(found[0])}"
                )
        seconds = time.perf_counter() - self.start
        return [
            replace(record, watched=value, metrics=metrics, seconds=seconds)
            for record, value, metrics in zip(records, values, found, strict=True)
        ]

    def _answers(self) -> Any:
        """Answers of all running lanes about the watched rows, lane by lane."""
        self.network.eval()
        count = len(self.running)
        feed = self.rows.batches(self.looked, max(1, MOST_ROWS // count))
        found = [self.task.answer(self.network, batch.to(self.device)) for batch in feed]
        if len(found) == 1:
            return found[0]
        parts = [answer.to_arrays() for answer in found]
        apart = {name: [p[name].view(count, -1, *p[name].shape[1:]) for p in parts] for name in parts[0]}
        whole = {name: torch.cat(pieces, dim=1).flatten(0, 1) for name, pieces in apart.items()}
        return type(found[0]).from_arrays(whole, found[0].meta())

    def _values(self, answer: Any, batch: Batch, at: Step) -> list[float]:
        values: list[float] = []
        for (_, lanes), place in zip(self.groups, self._places(), strict=True):
            parts = lanes.losses(*self._part(answer, batch, place), at).parts
            values += torch.stack([part.value() for part in parts.values()]).sum(0).tolist()
        return values

    def _better(self, lane: int, record: Epoch) -> bool:
        """Notes down a record; whether it is the best one of its lane."""
        first = not self.histories[lane]
        self.histories[lane].append(record)
        if not first and not record.watched < self.best[lane] - 1e-6:
            self.stale[lane] += 1
            return False
        self.best[lane], self.best_epoch[lane], self.stale[lane] = record.watched, record.epoch, 0
        return True

    def _keep(self, lanes: Sequence[int]) -> None:
        place = torch.tensor([self.running.index(lane) for lane in lanes], dtype=torch.int64, device=self.device)
        index = torch.tensor(lanes, dtype=torch.int64, device=self.device)
        for kept, value in zip(self.kept, self.network.learnt, strict=True):
            kept[index] = value.detach()[place]

    def _drop(self) -> None:
        """Lanes that have stopped leave the network."""
        left = [lane for lane in self.running if not self._stopped(lane)]
        if len(left) == len(self.running):
            return
        if left:
            self.network.keep([self.running.index(lane) for lane in left], self.optimizer)
        groups = [([i for i, lane in enumerate(members) if lane in left], members, g) for members, g in self.groups]
        self.groups = [([members[i] for i in stay], g.kept(stay)) for stay, members, g in groups if stay]
        self.running = left

    def _stopped(self, lane: int) -> bool:
        return self.training.patience is not None and self.stale[lane] >= self.training.patience

    def _renew(self) -> None:
        """Fusions that follow what their student has learnt look at it."""
        for number, ((lane, *_), lanes) in enumerate(self.groups):
            target = lanes.target if isinstance(lanes, Apart) else None
            if target is None or not isinstance(target.fusion, Renewable) or target.heldout is None:
                continue
            student = self.students[lane]
            self.network.into(self.running.index(lane), student)
            answer, _ = answers(student, self.rows, target.heldout.numpy(), self.task, self.device)
            self.groups[number] = ([lane], Apart(target.renewed(answer)))

    def _finished(self, lane: int) -> Fitted:
        student, patience = self.students[lane], self.training.patience
        self.network.write([kept[lane] for kept in self.kept], student)
        best = {name: value.detach().cpu().clone() for name, value in student.state_dict().items()}
        if patience is None:
            self.network.into(self.running.index(lane), student)
        stopped = "all epochs done"
        if self._stopped(lane):
            stopped = self.training.gave_up(self.best_epoch[lane])
        return Fitted(student.train(), best, self.best_epoch[lane], tuple(self.histories[lane]), stopped)


def _repeated(batch: Batch, lanes: int) -> Batch:
    """The same rows for every lane, lane by lane."""
    names = ("row", "view", "weight", "target", "labelled")
    parts = {name: getattr(batch, name) for name in names}
    return Batch({}, **{name: part.repeat(lanes, *[1] * (part.dim() - 1)) for name, part in parts.items()})
