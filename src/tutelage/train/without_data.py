"""distill_without_data: a generator makes inputs on which teachers and student differ, and the student learns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core import (
    Classes,
    Fusion,
    InputError,
    KnowsRows,
    Outer,
    Scores,
    Signals,
    Space,
    Step,
    Task,
    Teacher,
    Values,
)
from ..fusion import Mean
from ..nets.generator import Generator, Noise, Range
from ..ops.schedules import Cosine
from ..tasks import task_for
from ..teachers import thread_budget
from ..teachers.attached import has_gradient
from ..teaching import Distillation, Objective
from .adversary import Adversary, Generated, batch_of
from .evaluate import in_names
from .growth import Grown, Growth, Round
from .objectives import default_objective
from .settings import SMALL

NEVER = frozenset({"labels", "source", "history", "loss", "gradient", "trainable"})
"""What a fusion may need and made inputs do not have: labels, rows of a table, training rows before."""
EVEN = 512
"""Inputs on which the student is compared with the teachers in the end."""
THIN = 0.05
"""A generator whose inputs spread less, as a share of their ranges, makes the same row over and over."""


def distill_without_data(
    teachers: Sequence[Teacher],
    student: nn.Module,
    inputs: Mapping[str, Range],
    task: Task | Space,
    *,
    growth: Growth | None = None,
    fusion: Fusion | None = None,
    objective: Objective | None = None,
    generator: Noise | None = None,
    seed: int = 0,
) -> Grown:
    """Trains a student on inputs that a generator makes, so that no row of data is needed.

    In each round the generator goes up the difference between the fused teachers and the student (Fang et al. 2019;
    Micaelli and Storkey 2019), and towards inputs of all classes (Chen et al. 2019); then the student makes some steps
    down the objective on fresh inputs. Teachers are asked live and nothing is stored; generated rows have number -1.
    Teachers without gradient are asked about inputs moved a little (Truong et al. 2021; Kariyappa et al. 2021).

    Args:
        teachers: whoever answers; they read only columns of `inputs`, and get them as float32.
        student: any module that takes those columns in their order; trained in place.
        inputs: what each column may hold; `ranges_of` reads that off a few real rows.
        task: what the student is for; of classes and labels their space is enough.
        growth: settings.
        fusion: how teachers are combined; one that needs no labels and no rows, fitted if it has to be.
        objective: what is compared; the task's default unless given. There are no labels, whatever its share.
        generator: instead of a new one; `Noise(inputs)` learns nothing.
        seed: of the generator, the noise, and everything random inside the student.

    Raises:
        InputError: teachers, inputs, fusion and task do not fit, or the game diverges (names the round).
    """
    growth, torch_state = growth or Growth(), torch.get_rng_state()
    task = _task(task)
    fusion = _usable(fusion or Mean())
    maker = generator or Generator(inputs, noise=growth.noise, hidden=growth.hidden, form=growth.form, seed=seed)
    asked = _checked([in_names(teacher, task.space) for teacher in teachers], maker, inputs, growth)
    device = next((p.device for p in student.parameters()), torch.device("cpu"))
    maker.to(device)
    chance = torch.Generator().manual_seed(seed)
    objective = replace(objective or default_objective(task), soft=1.0)
    nobody = Generated(Signals(tuple(one.name for one in asked), tuple(_nothing(task) for _ in asked)))
    target = Distillation(nobody, fusion, objective, task, generator=torch.Generator().manual_seed(seed))
    game = _Game(student, maker, Adversary(asked, target, maker, growth, chance), growth, chance)
    torch.manual_seed(seed)
    small = sum(p.numel() for p in student.parameters()) < SMALL
    try:
        with thread_budget(1 if small else None):
            student.train()
            history = tuple(game.round(step) for step in range(growth.steps))
            student.eval()
            maker.eval()
            agreement = {"generated": game.agreement(maker), "even": game.agreement(Noise(inputs).to(device))}
    finally:
        torch.set_rng_state(torch_state)
    questions = dict(game.adversary.questions)
    return Grown(student, maker, history, questions, task, agreement, verdict(history, questions, agreement, maker))


class _Game:
    """Student against generator, one round at a time."""

    def __init__(
        self, student: nn.Module, maker: Noise, adversary: Adversary, growth: Growth, chance: torch.Generator
    ) -> None:
        self.student, self.maker, self.adversary, self.growth, self.chance = student, maker, adversary, growth, chance
        self.task = adversary.target.task
        attached = adversary.target.attach(student)
        self.learning = [p for p in attached.parameters() if p.requires_grad]
        if not self.learning:
            raise InputError("the student has no parameters that learn: requires_grad is off for all of them")
        self.optimizer = torch.optim.AdamW(self.learning, growth.student_rate)
        own = list(maker.parameters())
        self.climber = torch.optim.Adam(own, growth.rate, betas=(0.5, 0.999)) if own else None

    def round(self, step: int) -> Round:
        """One step of the generator, and the student's steps."""
        at = Step(step, 0, step / self.growth.steps)
        apart, spread = self._climb(at)
        loss = 0.0
        for _ in range(self.growth.student_steps):
            loss = self._learn(at)
        return Round(step + 1, apart, loss, spread)

    def agreement(self, maker: Noise) -> float:
        """How often (values: how well) the student decides as the fused teachers, on fresh inputs."""
        with torch.no_grad():
            columns = maker(maker.latent(EVEN, self.chance))
            batch = batch_of(columns, self.task)
            fused = self.adversary.fused(self.adversary.ask(columns), batch, Step())
            own, told = self.task.decode(self.task.answer(self.student, batch)).cpu(), self.task.decode(fused)
        there = fused.valid
        if told.dtype.is_floating_point and self.task.space.answer is Values:
            rest = (own - told)[there].square().sum() / (told - told.mean(0))[there].square().sum().clamp_min(1e-12)
            return float(1.0 - rest)
        return float((own == told)[there].float().mean())

    def _climb(self, at: Step) -> tuple[float, float]:
        latent = self.maker.latent(self.growth.batch, self.chance)
        unit = self.maker.unit(latent)
        spread = float(unit.detach().std(0).mean())
        if self.climber is None:
            return float("nan"), spread
        slope, scores = self.adversary.slope(unit, self.student, at)
        if not bool(torch.isfinite(slope).all()):
            raise InputError(self._diverged(at, "the generator's gradient"))
        self._rate(self.climber, self.growth.rate, at)
        self.climber.zero_grad()
        unit.backward(-slope / len(unit))
        self.climber.step()
        return float(scores.mean()), spread

    def _learn(self, at: Step) -> float:
        with torch.no_grad():
            unit = self.maker.unit(self.maker.latent(self.growth.batch, self.chance))
        columns = self.maker.columns(unit)
        signals = self.adversary.ask(columns)
        found = self.adversary.joined(signals).loss(self.student, batch_of(columns, self.task), at)
        if not bool(torch.isfinite(found.total.detach())):
            raise InputError(self._diverged(at, "the student's loss"))
        self._rate(self.optimizer, self.growth.student_rate, at)
        self.optimizer.zero_grad()
        found.backward()
        nn.utils.clip_grad_norm_(self.learning, self.growth.clip)
        self.optimizer.step()
        return found.item()

    def _rate(self, optimizer: torch.optim.Optimizer, start: float, at: Step) -> None:
        for group in optimizer.param_groups:
            group["lr"] = Cosine(start).at(at)

    def _diverged(self, at: Step, what: str) -> str:
        return (
            f"{what} became NaN or infinite in round {at.step + 1}: lower rate={self.growth.rate:g} and student_rate="
            f"{self.growth.student_rate:g}" + ("" if self.growth.form == "spectral" else ", or take form='spectral'")
        )


def _task(task: Task | Space) -> Task:
    if isinstance(task, Space):
        if task.answer is Values:
            raise InputError("values need a centre and a spread: give task=Regression(columns, centre, spread)")
        found: Task = task_for(task, np.zeros((1, len(task.names))), np.ones((1, len(task.names)), dtype=bool))
    else:
        found = task
    if found.space.answer is Scores:
        raise InputError("candidates of a ranking cannot be made up: distil a ranking from rows, with tl.distill")
    return found


def _usable(fusion: Fusion) -> Fusion:
    missing = sorted(fusion.needs & NEVER)
    if missing or isinstance(fusion, Outer):
        raise InputError(
            f"fusion {fusion.name!r} needs {', '.join(missing)}, which made inputs do not have: take one that looks at "
            "answers alone, such as Mean() or Entropy()"
        )
    return fusion


def _checked(teachers: Sequence[Teacher], maker: Noise, inputs: Mapping[str, Range], growth: Growth) -> list[Teacher]:
    if not teachers:
        raise InputError("there are no teachers to ask")
    if list(maker.inputs) != list(inputs):
        raise InputError(f"the generator makes {list(maker.inputs)}, and the inputs are {list(inputs)}")
    for teacher in teachers:
        missing = [name for name in teacher.reads if name not in inputs]
        if missing or not teacher.reads:
            raise InputError(
                f"teacher {teacher.name!r} reads {missing or 'no columns'}, and the generator makes {list(inputs)}: "
                "add a Range for what it reads, or leave it out"
            )
        if isinstance(teacher, KnowsRows):
            raise InputError(f"teacher {teacher.name!r} answers by row number, and made inputs have none: leave it out")
        if growth.gradient == "exact" and not has_gradient(teacher):
            raise InputError(
                f"teacher {teacher.name!r} is no torch module that takes the columns themselves, so its answers "
                "have no gradient: take gradient='auto' or 'forward' (more questions), or 'student' (none)"
            )
    return list(teachers)


def _nothing(task: Task) -> Any:
    kind: Any = task.space.answer
    blank = torch.zeros(0, len(task.space.names))
    return kind.of(blank, "logits") if kind is Classes else kind.of(blank)


def verdict(
    history: Sequence[Round], questions: Mapping[str, int], agreement: Mapping[str, float], maker: Noise
) -> str:
    """What came of it, in a paragraph of plain words."""
    tail = history[-max(1, len(history) // 10) :]
    spread = sum(one.spread for one in tail) / len(tail)
    asked = ", ".join(f"{name} {count:,}" for name, count in questions.items())
    found = [
        f"After {len(history):,} rounds the student decides as the fused teachers do on {agreement['generated']:.0%} "
        f"of fresh generated inputs and on {agreement['even']:.0%} of evenly drawn ones. Rows that each teacher was "
        f"asked about: {asked}."
    ]
    if isinstance(maker, Generator) and spread < THIN:
        found.append(
            f"The generator has collapsed: its inputs spread over {spread:.1%} of their ranges (even ones over 29 %), "
            "so the student has seen little. Take form='spectral', a lower rate, or more balance."
        )
    found.append(
        "None of this is about real rows: made inputs need not look like them. Measure the student on labelled rows "
        "before you use it."
    )
    return " ".join(found)
