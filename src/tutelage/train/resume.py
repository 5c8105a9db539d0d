"""What a checkpoint of a training holds, and whether it may be continued."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..core import InputError
from ..data import Rows
from ..store.fingerprint import digest
from ..teaching import Distillation
from ..teaching.peers import Peers
from . import checkpoint
from .history import Epoch, State
from .outer import OuterLoop
from .settings import Training

FREE = {"checkpoint", "save_every", "tensorboard", "profile", "device", "threads", "compile"}
"""Settings that may change while a training is interrupted."""

SAMPLE = 256
"""Most training rows whose inputs have to be the same."""


def common(student: nn.Module, rows: Rows, training: Training) -> dict[str, str]:
    """What has to be the same whatever is trained: settings, the shapes of the parameters, the rows."""
    plain = {name: shown(value) for name, value in vars(training).items() if name not in FREE}
    used = [np.ascontiguousarray(part).tobytes() for part in (rows.train, rows.validation, rows.target, rows.labelled)]
    return plain | {
        "student": digest(*[f"{name} {tuple(value.shape)}" for name, value in student.state_dict().items()]),
        "rows": digest(*used, *rows.inputs),
        "inputs": digest(*_sample(rows)),
        "views": "" if rows.views is None else f"{rows.views.count} of {rows.views.fingerprint(rows.inputs)}",
    }


def _sample(rows: Rows) -> Iterator[bytes]:
    """Inputs of a few training rows; of whole numbers only, since others may differ in the last bit when made again."""
    row = rows.train[:: len(rows.train) // SAMPLE + 1]
    for column in (rows.columns[name] for name in rows.inputs):
        if column.dtype.kind in "iub":
            yield np.ascontiguousarray(column[row]).tobytes()


def identity(student: nn.Module, distillation: Distillation, rows: Rows, training: Training) -> dict[str, str]:
    """What has to be the same for a checkpoint to be continued, part by part."""
    return common(student, rows, training) | {
        "teachers": ", ".join(distillation.names),
        "fusion": f"{distillation.fusion.name} {shown(distillation.fusion)}",
        "objective": shown(distillation.objective),
        "task": shown(distillation.task),
        "hints": "; ".join(f"{shown(hint)} of {', '.join(hint.signals.names)}" for hint in distillation.hints),
    }


def identity_together(students: nn.Module, peers: Peers, rows: Rows, training: Training) -> dict[str, str]:
    """The same for students that learn together."""
    return common(students, rows, training) | {
        "teachers": ", ".join(peers.source.names),
        "form": f"{peers.form.name} {shown(peers.form)}",
        "fusion": shown(peers.fusion),
        "objective": shown(peers.objective),
        "task": shown(peers.task),
        "flow": str(peers.flow),
    }


def packed(
    state: State,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: dict[str, str],
    outer: OuterLoop | None = None,
) -> dict[str, Any]:
    """Everything that decides how a training goes on."""
    chance = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        chance["cuda"] = torch.cuda.get_rng_state()
    return {
        "module": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "outer": {} if outer is None else outer.state_dict(),
        "random": chance,
        "settings": settings,
        "state": {**vars(state), "history": [asdict(epoch) for epoch in state.history]},
    }


def resume(
    training: Training,
    settings: dict[str, str],
    state: State,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    outer: OuterLoop | None = None,
) -> None:
    """Goes back to where the checkpoint in the training's folder stands, if there is one.

    Raises:
        InputError: it belongs to another training; says what differs.
        StoreError: it is damaged.
    """
    found = None if training.checkpoint is None else checkpoint.load(training.checkpoint)
    if found is None:
        return
    same_training(found["settings"], settings, training.checkpoint)
    module.load_state_dict(found["module"])
    optimizer.load_state_dict(found["optimizer"])
    if outer is not None:
        outer.load_state_dict(found.get("outer", {}))
    torch.set_rng_state(found["random"]["cpu"])
    if "cuda" in found["random"] and torch.cuda.is_available():
        torch.cuda.set_rng_state(found["random"]["cuda"])
    for name, value in found["state"].items():
        setattr(state, name, [Epoch(**e) for e in value] if name == "history" else value)


def same_training(stored: dict[str, str], settings: dict[str, str], folder: Path | None) -> None:
    """Raises InputError when what was stored in a folder belongs to another training; says what differs."""
    other = [name for name in settings if stored.get(name, "") != settings[name]]
    if other:
        said = "; ".join(f"{name}: {stored.get(name)}, now {settings[name]}" for name in other)
        raise InputError(
            f"the checkpoint in {folder} belongs to another training ({said}): use another folder, or delete it"
        )


def shown(value: Any) -> str:
    """As `repr`, without the addresses that differ from process to process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
