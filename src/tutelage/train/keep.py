"""Writing a run: everything one ships, and what one needs to repeat it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from ..core import Batch, InputError, MissingExtraError
from ..data import Rows
from ..report import Report
from ..store.fingerprint import digest
from ..tasks import task_to_json
from .ensembles import keep_ensemble
from .entry import CHOSEN
from .fitted import in_units
from .run import FORMAT, read_record, write_record
from .settings import fresh_student

if TYPE_CHECKING:
    from .contest import Contest

CHECKED = 512
"""Test rows kept for checking exported files."""


def keep(contest: Contest, report: Report, folder: Path) -> None:
    """Writes everything a run is, record last."""
    folder.mkdir(parents=True, exist_ok=True)
    first = contest.trials[0]
    chosen = first.result(CHOSEN)
    assert chosen is not None
    assert chosen.fitted is not None
    assert chosen.target is not None
    student = chosen.fitted.student.cpu().eval()
    example = first.rows.batch(first.rows.train[:2])
    save_file({k: v.contiguous() for k, v in student.state_dict().items()}, folder / "student.safetensors")
    _save_check(first.rows, folder / "check.npz")
    report.save_json(folder / "report.json")
    (folder / "README.md").write_text(report.card())
    (folder / "citations.bib").write_text(report.citations())
    remarks: list[str] = []
    try:
        report.save(folder / "report.html")
    except MissingExtraError as error:
        remarks = [str(error)]
    shipped, task = in_units(student, first.task)
    export(shipped, example, folder / "student.pt2")
    if first.ensemble is not None:
        remarks = [*remarks, *keep_ensemble(first.ensemble, first.rows, folder)]
    record = read_record(folder) or {"format": FORMAT, "recipe": None}
    record |= {
        "status": "finished",
        "version": report.version,
        "created": report.created,
        "command": report.command,
        "seeds": list(report.seeds),
        "task": task_to_json(task),
        "inputs": list(first.rows.inputs),
        "preparation": None if first.rows.preparation is None else first.rows.preparation.to_json(),
        "plan": report.plan,
        "plans": {result.name: str(result.target.plan) for result in first.results if result.target is not None},
        "fusion": first.choice.to_json() | {"name": first.fusion.name, "parameters": repr(chosen.target.fusion)},
        "objective": repr(chosen.target.objective),
        "calibrations": {n: c.to_json() for n, c in zip(chosen.target.names, chosen.target.calibrations, strict=True)},
        "teachers": {t.name: dict(t.fingerprint) for t in first.teachers},
        "ran": {one.teacher: {"steps": one.steps, "words": str(one)} for one in first.ran},
        "splits": {name: digest(part.tobytes()) for name, part in _splits(first.rows).items()} | dict(report.splits),
        "test_openings": first.rows.test.openings,
        "sources": {one.name: [one.read, one.kept, one.rejected, one.late] for one in report.data.sources},
        "student": {
            "parameters": sum(p.numel() for p in student.parameters()),
            "dtypes": {name: str(column.dtype).removeprefix("torch.") for name, column in example.inputs.items()},
        },
        "remarks": list(remarks),
    }
    write_record(folder, record)


def export(student: nn.Module, example: Batch, path: Path) -> None:
    """The student as a torch.export program with any number of rows.

    Raises:
        InputError: the student cannot be exported; says why.
    """
    try:
        program = program_of(student, example)
        fresh = path.with_suffix(".tmp.pt2")
        torch.export.save(program, fresh)
        os.replace(fresh, path)
    except Exception as error:
        raise InputError(
            f"the student ({type(student).__name__}) cannot be exported by torch.export, so it cannot be shipped; its "
            f"parameters and the report lie in {path.parent}: {error}"
        ) from error


def check_exportable(make: nn.Module | Callable[[], Any], rows: Rows) -> None:
    """Refuses a student that could not be shipped, before anybody is trained.

    Raises:
        InputError: it cannot be exported; says why and what to do.
    """
    with torch.random.fork_rng(devices=[]):
        student = fresh_student(make, 0).cpu().eval()
    try:
        program_of(student, rows.batch(rows.train[:2]))
    except Exception as error:
        raise InputError(
            f"the student ({type(student).__name__}) cannot be exported by torch.export, so it could not be shipped; "
            f"nothing was trained. Change its forward, or leave out run= to distil it all the same: {error}"
        ) from error


def program_of(student: nn.Module, example: Batch) -> torch.export.ExportedProgram:
    """The student for any number of rows."""
    inputs = tuple(example.inputs.values())
    rows = torch.export.Dim("rows", min=1, max=1 << 20)
    shapes = (tuple({0: rows} for _ in inputs),) if _takes_star(student) else tuple({0: rows} for _ in inputs)
    with torch.no_grad():
        return torch.export.export(student, inputs, dynamic_shapes=shapes)


def _save_check(rows: Any, path: Path) -> None:
    row = rows.test.open("rows to check exported files on")[:CHECKED]
    reads = rows.inputs if rows.preparation is None else rows.preparation.reads
    columns = {f"column/{name}": rows.columns[name][row] for name in reads}
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
    kinds = [p.kind for p in inspect.signature(student.forward).parameters.values()]
    return inspect.Parameter.VAR_POSITIONAL in kinds


def _splits(rows: Any) -> dict[str, np.ndarray]:
    return {
        "train_rows": rows.train,
        "validation_rows": rows.validation,
        "labelled_rows": rows.labelled_train,
        "test_rows": rows.test.open("fingerprint of the split"),
    }
