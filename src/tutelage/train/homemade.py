"""Students and teachers for those who bring none."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from ..core import InputError
from ..data import Rows
from ..nets import MLP, ConvNet


def student_for(rows: Rows, kind: str | None) -> Callable[[], nn.Module]:
    """A maker of a small student: `mlp`, `conv`, or what fits the rows.

    Raises:
        InputError: the kind is not known, or a conv net was asked for rows without images.
    """
    shapes = [rows.columns[name].shape[1:] for name in rows.inputs]
    image = len(shapes) == 1 and len(shapes[0]) in (2, 3)
    chosen = kind or ("conv" if image else "mlp")
    outputs = len(rows.space.names)
    if chosen == "mlp":
        width = int(sum(np.prod(shape) for shape in shapes))
        scale = _scale(rows)
        return lambda: MLP(width, outputs, (32, 32), scale=scale)
    if chosen == "conv":
        if not image:
            raise InputError(f"a conv student needs one column of images, the rows have shapes {shapes}: use mlp")
        channels = 1 if len(shapes[0]) == 2 else min(shapes[0][0], shapes[0][-1])
        return lambda: ConvNet(channels, outputs, (16, 32), scale=_scale(rows))
    raise InputError(f"student {chosen!r} is not known: mlp, conv, or my_file.py:make_student")


def teacher_makers(rows: Rows) -> list[Callable[[], Any]]:
    """Makers of teachers of different kinds: trees, boosted trees, and a net; what is installed decides."""
    shapes = [rows.columns[name].shape[1:] for name in rows.inputs]
    image = len(shapes) == 1 and len(shapes[0]) in (2, 3)
    net = _wide_conv(rows) if image else _wide_mlp(rows)
    makers: list[Callable[[], Any]] = []
    if importlib.util.find_spec("sklearn") is not None:
        makers.append(lambda: _forest(rows.space.kind))
    makers.append(net)
    single = rows.space.kind == "classes" or (rows.space.kind == "values" and len(rows.space.names) == 1)
    if importlib.util.find_spec("lightgbm") is not None and single and not image:
        makers.append(lambda: _boosted(rows.space.kind))
    return makers


def _scale(rows: Rows) -> float:
    return 1 / 255 if rows.columns[rows.inputs[0]].dtype == np.uint8 else 1.0


def _wide_mlp(rows: Rows) -> Callable[[], nn.Module]:
    width = int(sum(np.prod(rows.columns[name].shape[1:]) for name in rows.inputs))
    return lambda: MLP(width, len(rows.space.names), (128, 128), dropout=0.1)


def _wide_conv(rows: Rows) -> Callable[[], nn.Module]:
    shape = rows.columns[rows.inputs[0]].shape[1:]
    channels = 1 if len(shape) == 2 else min(shape[0], shape[-1])
    return lambda: ConvNet(channels, len(rows.space.names), (32, 64, 96), scale=_scale(rows))


def _forest(kind: str) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    if kind == "values":
        return RandomForestRegressor(200, min_samples_leaf=2, n_jobs=1)
    return RandomForestClassifier(200, min_samples_leaf=2, n_jobs=1)


def _boosted(kind: str) -> Any:
    import lightgbm

    made = lightgbm.LGBMRegressor if kind == "values" else lightgbm.LGBMClassifier
    return made(n_estimators=100, num_leaves=15, n_jobs=1, verbosity=-1)
