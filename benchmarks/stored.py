"""A training epoch from stored signals, against the same student trained on labels alone.

A conv net of 24,000 parameters learns 4,096 images of 16 x 16 pixels in batches of 128. "Labels alone" is the loop
that one writes by hand, on index tensors, without a library; ours is the same loop around `Distillation.loss`, or
`fit` against `fit` on labels alone. Plan 1 reads one statistic per row; plan 2 (here: a temperature that falls
during training) mixes the signals of all teachers at each step. The whole run is ten epochs, teaching included,
against ten epochs of a hand-written loop that asks three conv teachers about every batch; teachers go through the
teacher optimiser, as in `tl.distill`. Beside it: ten epochs of labels alone against that loop, the floor of anything.

    python benchmarks/stored.py [--images 4096] [--epochs 10]
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import torch
from claims import Claim, ratio, show
from conv import BATCH, CLASSES, resnet8, rows_of_images, tiny
from harness import Setup, Work, arguments, measure
from remembers import Remembers
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax

from tutelage import (
    Batch,
    Distillation,
    ModuleTeacher,
    Objective,
    Rows,
    Step,
    Store,
    Training,
    fit,
    generate_predictions,
    optimised,
)
from tutelage.core import SignalSource
from tutelage.fusion import Mean
from tutelage.ops.schedules import Linear
from tutelage.teaching import terms
from tutelage.teaching.teach import teach
from tutelage.train.evaluate import task_of
from tutelage.train.fitted import labels_only

RATE, TEMPERATURE, SOFT = 1e-3, 2.0, 0.9


def epochs(rows: Rows, loss_of: Callable[..., torch.Tensor]) -> Work:
    """One epoch per call: the loop around a loss."""
    student, numbers = tiny(), count()
    optimizer = torch.optim.AdamW(student.parameters(), RATE)

    def epoch() -> None:
        for batch in rows.batches(rows.train, BATCH, seed=0, epoch=next(numbers)):
            optimizer.zero_grad()
            loss_of(student, batch).backward()
            optimizer.step()

    return epoch


def labels(images: int) -> Work:
    """Labels alone, by hand."""
    rows = rows_of_images(images)
    x, y = torch.from_numpy(rows.columns["image"]), torch.from_numpy(rows.target)
    student = tiny()
    optimizer = torch.optim.AdamW(student.parameters(), RATE)

    def epoch() -> None:
        order = torch.randperm(len(x))
        for at in range(0, len(x), BATCH):
            index = order[at : at + BATCH]
            optimizer.zero_grad()
            cross_entropy(student(x[index]), y[index]).backward()
            optimizer.step()

    return epoch


def signals_of(rows: Rows, teachers: int, folder: Path) -> Distillation:
    """A store with the answers of T teachers, and the plain mean of them."""
    bank = [Remembers.random(f"t{number}", len(rows), CLASSES, number) for number in range(teachers)]
    source: SignalSource = teach(bank, rows.columns, rows.taught, Store(folder))
    return Distillation(source, Mean(), Objective((terms.KL(TEMPERATURE),), soft=SOFT), task_of(rows))


def stored(images: int, teachers: int, plan: int) -> Work:
    """The same loop around `Distillation.loss`, from a store."""
    rows = rows_of_images(images)
    folder = tempfile.TemporaryDirectory()
    target = signals_of(rows, teachers, Path(folder.name))
    if plan == 2:
        falling = terms.KL(Linear(4.0, 1.0))
        target = replace(target, objective=Objective((falling,), soft=SOFT))
    target = target.prepared(rows.batches(rows.taught, 4096, inputs=False))
    assert target.plan.number == plan
    steps = count()

    def loss(student: torch.nn.Module, batch: Batch) -> torch.Tensor:
        assert folder.name
        return target.loss(student, batch, Step(next(steps), 0, 0.5)).total

    return epochs(rows, loss)


def fitted(images: int, teachers: int) -> Work:
    """One epoch of `fit`; no teachers: labels alone."""
    rows = rows_of_images(images)
    target = labels_only(task_of(rows))
    folder = tempfile.TemporaryDirectory()
    if teachers:
        target = signals_of(rows, teachers, Path(folder.name))
        target = target.prepared(rows.batches(rows.taught, 4096, inputs=False))
    settings = Training(epochs=1, batch_size=BATCH, lr=RATE)
    return lambda: (fit(tiny(), target, rows, settings), folder)


def conv_teachers() -> list[torch.nn.Module]:
    torch.manual_seed(0)
    return [resnet8().eval() for _ in range(3)]


def online(images: int) -> Work:
    """One epoch of the loop by hand that asks three conv teachers about every batch."""
    teachers, rows = conv_teachers(), rows_of_images(images)

    def loss(student: torch.nn.Module, batch: Batch) -> torch.Tensor:
        (x,) = batch.inputs.values()
        with torch.no_grad():
            said = [softmax(teacher(x) / TEMPERATURE, -1) for teacher in teachers]
        scores = student(x)
        log_q = log_softmax(scores / TEMPERATURE, -1)
        soft = torch.stack([kl_div(log_q, p, reduction="batchmean") for p in said]).mean() * TEMPERATURE**2
        return (1 - SOFT) * cross_entropy(scores, batch.target) + SOFT * soft

    return epochs(rows, loss)


def whole_run(images: int, number: int) -> Work:
    """Three conv teachers teach once, then so many epochs."""
    rows = rows_of_images(images)
    plain = [ModuleTeacher(net, reads="image", name=f"t{i}") for i, net in enumerate(conv_teachers())]

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            teachers = [optimised(teacher, rows.columns)[0] for teacher in plain]
            source = generate_predictions(teachers, rows, Store(Path(folder)))
            target = Distillation(source, Mean(), Objective((terms.KL(TEMPERATURE),), soft=SOFT), task_of(rows))
            target = target.prepared(rows.batches(rows.taught, 4096, inputs=False))
            epoch = epochs(rows, lambda student, batch: target.loss(student, batch).total)
            for _ in range(number):
                epoch()

    return run


def main() -> None:
    given = arguments(__doc__, images=4096, epochs=10)
    images = 256 if given.smoke else given.images
    few, many = ((1, 3), (2,)) if given.smoke else ((1, 3, 8, 32), (1, 2, 4, 8, 16, 32))
    kinds: dict[str, Setup] = {"labels": partial(labels, images)}
    kinds |= {f"plan 1, {t}": partial(stored, images, t, 1) for t in few}
    kinds |= {f"plan 2, {t}": partial(stored, images, t, 2) for t in many}
    kinds |= {f"fit, {t}": partial(fitted, images, t) for t in (0, 3)}
    times = measure(kinds, given.rounds, apart=not given.smoke)
    floor = times["labels"]
    claims = [ratio(f"plan 1, T = {t} / labels alone", times[f"plan 1, {t}"], floor, 1.05) for t in few]
    for t in many:
        claims.append(ratio(f"plan 2, T = {t} / labels alone", times[f"plan 2, {t}"], floor, 1.1 if t <= 8 else None))
    claims.append(ratio("`fit`, plan 1, T = 3 / `fit` on labels alone", times["fit, 3"], times["fit, 0"], 1.05))
    claims += whole(images, given.epochs, max(given.rounds // 3, 2), apart=not given.smoke)
    show(f"Stored epoch: {images} images, student of 24,000 parameters", claims, given)


def whole(images: int, number: int, rounds: int, *, apart: bool) -> list[Claim]:
    """The whole run against that many epochs of the loop by hand; one of these is measured."""
    runs = {"ours": partial(whole_run, images, number), "hand": partial(online, images)}
    times = measure(runs | {"labels": partial(labels, images)}, rounds, apart=apart)
    hand = replace(times["hand"], cpu=tuple(cpu * number for cpu in times["hand"].cpu))
    what = "loop that asks three conv teachers"
    note = f"{rounds} rounds; one epoch of the loop, times {number}"
    return [
        ratio(f"whole run of {number} epochs, teaching included / {what}", times["ours"], hand, 0.25, note),
        ratio(f"labels alone, without any teacher / {what}", times["labels"], times["hand"], None, "the floor"),
    ]


if __name__ == "__main__":
    main()
