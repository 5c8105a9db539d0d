"""A copy of a torch module that answers the same, faster: BatchNorm folded, channels-last, bf16 weights.

`changed` makes the copy; whether its answers are close enough is judged in `optimise`.
"""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ..core import InputError

Step = Literal["folded", "channels_last", "bf16"]
STEPS: tuple[Step, ...] = ("folded", "channels_last", "bf16")
"""What can be done, in this order."""

NORMS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
    nn.ConvTranspose1d: nn.BatchNorm1d,
    nn.ConvTranspose2d: nn.BatchNorm2d,
    nn.ConvTranspose3d: nn.BatchNorm3d,
    nn.Linear: nn.BatchNorm1d,
}
"""Layers, and the BatchNorm that can be folded into each."""

FLAT: set[type[nn.Module]] = {nn.Linear, nn.Conv1d, nn.ConvTranspose1d}
"""Layers whose weights have no channels-last form."""


def changed(module: nn.Module, steps: Sequence[Step]) -> tuple[nn.Module, int]:
    """A copy in evaluation mode, and how many BatchNorms were folded into their layers.

    Args:
        module: stays as it is.
        steps: what is done; `bf16` needs `torch.autocast` around the calls.

    Raises:
        InputError: a step has nothing to work on.
    """
    made = copy.deepcopy(module).eval().requires_grad_(False)
    folded = 0
    if "folded" in steps:
        for layer, norm in list(_pairs(made, "")):
            _fold(made, layer, norm)
            folded += 1
        if not folded:
            raise InputError("no BatchNorm follows a layer that it could be folded into")
    if "channels_last" in steps:
        kinds = {type(part) for part in made.modules()} & (NORMS.keys() - FLAT)
        if not kinds:
            raise InputError("no convolution of images")
        deep = kinds & {nn.Conv3d, nn.ConvTranspose3d}
        loose: Any = made
        loose.to(memory_format=torch.channels_last_3d if deep else torch.channels_last)
    if "bf16" in steps:
        _halve(made)
    return made, folded


def _halve(module: nn.Module) -> None:
    """Weights of layers in bf16; the last layer stays, so that scores are not rounded to three digits."""
    layers = [part for part in module.modules() if type(part) in NORMS]
    if len(layers) < 2:
        raise InputError("no layers but the last")
    for layer in layers[:-1]:
        layer.to(torch.bfloat16)
    setattr(layers[-1], "forward", partial(_in_full, type(layers[-1]).forward, layers[-1]))  # noqa: B010


def _in_full(forward: Any, layer: nn.Module, given: Tensor, *more: Any) -> Tensor:
    with torch.autocast(given.device.type, enabled=False):
        return forward(layer, given.float(), *more)


def _fold(module: nn.Module, layer: str, norm: str) -> None:
    one: Any = module.get_submodule(layer)
    other: Any = module.get_submodule(norm)
    if type(one) is nn.Linear:
        joined: nn.Module = fuse_linear_bn_eval(one, other)
    else:
        joined = fuse_conv_bn_eval(one, other, transpose=isinstance(one, nn.modules.conv._ConvTransposeNd))
    module.set_submodule(layer, joined.requires_grad_(False))
    module.set_submodule(norm, nn.Identity())


def _pairs(module: nn.Module, prefix: str) -> Iterator[tuple[str, str]]:
    """Names of layers and of the BatchNorms that alone read what they give.

    Where the forward method cannot be traced, its parts are looked at one by one, and neighbours in an
    `nn.Sequential` count as such.
    """
    children = dict(module.named_children())
    if not children:
        return
    places = Counter(id(part) for _, part in module.named_modules(remove_duplicate=False))
    found = _traced(module)
    if found is None:
        plain = type(module).forward is nn.Sequential.forward
        found = list(pairwise(children)) if plain else []
        for name, child in children.items():
            yield from _pairs(child, f"{prefix}{name}.")
    for layer, norm in found:
        one, other = module.get_submodule(layer), module.get_submodule(norm)
        if _foldable(one, other) and places[id(one)] == places[id(other)] == 1:
            yield prefix + layer, prefix + norm


def _traced(module: nn.Module) -> list[tuple[str, str]] | None:
    """Pairs of submodules of which the second alone reads the first; None where the trace fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nodes = list(fx.Tracer().trace(module).nodes)
    except Exception:  # whatever a stranger's forward does with a stand-in for a tensor
        return None
    calls = [node for node in nodes if node.op == "call_module"]
    often = Counter(str(node.target) for node in calls)
    return [
        (str(before.target), str(node.target))
        for node in calls
        for before in node.all_input_nodes
        if before.op == "call_module" and len(before.users) == 1
        if often[str(before.target)] == often[str(node.target)] == 1
    ]


def _foldable(layer: nn.Module, norm: nn.Module) -> bool:
    """Whether both are what they seem: no subclass, no hook, no reparametrised weight, statistics fixed."""
    if type(layer) not in NORMS or type(norm) is not NORMS[type(layer)]:
        return False
    known: Any = norm
    width = getattr(layer, "out_channels", getattr(layer, "out_features", None))
    hooked = any(part._forward_hooks or part._forward_pre_hooks for part in (layer, norm))
    return known.running_mean is not None and known.num_features == width and not hooked
