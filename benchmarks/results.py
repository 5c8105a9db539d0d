"""Cells of a benchmark in several processes, their results kept in a file, so that a killed run goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of results; a last line that a kill cut off is left out."""
    found: list[dict[str, Any]] = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def compute(solve: Callable[[Any], dict[str, Any]], wanted: Sequence[Any], given: Any) -> list[dict[str, Any]]:
    """The lines of these cells: those of the file of results, and what is missing there, computed and added to it."""
    path = Path(given.results) if given.results else Path(tempfile.mkdtemp()) / "results.jsonl"
    done = {line["key"] for line in lines(path)}
    missing = [] if given.tables_only else [cell for cell in wanted if cell.key not in done]
    jobs = 1 if given.smoke else given.jobs
    pool = None if jobs == 1 else multiprocessing.get_context("spawn").Pool(jobs, torch.set_num_threads, (1,))
    found = map(solve, missing) if pool is None else pool.imap_unordered(solve, missing)
    for number, line in enumerate(found, 1):
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(f"{number} of {len(missing)}: {line['key']}, {line['seconds']:.0f} s CPU", flush=True)
    return lines(path)


def one_thread() -> None:
    """This process and those it starts use one thread each."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    torch.set_num_threads(1)
