"""On a GPU: a training epoch from stored signals, the soft loss with very many classes, and live teachers.

Stored: a conv net of 24,000 parameters learns 16,384 images of 16 x 16 pixels in batches of 256 that lie in the memory
of the host; "labels alone" is the loop by hand that moves each batch to the card. Plan 2 has a falling temperature.
Loss: forward and backward to the student's logits, answers of all teachers at hand on the card, against a loop of one
KL per teacher. Live: three residual nets of 78,000 parameters are asked about every batch, against the same by hand.

Rounds are interleaved; a round is measured by the wall clock from an idle card to an idle card, in float32 (the
optimiser of teachers may choose bf16). Without a GPU everything runs on the CPU, only to try the script out.

    python benchmarks/gpu.py [--rounds 15] [--images 16384]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import claims
import harness
import loss
import numpy as np
import torch
from conv import resnet8, rows_of_images, tiny
from live import NAMES, SOFT, TEMPERATURE
from stored import signals_of
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax

import tutelage as tl
from tutelage.fusion import Mean
from tutelage.ops.schedules import Linear
from tutelage.teachers import ModuleTeacher
from tutelage.teaching import terms
from tutelage.train import Training
from tutelage.train.evaluate import task_of
from tutelage.train.fitted import labels_only

CARD = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BATCH, RATE, REPEATS = 256, 1e-3, 5
Work = Callable[[], object]


def idle() -> None:
    if CARD.type == "cuda":
        torch.cuda.synchronize()


def seconds(works: Mapping[str, Work], rounds: int) -> dict[str, np.ndarray]:
    """Wall seconds of each round, in interleaved rounds after two to warm up."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 2):
        names = list(works)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            idle()
            start = time.perf_counter()
            works[name]()
            idle()
            found[name].append(time.perf_counter() - start)
    return {name: np.array(kept[2:]) for name, kept in found.items()}


def memory(work: Work) -> float:
    """MB alive at the peak of one call over those alive before it."""
    if CARD.type == "cpu":
        return harness.allocated(work)
    work()
    idle()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    work()
    idle()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def ours(rows: tl.Rows, target: tl.Distillation) -> Work:
    """One epoch per call of the loop around `Distillation.loss`."""
    student, numbers = tiny().to(CARD), count()
    optimizer = torch.optim.AdamW(student.parameters(), RATE)

    def epoch() -> None:
        for batch in rows.batches(rows.train, BATCH, seed=0, epoch=next(numbers)):
            optimizer.zero_grad()
            target.loss(student, batch.to(CARD), tl.Step(0, 0, 0.5)).total.backward()
            optimizer.step()

    return epoch


def by_hand(x: Tensor, y: Tensor, loss_of: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Work:
    """One epoch per call as one writes it: index, move, step; the loss sees pictures, scores and labels."""
    student = tiny().to(CARD)
    optimizer = torch.optim.AdamW(student.parameters(), RATE)

    def epoch() -> None:
        for index in torch.randperm(len(x), device=x.device).split(BATCH):
            given, target = x[index].to(CARD), y[index].to(CARD)
            optimizer.zero_grad()
            loss_of(given, student(given), target).backward()
            optimizer.step()

    return epoch


def stored(rows: tl.Rows, folder: Path, rounds: int, smoke: bool) -> list[claims.Claim]:
    x, y = torch.from_numpy(rows.columns["image"]), torch.from_numpy(rows.target)
    plain = lambda _, scores, target: cross_entropy(scores, target)  # noqa: E731
    works: dict[str, Work] = {"labels": by_hand(x, y, plain), "on the card": by_hand(x.to(CARD), y.to(CARD), plain)}
    few = (1, 2) if smoke else (1, 8, 32)
    ready = {t: signals_of(rows, t, folder / str(t)) for t in few}
    for t, target in ready.items():
        works[f"plan 1, {t}"] = ours(rows, target.prepared(rows.batches(rows.taught, 4096, inputs=False)))
    falling = tl.Objective((terms.KL(Linear(4.0, 1.0)),), soft=SOFT)
    works["plan 2"] = ours(rows, replace(ready[few[1]], objective=falling))
    settings = Training(1, BATCH, lr=RATE, precision="fp32", device=CARD.type)
    joined = ready[few[1]].prepared(rows.batches(rows.taught, 4096, inputs=False))
    for name, target in {"labels": labels_only(task_of(rows)), "plan 1": joined}.items():
        works[f"fit, {name}"] = lambda target=target: tl.fit(tiny(), target, rows, settings)
    times = seconds(works, rounds)
    floor = times["labels"]
    each = 1e3 / (-(-len(x) // BATCH))
    more = times[f"plan 1, {few[1]}"] - floor
    found = [
        claims.figure("labels alone, by hand, one step", floor * each, unit=" ms"),
        claims.figure(f"plan 1, T = {few[1]}, what a step takes longer", more * each, unit=" ms"),
    ]
    found += [claims.figure(f"plan 1, T = {t} / labels alone", times[f"plan 1, {t}"] / floor, 1.05) for t in few]
    found.append(claims.figure(f"plan 2, T = {few[1]} / labels alone", times["plan 2"] / floor, 1.1))
    what = f"`fit`, plan 1, T = {few[1]} / `fit` on labels alone"
    found.append(claims.figure(what, times["fit, plan 1"] / times["fit, labels"], 1.05))
    return [*found, claims.figure("labels alone, images on the card / from the host", times["on the card"] / floor)]


def soft_loss(rounds: int, size: loss.Size) -> list[claims.Claim]:
    kinds = {"loop": partial(loss.loop, size, TEMPERATURE), "fused": partial(loss.ours, size, TEMPERATURE, "live")}
    with torch.device(CARD):
        works = {name: make() for name, make in kinds.items()}
    times = seconds({name: lambda work=work: [work() for _ in range(REPEATS)] for name, work in works.items()}, rounds)
    peak = {name: memory(work) for name, work in works.items()}
    what = f"{size[0]} teachers × {size[1]} rows × {size[2]} classes"
    return [
        claims.figure(f"soft loss, {what} / loop of one KL per teacher", times["fused"] / times["loop"], 0.2),
        claims.figure("the loop, one step", times["loop"] * 1e3 / REPEATS / loss.REPEATS, unit=" ms"),
        claims.exact("soft loss, extra tensors at the peak", peak["fused"], 60.0, " MB"),
        claims.exact("the loop, extra tensors at the peak", peak["loop"], None, " MB"),
    ]


def live(rows: tl.Rows, rounds: int) -> list[claims.Claim]:
    nets = [(torch.manual_seed(seed), resnet8().to(CARD).eval())[1] for seed in range(3)]
    x, y = torch.from_numpy(rows.columns["image"]), torch.from_numpy(rows.target)

    def mixed(given: Tensor, scores: Tensor, target: Tensor) -> Tensor:
        with torch.no_grad():
            said = [softmax(net(given) / TEMPERATURE, -1) for net in nets]
        logs = log_softmax(scores / TEMPERATURE, -1)
        soft = sum(kl_div(logs, p, reduction="batchmean") for p in said) * TEMPERATURE**2 / len(said)
        return (1 - SOFT) * cross_entropy(scores, target) + SOFT * soft

    plain = [
        ModuleTeacher(net, reads="image", name=f"net {i}", classes=NAMES, output="logits", batch_size=BATCH)
        for i, net in enumerate(nets)
    ]
    fast, done = zip(*(tl.optimised(teacher, rows.columns) for teacher in plain), strict=True)
    print(*done, sep="\n", flush=True)
    objective, task = tl.Objective((terms.KL(TEMPERATURE),), soft=SOFT), tl.Classification(NAMES)
    asked = {"live": plain, "live, fast": fast}
    works: dict[str, Work] = {"by hand": by_hand(x, y, mixed)}
    for name, given in asked.items():
        works[name] = ours(rows, tl.Distillation(tl.Live(tuple(given), rows.columns), Mean(), objective, task))
    times = seconds(works, rounds)
    return [
        claims.figure("three conv teachers asked by hand, one epoch", times["by hand"] * 1e3, unit=" ms"),
        claims.figure("live epoch, three conv teachers / by hand", times["live"] / times["by hand"], 1.03),
        claims.figure("the same, optimised teachers / by hand", times["live, fast"] / times["by hand"], 0.5),
    ]


def main() -> None:
    given = harness.arguments(__doc__, images=16384)
    size = (4, 8, 4000) if given.smoke else (32, 32, 32_000)
    rows = rows_of_images(512 if given.smoke else given.images)
    with tempfile.TemporaryDirectory() as place:
        found = stored(rows, Path(place), given.rounds, given.smoke)
    found += soft_loss(given.rounds, size) + live(rows, given.rounds)
    card = torch.cuda.get_device_name() if CARD.type == "cuda" else "no GPU here, all on the CPU"
    claims.show(f"On a GPU: {card}", found, given)


if __name__ == "__main__":
    main()
