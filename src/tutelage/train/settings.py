"""Settings of a training: plain numbers, each with a default that does the right thing on small data."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ..core import InputError
from ..ops.schedules import Constant, Cosine, Schedule

OPTIMISERS = ("sgd", "adam", "adamw")
PRECISIONS = ("auto", "fp32", "bf16")
SMALL = 200_000
"""Students with fewer parameters are trained and measured on one thread."""


@dataclass(frozen=True)
class Plateau:
    """`lr`, multiplied by `factor` when the watched value has not improved for `patience` epochs."""

    lr: float
    factor: float = 0.3
    patience: int = 3
    smallest: float = 1e-6

    def __post_init__(self) -> None:
        if not (self.lr > 0 and 0 < self.factor < 1 and self.patience >= 1):
            raise InputError(f"lr must be positive, factor in (0, 1) and patience at least 1, got {self}")


@dataclass(frozen=True)
class Training:
    """How a student is trained.

    Args:
        epochs: passes over the training rows.
        batch_size: rows per step.
        optimiser: `sgd` (Nesterov momentum), `adam` or `adamw` (Loshchilov and Hutter 2019).
        lr: learning rate; a number means a cosine from it to 0 after a short warm-up, a schedule is
            taken as it is, `Plateau` watches the validation rows.
        momentum: of `sgd`.
        decay: decoupled weight decay (`adamw` only); the exact L2 term is `Objective.l2`.
        clip: largest norm of the gradient, None for no limit.
        watch: what early stopping and "best epoch" look at: `loss` (validation loss at the final share
            and temperatures) or the name of a metric of the task.
        watch_every: epochs from one look at the validation rows to the next; the last epoch is always looked at. The
            history has a line for each look.
        patience: looks without improvement before stopping (epochs, unless told otherwise); None trains to the end.
        release: parameter name prefix -> epoch from which it learns; `{"body": 5}` trains the rest first.
        precision: `fp32`, `bf16` (autocast), or `auto`: bf16 where the device has fast bf16 units.
        compile: whether the student goes through `torch.compile`.
        device: `auto`, `cpu`, `cuda`, `mps`.
        threads: of torch on the CPU; unless given one for students below `SMALL` parameters, which more
            threads only slow down, else the available cores.
        seed: of batch order and of everything random inside the student.
        checkpoint: folder for checkpoints, written after an epoch; a training found there is continued.
        save_every: seconds that pass at least between two checkpoints; the last epoch is always saved.
        tensorboard: folder for a TensorBoard log (extra `track`).
        profile: folder for a torch profiler trace of the first steps.
    """

    epochs: int = 40
    batch_size: int = 64
    optimiser: Literal["sgd", "adam", "adamw"] = "adamw"
    lr: float | Schedule | Plateau = 3e-3
    momentum: float = 0.9
    decay: float = 1e-4
    clip: float | None = 5.0
    watch: str = "loss"
    watch_every: int = 1
    patience: int | None = None
    release: dict[str, int] = field(default_factory=dict)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = False
    device: str = "auto"
    threads: int | None = None
    seed: int = 0
    checkpoint: Path | None = None
    save_every: float = 0.0
    tensorboard: Path | None = None
    profile: Path | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise InputError(f"epochs and batch_size must be at least 1, got {self.epochs} and {self.batch_size}")
        for name, choices in (("optimiser", OPTIMISERS), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise InputError(f"{name} {getattr(self, name)!r} is not known: {', '.join(choices)}")
        for name in ("lr", "clip"):
            value = getattr(self, name)
            if isinstance(value, int | float) and not value > 0:
                raise InputError(f"{name} must be positive, got {value}")
        if self.watch_every < 1:
            raise InputError(f"watch_every must be at least 1 epoch, got {self.watch_every}")
        if self.patience is not None and self.patience < 1:
            raise InputError(f"patience must be at least 1 epoch, got {self.patience}; None trains to the end")
        if any(epoch < 0 for epoch in self.release.values()):
            raise InputError(f"release takes epochs from 0, got {self.release}")
        if self.decay and self.optimiser != "adamw" and self.decay != Training.decay:
            raise InputError(
                f"decay={self.decay} is decoupled weight decay, which {self.optimiser} does not have: use adamw, or "
                "the exact L2 term Objective(l2=...)"
            )

    def looks(self, epoch: int) -> bool:
        """Whether the validation rows are looked at after this epoch, counted from 1."""
        return epoch % self.watch_every == 0 or epoch == self.epochs

    def gave_up(self, best_epoch: int) -> str:
        """Why a training that no longer got better ended."""
        unit = "epochs" if self.watch_every == 1 else "looks"
        return f"no better {self.watch} for {self.patience} {unit}, best at epoch {best_epoch}"

    def rate(self) -> Schedule | Plateau:
        """The learning-rate schedule."""
        if isinstance(self.lr, int | float):
            return Cosine(float(self.lr), warmup=0.05) if self.epochs > 1 else Constant(float(self.lr))
        return self.lr

    def optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        """The optimiser over all parameters; those not yet released are switched off by `requires_grad`."""
        found = list(module.parameters())
        first, fused = 1.0, all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in found)
        if self.optimiser == "sgd":
            return torch.optim.SGD(found, lr=first, momentum=self.momentum, nesterov=self.momentum > 0, fused=fused)
        if self.optimiser == "adam":
            return torch.optim.Adam(found, lr=first, fused=fused)
        return torch.optim.AdamW(found, lr=first, weight_decay=self.decay, fused=fused)


def threads_for(student: nn.Module, training: Training) -> int | None:
    """Threads to train with; None for all available cores."""
    small = sum(p.numel() for p in student.parameters()) < SMALL
    return training.threads if training.threads is not None else (1 if small else None)


@contextmanager
def one_thread() -> Generator[None]:
    """Within it torch uses one thread, which is fastest for many small operations."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_of(name: str) -> torch.device:
    """The device meant by `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

    Raises:
        InputError: it is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device {name!r} is not known: auto, cpu, cuda, mps") from error
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if device.type in there and not there[device.type]():
        raise InputError(f"device {name!r} was asked for and this machine has none: use --device auto")
    return device


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """bf16 arithmetic where asked for, or where `auto` finds that it pays (CUDA with bf16 units)."""
    pays = device.type == "cuda" and torch.cuda.is_bf16_supported()
    wanted = precision == "bf16" or (precision == "auto" and pays)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)


def fresh_student(make: nn.Module | Callable[[], Any], seed: int) -> nn.Module:
    """A student with its first parameters: a copy of a module, or what a maker makes under this seed.

    Raises:
        InputError: the maker made something else.
    """
    torch.manual_seed(seed)
    student = copy.deepcopy(make) if isinstance(make, nn.Module) else make()
    if not isinstance(student, nn.Module):
        raise InputError(f"the student has to be an nn.Module or make one, got {type(student).__name__}")
    return student
