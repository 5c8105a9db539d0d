"""What a CSV reader passes over: column names given twice, lines that are too short or too long, empty lines."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..core import InputError


def check_header(path: Path, separator: str) -> None:
    """Refuses column names given twice; columns without a name are not meant."""
    with _reading(path, separator) as lines:
        names = Counter(next(lines, []))
    twice = [name for name, count in names.items() if count > 1 and name]
    if twice:
        raise InputError(f"{path} names columns {twice} more than once: give each column its own name")


def empty_lines(path: Path, separator: str) -> np.ndarray:
    """For each line after the header, whether it is empty, bool [N].

    Raises:
        InputError: a line has more or fewer fields than the header; names the line.
    """
    with _reading(path, separator) as lines:
        header = next(lines, [])
        empty: list[bool] = []
        for fields in lines:
            if fields and len(fields) != len(header):
                raise InputError(
                    f"{path}, line {lines.line_num} has {len(fields)} fields, the header has {len(header)}: mend the "
                    "line, or quote the fields that hold a separator"
                )
            empty.append(not fields)
    return np.array(empty, dtype=bool)


def check_json(path: Path) -> None:
    """Refuses a line that is no JSON object; names it."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                plain = not line.strip() or isinstance(json.loads(line), dict)
            except json.JSONDecodeError as error:
                raise InputError(f"{path}, line {number} is no JSON: {error}") from error
            if not plain:
                raise InputError(f"{path}, line {number} is no JSON object with a name for each value")


@contextmanager
def _reading(path: Path, separator: str) -> Generator[Any]:
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        yield csv.reader(file, delimiter=separator)
