"""Distilling without data on digits: made inputs against evenly drawn ones, and against real rows without labels.

    python benchmarks/without_data.py [--seeds 5] [--steps 400]

Three nets learn 500 digits each, of scikit-learn's 1,797 (8 x 8 pixels). A net of 4,810 parameters learns from their
mean and sees no label. All variants make the same number of steps (`--steps` rounds of 4) on batches of 128 rows.
Accuracy is measured on 397 rows that nobody learnt from; seeds are paired and change the deal, teachers, student
and generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import claims
import harness
import numpy as np
import torch
from claims import Claim
from torch import nn

import tutelage as tl
from tutelage.fusion import Mean
from tutelage.report import interval, paired
from tutelage.teaching import terms

NAMES = tuple(str(digit) for digit in range(10))
TEST, SEEN = 397, 500
INPUTS = {"image": tl.Range(0.0, 1.0, (1, 8, 8))}
NOISE, REAL = "inputs drawn evenly", "1,400 real rows, no labels"
VARIANTS: dict[str, dict[str, Any]] = {
    NOISE: {},
    "generator, exact gradient": {"gradient": "exact"},
    "generator, forward differences": {"gradient": "forward"},
    "generator, student's gradient only": {"gradient": "student"},
    "generator, exact, naive form": {"gradient": "exact", "form": "naive"},
    REAL: {},
}


def dealt(seed: int) -> tl.Rows:
    """All digits; who learns and who is tested changes with the seed."""
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))
    columns = {"image": (data.images[:, None] / 16).astype(np.float32)}
    train, test = order[TEST:], order[:TEST]
    return tl.rows_of(columns, data.target, names=NAMES, train=train, test=test)


def net(*hidden: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return tl.MLP(64, 10, hidden)


def teachers(rows: tl.Rows, seed: int) -> list[tl.ModuleTeacher]:
    """Three nets, each taught by labels of its own 500 training rows."""
    found: list[tl.ModuleTeacher] = []
    for number in range(3):
        chance = np.random.default_rng((seed, number))
        row = chance.choice(rows.train, SEEN, replace=False)
        module = net(64, 64, seed=100 * seed + number)
        batch = rows.batch(row)
        optimizer = torch.optim.AdamW(module.parameters(), 3e-3)
        for _ in range(300):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(batch.inputs["image"]), batch.target).backward()
            optimizer.step()
        found.append(tl.ModuleTeacher(module, reads="image", name=f"net{number}", classes=NAMES, output="logits"))
    return found


def student(
    name: str, rows: tl.Rows, taught: Sequence[tl.ModuleTeacher], seed: int, steps: int
) -> tuple[nn.Module, int]:
    """A student of this variant, and about how many rows each teacher was asked."""
    pupil, growth = net(64, seed=1000 + seed), tl.Growth(steps=steps, **VARIANTS[name])
    task = tl.Classification(NAMES)
    if name == REAL:
        blind = rows.with_labels(np.zeros(0, dtype=np.int64))
        source = tl.Memory.of(taught, rows.columns)
        target = tl.Distillation(source, Mean(), tl.Objective((terms.KL(2.0),), soft=1.0), task)
        batches = -(-len(rows.train) // growth.batch)
        epochs = max(1, steps * growth.student_steps // batches)
        training = tl.Training(epochs, growth.batch, lr=growth.student_rate, seed=seed, device="cpu")
        return tl.fit(pupil, target, blind, training).student, len(rows.train)
    maker = tl.Noise(INPUTS) if name == NOISE else None
    grown = tl.distill_without_data(taught, pupil, INPUTS, task, growth=growth, generator=maker, seed=seed)
    return grown.student, grown.questions["net0"]


def right(model: nn.Module, rows: tl.Rows) -> float:
    """Accuracy on the test rows, in per cent."""
    batch = rows.batch(rows.test.open("benchmark"), truth=True)
    with torch.no_grad():
        return 100.0 * float((model(batch.inputs["image"]).argmax(1) == batch.target).float().mean())


def main() -> None:
    given = harness.arguments(__doc__, seeds=5, steps=400)
    seeds, steps = (2, 5) if given.smoke else (given.seeds, given.steps)
    torch.set_num_threads(1)
    scored: dict[str, list[float]] = {name: [] for name in ("mean of the single teachers", *VARIANTS)}
    asked: dict[str, int] = {}
    for seed in range(seeds):
        rows = dealt(seed)
        taught = teachers(rows, seed)
        scored["mean of the single teachers"].append(float(np.mean([right(one.module, rows) for one in taught])))
        for name in VARIANTS:
            made, asked[name] = student(name, rows, taught, seed, steps)
            scored[name].append(right(made, rows))
            print(f"seed {seed}: {name} {scored[name][-1]:.1f}", flush=True)
    found: list[Claim] = []
    for name, values in scored.items():
        mean, half = interval(values)
        note = f"each teacher asked about {asked[name]:,} rows" if name in asked else ""
        found.append(Claim(f"accuracy: {name}", mean, mean - half, mean + half, None, " %", note))
    for name in VARIANTS:
        if name != NOISE:
            gain, half = paired(scored[name], scored[NOISE])
            found.append(Claim(f"{name}, against {NOISE}", gain, gain - half, gain + half, None, " points"))
    claims.show(f"Without data: digits, {seeds} paired seeds, {steps} rounds", found, given)


if __name__ == "__main__":
    main()
