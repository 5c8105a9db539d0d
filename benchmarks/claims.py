"""Figures of benchmarks: ratios with intervals, limits, and the table.

A ratio is the median over rounds of the paired ratio of CPU times, with the range that holds 95 % of the
medians of resampled rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from harness import Times

MARGIN = 1.02
"""A limit is met when the interval reaches below it and the median exceeds it by at most two per cent."""


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
    name = platform.processor() or platform.machine()
    with suppress(OSError):
        cpu = Path("/proc/cpuinfo").read_text()
        name = next((line.split(":")[1].strip() for line in cpu.splitlines() if line.startswith("model name")), name)
        units = [unit for unit in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f" {unit}" in cpu]
        name = f"{name} ({', '.join(units)})" if units else name
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, {versions}"


def show(title: str, claims: Sequence[Claim], given: argparse.Namespace) -> None:
    """Prints the table with command, machine and date, and keeps the figures where asked to."""
    command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    print(f"{table(title, claims)}\n\n`{command}`, {date.today()}, {machine()}\n", flush=True)
    if given.json is not None:
        with given.json.open("a") as file:
            for claim in claims:
                file.write(json.dumps({"table": title, "command": command, **asdict(claim), "met": claim.met}) + "\n")
