"""Ten million dirty events to tensors, in less than 4 GB.

The job of `sources.py` on ten times as many clicks (1.2 GB of JSON lines), by tutelage on DuckDB with a limit of
memory, in a process of its own whose peak of resident memory is taken from the system: with Python, torch, the engine,
and the tensors at the end. All bad lines have to be kept.

    python benchmarks/large.py [--events 10000000] [--memory 1GB] [--smoke]
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import harness
from claims import exact, show
from dirty_shop import Shop, make_shop
from sources import ours

from tutelage.data.engines import DuckDBEngine

MOST = 4.0


def measured(shop: Shop, memory: str, pipe: Any) -> None:
    """Does the job and tells rows, bad lines, seconds and the peak of resident memory in GB."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = ours(DuckDBEngine(memory_limit=memory, folder=shop.folder), shop, shop.folder / "bad")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    pipe.send((len(answer.x), int(answer.y.sum()), len(answer.bad), wall, cpu, peak))


def main() -> None:
    given = harness.arguments(__doc__, events=10_000_000, memory="1GB")
    events = 20_000 if given.smoke else given.events
    with tempfile.TemporaryDirectory() as folder:
        shop = make_shop(Path(folder), events)
        context = multiprocessing.get_context("spawn")
        ours_end, theirs = context.Pipe(duplex=False)
        process = context.Process(target=measured, args=(shop, given.memory, theirs))
        process.start()
        theirs.close()
        rows, bought, bad, wall, cpu, peak = ours_end.recv()
        process.join()
        size = shop.clicks.stat().st_size / 1e9
    note = f"{shop.lines:,} lines, {size:.2f} GB; {rows:,} rows, {bought:,} bought"
    figures = [
        exact("peak of resident memory", peak, MOST, " GB", note),
        exact("bad lines planted, less those kept", abs(shop.bad - bad), 0, note=f"{bad:,} kept"),
        exact("CPU", cpu, None, " s"),
        exact("wall", wall, None, " s"),
    ]
    show(f"Larger: {events:,} clicks on DuckDB with {given.memory}", figures, given)


if __name__ == "__main__":
    main()
