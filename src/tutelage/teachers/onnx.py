"""ONNX files as teachers, answered by ONNX Runtime."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from ..core import Classes, Columns, InputError, Space, require
from ..core.spaces import Answer
from .batching import cut, slices
from .digest import digest, digest_file
from .features import matrix
from .naming import UNNAMED, class_names, reads_of, rows_in, seen_of, space_of
from .output import Output, Reading
from .threads import available_cores, current_budget

TYPES = {
    "float": np.float32,
    "double": np.float64,
    "float16": np.float16,
    "int64": np.int64,
    "int32": np.int32,
    "int8": np.int8,
    "uint8": np.uint8,
    "bool": np.bool_,
}
PROBABILITIES = re.compile(r"prob", re.IGNORECASE)


@final
class OnnxTeacher:
    """An ONNX file: what skl2onnx writes (label and probabilities, with or without ZipMap), or plain scores.

    Class names are read from the model where it has them. Files with a fixed number of rows are fed in such
    slices.

    Args:
        path: the file; loaded at the first answer, with the threads of the budget around it.
        reads: one column per input in the order of the model's inputs (or under their names); for a single
            input several columns are put side by side.
        name: unique among the teachers of a run; the file's name unless given.
        classes: names of the outputs; the model's own unless given.
        space: instead of `classes`, for labels and values.
        output: what the numbers are; found out on the first rows unless declared.
        output_name: which of the model's outputs, where several would do.
        transform: from raw columns to an array, or to a dict from input name to array.
        providers: execution providers of ONNX Runtime, best first.
        batch_size: rows per call.
        seen: row numbers it was trained on.

    Raises:
        MissingExtraError: ONNX Runtime is not installed (extra `onnx`).
        InputError: the file is not an ONNX model, or nothing in it can be an answer.
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
        output_name: str | None = None,
        transform: Callable[[Columns], Any] | None = None,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        batch_size: int = 1024,
        seen: np.ndarray | Sequence[int] | None = None,
    ) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{self.path} is no file: give the path of an .onnx file")
        self.name = self.path.stem if name is None else name
        self.reads = reads_of(reads)
        self.seen = seen_of(seen)
        self.parameters: int | None = None
        self.providers = list(providers)
        self.batch_size = batch_size
        self.transform = transform
        self._session: Any = None
        self._threads = 0
        self._file_digest = digest_file(self.path)
        self._transform_digest = "none" if transform is None else digest(transform)
        who = f"teacher {self.name!r}"
        session = self.session()
        self._output = _pick(session, output_name, who)
        given = space_of(space, classes)
        self.space = given if given is not UNNAMED else Space(Classes, _own_names(self.path))
        declared = output or _declared(self._output, self.space)
        self._reading = Reading(self.space, declared, who)

    @property
    def output_found(self) -> str:
        """What the outputs are, and how that is known."""
        return self._reading.described

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """The file's bytes, transform, execution provider and output."""
        return {
            "kind": "onnx",
            "weights": self._file_digest,
            "transform": self._transform_digest,
            "numerics": ",".join(self.providers),
            "output": f"{self._reading.fingerprint}:{self._output.name}",
            "reads": digest(self.reads),
            "names": digest(self.space.names),
        }

    def session(self) -> Any:
        """The session, with as many threads as the budget around this call (or the available cores)."""
        threads = current_budget() or available_cores()
        if self._session is None or threads != self._threads:
            runtime = require("onnxruntime", extra="onnx", why="ask ONNX teachers")
            options = runtime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            try:
                self._session = runtime.InferenceSession(str(self.path), options, providers=self.providers)
            except Exception as error:
                raise InputError(f"{self.path} cannot be opened as an ONNX model: {error}") from error
            self._threads = threads
        return self._session

    def answer(self, columns: Columns) -> Answer:
        """The model's answer about these rows.

        Raises:
            InputError: columns are missing or do not fit the model's inputs, or the output does not fit.
        """
        who = self._reading.who
        count = rows_in(columns, self.reads, who)
        if count == 0:
            return self._reading.empty()
        session = self.session()
        inputs = session.get_inputs()
        first = inputs[0].shape[0] if inputs and inputs[0].shape else None
        fixed = first if isinstance(first, int) else None
        scores: list[Tensor] = []
        reads = {name: columns[name] for name in self.reads}
        for part in slices(count, fixed or self.batch_size):
            given, rows = cut(reads, part, fixed)
            found = session.run([self._output.name], self._feeds(given, inputs))[0]
            scores.append(_scores(found, self.space.names, who)[:rows])
        with torch.inference_mode(False):
            return self._reading.answer(torch.cat(scores).clone())

    def _feeds(self, given: dict[str, np.ndarray], inputs: Sequence[Any]) -> dict[str, np.ndarray]:
        who, names = self._reading.who, [node.name for node in inputs]
        if self.transform is not None:
            made = self.transform(given)
            given = dict(made) if isinstance(made, Mapping) else {names[0]: np.asarray(made)}
            if set(given) != set(names):
                raise InputError(f"{who}: the transform gave {sorted(given)}, but the model's inputs are {names}")
        elif len(inputs) == 1:
            given = {names[0]: given[self.reads[0]] if len(self.reads) == 1 else matrix(given, self.reads)}
        elif set(names) <= set(given):
            given = {name: given[name] for name in names}
        elif len(names) == len(self.reads):
            given = dict(zip(names, (given[name] for name in self.reads), strict=True))
        else:
            raise InputError(f"{who} has the inputs {names}, but reads {list(self.reads)}: name one column for each")
        return {node.name: _fitted(given[node.name], node, who) for node in inputs}


def _fitted(column: np.ndarray, node: Any, who: str) -> np.ndarray:
    """A column in the shape and type of an input.

    Raises:
        InputError: it does not fit.
    """
    rank = len(node.shape)
    if rank == 2 and column.ndim != 2:
        column = column.reshape(len(column), -1)
    sizes = zip(column.shape[1:], node.shape[1:], strict=False)
    if column.ndim != rank or any(isinstance(want, int) and have != want for have, want in sizes):
        raise InputError(
            f"{who}: input {node.name!r} has shape {node.shape}, but its columns have shape {column.shape}: "
            "give other columns, or transform="
        )
    kind = re.sub(r"tensor\((.*)\)", r"\1", node.type)
    if kind == "string":
        return column.astype(object)
    if kind not in TYPES or column.dtype.kind not in "fiub":
        raise InputError(
            f"{who}: input {node.name!r} takes {node.type}, but its column is {column.dtype}: give transform="
        )
    return np.ascontiguousarray(column, dtype=TYPES[kind])


def _pick(session: Any, wanted: str | None, who: str) -> Any:
    """The output that holds the answer."""
    nodes = list(session.get_outputs())
    if wanted is not None:
        nodes = [node for node in nodes if node.name == wanted]
    maps = [node for node in nodes if node.type.startswith("seq(map")]
    floats = [node for node in nodes if re.fullmatch(r"tensor\((float|double|float16)\)", node.type)]
    named = [node for node in floats if PROBABILITIES.search(node.name)]
    votes = [node for node in nodes if re.fullmatch(r"tensor\((int64|int32|string)\)", node.type)]
    for found in (maps, named, floats, votes):
        if len(found) == 1:
            return found[0]
    shown = [f"{node.name}: {node.type}" for node in session.get_outputs()]
    raise InputError(f"{who} has the outputs {shown}: give output_name= with the one that holds the answer")


def _declared(node: Any, space: Space) -> Output | None:
    if space.answer is not Classes:
        return None
    if re.fullmatch(r"tensor\((int64|int32|string)\)", node.type):
        return "votes"
    return None


def _scores(found: Any, names: Sequence[str], who: str) -> Tensor:
    """[n, C] of floats from what the runtime returned."""
    if isinstance(found, list):
        return _zipped(found, names, who)
    array = np.asarray(found)
    if array.dtype.kind in "fc":
        return torch.from_numpy(array.astype(np.float32))
    place = {name: number for number, name in enumerate(names)}
    votes = np.zeros((len(array), len(names)), dtype=np.float32)
    for row, value in enumerate(class_names_of(array)):
        if value not in place:
            raise InputError(f"{who} answered class {value!r}, which is not among {list(names)}: give classes=")
        votes[row, place[value]] = 1.0
    return torch.from_numpy(votes)


def class_names_of(array: np.ndarray) -> list[str]:
    """One class name per entry."""
    return [class_names([value])[0] for value in array.reshape(-1).tolist()]


def _zipped(found: list[Mapping[Any, float]], names: Sequence[str], who: str) -> Tensor:
    keys = list(found[0])
    own = class_names(keys)
    if set(own) != set(names):
        if len(own) != len(names):
            raise InputError(f"{who} answers about the classes {list(own)}, but has the names {list(names)}")
        own = tuple(names)
    order = [keys[own.index(name)] for name in names]
    return torch.tensor([[row[key] for key in order] for row in found], dtype=torch.float32)


def _own_names(path: Path) -> tuple[str, ...]:
    """The class names that a classifier written by skl2onnx and its kin holds; empty where it has none."""
    onnx = require("onnx", extra="onnx", why="read the class names of ONNX files")
    model = onnx.load(str(path), load_external_data=False)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name.startswith("classlabels"):
                values = [s.decode() for s in attribute.strings] or list(attribute.ints)
                if values:
                    return class_names(values)
    for tensor in model.graph.initializer:
        if re.fullmatch(r"classes\d*", tensor.name):
            values = onnx.numpy_helper.to_array(tensor).reshape(-1).tolist()
            return class_names([v.decode() if isinstance(v, bytes) else v for v in values])
    return ()
