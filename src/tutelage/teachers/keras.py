"""Keras 3 files as teachers: in this process on the torch backend, else in one of their own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import torch
from torch import Tensor

from ..core import Columns, InputError, MissingExtraError, Space, require
from ..core.spaces import Answer
from . import keras_worker as worker
from .batching import slices
from .digest import digest, digest_file
from .naming import reads_of, rows_in, seen_of, space_of
from .output import Output, Reading

Backend = Literal["torch", "jax", "tensorflow"]


@final
class KerasTeacher:
    """A `.keras` file, asked in evaluation mode and without gradient.

    Keras has one backend per process. On torch the model runs here, unless Keras was imported with another backend
    before; with jax or tensorflow, which have to be installed, it runs in a process of its own, so that their threads
    and memory stay apart. Files that hold code (a Lambda layer of a Python function) are not opened.

    Args:
        path: the file.
        reads: one column per input of the model, in its order.
        name: unique among the teachers of a run; the file's name unless given.
        classes: names of the outputs.
        space: instead of `classes`, for labels and values.
        output: what the numbers are; found out on the first rows unless declared.
        backend: `torch`, `jax` or `tensorflow`.
        own_process: ask it in a process of its own on torch, too.
        batch_size: rows per call.
        seen: row numbers it was trained on.

    Raises:
        MissingExtraError: Keras is not installed (extra `keras`).
        InputError: the file cannot be opened, holds code, or takes another number of columns.
    """

    frozen = True
    deterministic = True

    def __init__(
        self,
        path: str | Path,
        *,
        reads: str | Sequence[str],
        name: str | None = None,
        classes: Sequence[Any] | np.ndarray | None = None,
        space: Space | None = None,
        output: Output | None = None,
        backend: Backend = "torch",
        own_process: bool = False,
        batch_size: int = 256,
        seen: np.ndarray | Sequence[int] | None = None,
    ) -> None:
        self.path = Path(path)
        if self.path.suffix != ".keras" or not self.path.is_file():
            raise InputError(f"{self.path} is no .keras file: save the model with model.save('name.keras')")
        if batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        self.name = self.path.stem if name is None else name
        self.reads = reads_of(reads)
        self.seen = seen_of(seen)
        self.space = space_of(space, classes)
        self.backend: Backend = backend
        self.batch_size = batch_size
        self.parameters: int | None = None
        who = f"teacher {self.name!r}"
        self._reading = Reading(self.space, output, who)
        self._digest = digest_file(self.path)
        if importlib.util.find_spec("keras") is None:
            raise MissingExtraError(
                f"'keras' is needed to open {self.path.name} and is not installed: pip install 'tutelage[keras]'",
                name="keras",
            )
        here = backend == "torch" and not own_process and _torch_here()
        self._asking: _Here | _Apart = _Here(self.path) if here else _Apart(self.path, backend)
        if self._asking.inputs != len(self.reads):
            raise InputError(f"{who} takes {self._asking.inputs} columns, but reads {list(self.reads)}")

    @property
    def output_found(self) -> str:
        """What the outputs are, and how that is known."""
        return self._reading.described

    @property
    def own_process(self) -> bool:
        """Whether it is asked in a process of its own."""
        return isinstance(self._asking, _Apart)

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The file's bytes, backend and output."""
        return {
            "kind": "keras",
            "weights": self._digest,
            "numerics": self.backend,
            "output": self._reading.fingerprint,
            "reads": digest(self.reads),
            "names": digest(self.space.names),
        }

    def answer(self, columns: Columns) -> Answer:
        """The model's answer about these rows.

        Raises:
            InputError: columns are missing or do not fit the model's inputs, or the output does not fit.
        """
        who = self._reading.who
        count = rows_in(columns, self.reads, who)
        if count == 0:
            return self._reading.empty()
        given = [_plain(np.asarray(columns[name]), name, who) for name in self.reads]
        scores: list[Tensor] = []
        with torch.inference_mode(False), torch.no_grad():
            for part in slices(count, self.batch_size):
                try:
                    found = self._asking.ask([column[part] for column in given])
                except Exception as error:
                    shapes = [column.shape for column in given]
                    raise InputError(f"{who} cannot be asked about columns of shapes {shapes}: {error}") from error
                if len(found) != part.stop - part.start:
                    raise InputError(f"{who} was given {part.stop - part.start} rows and answered shape {found.shape}")
                scores.append(torch.from_numpy(found))
            return self._reading.answer(torch.cat(scores))


class _Here:
    """The model in this process."""

    def __init__(self, path: Path) -> None:
        require("keras", extra="keras", why=f"open {path.name}")
        try:
            self.model = worker.opened(str(path))
        except Exception as error:
            raise _closed(path, f"{type(error).__name__}: {error}") from error
        self.inputs = len(self.model.inputs)

    def ask(self, columns: list[np.ndarray]) -> np.ndarray:
        return worker.asked(self.model, columns)


class _Apart:
    """The model in a process of its own, which ends with this object."""

    def __init__(self, path: Path, backend: str) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-P", worker.__file__, str(path.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**os.environ, "KERAS_BACKEND": backend},
        )
        weakref.finalize(self, _end, self.process, self.log)
        first = worker.receive(self.process.stdout)  # type: ignore[arg-type]
        if first is None or "error" in first:
            raise _closed(path, str(first["error"]) if first else self._last_words())
        self.inputs = int(first["inputs"])

    def ask(self, columns: list[np.ndarray]) -> np.ndarray:
        stdin: Any = self.process.stdin
        stdout: Any = self.process.stdout
        try:
            worker.send(stdin, **{str(i): column for i, column in enumerate(columns)})
            found = worker.receive(stdout)
        except OSError:
            found = None
        if found is None:
            raise RuntimeError(f"its process has ended: {self._last_words()}")
        if "error" in found:
            raise RuntimeError(str(found["error"]))
        return found["answer"]

    def _last_words(self) -> str:
        self.process.wait(10)
        self.log.seek(0)
        lines = self.log.read().decode("utf-8", "replace").strip().splitlines()
        return f"exit status {self.process.returncode}, last words {' '.join(lines[-2:])!r}"


def _end(process: subprocess.Popen[bytes], log: Any) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    log.close()


def _torch_here() -> bool:
    """Whether Keras in this process runs, or would run, on torch."""
    keras: Any = sys.modules.get("keras")
    if keras is None:
        os.environ["KERAS_BACKEND"] = "torch"
        return True
    return keras.config.backend() == "torch"


def _closed(path: Path, why: str) -> InputError:
    return InputError(
        f"{path} cannot be opened: {why.splitlines()[0][:400]}. It has to be a whole Keras 3 file without code"
    )


def _plain(column: np.ndarray, name: str, who: str) -> np.ndarray:
    if column.dtype.kind not in "fiub":
        raise InputError(f"{who} reads column {name!r} of type {column.dtype}: it takes numbers")
    return np.ascontiguousarray(column, dtype=np.float32 if column.dtype.kind == "f" else column.dtype)
