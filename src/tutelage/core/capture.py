"""Features of a network by layer name, inside a with-block and nowhere else.

    with capture(model, ["layer3", "head"]) as found:
        model(x)
    found["layer3"]

This is the only file of the house that hangs hooks on a module.
"""

from __future__ import annotations

import difflib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn

from .errors import InputError


@final
class Captured(Mapping[str, Tensor]):
    """What the named layers gave in the latest forward pass of the module: layer name to tensor [B, ...].

    Looking a layer up raises InputError when it did not run, ran more than once in one pass, gave no tensor, or gave
    one that a later layer changed in place.
    """

    def __init__(self, layers: Iterable[str]) -> None:
        self._layers = tuple(layers)
        self._given: dict[str, list[tuple[Any, int | None]]] = {name: [] for name in self._layers}

    def __getitem__(self, layer: str) -> Tensor:
        if layer not in self._given:
            raise InputError(f"layer {layer!r} was not asked for; captured are {list(self._layers)}")
        given = self._given[layer]
        if len(given) != 1:
            often = "did not run" if not given else f"ran {len(given)} times in one pass, so that it has no one output"
            raise InputError(f"layer {layer!r} {often}: name a layer that runs exactly once, such as the block around")
        found, version = given[0]
        tensor = _first(found, layer)
        if version is not None and tensor._version != version:
            raise InputError(
                f"what layer {layer!r} gave was changed in place by a later layer (ReLU(inplace=True)?): name that "
                "later layer, or make it inplace=False"
            )
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def forget(self) -> None:
        """Forgets all that was captured: a new pass begins."""
        for given in self._given.values():
            given.clear()

    def note(self, layer: str, output: Any) -> None:
        """Notes what a layer gave."""
        first: Any = output[0] if isinstance(output, tuple | list) and output else output
        version = first._version if isinstance(first, Tensor) and not first.is_inference() else None
        self._given[layer].append((output, version))


@contextmanager
def capture(module: nn.Module, layers: Iterable[str]) -> Generator[Captured]:
    """Keeps what the named layers give while the block lasts; afterwards, and on errors, the module is as it was.

    Args:
        module: any module; a pass begins whenever it is called, and only the latest pass is kept.
        layers: names as in `module.named_modules()`. A layer may give a tensor [B, ...], or a tuple or list whose
            first item is one, which is then what is captured.

    Raises:
        InputError: there is no such layer (names those that are near), or the module is compiled.
    """
    wanted = list(dict.fromkeys(layers))
    _not_compiled(module)
    known = dict(module.named_modules())
    for name in wanted:
        if name not in known or name == "":
            raise InputError(_unknown(name, known))
    found = Captured(wanted)

    def begin(_module: nn.Module, _given: Any) -> None:
        found.forget()

    handles = [module.register_forward_pre_hook(begin)]
    try:
        for name in wanted:
            handles.append(known[name].register_forward_hook(lambda _m, _i, out, name=name: found.note(name, out)))
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _not_compiled(module: nn.Module) -> None:
    compiled = torch.compiler.is_compiling() or any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )
    if compiled:
        raise InputError(
            "a compiled module cannot be captured, because its layers are not called one by one: capture the module "
            "itself, before torch.compile (in fit: compile=False)"
        )


def _unknown(name: str, known: Mapping[str, nn.Module]) -> str:
    named = [one for one in known if one]
    near = difflib.get_close_matches(name, named, n=5, cutoff=0.4)
    near += [one for one in named if one not in near and name and name.split(".")[-1] == one.split(".")[-1]][:5]
    said = f"did you mean one of {near}?" if near else f"there are {named[:20]}"
    return f"there is no layer {name!r} in this {type(known['']).__name__}: {said}"


def _first(found: Any, layer: str) -> Tensor:
    if isinstance(found, Tensor):
        return found
    if isinstance(found, tuple | list) and found and isinstance(found[0], Tensor):
        return found[0]
    keys = f" with keys {sorted(map(str, found))}" if isinstance(found, Mapping) else ""
    raise InputError(
        f"layer {layer!r} gave a {type(found).__name__}{keys}, not a tensor or a tuple that begins with one: name a "
        "layer inside it"
    )
