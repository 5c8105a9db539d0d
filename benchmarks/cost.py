"""Cost: what one training step takes under each fusion, against the plain mean; one thread, stored signals.

Two students, batches of 64, three teachers of ten classes, KL at temperature 2: an MLP 64-24-10 (about 2,000
parameters) and a small conv net on 28 x 28 images. The plain mean runs from its stored target (plan 1), as it does in
the product; the line "mean, mixed anew" is the same mean computed in each step (plan 2), which is what any rule that
looks at the student can at best come near. Limits: AEKD 1.3 and 1.05 times the plain mean.

    python benchmarks/cost.py [--rounds 15] [--students mlp,conv]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import claims
import harness
import torch

import tutelage as tl
from tutelage import fusion as f
from tutelage.core import Classes
from tutelage.tasks import Classification
from tutelage.teaching import terms

ROWS, BATCH, CLASSES = 512, 64, 10


@dataclass(frozen=True)
class Anew(f.Mean):
    """The plain mean, said to depend on the step, so that nothing is computed beforehand."""

    needs = frozenset({"step"})


FUSIONS: dict[str, Callable[[], Any]] = {
    "mean, mixed anew": Anew,
    "geometric mean": f.GeometricMean,
    "hard vote": f.HardVote,
    "median": f.Median,
    "entropy": f.Entropy,
    "confidence": f.Confidence,
    "difference": f.Difference,
    "gate": f.Gate,
    "neural": f.NeuralFusion,
    "Dawid-Skene": f.DawidSkene,
    "union": f.Union,
    "random drop": f.RandomDrop,
    "AEKD": f.AEKD,
}
LIMITS = {("AEKD", "mlp"): 1.3, ("AEKD", "conv"): 1.05}


def steps(make: Callable[[], Any], student: str, count: int) -> harness.Work:
    """The work of one round: so many steps."""
    torch.manual_seed(0)
    shape = (ROWS, 64) if student == "mlp" else (ROWS, 1, 28, 28)
    net = tl.MLP(64, CLASSES, (24,)) if student == "mlp" else tl.ConvNet(1, CLASSES)
    answers = tuple(Classes.of(torch.randn(ROWS, CLASSES) * 3, "logits") for _ in range(3))
    target, rows = torch.randint(0, CLASSES, (ROWS,)), torch.arange(ROWS)
    signals = tl.Signals(("a", "b", "c"), answers)
    fusion = make()
    stacked, known = signals.stacked(), torch.ones(ROWS, dtype=torch.bool)
    if hasattr(fusion, "fit"):
        fusion = fusion.fit(stacked, target, known)
    task = Classification(tuple("abcdefghij"))
    chance = torch.Generator().manual_seed(0)
    objective = tl.Objective((terms.KL(2.0),), soft=0.9)
    joined = tl.Distillation(tl.Memory(signals), fusion, objective, task, generator=chance)
    joined = joined.prepared([tl.Batch.of({}, target, row=rows)])
    inputs = torch.randn(*shape)
    places = [slice(start, start + BATCH) for start in range(0, ROWS, BATCH)]
    batches = [tl.Batch.of({"x": inputs[place]}, target[place], row=rows[place]) for place in places]
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)

    def work() -> None:
        for number in range(count):
            loss = joined.loss(net, batches[number % len(batches)], tl.Step(number))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return work


def main() -> None:
    given = harness.arguments(__doc__, students="mlp,conv")
    figures: list[claims.Claim] = []
    for student in given.students.split(","):
        count = 5 if given.smoke else {"mlp": 300, "conv": 20}[student]
        setups = {name: partial(steps, make, student, count) for name, make in {"mean": f.Mean, **FUSIONS}.items()}
        times = harness.measure(setups, given.rounds, apart=not given.smoke)
        for name in FUSIONS:
            limit = LIMITS.get((name, student))
            figures.append(claims.ratio(f"{student}: {name}", times[name], times["mean"], limit, note="a step, CPU"))
    claims.show("Cost of a training step against the plain mean", figures, given)


if __name__ == "__main__":
    main()
