"""A run on disk: what one ships, and what one needs to repeat it.

run.json             what was asked, versions, seeds, splits, teachers, plan; replayable
student.pt2          the student as a torch.export program; no code of ours or yours is needed to load it
student.safetensors  its parameters
report.json          the record; report.html the page; README.md the model card; citations.bib
store/               signals of the teachers
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
from safetensors.torch import save_file
from torch import nn

from .._version import __version__
from ..core import Batch, Columns, InputError, MissingExtraError, Space, StoreError, Task
from ..data import preparation_from_json
from ..report import Report
from ..store.fingerprint import digest, of_file
from ..tasks import task_from_json, task_to_json
from .trial import CHOSEN

if TYPE_CHECKING:
    from .contest import Contest

FORMAT = 1
CHECKED = 512


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

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

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
            return torch.export.load(path).module()
        except Exception as error:
            raise StoreError(
                f"{path} cannot be loaded ({error}): the run is damaged or was not finished"
            ) from error

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
        return found, torch.from_numpy(found.pop("/target")), torch.from_numpy(found.pop("/known"))

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
        inputs = {
            name: torch.from_numpy(np.ascontiguousarray(c)) for name, c in self.prepared(columns).items()
        }
        size = len(next(iter(inputs.values())))
        dtypes = self.record["student"]["dtypes"]
        parts: list[Any] = []
        with torch.no_grad():
            for start in range(0, max(size, 1), 1024):
                chunk = {n: c[start : start + 1024].to(getattr(torch, dtypes[n])) for n, c in inputs.items()}
                parts.append(self.task.answer(self.student, Batch.of(chunk)))
        return type(parts[0]).concat(parts)

    def predict(self, columns: Columns) -> list[Any]:
        """Class names, lists of label names, or numbers; one entry per row."""
        return decoded(self.task, self.answer(columns))


def decoded(task: Task, answer: Any) -> list[Any]:
    """Predictions in the user's words."""
    found = task.decode(answer)
    names = task.space.names
    if task.space.kind == "classes":
        return [names[i] for i in found.tolist()]
    if task.space.kind == "labels":
        return [[name for name, yes in zip(names, row, strict=True) if yes] for row in found.tolist()]
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
    except json.JSONDecodeError as error:
        raise StoreError(f"{path} is damaged ({error})") from error
    if record.get("format") != FORMAT:
        raise StoreError(f"{path} has format {record.get('format')}, this tutelage reads {FORMAT}")
    return record


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
    write_record(
        folder, {"format": FORMAT, "status": "running", "version": __version__, "recipe": dict(recipe)}
    )


def keep(contest: Contest, report: Report, folder: Path) -> None:
    """Writes everything a run is, record last."""
    folder.mkdir(parents=True, exist_ok=True)
    first = contest.trials[0]
    chosen = first.result(CHOSEN)
    assert chosen is not None and chosen.fitted is not None and chosen.target is not None
    student = chosen.fitted.student.cpu().eval()
    example = first.rows.batch(first.rows.train[:2])
    remarks = export(student, example, folder / "student.pt2")
    save_file({k: v.contiguous() for k, v in student.state_dict().items()}, folder / "student.safetensors")
    _save_check(first.rows, folder / "check.npz")
    report.save_json(folder / "report.json")
    (folder / "README.md").write_text(report.card())
    (folder / "citations.bib").write_text(report.citations())
    try:
        report.save(folder / "report.html")
    except MissingExtraError as error:
        remarks = [*remarks, str(error)]
    record = read_record(folder) or {"format": FORMAT, "recipe": None}
    preparation = first.rows.preparation
    record |= {
        "status": "finished",
        "version": report.version,
        "created": report.created,
        "command": report.command,
        "seeds": list(report.seeds),
        "task": task_to_json(first.task),
        "inputs": list(first.rows.inputs),
        "preparation": None if preparation is None else preparation.to_json(),
        "plan": report.plan,
        "plans": {
            result.name: str(result.target.plan) for result in first.results if result.target is not None
        },
        "fusion": {"name": first.fusion.name, "why": first.why, "parameters": repr(chosen.target.fusion)},
        "objective": repr(chosen.target.objective),
        "calibrations": {
            n: c.to_json() for n, c in zip(chosen.target.names, chosen.target.calibrations, strict=True)
        },
        "teachers": {t.name: dict(t.fingerprint) for t in first.teachers},
        "splits": {name: digest(part.tobytes()) for name, part in _splits(first.rows).items()} | dict(report.splits),
        "test_openings": first.rows.test.openings,
        "student": {
            "parameters": sum(p.numel() for p in student.parameters()),
            "dtypes": {
                name: str(column.dtype).removeprefix("torch.") for name, column in example.inputs.items()
            },
        },
        "remarks": list(remarks),
    }
    write_record(folder, record)


def export(student: nn.Module, example: Batch, path: Path) -> list[str]:
    """The student as a torch.export program with any number of rows.

    Raises:
        InputError: the student cannot be exported; says why and what to change.
    """
    inputs = tuple(example.inputs.values())
    rows = torch.export.Dim("rows", min=1, max=1 << 20)
    shapes = (tuple({0: rows} for _ in inputs),) if _takes_star(student) else tuple({0: rows} for _ in inputs)
    try:
        with torch.no_grad():
            program = torch.export.export(student, inputs, dynamic_shapes=shapes)
        fresh = path.with_suffix(".tmp.pt2")
        torch.export.save(program, fresh)
        os.replace(fresh, path)
    except Exception as error:
        raise InputError(
            f"the student ({type(student).__name__}) cannot be exported by torch.export, so it could not be shipped: {error}"
        ) from error
    return []


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Replaces run.json in one piece."""
    fresh = folder / "run.json.tmp"
    fresh.write_text(json.dumps(record, indent=2, default=str))
    os.replace(fresh, folder / "run.json")


def _save_check(rows: Any, path: Path) -> None:
    row = rows.test.open("rows to check exported files on")[:CHECKED]
    reads = rows.inputs if rows.preparation is None else rows.preparation.reads
    columns = {name: rows.columns[name][row] for name in reads}
    plain = {
        name: np.array(["" if value is None else str(value) for value in column.tolist()])
        if column.dtype == object
        else column
        for name, column in columns.items()
    }
    batch = rows.batch(row, inputs=False, truth=True)
    arrays: dict[str, Any] = plain | {"/target": batch.target.numpy(), "/known": batch.labelled.numpy()}
    np.savez(path, **arrays)


def _takes_star(student: nn.Module) -> bool:
    import inspect

    kinds = [p.kind for p in inspect.signature(student.forward).parameters.values()]
    return inspect.Parameter.VAR_POSITIONAL in kinds


def _splits(rows: Any) -> dict[str, np.ndarray]:
    return {
        "train_rows": rows.train,
        "validation_rows": rows.validation,
        "labelled_rows": rows.labelled_train,
        "test_rows": rows.test.open("fingerprint of the split"),
    }
