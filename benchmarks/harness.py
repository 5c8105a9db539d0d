"""The one harness of all benchmarks: fair rounds, ratios with intervals, the table.

Each variant is set up in a process of its own and then waits; rounds are interleaved, one variant at a time,
so that nobody disturbs anybody. A round is measured in CPU time. A ratio is the median over rounds of the
paired ratio, with the range that holds 95 % of the medians of resampled rounds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

Work = Callable[[], object]
Setup = Callable[[], Work]
"""Makes what is measured; has to be picklable: a function of a module, or a `partial` of one."""

MARGIN = 1.02
"""A limit is met when the interval reaches below it and the median exceeds it by at most two per cent."""


@dataclass(frozen=True)
class Times:
    """CPU seconds and wall seconds of each round, and the largest growth of resident memory in MB."""

    cpu: tuple[float, ...]
    wall: tuple[float, ...]
    grown: float


@dataclass(frozen=True)
class Claim:
    """One line of the table: a figure, its interval, and the limit it has to keep, if there is one."""

    what: str
    value: float
    low: float
    high: float
    limit: float | None
    unit: str = "×"
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the limit is kept; None without one."""
        return None if self.limit is None else self.low <= self.limit and self.value <= self.limit * MARGIN


def measure(setups: Mapping[str, Setup], rounds: int = 15, *, apart: bool = True, threads: int = 1) -> dict[str, Times]:
    """Times of each variant, in interleaved rounds after one round to warm up.

    Args:
        setups: name to maker of the work; the work of one round should take about a tenth of a second or more.
        rounds: how many are counted.
        apart: whether each variant gets a process of its own; False is for trying a script out.
        threads: torch threads of each process.
    """
    kind = _Apart if apart else _Here
    workers = {name: kind(setup, threads) for name, setup in setups.items()}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in setups}
    try:
        for number in range(rounds + 1):
            names = list(workers)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                found[name].append(workers[name].round())
    finally:
        for worker in workers.values():
            worker.end()
    return {
        name: Times(tuple(r[0] for r in kept[1:]), tuple(r[1] for r in kept[1:]), max(r[2] for r in kept[1:]))
        for name, kept in found.items()
    }


def ratio(what: str, one: Times, other: Times, limit: float | None = None, note: str = "") -> Claim:
    """How many times the CPU time of another variant one takes, paired round by round."""
    return figure(what, np.array(one.cpu) / np.array(other.cpu), limit, note=note)


def figure(
    what: str, rounds: Sequence[float] | np.ndarray, limit: float | None = None, unit: str = "×", note: str = ""
) -> Claim:
    """The median of some rounds with its interval."""
    values, chance = np.asarray(rounds, dtype=float), np.random.default_rng(0)
    medians = np.median(values[chance.integers(0, len(values), (2000, len(values)))], axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return Claim(what, float(np.median(values)), float(low), float(high), limit, unit, note)


def exact(what: str, value: float, limit: float | None = None, unit: str = "", note: str = "") -> Claim:
    """A figure that does not vary from round to round."""
    return Claim(what, value, value, value, limit, unit, note)


def table(title: str, claims: Sequence[Claim]) -> str:
    """The claims as a Markdown table."""
    lines = [
        f"### {title}",
        "",
        "| what | measured | 95 % interval | limit | kept | note |",
        "|---|---|---|---|---|---|",
    ]
    for c in claims:
        number = f"{c.value:.3g}{c.unit}"
        between = "" if c.low == c.high else f"{c.low:.3g} to {c.high:.3g}"
        kept = {None: "", True: "yes", False: f"**no**, by {c.value / (c.limit or 1) - 1:+.0%}"}[c.met]
        limit = "" if c.limit is None else f"≤ {c.limit:g}{c.unit}"
        lines.append(f"| {c.what} | {number} | {between} | {limit} | {kept} | {c.note} |")
    return "\n".join(lines)


def machine() -> str:
    """The machine in words."""
    import torch

    name = platform.processor() or platform.machine()
    with suppress(OSError):
        cpu = Path("/proc/cpuinfo").read_text()
        name = next((line.split(":")[1].strip() for line in cpu.splitlines() if line.startswith("model name")), name)
        units = [unit for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {unit}" in cpu]
        name = f"{name} ({', '.join(units)})" if units else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, torch {torch.__version__}"


def arguments(doc: str | None, **extra: Any) -> argparse.Namespace:
    """What every script understands: `--rounds`, `--smoke`, `--json FILE`; `extra` are more options with defaults."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds that count (default 15)")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, two rounds, one process: only to try it out")
    parser.add_argument("--json", type=Path, help="append the figures to this file, one JSON object a line")
    for name, default in extra.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    given = parser.parse_args()
    if given.smoke:
        given.rounds = 2
    return given


def show(title: str, claims: Sequence[Claim], given: argparse.Namespace) -> None:
    """Prints the table with command, machine and date, and keeps the figures where asked to."""
    command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    print(f"{table(title, claims)}\n\n`{command}`, {date.today()}, {machine()}\n", flush=True)
    if given.json is not None:
        with given.json.open("a") as file:
            for claim in claims:
                file.write(json.dumps({"table": title, "command": command, **asdict(claim), "met": claim.met}) + "\n")


class _Here:
    """A variant in this very process."""

    def __init__(self, setup: Setup, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.work = setup()

    def round(self) -> tuple[float, float, float]:
        return _timed(self.work)

    def end(self) -> None:
        """Nothing to end."""


class _Apart:
    """A variant in a process of its own, which waits between its rounds."""

    def __init__(self, setup: Setup, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(setup, threads, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe.recv()

    def round(self) -> tuple[float, float, float]:
        self.pipe.send(True)
        return self.pipe.recv()

    def end(self) -> None:
        with suppress(OSError):
            self.pipe.send(False)
        self.process.join(10)
        self.process.kill()


def _serve(setup: Setup, threads: int, pipe: Any) -> None:
    worker = _Here(setup, threads)
    pipe.send(True)
    while pipe.recv():
        pipe.send(worker.round())


def _timed(work: Work) -> tuple[float, float, float]:
    before = _resident(reset=True)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu, wall, (_resident(reset=False) - before) / 2**20


def _resident(*, reset: bool) -> float:
    """Bytes resident now (after forgetting the peak), or at the peak since then."""
    with suppress(OSError):
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
        key = "VmRSS" if reset else "VmHWM"
        return 1024.0 * int(status.split(f"{key}:")[1].split()[0])
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
