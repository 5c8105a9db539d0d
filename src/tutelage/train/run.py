"""A run on disk: what one ships, and what one needs to repeat it.

run.json             what was asked, versions, seeds, splits, teachers, plan; replayable
student.pt2          the student as a torch.export program; no code of ours or yours is needed to load it
student.safetensors  its parameters
report.json          the record; report.html the page; README.md the model card; citations.bib
store/               signals of the teachers
ensemble/            the fused teachers as one teacher, where all of them can be saved
check.npz            some raw test rows, for checking exported files
checkpoints/         one per student, for resuming
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from .._version import __version__
from ..core import Batch, Columns, InputError, Space, StoreError, Task
from ..data import preparation_from_json
from ..report import Report
from ..store.fingerprint import digest, of_file
from ..tasks import task_from_json
from ..teachers.exported import open_program

if TYPE_CHECKING:
    from ..teaching import Ensemble

FORMAT = 1
WRITES = "writes strings"


@dataclass(frozen=True)
class Run:
    """A finished run; also a `Teacher`, so that its student can teach another one.

    Attributes:
        folder: where it lies.
        record: the content of run.json.
    """

    folder: Path
    record: Mapping[str, Any] = field(repr=False)
    frozen: bool = True
    deterministic: bool = True
    seen: np.ndarray | None = None
    called: str = ""

    @property
    def name(self) -> str:
        """The folder's name, unless it is called otherwise."""
        return self.called or self.folder.name

    @cached_property
    def task(self) -> Task:
        """What the student is for."""
        return task_from_json(self.record["task"])

    @property
    def space(self) -> Space:
        """Kind of answer and names."""
        return self.task.space

    @cached_property
    def preparation(self) -> Any:
        """From raw columns to the student's; None when the student takes raw columns."""
        value = self.record["preparation"]
        return None if value is None else preparation_from_json(value)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The student's columns."""
        return tuple(self.record["inputs"])

    @property
    def reads(self) -> tuple[str, ...]:
        """Raw columns."""
        return self.inputs if self.preparation is None else tuple(self.preparation.reads)

    @property
    def parameters(self) -> int | None:
        """Of the student."""
        return int(self.record["student"]["parameters"])

    @cached_property
    def student(self) -> nn.Module:
        """The student.

        Raises:
            StoreError: student.pt2 is missing or damaged.
        """
        path = self.folder / "student.pt2"
        try:
            return open_program(path).module()
        except Exception as error:
            raise StoreError(f"{path} cannot be loaded ({error}): the run is damaged or was not finished") from error

    @cached_property
    def ensemble(self) -> Ensemble:
        """The teachers and their fusion as one teacher, as the report measured it (under the first seed).

        Raises:
            InputError: it was not kept, says why; or members run code of their own: `open_ensemble(run,
                allow_pickle=True)` of `tutelage.train` then loads it.
            StoreError: its files are missing or damaged.
        """
        from .ensembles import open_ensemble

        return open_ensemble(self)

    @cached_property
    def report(self) -> Report:
        """The record of the run."""
        return Report.load(self.folder / "report.json")

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Bytes of the student and the preparation."""
        return {
            "weights": of_file(self.folder / "student.pt2"),
            "transform": digest(json.dumps(self.record["preparation"], sort_keys=True)),
        }

    def check_rows(self) -> tuple[dict[str, np.ndarray], torch.Tensor, torch.Tensor]:
        """Some raw test rows with their targets, and which targets are known."""
        with np.load(self.folder / "check.npz") as arrays:
            found = {name: arrays[name] for name in arrays.files}
        target, known = torch.from_numpy(found.pop("/target")), torch.from_numpy(found.pop("/known"))
        return {name.removeprefix("column/"): column for name, column in found.items()}, target, known

    def prepared(self, columns: Columns) -> dict[str, np.ndarray]:
        """The student's columns from raw ones."""
        if self.preparation is not None:
            return self.preparation.apply(columns)
        missing = [name for name in self.inputs if name not in columns]
        if missing:
            raise InputError(f"columns {missing} are missing; the student reads {list(self.inputs)}")
        return {name: columns[name] for name in self.inputs}

    def answer(self, columns: Columns) -> Any:
        """The student's answers about raw columns of some rows."""
        inputs = {name: torch.from_numpy(np.ascontiguousarray(c)) for name, c in self.prepared(columns).items()}
        size = len(next(iter(inputs.values())))
        dtypes = self.record["student"]["dtypes"]
        parts: list[Any] = []
        with torch.no_grad():
            for start in range(0, max(size, 1), 1024):
                chunk = {n: c[start : start + 1024].to(getattr(torch, dtypes[n])) for n, c in inputs.items()}
                parts.append(self.task.answer(self.student, Batch.of(chunk)))
        return type(parts[0]).concat(parts)

    def predict(self, columns: Columns) -> list[Any]:
        """Class names, lists of label names, numbers, or lists of item ids, best first; one entry per row."""
        return decoded(self.task, self.answer(columns))


def decoded(task: Task, answer: Any) -> list[Any]:
    """Predictions in the user's words."""
    found = task.decode(answer)
    names = task.space.names
    if task.space.kind == "classes":
        return [names[i] for i in found.tolist()]
    if task.space.kind == "labels":
        return [[name for name, yes in zip(names, row, strict=True) if yes] for row in found.tolist()]
    if task.space.kind == "scores":
        return [[item for item in row if item >= 0] for row in found.tolist()]
    return [row[0] if len(row) == 1 else row for row in found.tolist()]


def load(folder: Path | str) -> Run:
    """A run from its folder.

    Raises:
        InputError: there is no finished run.
        StoreError: run.json is damaged or of another format.
    """
    folder = Path(folder)
    record = read_record(folder)
    if record is None:
        raise InputError(f"{folder} is no run: it has no run.json")
    if record.get("status") == WRITES:
        raise InputError(
            f"the student in {folder} writes strings, which the commands for runs do not know yet: open "
            f"{folder / 'student.pt2'} by torch.export.load; the report is in report.html and report.json"
        )
    if record.get("status") != "finished":
        raise InputError(
            f"the run in {folder} was not finished: repeat its command with --resume, {record.get('recipe')}"
        )
    return Run(folder, record)


def read_record(folder: Path) -> dict[str, Any] | None:
    """The content of run.json, or None when there is none."""
    path = folder / "run.json"
    if not path.exists():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise StoreError(f"{path} is damaged ({error})") from error
    if not isinstance(record, dict):
        raise StoreError(f"{path} is damaged (it holds no record)")
    if record.get("format") != FORMAT:
        raise StoreError(f"{path} has format {record.get('format')}, this tutelage reads {FORMAT}")
    return record


def end_of_strings(folder: Path) -> None:
    """Notes that the student of a folder is done, and writes strings (`distill_strings`)."""
    found = read_record(folder) or {"format": FORMAT, "version": __version__}
    write_record(folder, {**found, "status": WRITES})


def begin(folder: Path, recipe: Mapping[str, Any], *, resume: bool) -> None:
    """Writes what is going to be done, so that an interrupted run can be continued and any run repeated.

    Raises:
        InputError: the folder holds a run already and `resume` was not asked for, or it is another one.
    """
    found = read_record(folder)
    if found is not None and not resume:
        raise InputError(
            f"{folder} holds a run already ({found.get('status')}): say --resume to continue it, or --run elsewhere"
        )
    if found is not None and found.get("recipe") != dict(recipe):
        raise InputError(
            f"{folder} holds another run, {found.get('recipe')}: it cannot be continued with {dict(recipe)}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_record(folder, {"format": FORMAT, "status": "running", "version": __version__, "recipe": dict(recipe)})


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Replaces run.json in one piece."""
    fresh = folder / "run.json.tmp"
    fresh.write_text(json.dumps(record, indent=2, default=str))
    os.replace(fresh, folder / "run.json")
