"""Three faults of published multi-teacher code, beside what tutelage does: loss, gradient and student.

    python benchmarks/corrected.py [--seeds 20] [--steps 600]

double division   weights that sum to 1 (or to K - 1) are divided by the number of teachers K again, so that the
                  strength of the soft loss differs between the methods compared
dead hint         `torch.mean(torch.tensor(losses))` cuts the graph: the hint is printed and never learnt
T^2 dropped       the soft loss is not multiplied by the squared temperature, so that its gradient fades with it

The reference behaviour is written here in a few lines; ours goes through `Distillation.loss`. Students are those of
the `few` and `noisy` protocols of `quality.py`: 30 labelled rows, 700 in all, last epoch, paired seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import claims
import harness
import numpy as np
import protocols
import torch
from claims import Claim
from torch import Tensor
from torch.nn.functional import kl_div, mse_loss

import tutelage as tl
from tutelage import fusion as f
from tutelage.report import paired
from tutelage.teaching import Part, terms
from tutelage.train import task_of

RULES: dict[str, Any] = {"AVER": f.Mean(), "EBKD": f.Entropy(), "CAMKD": f.Confidence()}
TEMPERATURES = (1.0, 2.0, 4.0, 8.0)


def reference(scores: Tensor, student: Tensor, target: Tensor, rule: str, temperature: float = 4.0) -> Tensor:
    """The soft loss as the published code weighs it: weights [T, B] of the rule, divided by the number of teachers."""
    count = len(scores)
    each = [_kl(own, student, temperature) * temperature**2 for own in scores]
    if rule == "AVER":
        return torch.stack(each).mean(0).mean()
    if rule == "EBKD":
        entropy = torch.distributions.Categorical(logits=scores).entropy()
        weights = 1.0 - entropy / entropy.sum(0)
    else:
        losses = torch.stack([torch.nn.functional.cross_entropy(own, target, reduction="none") for own in scores])
        weights = (1.0 - losses.softmax(0)) / (count - 1)
    return (weights * torch.stack(each)).sum(0).mean() / count


def _kl(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    logs = (student / temperature).log_softmax(-1)
    return kl_div(logs, (teacher / temperature).softmax(-1), reduction="none").sum(-1)


def ours(scores: Tensor, student: Tensor, target: Tensor, fusion: Any, temperature: float = 4.0) -> Tensor:
    """The soft loss of tutelage for the same logits."""
    names = tuple(str(number) for number in range(len(scores)))
    source = tl.Memory(tl.Signals(names, tuple(tl.Classes.of(own, "logits") for own in scores)))
    task = tl.Classification(tuple(str(number) for number in range(scores.shape[-1])))
    joined = tl.Distillation(source, fusion, tl.Objective((terms.KL(temperature),), soft=1.0), task)
    return joined.loss_of(tl.Classes.of(student, "logits"), tl.Batch.of({}, target), tl.Step()).total


def scales() -> list[Claim]:
    """The same teacher three times over: every convex rule has to give that teacher's loss."""
    chance = torch.Generator().manual_seed(0)
    one, student = torch.randn(64, 10, generator=chance), torch.randn(64, 10, generator=chance)
    scores, target = one.repeat(3, 1, 1), torch.randint(0, 10, (64,), generator=chance)
    plain = float(reference(scores, student, target, "AVER"))
    found: list[Claim] = []
    for name, fusion in RULES.items():
        theirs, own = float(reference(scores, student, target, name)), float(ours(scores, student, target, fusion))
        found.append(claims.exact(f"soft loss of {name}, three equal teachers, reference", theirs / plain))
        found.append(
            claims.exact(f"soft loss of {name}, three equal teachers, tutelage", own / plain, note="has to be 1")
        )
    return found


def hints() -> list[Claim]:
    """The gradient of a hint on the features of three teachers, by which the student's body should learn."""
    torch.manual_seed(0)
    chance = torch.Generator().manual_seed(0)
    body, features = torch.nn.Linear(8, 4), [torch.randn(64, 4, generator=chance) for _ in range(3)]
    inputs = torch.randn(64, 8, generator=chance)
    losses = [mse_loss(body(inputs), own) for own in features]
    dead = torch.mean(torch.tensor([float(loss.detach()) for loss in losses]))
    alive = torch.stack(losses).mean()
    alive.backward()
    moved = float(body.weight.grad.norm()) if body.weight.grad is not None else 0.0
    parts = (("torch.mean(torch.tensor(...))", dead, 0.0), ("torch.stack(...).mean()", alive, moved))
    found: list[Claim] = []
    for name, loss, norm in parts:
        note = f"loss {float(loss.detach()):.3f}, {'with' if loss.requires_grad else 'without'} a graph"
        found.append(claims.exact(f"hint by {name}: norm of the gradient", norm, note=note))
    note = "tutelage refuses it" if _refused(dead) else "tutelage takes it as a constant"
    return [
        *found,
        claims.exact("the dead hint given to Distillation.loss_of as extra", float(_refused(dead)), note=note),
    ]


def _refused(dead: Tensor) -> bool:
    """Whether a part of the loss from which nothing can be learnt is refused."""
    source = tl.Memory(tl.Signals(("one",), (tl.Classes.of(torch.zeros(4, 2), "logits"),)))
    joined = tl.Distillation(source, f.Mean(), tl.Objective((terms.KL(2.0),)), tl.Classification(("no", "yes")))
    answer = tl.Classes.of(torch.zeros(4, 2, requires_grad=True), "logits")
    batch = tl.Batch.of({}, torch.zeros(4, dtype=torch.int64))
    try:
        joined.loss_of(answer, batch, tl.Step(), extra={"hint": Part(dead, torch.ones(()))})
    except tl.InputError:
        return True
    return False


def softening() -> list[Claim]:
    """The gradient of the soft loss with respect to the student's logits, relative to temperature 1."""
    chance = torch.Generator().manual_seed(0)
    scores, found = torch.randn(3, 64, 10, generator=chance), []
    target = torch.zeros(64, dtype=torch.int64)
    norms: dict[str, list[float]] = {"T^2 dropped": [], "tutelage": []}
    for temperature in TEMPERATURES:
        student = torch.zeros(64, 10, requires_grad=True)
        dropped = torch.stack([_kl(own, student, temperature) for own in scores]).mean()
        kept = ours(scores, student, target, f.Mean(), temperature)
        for name, loss in zip(norms, (dropped, kept), strict=True):
            norms[name].append(float(torch.autograd.grad(loss, student)[0].norm()))
    for name, sizes in norms.items():
        for temperature, size in zip(TEMPERATURES[1:], sizes[1:], strict=True):
            found.append(claims.exact(f"gradient at temperature {temperature:g}: {name}", size / sizes[0]))
    return found


def students(seeds: Sequence[int], steps: int) -> list[Claim]:
    """Accuracy lost by each fault, paired by seed: the same students with the soft share as the fault leaves it."""
    entropy, confidence, hot = f.Entropy(), f.Confidence(), terms.KL(4.0)
    faults: dict[str, tuple[Any, Any, float]] = {
        "EBKD at 2/3 strength": (entropy, hot, 2 / 3),
        "CAMKD at 1/3 strength": (confidence, hot, 1 / 3),
        "mean at temperature 4, T^2 dropped": (f.Mean(), hot, 1 / 16),
        "mean at temperature 8, T^2 dropped": (f.Mean(), terms.KL(8.0), 1 / 64),
    }
    found: list[Claim] = []
    for protocol in ("few", "noisy"):
        scored: dict[str, list[tuple[float, float]]] = {name: [] for name in faults}
        for seed in seeds:
            for name, pair in _pairs(protocol, seed, steps, faults).items():
                scored[name].append(pair)
        for name, pairs in scored.items():
            right, wrong = zip(*pairs, strict=True)
            gain, half = paired([100 * value for value in right], [100 * value for value in wrong])
            note = f"{100 * np.mean(right):.1f} against {100 * np.mean(wrong):.1f}"
            found.append(Claim(f"{protocol}: corrected {name}", gain, gain - half, gain + half, None, " points", note))
    return found


def _pairs(protocol: str, seed: int, steps: int, faults: dict[str, tuple[Any, Any, float]]) -> dict[str, Any]:
    """Accuracy with the corrected and with the faulty strength of the soft loss."""
    draw = protocols.draw(protocol, seed)
    rows = draw.rows()
    source, task = draw.source(rows), task_of(rows)
    lanes: list[tl.Lane] = []
    for name, (fusion, term, strength) in faults.items():
        for kind, weight in (("right", 1.0), ("wrong", strength)):
            objective = tl.Objective((term,), (weight,), soft=0.5)
            target = tl.generate_distillation_targets(source, rows, fusion, objective)
            lanes.append(tl.Lane(f"{name}|{kind}", target, seed))
    training = tl.Training(epochs=max(1, steps // 11), lr=0.01, threads=1)
    swept = tl.sweep(lambda: tl.MLP(64, 10, (32,)), lanes, rows, training)
    batch, found = rows.batch(draw.test, truth=True), {}
    for lane, fitted in zip(swept.lanes, swept.fitted, strict=True):
        with torch.no_grad():
            answer = task.answer(fitted.student.eval(), batch)
        found[lane.name] = task.metrics(answer, batch.target, batch.labelled)["accuracy"]
    return {name: (found[f"{name}|right"], found[f"{name}|wrong"]) for name in faults}


def main() -> None:
    torch.set_num_threads(1)
    given = harness.arguments(__doc__, seeds=20, steps=600)
    if given.smoke:
        given.seeds, given.steps = 2, 11
    claims.show("Corrected methods: loss and gradient", [*scales(), *hints(), *softening()], given)
    claims.show("Corrected methods: accuracy gained by the student", students(range(given.seeds), given.steps), given)


if __name__ == "__main__":
    main()
