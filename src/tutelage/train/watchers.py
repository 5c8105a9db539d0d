"""Optional onlookers of a training: TensorBoard and the torch profiler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ..core import require
from .settings import Training

PROFILED_STEPS = 20


@dataclass
class Watchers:
    """Whoever was asked for; nobody by default."""

    board: Any = None
    profiler: Any = None

    @staticmethod
    def of(training: Training) -> Watchers:
        """The onlookers named in the settings.

        Raises:
            MissingExtraError: TensorBoard is not installed.
        """
        board = profiler = None
        if training.tensorboard is not None:
            require("tensorboard", extra="track", why="write a TensorBoard log")
            module = require("torch.utils.tensorboard", extra="track", why="write a TensorBoard log")
            board = module.SummaryWriter(str(training.tensorboard))
        if training.profile is not None:
            training.profile.mkdir(parents=True, exist_ok=True)
            target = str(training.profile / "trace.json")
            profiler = torch.profiler.profile(
                schedule=torch.profiler.schedule(wait=1, warmup=1, active=PROFILED_STEPS, repeat=1),
                on_trace_ready=lambda p: p.export_chrome_trace(target),
            )
            profiler.start()
        return Watchers(board, profiler)

    def step(self) -> None:
        """After an optimiser step."""
        if self.profiler is not None:
            self.profiler.step()

    def log(self, record: dict[str, Any]) -> None:
        """After an epoch."""
        if self.board is None:
            return
        flat = {"lr": record["lr"], "watched": record["watched"]}
        flat |= {f"loss/{name}": value for name, value in record["parts"].items()}
        flat |= {f"validation/{name}": value for name, value in record["metrics"].items()}
        flat |= {f"trust/{number}": value for number, value in enumerate(record["weights"])}
        for name, value in flat.items():
            if math.isfinite(value):
                self.board.add_scalar(name, value, record["step"])

    def __enter__(self) -> Watchers:
        return self

    def __exit__(self, *_: object) -> None:
        if self.profiler is not None:
            self.profiler.stop()
        if self.board is not None:
            self.board.close()
