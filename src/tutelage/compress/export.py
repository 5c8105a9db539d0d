"""Export: the student of a run as a file for other runtimes, checked row by row against the torch student."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ..core import Batch, Columns, InputError, require
from ..train import Run
from ..train.evaluate import Cost, cost
from ..train.settings import one_thread

Format = Literal["onnx", "pt2"]


@dataclass(frozen=True)
class Exported:
    """One form of a student.

    Attributes:
        name: `torch`, `onnx`, `onnx int8`, `pt2`.
        path: the file.
        size: of the file, in bytes.
        cost: latency and throughput on this machine, one thread.
        agreement: share of rows with the same decision as the torch student.
        largest_change: largest absolute change of an output over the checked rows.
        metrics: quality on the checked rows, where they have labels.
    """

    name: str
    path: Path
    size: int
    cost: Cost
    agreement: float
    largest_change: float
    metrics: dict[str, float]


def export_run(
    run: Run,
    columns: Columns,
    folder: Path,
    *,
    to: Format = "onnx",
    int8: bool = False,
    measure: Callable[[Any], dict[str, float]] | None = None,
) -> list[Exported]:
    """Writes the student and compares every form of it with the torch student.

    Args:
        run: a finished run.
        columns: raw columns of the rows to check on; the first 512 also calibrate latency.
        folder: where files go.
        to: `onnx` (extra `onnx`) or `pt2` (torch.export).
        int8: also write weights as 8-bit integers (ONNX only).
        measure: quality of an answer about these rows, where they have labels.

    Raises:
        InputError: int8 was asked of pt2, or there is no row to check on.
        MissingExtraError: the extra `onnx` is not installed.
    """
    if int8 and to != "onnx":
        raise InputError("--int8 is written as ONNX: use --to onnx --int8")
    inputs = {
        name: torch.from_numpy(np.ascontiguousarray(column)).to(getattr(torch, run.record["student"]["dtypes"][name]))
        for name, column in run.prepared(columns).items()
    }
    if not len(next(iter(inputs.values()))):
        raise InputError("there is no row to check the exported student on")
    folder.mkdir(parents=True, exist_ok=True)
    with one_thread():
        return _forms(run, inputs, folder, to, int8, measure)


def _forms(
    run: Run,
    inputs: dict[str, torch.Tensor],
    folder: Path,
    to: Format,
    int8: bool,
    measure: Callable[[Any], dict[str, float]] | None,
) -> list[Exported]:
    truth = _ask_torch(run, inputs)
    found = [_compared(run, "torch", run.folder / "student.pt2", _torch_asker(run), inputs, truth, measure)]
    if to == "pt2":
        path = folder / "student.pt2"
        if path.resolve() != (run.folder / "student.pt2").resolve():
            shutil.copyfile(run.folder / "student.pt2", path)
        loaded = torch.export.load(path).module()
        found.append(_compared(run, "pt2", path, lambda given: loaded(*given.values()), inputs, truth, measure))
        return found
    path = _write_onnx(run, inputs, folder / "student.onnx")
    found.append(_compared(run, "onnx", path, _onnx_asker(path), inputs, truth, measure))
    if int8:
        small = _quantised(path, folder / "student.int8.onnx")
        found.append(_compared(run, "onnx int8", small, _onnx_asker(small), inputs, truth, measure))
    return found


Asker = Callable[[dict[str, torch.Tensor]], torch.Tensor]


def _torch_asker(run: Run) -> Asker:
    return lambda given: run.student(*given.values())


def _ask_torch(run: Run, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        return run.student(*inputs.values())


def _compared(
    run: Run,
    name: str,
    path: Path,
    ask: Asker,
    inputs: dict[str, torch.Tensor],
    truth: torch.Tensor,
    measure: Callable[[Any], dict[str, float]] | None,
) -> Exported:
    rows = len(next(iter(inputs.values())))
    with torch.no_grad():
        said = torch.cat([ask(_part(inputs, i, i + 1024)) for i in range(0, rows, 1024)])
        first, many = _part(inputs, 0, 1), _part(inputs, 0, 512)
        spent = cost(lambda: ask(first), lambda: ask(many), min(rows, 512))
    answer = _answer(run, said, inputs)
    same = run.task.decode(answer) == run.task.decode(_answer(run, truth, inputs))
    agreement = float((same if run.task.space.kind != "values" else torch.ones(rows)).double().mean())
    metrics = {} if measure is None else measure(answer)
    change = float((said - truth).abs().max())
    return Exported(name, path, path.stat().st_size, spent, agreement, change, metrics)


def _part(inputs: dict[str, torch.Tensor], start: int, stop: int) -> dict[str, torch.Tensor]:
    return {name: column[start:stop] for name, column in inputs.items()}


def _answer(run: Run, outputs: torch.Tensor, inputs: dict[str, torch.Tensor]) -> Any:
    """The task's reading of raw outputs about these inputs."""
    return run.task.answer(_Said(outputs), Batch.of(inputs))


class _Said(torch.nn.Module):
    def __init__(self, outputs: torch.Tensor) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, *_: torch.Tensor) -> torch.Tensor:
        return self.outputs


def _write_onnx(run: Run, inputs: dict[str, torch.Tensor], path: Path) -> Path:
    require("onnx", extra="onnx", why="write an ONNX file")
    require("onnxscript", extra="onnx", why="write an ONNX file")
    example = tuple(_part(inputs, 0, 2).values())
    rows = torch.export.Dim("rows", min=1, max=1 << 20)
    with _quiet(), torch.no_grad():
        program = torch.export.export(run.student, example, dynamic_shapes=_shapes(run.student, len(example), rows))
        written = torch.onnx.export(
            program, input_names=list(inputs), output_names=["output"], dynamo=True, verbose=False
        )
        assert written is not None
        written.save(path)
    return path


def _shapes(student: torch.nn.Module, count: int, rows: Any) -> Any:
    """Dynamic shapes in the form torch.export wants for named or starred arguments."""
    import inspect

    named = inspect.signature(student.forward).parameters.values()
    starred = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in named)
    flat = tuple({0: rows} for _ in range(count))
    return (flat,) if starred else flat


def _onnx_asker(path: Path) -> Asker:
    runtime = require("onnxruntime", extra="onnx", why="check the exported ONNX file")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]

    def ask(given: dict[str, torch.Tensor]) -> torch.Tensor:
        fed = {name: value.numpy() for name, value in zip(names, given.values(), strict=True)}
        return torch.from_numpy(session.run(None, fed)[0])

    return ask


@contextmanager
def _quiet() -> Generator[None]:
    """Exporters remark on much that is no fault of the student's; what matters is compared row by row anyway."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _quantised(path: Path, target: Path) -> Path:
    """Weights as 8-bit integers, activations quantised on the fly."""
    onnx = require("onnx", extra="onnx", why="quantise an ONNX file")
    tool = require("onnxruntime.quantization", extra="onnx", why="quantise an ONNX file")
    model = onnx.load(str(path))
    del model.graph.value_info[:]
    plain = target.with_suffix(".plain.onnx")
    onnx.save(model, str(plain))
    with _quiet():
        tool.quantize_dynamic(str(plain), str(target), weight_type=tool.QuantType.QInt8)
    plain.unlink()
    return target
