"""The contract of preparation steps: `check_step(MyStep(("a", "b")), columns)`."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from ..core import InputError, require
from ..data.fitted import FittedRecipe
from ..data.fitting import Fitting, merge_passes
from ..data.recipe import Recipe
from ..data.serve import as_role, role_of
from ..data.steps import Apart, Drops, Hashed, OutOfFold, Step, Together
from ..data.steps.dates import DateParts
from ..data.wiring import wire

Columns = Mapping[str, np.ndarray]
KEY = "/row"


def check_step(
    step: Step,
    columns: Columns,
    *,
    tolerance: float = 1e-6,
    before: tuple[Step, ...] = (),
    on: Mapping[str, Callable[[Columns], Any]] | None = None,
) -> None:
    """Raises AssertionError when a step breaks the contract of `tutelage.data.steps.Step`.

    Args:
        step: whoever is checked.
        columns: raw columns of at least eight rows: what it reads, what it learns from, and gaps.
        tolerance: relative, between back ends.
        before: steps that make what it reads.
        on: makers of frames of the engines to check; `engines()` unless given.
    """
    size = len(next(iter(columns.values())))
    assert size >= 8, f"at least eight rows are needed to check a step, got {size}"
    assert step.kind in ("row-wise", "exact", "bounded", "batch", "training-only"), f"unknown kind {step.kind!r}"
    assert isinstance(step, Drops) == (step.kind == "training-only"), (
        "steps that drop rows are training-only, and only they"
    )
    if isinstance(step, Drops):
        return _check_drops(step, columns)
    assert isinstance(step, Together | Apart), "a step works together (`formula`) or apart (`arrays`)"
    assert not (isinstance(step, Together) and isinstance(step, Apart)), "a step is together or apart, not both"
    recipe, train = _recipe(step, columns, before), np.arange(0, size, 2)
    original = {name: column.copy() for name, column in columns.items()}
    fitted = recipe.fit(columns, train)
    whole = fitted.apply(columns)
    for name, column in original.items():
        _same(columns[name], column, f"fitting or applying changed column {name!r}")
    _check_saved(step, fitted, columns, whole)
    _check_other_rows(recipe, fitted, columns, train)
    _check_rows(fitted, columns, whole)
    if step.kind in ("exact", "bounded"):
        _check_partition(recipe, columns, train)
    _check_module(fitted, columns, whole, tolerance)
    _check_frames(engines() if on is None else on, fitted, columns, whole, tolerance)
    if isinstance(step, OutOfFold):
        _check_folds(recipe, columns, train, whole)


def _recipe(step: Step, columns: Columns, before: tuple[Step, ...]) -> Recipe:
    """The step alone, its text and times made into numbers that can be compared."""
    if not step.writes:
        return Recipe((*before, step), {"out": tuple(n for n in step.reads if columns[n].dtype.kind in "fiub")})
    trial = Recipe((*before, step), {"out": step.writes})
    names = (*trial.reads, *trial.learns_from)
    fitting = Fitting.of(trial, {name: role_of(name, columns[name]) for name in names})
    row = np.arange(len(next(iter(columns.values()))))
    while not fitting.done:
        fitting = fitting.learn(fitting.observe(columns, row))
    states = tuple(state for state in fitting.states if state is not None)
    last = wire(fitting.inputs, trial.steps, states).last
    roles = {name: last[name].role for name in step.writes}
    texts = tuple(name for name, role in roles.items() if role == "text")
    times = tuple(name for name, role in roles.items() if role == "time")
    more: list[Step] = [Hashed(texts, 1 << 30)] if texts else []
    more += [DateParts((name,), ("epoch",)) for name in times]
    outputs: dict[str, str] = {name: f"{name}_epoch" if name in times else name for name in step.writes}
    hot = {name for name in outputs if roles[name] == "number" and len(last[name].parts) > 1}
    return Recipe((*before, step, *more), {n: (w,) if n in hot else w for n, w in outputs.items()})


def _check_saved(step: Step, fitted: FittedRecipe, columns: Columns, whole: Columns) -> None:
    text = json.dumps(fitted.to_json(), allow_nan=False)
    again = FittedRecipe.from_json(json.loads(text), (type(step),))
    assert again.recipe == fitted.recipe, "the settings of the step are others after saving"
    assert again.recipe.id == fitted.recipe.id
    for name, column in again.apply(columns).items():
        _same(column, whole[name], f"output {name!r} is another after saving")
    newer = fitted.to_json()
    for value in newer["recipe"]["steps"]:
        value["version"] += 1
    try:
        Recipe.from_json(newer["recipe"], (type(step),))
    except InputError:
        return
    raise AssertionError("a step of a higher version was not refused")


def _check_other_rows(recipe: Recipe, fitted: FittedRecipe, columns: Columns, train: np.ndarray) -> None:
    other = np.setdiff1d(np.arange(len(next(iter(columns.values())))), train)
    mixed = {name: column.copy() for name, column in columns.items()}
    for column in mixed.values():
        column[other] = column[np.roll(train, 1)[: len(other)]]
    again = recipe.fit(mixed, train)
    assert again.to_json() == fitted.to_json(), "rows outside training changed what was learnt"


def _check_rows(fitted: FittedRecipe, columns: Columns, whole: Columns) -> None:
    size = len(next(iter(columns.values())))
    orders = {"in reverse": np.arange(size)[::-1], "one row": np.array([3]), "no row": np.zeros(0, dtype=np.int64)}
    for how, order in orders.items():
        found = fitted.apply({name: column[order] for name, column in columns.items()})
        for name, column in found.items():
            assert column.dtype == whole[name].dtype, f"asked about {how}, output {name!r} has type {column.dtype}"
            _close(column, whole[name][order], 1e-12, f"output {name!r} depends on other rows ({how})")
    record = {name: columns[name][3] for name in fitted.reads}
    for name, column in fitted.one(record).items():
        _close(column, whole[name][3:4], 1e-12, f"output {name!r} of one record")


def _check_partition(recipe: Recipe, columns: Columns, train: np.ndarray) -> None:
    def learnt(pieces: list[np.ndarray]) -> FittedRecipe:
        fitting = Fitting.start(recipe, columns)
        while not fitting.done:
            parts = [fitting.observe({n: c[piece] for n, c in columns.items()}, piece) for piece in pieces]
            seen = parts[0]
            for part in parts[1:]:
                seen = merge_passes(seen, part)
            fitting = fitting.learn(seen)
        return fitting.fitted(len(train), {})

    cut = len(train) // 3
    whole = learnt([train]).apply(columns)
    for pieces in ([train[:cut], train[cut:]], [train[cut:], train[:1], train[1:cut]], [train[::2], train[1::2]]):
        for name, column in learnt(pieces).apply(columns).items():
            _close(column, whole[name], 1e-6, f"output {name!r} depends on how the training rows were cut")


def _check_module(fitted: FittedRecipe, columns: Columns, whole: Columns, tolerance: float) -> None:
    module, feeds = fitted.module(), fitted.feeds(columns)
    assert tuple(feeds) == module.inputs, f"the module takes {module.inputs}, fed with {tuple(feeds)}"
    with torch.no_grad():
        made = module(*feeds.values())
    tensors = made if isinstance(made, tuple) else (made,)
    for name, tensor in zip(module.outputs, tensors, strict=True):
        _close(tensor.numpy(), whole[name], tolerance, f"output {name!r} of torch against NumPy")


def _check_frames(
    on: Mapping[str, Callable[[Columns], Any]],
    fitted: FittedRecipe,
    columns: Columns,
    whole: Columns,
    tolerance: float,
) -> None:
    for engine, make in on.items():
        rows = {name: columns[name] for name in fitted.reads}
        if any(column.ndim > 1 or fitted.inputs[name] == "array" for name, column in rows.items()):
            return
        frame = make({KEY: np.arange(len(next(iter(columns.values())))), **rows})
        try:
            found = fitted.collect(frame, keep=(KEY,))
        except InputError as error:
            if "no form on engines" not in str(error):
                raise AssertionError(f"on {engine}: {error}") from error
            continue
        order = np.argsort(found.pop(KEY))
        for name, column in found.items():
            _close(column[order], whole[name], tolerance, f"output {name!r} of {engine} against NumPy")


def _check_folds(recipe: Recipe, columns: Columns, train: np.ndarray, whole: Columns) -> None:
    prepared = recipe.prepare(columns, train)
    other = np.setdiff1d(np.arange(len(next(iter(columns.values())))), train)
    differs = False
    for name, column in prepared.columns.items():
        _same(column[other], whole[name][other], f"output {name!r} of other rows was taken out of fold")
        differs |= not np.array_equal(column[train], whole[name][train], equal_nan=True)
    assert differs, "training rows got what was learnt from themselves"


def _check_drops(step: Drops, columns: Columns) -> None:
    first = step.reads[0]
    recipe = Recipe((step,), {"out": (first,)}) if columns[first].dtype.kind == "f" else None
    given = wire({}, (), ()).last if recipe is None else {}
    asked = [columns[name] for name in step.reads]
    shown = [as_role(n, column, role_of(n, column)) for n, column in zip(step.reads, asked, strict=True)]
    keep = step.keep(given, shown)
    assert keep.shape == (len(asked[0]),), f"`keep` has shape {keep.shape} for {len(asked[0])} rows"
    assert keep.dtype == np.bool_, f"`keep` has type {keep.dtype}"
    assert keep.any(), "no row was kept"
    assert np.array_equal(keep, step.keep(given, shown)), "asked again, other rows were kept"


def engines() -> dict[str, Callable[[Columns], Any]]:
    """Makers of frames for the engines that are installed here: Polars and DuckDB."""
    polars = require("polars", extra="data", why="check steps on frames")

    def on_polars(columns: Columns) -> Any:
        return polars.DataFrame({name: _series(polars, name, column) for name, column in columns.items()}).lazy()

    def on_duckdb(columns: Columns) -> Any:
        connection = require("duckdb", extra="duckdb", why="check steps on DuckDB").connect()
        return connection.from_arrow(on_polars(columns).collect().to_arrow())

    return {"polars": on_polars} | ({"duckdb": on_duckdb} if importlib.util.find_spec("duckdb") else {})


def _series(polars: Any, name: str, column: np.ndarray) -> Any:
    values = column.tolist() if column.dtype == object else column
    return polars.Series(name, values)


def _same(one: np.ndarray, other: np.ndarray, what: str) -> None:
    equal = np.array_equal(one, other, equal_nan=one.dtype.kind in "fcmM")
    assert equal or (one.dtype == object and one.tolist() == other.tolist()), what


def _close(one: np.ndarray, other: np.ndarray, tolerance: float, what: str) -> None:
    assert one.shape == other.shape, f"{what}: shapes {one.shape} and {other.shape}"
    if one.dtype.kind != "f":
        assert np.array_equal(one, other), f"{what}: differs in {int((one != other).sum())} rows"
        return
    gap, both = np.isnan(one), np.isnan(one) & np.isnan(other)
    assert np.array_equal(gap, np.isnan(other)), f"{what}: values are missing in other rows"
    off = np.where(both, 0.0, np.abs(one.astype(np.float64) - other) - tolerance * np.abs(other) - 1e-9)
    assert (off <= 0).all(), f"{what}: off by up to {float(np.nanmax(np.abs(one - other))):.3g}"
