"""Files written by torch.export (.pt2) as teachers: no Python code of the model is needed."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from ..core import Columns, InputError, Space
from ..core.spaces import Answer
from .batching import Transform, ask_module, plain_tensor
from .digest import digest, digest_file
from .naming import reads_of, rows_in, seen_of, space_of
from .output import Output, Reading

RUNS_CODE = re.compile(r"/(custom_obj_|opaque_obj_)|/data/aotinductor/")
"""Members of an archive that loading would unpickle or link."""

FUNCTIONS = re.compile(
    "Symbol|Integer|Float|Rational|Add|Mul|Pow|Mod|Max|Min|Abs|abs|max|min|floor|ceiling|And|Or|Not|Eq|Ne|"
    "(Une|E)quality|(Strict)?(Less|Greater)Than|FloorDiv|CeilDiv|ModularIndexing|Where|PythonMod|PowByNatural|"
    "(Ceil|Floor|Trunc|Round)ToInt|ToFloat|FloatPow|(Float|Int)TrueDiv|[LR]Shift|Identity"
)
"""What an expression about sizes may call; the reader of such files evaluates expressions as Python."""

OPERATORS = re.compile(
    r"(torch\.ops\.(?!load_library|import_module|_)\w+(\.\w+)+|torch\.sym_\w+|math\.\w+|"
    r"_operator\.(?!call|attrgetter|methodcaller)\w+)?"
)
"""What a node may call; the reader would take any function that can be reached from torch."""


@final
class ExportedTeacher:
    """A program saved with `torch.export.save`; loaded at the first answer.

    A program that was exported for a fixed number of rows is fed that many at a time.

    Args:
        path: the .pt2 file.
        reads: one column per input, in order.
        name: unique among the teachers of a run; the file's name unless given.
        classes: names of the outputs; without them the task's order is assumed.
        space: instead of `classes`, for labels and values.
        output: what the numbers are; found out on the first rows unless declared.
        transform: from raw columns to a tensor, a tuple or a dict of tensors.
        batch_size: rows per call, where the program lets us choose.
        allow_pickle: load files that hold pickled or compiled objects, which may run any code.
        seen: row numbers it was trained on.

    Raises:
        InputError: there is no such file.
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
        transform: Transform | None = None,
        batch_size: int = 256,
        allow_pickle: bool = False,
        seen: np.ndarray | Sequence[int] | None = None,
    ) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{self.path} is no file: give the path of a .pt2 file")
        self.name = self.path.stem if name is None else name
        self.reads = reads_of(reads)
        self.space = space_of(space, classes)
        self.seen = seen_of(seen)
        self.transform = transform
        self.batch_size = batch_size
        self.allow_pickle = allow_pickle
        self._reading = Reading(self.space, output, f"teacher {self.name!r}")
        self._file_digest = digest_file(self.path)
        self._transform_digest = "none" if transform is None else digest(transform)
        self._program: Any = None
        self._call: Any = None

    @property
    def parameters(self) -> int | None:
        """Number of parameters; loads the file."""
        return sum(parameter.numel() for parameter in self._loaded().parameters())

    @property
    def output_found(self) -> str:
        """What the outputs are, and how that is known."""
        return self._reading.described

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The file's bytes, transform and output."""
        return {
            "kind": "exported",
            "weights": self._file_digest,
            "transform": self._transform_digest,
            "output": self._reading.fingerprint,
            "reads": digest(self.reads),
            "names": digest(self.space.names),
        }

    def answer(self, columns: Columns) -> Answer:
        """The program's answer about these rows.

        Raises:
            InputError: the file cannot be loaded, columns are missing, or the output does not fit the space.
        """
        who = self._reading.who
        count = rows_in(columns, self.reads, who)
        nodes = _inputs(self._loaded())
        rows = nodes[0].shape[0] if nodes and nodes[0].dim() else None
        if self.transform is None and len(nodes) != len(self.reads):
            raise InputError(f"{who} takes {len(nodes)} inputs, but reads {list(self.reads)}: name one column for each")

        def inputs(given: Columns) -> tuple[torch.Tensor, ...]:
            pairs = zip(self.reads, nodes, strict=True)
            return tuple(plain_tensor(given[name], node.dtype, who, name).to(node.dtype) for name, node in pairs)

        return ask_module(
            self._called,
            {name: columns[name] for name in self.reads},
            self.transform or inputs,
            self._reading,
            count=count,
            size=self.batch_size,
            device=torch.device("cpu"),
            fixed=rows if isinstance(rows, int) else None,
        )

    def _called(self, *given: Any, **named: Any) -> Any:
        try:
            return self._call(*given, **named)
        except (RuntimeError, AssertionError, TypeError, ValueError) as error:
            shapes = [tuple(tensor.shape) for tensor in (*given, *named.values())]
            raise InputError(
                f"{self._reading.who} cannot take inputs of shapes {shapes}: {error}. Give other columns, or transform="
            ) from error

    def _loaded(self) -> Any:
        if self._program is None:
            self._program = open_program(self.path, allow_pickle=self.allow_pickle)
            self._call = self._program.module()
        return self._program


def open_program(path: Path, *, allow_pickle: bool = False) -> Any:
    """The `torch.export.ExportedProgram` in a file.

    Raises:
        InputError: the file is damaged, or would run code that it brings along and `allow_pickle` was not said.
    """
    if not allow_pickle:
        _refuse_code(path)
    try:
        with _tensors_only(not allow_pickle):
            return torch.export.load(path)
    except Exception as error:
        raise InputError(f"{path} cannot be loaded as a file of torch.export: {error}") from error


def _inputs(program: Any) -> list[torch.Tensor]:
    """Examples of the user's inputs, with their shapes and types."""
    wanted = set(program.graph_signature.user_inputs)
    return [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in wanted]


def _refuse_code(path: Path) -> None:
    """Raises InputError when loading the file could run code that it brings along."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            bad = [name for name in names if RUNS_CODE.search(name)]
            models = [json.loads(archive.read(name)) for name in names if name.endswith(".json")]
    except (zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"{path} is not a whole file of torch.export: {error}") from error
    for text in (found for model in models for found in _under("target", model)):
        if "__" in text or not OPERATORS.fullmatch(text):
            bad.append(f"call of {text!r}")
    for text in (found for model in models for found in _under("expr_str", model)):
        called = re.findall(r"([A-Za-z_]\w*)\s*\(", text)
        odd = re.search(r"\\|__|\.\s*[A-Za-z_]|[\])]\s*\(|lambda", text)
        if odd or not all(FUNCTIONS.fullmatch(name) for name in called):
            bad.append(f"expression {text!r}")
    if bad:
        raise InputError(
            f"{path} holds objects whose loading may run any code ({bad[:3]}): say allow_pickle=True if you trust it"
        )


def _under(key: str, node: Any) -> Iterator[str]:
    """All texts under a key, however deep."""
    if isinstance(node, dict):
        yield from (value for name, value in node.items() if name == key and isinstance(value, str))
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _under(key, part)


@contextmanager
def _tensors_only(active: bool) -> Generator[None]:
    """Inside, torch.load unpickles nothing but tensors, whatever its caller says."""
    key = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(key)
    if active:
        os.environ[key] = "1"
    try:
        yield
    finally:
        if active:
            os.environ.pop(key) if before is None else os.environ.update({key: before})
