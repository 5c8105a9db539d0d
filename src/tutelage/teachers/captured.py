"""A layer of a torch module as a teacher of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Columns, Features, InputError, Space, capture
from .batching import Transform, called, evaluating, slices, stacked_inputs
from .digest import digest, digest_module
from .module import ModuleTeacher
from .naming import reads_of, rows_in, seen_of


@final
class FeatureTeacher:
    """What one layer of a torch module gives; asked in evaluation mode and without gradient, and left as it was.

    Like every frozen teacher it is asked once per row and stored. Its answers are `Features`.

    Args:
        module: called with one tensor per column in the order of `reads`, or with what `transform` gives.
        layer: name of the layer, as in `module.named_modules()`; see `tutelage.core.capture`.
        reads: names of the raw columns.
        name: unique among the teachers of a store.
        head: the rest of the module from this layer to class scores, for methods that pass the student's features
            through it; None where there is none.
        transform: from raw columns to a tensor, a tuple or a dict of tensors.
        batch_size: rows per call, which bounds memory.
        device: where the module is moved to; where its parameters are, unless given.
        seen: row numbers it was trained on.
    """

    frozen = True
    deterministic = True

    def __init__(
        self,
        module: nn.Module,
        layer: str,
        *,
        reads: str | Sequence[str],
        name: str = "features",
        head: nn.Module | None = None,
        transform: Transform | None = None,
        batch_size: int = 256,
        device: str | torch.device | None = None,
        seen: np.ndarray | Sequence[int] | None = None,
    ) -> None:
        if batch_size < 1:
            raise InputError(f"teacher {name!r}: batch_size must be at least 1, got {batch_size}")
        with capture(module, [layer]):
            self.module = module if device is None else module.to(device)
        self.layer = layer
        self.name = name
        self.space = Space(Features, (layer,))
        self.reads = reads_of(reads)
        self.seen = seen_of(seen)
        self.transform = transform
        self.batch_size = batch_size
        self._head = head
        self._transform_digest = "none" if transform is None else digest(transform)

    @classmethod
    def of(cls, teacher: ModuleTeacher, layer: str, *, name: str = "", head: nn.Module | None = None) -> FeatureTeacher:
        """A layer of a teacher that is there already.

        Args:
            teacher: whose module, columns and transform are taken.
            layer: see the class.
            name: the teacher's with the layer behind it, unless given.
            head: see the class.
        """
        return cls(
            teacher.module,
            layer,
            reads=teacher.reads,
            name=name or f"{teacher.name}:{layer}",
            head=head,
            transform=teacher.transform,
            batch_size=teacher.batch_size,
            seen=teacher.seen,
        )

    @property
    def parameters(self) -> int | None:
        """Number of parameters, shared ones counted once."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Weights, architecture, layer, transform and numerics."""
        device, dtype = self._numerics
        return {
            "kind": "features",
            **digest_module(self.module),
            "layer": self.layer,
            "transform": self._transform_digest,
            "numerics": f"{device.type}:{dtype}",
            "reads": digest(self.reads),
        }

    def head(self, features: Tensor) -> Tensor:
        """Class scores [B, C] of features as this layer gives them; the head is frozen, its input is not.

        Raises:
            InputError: the teacher was made without a head.
        """
        if self._head is None:
            raise InputError(
                f"teacher {self.name!r} lends no head: give head=, the rest of its module behind layer {self.layer!r}"
            )
        frozen = {name: value.detach().to(features) for name, value in self._head.named_parameters()}
        with evaluating(self._head):
            return torch.func.functional_call(self._head, frozen, (features,))

    def answer(self, columns: Columns) -> Features:
        """The layer's output about these rows, on the CPU in float32.

        Raises:
            InputError: a column is missing or not numeric, or the layer gives no tensor with rows in front.
        """
        who = f"teacher {self.name!r}"
        count = rows_in(columns, self.reads, who)
        device, dtype = self._numerics
        inputs = self.transform or stacked_inputs(self.reads, dtype, who)
        given = {name: np.asarray(columns[name]) for name in self.reads}
        if count == 0:
            return Features.of(torch.zeros(0, 0))
        found: list[Tensor] = []
        with torch.inference_mode(False), torch.no_grad(), evaluating(self.module):
            for part in slices(count, self.batch_size):
                with capture(self.module, [self.layer]) as layers:
                    called(self.module, inputs({name: column[part] for name, column in given.items()}), device)
                features = layers[self.layer]
                if features.dim() < 2 or len(features) != part.stop - part.start:
                    raise InputError(
                        f"{who}: layer {self.layer!r} gave shape {tuple(features.shape)} for {part.stop - part.start} "
                        "rows: name a layer that gives [rows, ...]"
                    )
                found.append(features.detach().to("cpu", torch.float32))
        return Features.of(torch.cat(found))

    @property
    def _numerics(self) -> tuple[torch.device, torch.dtype]:
        tensors = [*self.module.parameters(), *self.module.buffers()]
        dtype = next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)
        return (tensors[0].device if tensors else torch.device("cpu")), dtype
