"""`tutelage predict` and `tutelage evaluate`: a finished run and new rows."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from rich.console import Console
from rich.table import Table

from ..core import InputError
from ..data import FittedRecipe, is_image_folder, read_columns
from ..data.images import classes_of, image_files
from ..data.target import encode_target
from ..report import bootstrap, interval
from ..train import Run, load, open_ensemble
from ..train.ensembles import columns_for
from ..train.run import decoded
from ..train.settings import one_thread
from . import show

DRAWS = 300
LARGE_SHIFT = 0.25


@dataclass(frozen=True)
class PredictOptions:
    """Ask a finished run about new rows.

    Attributes:
        run: folder of the run.
        data: table with the columns that the run read, image file, or folder of images.
        out: .csv to write to; the standard output unless given.
        ensemble: ask the fused teachers of the run instead of its student.
        allow_pickle: run the rules and other code that the ensemble brings along.
        trust: a type that a member of the ensemble may hold, when a message asks for it.
    """

    run: tyro.conf.Positional[Path]
    data: tyro.conf.Positional[Path]
    out: Path | None = None
    ensemble: bool = False
    allow_pickle: bool = False
    trust: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure a finished run on new labelled rows, beside what it reached on its own test rows.

    Attributes:
        run: folder of the run.
        data: table with the columns that the run read and the target, or folder of images per class.
        target: name of the target column (several for labels or values).
    """

    run: tyro.conf.Positional[Path]
    data: tyro.conf.Positional[Path]
    target: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()


def predict_command(arguments: list[str]) -> None:
    """Writes one line per row: the decision, and for classes the probability of each."""
    options = tyro.cli(PredictOptions, args=arguments, prog="tutelage predict")
    run = load(options.run)
    columns, _ = columns_of(run, options.data)
    answer = _fused(run, columns, options) if options.ensemble else run.answer(columns)
    _warn_unseen(run, columns)
    header, lines = _lines(run, answer, columns)
    if options.out is None:
        _write(sys.stdout, header, lines)
        return
    try:
        with open(options.out, "w", newline="") as file:
            _write(file, header, lines)
    except OSError as error:
        raise InputError(f"{options.out} cannot be written: {error}") from error
    show.said(f"{len(lines)} rows written to {options.out}")


def _fused(run: Run, columns: Mapping[str, np.ndarray], options: PredictOptions) -> Any:
    """What the run's ensemble answers."""
    ensemble = open_ensemble(run, allow_pickle=options.allow_pickle, trusted=options.trust)
    return ensemble.answer(columns_for(ensemble, run, columns))


def evaluate_command(arguments: list[str]) -> None:
    """Prints the run's own figures and the new ones with intervals, unseen categories, and drift."""
    options = tyro.cli(EvaluateOptions, args=arguments, prog="tutelage evaluate")
    run = load(options.run)
    columns, classes = columns_of(run, options.data)
    target, known = target_of(run, columns, classes, options.data, options.target)
    answer = run.answer(columns)
    chosen = next(c for c in run.report.contenders if c.name == "student: chosen fusion")
    table = Table(title=f"{options.run} on {options.data}: {int(known.sum())} labelled rows", title_justify="left")
    for name in ("metric", "its test rows", "these rows"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for metric, value in run.task.metrics(answer, target, known).items():
        low, high = _interval(run, answer, target, known, metric)
        table.add_row(metric, _before(chosen.metrics[metric]), f"{value:.4f} [{low:.4f}, {high:.4f}]")
    Console(width=max(80, Console().width)).print(table)
    print("these rows: 95 % bootstrap interval over rows; its test rows: 95 % interval over seeds")
    _warn_unseen(run, columns)
    _show_drift(run, columns)


def columns_of(run: Run, data: Path) -> tuple[Mapping[str, np.ndarray], list[str] | None]:
    """Raw columns of new data, and class names where folders give them."""
    if data.is_dir() and is_image_folder(data):
        files = [(file, name) for name in classes_of(data) for file in image_files(data / name)]
        return {"path": np.array([str(f) for f, _ in files], dtype=object)}, [name for _, name in files]
    if data.is_dir():
        found = image_files(data)
        if not found:
            raise InputError(f"{data} holds no images")
        return {"path": np.array([str(file) for file in found], dtype=object)}, None
    if "path" in run.reads and data.suffix.lower() not in (".csv", ".parquet", ".jsonl", ".tsv"):
        return {"path": np.array([str(data)], dtype=object)}, None
    if data.suffix == ".npz":
        with np.load(data) as arrays:
            return {name: arrays[name] for name in arrays.files}, None
    return read_columns(data), None


def target_of(
    run: Run, columns: Mapping[str, np.ndarray], classes: list[str] | None, data: Path, asked: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """The target of new data and which entries are known.

    Raises:
        InputError: the target column is missing, or holds a class the run does not know.
    """
    if classes is not None:
        raw: Any = np.array(classes, dtype=object)
    else:
        names = asked or _recorded_target(run)
        missing = [name for name in names if name not in columns]
        if missing or not names:
            raise InputError(f"{data} has no column {missing or '(target)'}; there are {list(columns)}: use --target")
        raw = columns[names[0]] if len(names) == 1 else np.stack([columns[name] for name in names], axis=1)
    coded, _, known = encode_target(raw, run.space.names, run.space)
    return torch.from_numpy(coded), torch.from_numpy(known)


def _recorded_target(run: Run) -> tuple[str, ...]:
    """The target columns named in the command that made the run."""
    arguments = (run.record.get("recipe") or {}).get("arguments", [])
    if not isinstance(arguments, list):
        return ()
    after = zip(arguments, [*arguments[1:], ""], strict=True)
    found = [(part, value) if part == "--target" else part.partition("=")[::2] for part, value in after]
    return tuple(value for flag, value in found if flag == "--target")


def _interval(run: Run, answer: Any, target: torch.Tensor, known: torch.Tensor, metric: str) -> tuple[float, float]:
    rows = np.arange(len(target))

    def one(picked: np.ndarray) -> float:
        place = torch.from_numpy(picked.astype(np.int64))
        return run.task.metrics(answer.take(place), target[place], known[place])[metric]

    with one_thread():
        return bootstrap(rows, one, draws=DRAWS)


def _before(values: tuple[float, ...]) -> str:
    if len(values) < 2:
        return f"{sum(values):.4f}"
    mean, half = interval(values)
    return f"{mean:.4f} ± {half:.4f}"


def _warn_unseen(run: Run, columns: Mapping[str, np.ndarray]) -> None:
    if isinstance(run.preparation, FittedRecipe):
        for name, count in run.preparation.unseen(columns).items():
            show.said(f"column {name!r}: {count} rows hold a value that no training row had; it counts as none of them")


def _show_drift(run: Run, columns: Mapping[str, np.ndarray]) -> None:
    if not isinstance(run.preparation, FittedRecipe):
        return
    shifts = sorted(run.preparation.drift(columns).items(), key=lambda item: -item[1])
    if not shifts:
        print("drift is not known: the recipe of the run has no Profile step")
        return
    large = [f"{name} ({value:.2f})" for name, value in shifts if value >= LARGE_SHIFT]
    print(f"drift (population stability index, {LARGE_SHIFT} and more is large): ", end="")
    print(", ".join(large) if large else f"none; largest {shifts[0][0]} ({shifts[0][1]:.2f})")


def _lines(run: Run, answer: Any, columns: Mapping[str, np.ndarray]) -> tuple[list[str], list[list[Any]]]:
    said = decoded(run.task, answer)
    names = run.space.names
    extra = answer.probs().tolist() if run.space.kind in ("classes", "labels") else [[]] * len(said)
    head = [f"p_{name}" for name in names] if run.space.kind in ("classes", "labels") else []
    key = ["path"] if "path" in columns and "path" in run.reads else ["row"]
    first = columns["path"].tolist() if key == ["path"] else range(len(said))
    shown = [";".join(map(str, value)) if isinstance(value, list) else value for value in said]
    known = (answer.valid if answer.valid.dim() == 1 else answer.valid.any(1)).tolist()
    shown = [value if answered else "" for value, answered in zip(shown, known, strict=True)]
    lines = [[k, v, *(f"{p:.6f}" for p in ps)] for k, v, ps in zip(first, shown, extra, strict=True)]
    return [*key, "prediction", *head], lines


def _write(file: Any, header: list[str], lines: list[list[Any]]) -> None:
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows(lines)
