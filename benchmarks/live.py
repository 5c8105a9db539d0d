"""Three conv teachers: asked live, asked alone, and taught, against the same forwards written by hand.

Teachers are residual nets of 78,000 parameters, trained a little on CIFAR-10 (`TUTELAGE_DATA` names the folder that
holds image-cifar10) or on scikit-learn's digits, 16 x 16 pixels; the student is a conv net of 24,000 parameters. A
live epoch is a loop around `Distillation.loss`, with all teachers asked about every batch.

    python benchmarks/live.py [--rounds 15] [--images 4096] [--steps 200]
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import claims
import harness
import numpy as np
import torch
from conv import BATCH, CLASSES, SIDE, tiny
from torch import nn
from trained import NAMES, batches, opened, teachers_of, train_teachers

import tutelage as tl
from tutelage.fusion import Mean
from tutelage.teachers import ModuleTeacher
from tutelage.teachers.folding import Step
from tutelage.teachers.optimise import fast_bf16, rerun
from tutelage.teaching import terms
from tutelage.teaching.teach import teach

TEMPERATURE, SOFT = 2.0, 0.9
NONE = np.zeros(0, dtype=np.int64)
ALL: tuple[Step, ...] = ("folded", "channels_last", "bf16")


def by_hand(folder: Path) -> Callable[[], object]:
    """The epoch that one writes without a library."""
    x, y, nets = opened(folder)
    given, target = torch.from_numpy(x), torch.from_numpy(y)
    student = tiny()
    optimizer = torch.optim.AdamW(student.parameters(), 3e-3)

    def epoch() -> None:
        for row in batches(len(given), 0):
            batch = given[row]
            with torch.no_grad():
                said = [torch.softmax(net(batch) / TEMPERATURE, -1) for net in nets]
            scores = student(batch)
            logs = torch.log_softmax(scores / TEMPERATURE, -1)
            soft = sum(nn.functional.kl_div(logs, p, reduction="batchmean") for p in said) * TEMPERATURE**2 / len(said)
            loss = (1 - SOFT) * nn.functional.cross_entropy(scores, target[row]) + SOFT * soft
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def with_ours(folder: Path, fast: bool) -> Callable[[], object]:
    """The same epoch through `Live` and `Distillation.loss`."""
    x, y, nets = opened(folder)
    rows = tl.rows_of({"image": x}, y, names=NAMES, train=np.arange(len(x)), validation=NONE, test=NONE)
    given = teachers_of(nets)
    asked = [tl.optimised(teacher, {"image": x})[0] if fast else teacher for teacher in given]
    objective = tl.Objective((terms.KL(TEMPERATURE),), soft=SOFT)
    distillation = tl.Distillation(tl.Live(tuple(asked), rows.columns), Mean(), objective, tl.Classification(NAMES))
    student = tiny()
    optimizer = torch.optim.AdamW(student.parameters(), 3e-3)

    def epoch() -> None:
        for batch in rows.batches(rows.train, BATCH, seed=0, epoch=0):
            loss = distillation.loss(student, batch)
            optimizer.zero_grad()
            loss.total.backward()
            optimizer.step()

    return epoch


def forwards(folder: Path, steps: tuple[Step, ...] | None) -> Callable[[], object]:
    """All teachers about all images: by a plain loop, or run with these steps."""
    x, _, nets = opened(folder)
    asked = [rerun(teacher, steps) for teacher in teachers_of(nets)] if steps is not None else []

    def loop() -> None:
        with torch.inference_mode():
            for net in nets:
                for start in range(0, len(x), BATCH):
                    net(torch.from_numpy(x[start : start + BATCH]))

    def ours() -> None:
        for teacher in asked:
            teacher.answer({"image": x})

    return loop if steps is None else ours


def taught(folder: Path) -> Callable[[], object]:
    """The teach pass, into a store of its own each time."""
    x, _, nets = opened(folder)
    given: Any = teachers_of(nets)

    def work() -> None:
        teach(given, {"image": x}, np.arange(len(x)), tl.Store(tempfile.mkdtemp(dir=folder)))

    return work


def wide(number: int) -> ModuleTeacher:
    """A teacher of 13 MB, made when its turn comes."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 4096), nn.ReLU(), nn.Linear(4096, CLASSES))
    return teachers_of([net.eval()] * (number + 1))[number]


def memory(images: int) -> claims.Claim:
    """Tensors alive while three teachers teach, over those of making one and asking it about one batch."""
    x = np.zeros((images, 3, SIDE, SIDE), dtype=np.float32)
    with tempfile.TemporaryDirectory() as place:
        makers = [partial(wide, number) for number in range(3)]
        all_three = harness.allocated(
            lambda: teach(makers, {"image": x}, np.arange(images), tl.Store(tempfile.mkdtemp(dir=place)))
        )
    one = harness.allocated(lambda: wide(0).answer({"image": x[:BATCH]}))
    return claims.exact(
        "memory of a teach pass of 3 teachers", all_three / one, 1.1, "×", "against 1 teacher + 1 batch"
    )


def main() -> None:
    given = harness.arguments(__doc__, images=4096, steps=200)
    if given.smoke:
        given.images, given.steps = 256, 2
    fast = fast_bf16(torch.device("cpu"))
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        train_teachers(folder, given.images, given.steps)
        x, _, nets = opened(folder)
        for teacher in teachers_of(nets):
            print(f"{teacher.name}: {tl.optimised(teacher, {'image': x})[1]}", flush=True)
        setups: dict[str, Any] = {
            "by hand": partial(by_hand, folder),
            "live": partial(with_ours, folder, False),
            "live, fast": partial(with_ours, folder, True),
            "loop": partial(forwards, folder, None),
            "folded": partial(forwards, folder, ALL[:1]),
            "channels-last": partial(forwards, folder, ALL[:2]),
            "taught": partial(taught, folder),
        } | ({"bf16": partial(forwards, folder, ALL)} if fast else {})
        times = harness.measure(setups, given.rounds, apart=not given.smoke)
    hand, loop = times["by hand"], times["loop"]
    limit = 0.5 if fast else 0.75
    found = [
        claims.ratio("live epoch, 3 teachers", times["live"], hand, 1.03, "against the hand-written loop"),
        claims.ratio("live epoch, optimised teachers", times["live, fast"], hand, limit),
        claims.ratio("teachers alone, BatchNorm folded", times["folded"], loop, note="against an inference_mode loop"),
        claims.ratio("teachers alone, and channels-last", times["channels-last"], loop, None if fast else limit),
        *([claims.ratio("teachers alone, and bf16", times["bf16"], loop, limit)] if fast else []),
        claims.ratio("teach pass", times["taught"], loop, 1.05, "store included"),
        memory(given.images),
    ]
    claims.show("Three conv teachers, asked and taught", found, given)


if __name__ == "__main__":
    main()
