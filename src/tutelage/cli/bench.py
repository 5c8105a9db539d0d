"""`tutelage bench`: the benchmark scripts, on your own machine."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from ..core.errors import InputError

STARTS = re.compile(r"arguments\(\s*__doc__")
"""How a script begins; whatever else lies in the folder helps the scripts."""
PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE.parents[1] / "benchmarks", PACKAGE / "benchmarks")
"""Beside the sources in a checkout, inside the package where it is installed."""


@dataclass(frozen=True)
class Options:
    """Measure on this machine what docs/benchmarks.md claims; without names, say which scripts there are.

    Attributes:
        names: scripts to run, one after another; `all` runs all.
        rounds: rounds that count; each script's own number unless given.
        smoke: tiny sizes and two rounds, only to see that the scripts run.
        json: append the figures to this file, one JSON object a line.
    """

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    rounds: int | None = None
    smoke: bool = False
    json: Path | None = None


def bench_command(arguments: list[str]) -> None:
    """Runs scripts, each in a process of its own, and counts the limits that are kept.

    Raises:
        InputError: there is no such script, or one failed; the others have run.
    """
    options = tyro.cli(Options, args=arguments, prog="tutelage bench")
    known = scripts()
    if not options.names:
        print("\n".join(f"{name:12}{headline(path)}" for name, path in known.items()))
        return
    names = list(known) if options.names == ("all",) else list(options.names)
    strange = [name for name in names if name not in known]
    if strange:
        raise InputError(f"there are no benchmarks {strange}; there are {list(known)}, and all")
    figures: list[dict[str, Any]] = []
    failed: list[str] = []
    for name in names:
        found = _run(known[name], options)
        figures += found or []
        if found is None:
            failed.append(name)
    met = [figure["met"] for figure in figures if figure["met"] is not None]
    remark = " (tiny sizes: they say nothing about speed)" if options.smoke else ""
    if failed:
        print(f"{sum(met)} of {len(met)} limits kept{remark}", flush=True)
        raise InputError(f"benchmarks {failed} failed; the reason stands above")
    print(f"{sum(met)} of {len(met)} limits kept{remark}")


def scripts() -> dict[str, Path]:
    """Benchmark scripts by name.

    Raises:
        InputError: they were not installed.
    """
    folder = next((place for place in PLACES if (place / "harness.py").is_file()), None)
    if folder is None:
        raise InputError(f"the benchmark scripts are in none of {[str(place) for place in PLACES]}: install the wheel")
    return {path.stem: path for path in sorted(folder.glob("*.py")) if STARTS.search(path.read_text())}


def headline(path: Path) -> str:
    """The first line of a script's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


def _run(path: Path, options: Options) -> list[dict[str, Any]] | None:
    """The figures of one script, whose table it prints itself; None where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "figures.jsonl"
        command = [sys.executable, str(path), "--json", str(kept)]
        command += ["--smoke"] if options.smoke else []
        command += [] if options.rounds is None else ["--rounds", str(options.rounds)]
        paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)})
        text = kept.read_text() if kept.exists() else ""
    if options.json is not None:
        with options.json.open("a") as file:
            file.write(text)
    return [json.loads(line) for line in text.splitlines()] if done.returncode == 0 else None
