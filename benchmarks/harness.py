"""The one harness of all benchmarks: fair rounds; the figures are shown by `claims`.

Each variant is set up in a process of its own and then waits; rounds are interleaved, one variant at a time,
so that nobody disturbs anybody. A round is measured in CPU time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

Work = Callable[[], object]
Setup = Callable[[], Work]
"""Makes what is measured; has to be picklable: a function of a module, or a `partial` of one."""


@dataclass(frozen=True)
class Times:
    """CPU seconds and wall seconds of each round, and the largest growth of resident memory in MB."""

    cpu: tuple[float, ...]
    wall: tuple[float, ...]
    grown: float


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


def allocated(work: Work) -> float:
    """MB of tensors alive at the peak of one call over those alive before it, by torch's own record (CPU)."""
    work()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as record:
        work()
    profiler: Any = record.profiler
    events = profiler.kineto_results.events()
    now, peak = 0, 0
    for _, size in sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"):
        now += size
        peak = max(peak, now)
    return peak / 2**20


def arguments(doc: str | None, **extra: Any) -> argparse.Namespace:
    """What every script understands: `--rounds`, `--smoke`, `--json FILE`; `extra` are more options with defaults."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds that count (default 15)")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, two rounds, one process: only to try it out")
    parser.add_argument("--json", type=Path, help="append the figures to this file, one JSON object a line")
    for name, default in extra.items():
        flag: dict[str, Any] = {"type": type(default), "default": default}
        if default is False:
            flag = {"action": "store_true"}
        parser.add_argument(f"--{name.replace('_', '-')}", **flag)
    given = parser.parse_args()
    if given.smoke:
        given.rounds = 2
    return given


class _Here:
    """A variant in this very process."""

    def __init__(self, setup: Setup, threads: int) -> None:
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
