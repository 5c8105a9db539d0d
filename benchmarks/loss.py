"""The soft loss alone, with very many classes: 32 teachers, 32 rows, 32,000 classes.

Live: answers of the teachers are at hand, the loss mixes them (forward and backward to the student's logits);
against a loop of one KL per teacher under autograd. Stored: the mixed target is at hand; against torch's own
cross-entropy with soft labels; both fetch the targets of the batch by row number.

    python benchmarks/loss.py [--teachers 32] [--rows 32] [--classes 32000]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from claims import exact, ratio, show
from harness import Work, allocated, arguments, measure
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax

from tutelage import Batch, Classes, Distillation, Objective
from tutelage.core import Signals, Step
from tutelage.fusion import Entropy, Mean
from tutelage.tasks import Classification
from tutelage.teaching.terms import KL

Size = tuple[int, int, int]
REPEATS = 3


def answers(size: Size) -> list[Tensor]:
    """Logits of T teachers about the same rows."""
    torch.manual_seed(0)
    teachers, rows, classes = size
    return [torch.randn(rows, classes) * 2 for _ in range(teachers)]


def student(size: Size) -> Tensor:
    """Logits of a student, which want a gradient."""
    torch.manual_seed(1)
    return torch.randn(size[1], size[2], requires_grad=True)


@dataclass(frozen=True)
class AtHand:
    """Answers of live teachers about the one batch there is."""

    signals: Signals
    live: bool = True
    keys: None = None
    folder: None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.signals.names

    def gather(self, row: Tensor, view: Tensor) -> Signals:
        return self.signals

    def only(self, name: str) -> AtHand:
        return AtHand(self.signals.only(self.names.index(name)))


def repeated(step: Work) -> Work:
    def work() -> None:
        for _ in range(REPEATS):
            step()

    return work


def loop(size: Size, temperature: float) -> Work:
    """One KL per teacher, summed: what everybody writes."""
    teachers, own = answers(size), student(size)
    share = 1.0 / len(teachers)

    def step() -> None:
        own.grad = None
        log_q = log_softmax(own / temperature, -1)
        losses = [kl_div(log_q, softmax(z / temperature, -1), reduction="batchmean") for z in teachers]
        (torch.stack(losses).sum() * share * temperature**2).backward()

    return repeated(step)


def ours(size: Size, temperature: float, way: str) -> Work:
    """`Distillation.loss_of`: `live`, `stored` (plan 1), or `looking` (a fusion that looks at every answer)."""
    teachers, own = answers(size), student(size)
    names = tuple(f"t{number}" for number in range(len(teachers)))
    source = AtHand(Signals(names, tuple(Classes.of(z, "logits") for z in teachers)), live=way != "stored")
    task = Classification(tuple(str(number) for number in range(size[2])))
    fusion = Entropy() if way == "looking" else Mean()
    target = Distillation(source, fusion, Objective((KL(temperature),), soft=1.0), task)
    batch = Batch.of({"row": torch.arange(size[1])}, torch.zeros(size[1], dtype=torch.int64))
    if way == "stored":
        target = target.prepared([batch])

    def step() -> None:
        own.grad = None
        target.loss_of(Classes.of(own, "logits"), batch, Step()).backward()

    return repeated(step)


def soft_labels(size: Size, temperature: float) -> Work:
    """The mixed target of the rows, fetched and given to torch's cross-entropy."""
    own, row = student(size), torch.arange(size[1])
    target = torch.stack([softmax(z / temperature, -1) for z in answers(size)]).mean(0)

    def step() -> None:
        own.grad = None
        (cross_entropy(own / temperature, target[row]) * temperature**2).backward()

    return repeated(step)


def main() -> None:
    given = arguments(__doc__, teachers=32, rows=32, classes=32_000, temperature=2.0)
    size = (4, 8, 4000) if given.smoke else (given.teachers, given.rows, given.classes)
    kinds = {
        "loop": partial(loop, size, given.temperature),
        "soft": partial(soft_labels, size, given.temperature),
        **{way: partial(ours, size, given.temperature, way) for way in ("live", "stored", "looking")},
    }
    times = measure(kinds, given.rounds, apart=not given.smoke)
    memory = {way: allocated(kinds[way]()) for way in ("live", "looking", "loop")}
    teachers, rows, classes = size
    title = f"Soft loss: {teachers} teachers × {rows} rows × {classes} classes, temperature {given.temperature:g}"
    claims = [
        ratio("live, plain mean / loop of one KL per teacher", times["live"], times["loop"], 0.2),
        exact("live, extra tensors at the peak", memory["live"], 60.0, " MB"),
        exact("loop, extra tensors at the peak", memory["loop"], None, " MB"),
        ratio("live, entropy weights / loop", times["looking"], times["loop"], None, "looks at every answer"),
        exact("live, entropy weights, extra tensors at the peak", memory["looking"], 60.0, " MB"),
        ratio("stored / soft cross-entropy of torch", times["stored"], times["soft"], 1.15),
    ]
    show(title, claims, given)


if __name__ == "__main__":
    main()
