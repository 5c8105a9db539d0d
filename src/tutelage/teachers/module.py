"""Torch modules as teachers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Columns, InputError, Space
from ..core.spaces import Answer
from .batching import Transform, ask_module, evaluating, numbers_of, stacked_inputs
from .digest import digest, digest_module
from .folding import Step, changed
from .naming import reads_of, rows_in, seen_of, space_of
from .output import Output, Reading


@final
class ModuleTeacher:
    """A torch module; always asked in evaluation mode and without gradient, and left as it was.

    The output may be a tensor [B, C], a tuple whose first item is one, an object with `.logits`, or a dict
    with `logits` (for values also `mean` and `scale`). One column [B] or [B, 1] stands for the second of two
    classes.

    Args:
        module: called with one tensor per column in the order of `reads`, or with what `transform` gives.
        reads: names of the raw columns.
        name: unique among the teachers of a run.
        classes: names of the outputs; without them the task's order is assumed.
        space: instead of `classes`, for labels and values.
        output: what the numbers are; found out on the first rows unless declared.
        transform: from raw columns (arrays of some rows) to a tensor, a tuple or a dict of tensors.
        batch_size: rows per call, which bounds memory.
        device: where the module is moved to; where its parameters are, unless given.
        seen: row numbers it was trained on.
        frozen: False for a module that still learns.
        deterministic: False for a module that answers by chance.
        optimise: False to have it always asked as it is, whatever `optimised` could do.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        reads: str | Sequence[str],
        name: str = "module",
        classes: Sequence[Any] | np.ndarray | None = None,
        space: Space | None = None,
        output: Output | None = None,
        transform: Transform | None = None,
        batch_size: int = 256,
        device: str | torch.device | None = None,
        seen: np.ndarray | Sequence[int] | None = None,
        frozen: bool = True,
        deterministic: bool = True,
        optimise: bool = True,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"teacher {name!r}: batch_size must be at least 1, got {batch_size}")
        self.name = name
        self.space = space_of(space, classes)
        self.reads = reads_of(reads)
        self.frozen = frozen
        self.deterministic = deterministic
        self.seen = seen_of(seen)
        self.module = module if device is None else module.to(device)
        self.transform = transform
        self.batch_size = batch_size
        self.optimise = optimise
        self.steps: tuple[Step, ...] = ()
        self._changed: tuple[nn.Module, int] | None = None
        self._reading = Reading(self.space, output, f"teacher {name!r}")
        self._transform_digest = "none" if transform is None else digest(transform)

    @property
    def parameters(self) -> int | None:
        """Number of parameters, shared ones counted once."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def output_found(self) -> str:
        """What the outputs are, and how that is known."""
        return self._reading.described

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Weights, architecture, transform, numerics and output."""
        device, dtype = self.numerics
        way = f":{'+'.join(self.steps)}" if self.steps else ""
        return {
            "kind": "module",
            **digest_module(self.module),
            "transform": self._transform_digest,
            "numerics": f"{device.type}:{dtype}{way}",
            "output": self._reading.fingerprint,
            "reads": digest(self.reads),
            "names": digest(self.space.names),
        }

    def answer(self, columns: Columns) -> Answer:
        """The module's answer about these rows.

        Raises:
            InputError: a column is missing or not numeric, or the output does not fit the space.
        """
        count = rows_in(columns, self.reads, self._reading.who)
        device, dtype = self.numerics
        inputs = self.transform or stacked_inputs(self.reads, dtype, self._reading.who)
        given = {name: columns[name] for name in self.reads}
        with ExitStack() as inside:
            if self.steps:
                asked, _ = self._copy()
                inside.enter_context(torch.autocast(device.type, torch.bfloat16, enabled="bf16" in self.steps))
            else:
                asked = self.module
                inside.enter_context(evaluating(asked))
            return ask_module(
                asked,
                given,
                inputs,
                self._reading,
                count=count,
                size=self.batch_size,
                device=device,
                inference=bool(self.steps),
            )

    def attached(self, columns: Mapping[str, Tensor]) -> Answer:
        """Its answer with the gradient of the columns, in evaluation mode; all rows at once, on the CPU.

        Args:
            columns: [B, ...] each, as the module takes them.

        Raises:
            InputError: as `answer`; or a transform stands between, which knows arrays only.
        """
        if self.transform is not None:
            raise InputError(
                f"{self._reading.who} has a transform from arrays, through which no gradient goes: give a module that "
                "takes the columns themselves, or gradient='forward'"
            )
        device, dtype = self.numerics
        with evaluating(self.module):
            found = self.module(*(columns[name].to(device, dtype) for name in self.reads))
        scores, scale = numbers_of(found, self._reading)
        return self._reading.attached(scores, scale=scale)

    def run_as(self, steps: Sequence[Step]) -> ModuleTeacher:
        """The same teacher, answering through a faster copy of its module, which is made at the first answer.

        Args:
            steps: what is done to the copy, in the order of `folding.STEPS`; none asks the module itself. They are
                part of the fingerprint.
        """
        made = copy.copy(self)
        made.steps, made._changed = tuple(steps), None
        return made

    @property
    def folded(self) -> int:
        """How many BatchNorms the copy lacks."""
        return self._copy()[1] if self.steps else 0

    def _copy(self) -> tuple[nn.Module, int]:
        if self._changed is None:
            self._changed = changed(self.module, self.steps)
        return self._changed

    @property
    def numerics(self) -> tuple[torch.device, torch.dtype]:
        """Where the first parameter or buffer lies, and the type of the first that holds floats."""
        device: torch.device | None = None
        for tensor in chain(self.module.parameters(), self.module.buffers()):
            device = device or tensor.device
            if tensor.dtype.is_floating_point:
                return device, tensor.dtype
        return device or torch.device("cpu"), torch.float32
