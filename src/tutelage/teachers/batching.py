"""Asking a torch module about many rows: in bounded slices, without gradient, leaving it as it was."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..core import Columns, InputError, Values
from ..core.spaces import Answer
from .output import Reading

Transform = Callable[[Columns], Any]
"""From raw columns to what a model takes: a tensor, a tuple (positional) or a dict (by name)."""


def slices(count: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` rows."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def ask_module(
    call: Callable[..., Any],
    columns: Columns,
    inputs: Transform,
    reading: Reading,
    *,
    count: int,
    size: int,
    device: torch.device,
    fixed: int | None = None,
    inference: bool = False,
) -> Answer:
    """What a callable of tensors answers about all rows, `size` at a time.

    With `fixed` it only takes that many rows: the last slice is filled up, and the filling thrown away. With
    `inference` it is called in inference mode, which tensors that it keeps would not survive.

    Raises:
        InputError: its output is not understood, or does not fit the space.
    """
    if count == 0:
        return reading.empty()
    scores: list[Tensor] = []
    scales: list[Tensor] = []
    # inside inference mode the answer could not take part in a loss; inference_mode(False) also switches gradients on
    with torch.inference_mode(False), torch.no_grad():
        with torch.inference_mode() if inference else torch.no_grad():
            for part in slices(count, fixed or size):
                given, rows = cut(columns, part, fixed)
                mean, scale = numbers_of(called(call, inputs(given), device), reading)
                if mean.dim() == 0 or len(mean) != (fixed or rows):
                    raise InputError(
                        f"{reading.who} was given {fixed or rows} rows and answered shape {tuple(mean.shape)}: "
                        "its first axis must be the rows"
                    )
                scores.append(mean[:rows].detach().to("cpu", torch.float32))
                if scale is not None:
                    scales.append(scale[:rows].detach().to("cpu", torch.float32))
        return reading.answer(torch.cat(scores), scale=torch.cat(scales) if scales else None)


def cut(columns: Columns, part: slice, fixed: int | None) -> tuple[dict[str, np.ndarray], int]:
    """A slice of all columns and its number of rows; its last row is repeated up to `fixed` rows."""
    rows = part.stop - part.start
    given = {name: np.asarray(column)[part] for name, column in columns.items()}
    if fixed is None or rows == fixed:
        return given, rows
    fill = np.minimum(np.arange(fixed), rows - 1)
    return {name: column[fill] for name, column in given.items()}, rows


def called(call: Callable[..., Any], given: Any, device: torch.device) -> Any:
    """The callable's output for a tensor, a tuple of tensors or a dict of tensors, moved to the device."""
    if isinstance(given, Tensor):
        return call(given.to(device))
    if isinstance(given, Mapping):
        return call(**{name: tensor.to(device) for name, tensor in given.items()})
    if isinstance(given, tuple | list):
        return call(*(tensor.to(device) for tensor in given))
    raise InputError(f"a transform gives a tensor, a tuple or a dict of tensors, got {type(given).__name__}")


def numbers_of(found: Any, reading: Reading) -> tuple[Tensor, Tensor | None]:
    """Scores (and a scale, for values) in what a model returned."""
    if isinstance(found, Tensor):
        return found, None
    if isinstance(found, Mapping) and "mean" in found and reading.space.answer is Values:
        return found["mean"], found.get("scale")
    if isinstance(found, Mapping) and "logits" in found:
        return found["logits"], None
    logits = getattr(found, "logits", None)
    if isinstance(logits, Tensor):
        return logits, None
    if isinstance(found, tuple | list) and found and isinstance(found[0], Tensor):
        return found[0], None
    keys = f" with keys {sorted(found)}" if isinstance(found, Mapping) else ""
    raise InputError(
        f"{reading.who} returned a {type(found).__name__}{keys}: return a tensor, a tuple whose first item "
        "is one, an object with .logits, or a dict with 'logits' (for values also 'mean' and 'scale')"
    )


def plain_tensor(column: np.ndarray, dtype: torch.dtype, who: str, name: str) -> Tensor:
    """A numeric column as a new tensor: floats in the model's type, whole numbers as int64 (bytes stay).

    Raises:
        InputError: the column is not numeric.
    """
    kind = column.dtype.kind
    if kind not in "fiub":
        raise InputError(
            f"{who} reads column {name!r} of type {column.dtype}, which no tensor holds: give transform=, a "
            "function from the raw columns to tensors"
        )
    if kind == "f":
        return torch.from_numpy(np.array(column, dtype=np.float64 if dtype == torch.float64 else np.float32)).to(dtype)
    if column.dtype in (np.uint8, np.bool_):
        return torch.from_numpy(np.array(column))
    return torch.from_numpy(np.array(column, dtype=np.int64))


def stacked_inputs(reads: Sequence[str], dtype: torch.dtype, who: str) -> Transform:
    """The transform used when none is given: one tensor per column, in the order of `reads`."""

    def inputs(columns: Columns) -> tuple[Tensor, ...]:
        return tuple(plain_tensor(columns[name], dtype, who, name) for name in reads)

    return inputs


@contextmanager
def evaluating(module: nn.Module) -> Generator[None]:
    """Evaluation mode inside; afterwards every layer's training flag is what it was."""
    parts = [module]
    for part in parts:  # as `modules()`, which takes as long as a layer
        parts += [inner for inner in part._modules.values() if inner is not None]
    learning = [part for part in parts if part.training]
    for part in learning:
        part.training = False
    try:
        yield
    finally:
        for part in learning:
            part.training = True
