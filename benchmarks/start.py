"""How long it takes until something happens: imports and the help of the command line.

Each round starts fresh processes. Imports are timed inside them, on top of `import torch` and numpy; the help is timed
from outside, as whoever waits for it does.

    python benchmarks/start.py [--rounds 15]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import claims
import harness

IMPORT = """
import time, numpy, torch
wall, cpu = time.perf_counter(), time.process_time()
{work}
print(time.process_time() - cpu, time.perf_counter() - wall)
"""

HELP = "import sys; from tutelage.cli import main; main(['--help']); sys.exit('torch' in sys.modules)"


def imported(work: str) -> tuple[float, float]:
    """CPU and wall seconds of these imports after that of torch."""
    done = subprocess.run([sys.executable, "-c", IMPORT.format(work=work)], capture_output=True, text=True, check=True)
    cpu, wall = done.stdout.split()
    return float(cpu), float(wall)


def helped() -> tuple[float, float]:
    """CPU and wall seconds of `tutelage --help`, which must not import torch."""
    before, began = _children(), time.perf_counter()
    subprocess.run([sys.executable, "-c", HELP], capture_output=True, check=True)
    return _children() - before, time.perf_counter() - began


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    given = harness.arguments(__doc__)
    everything = "import tutelage\nfor name in tutelage.__all__: getattr(tutelage, name)"
    found: dict[str, list[tuple[float, float]]] = {"package": [], "names": [], "command": [], "help": []}
    for _ in range(given.rounds + 1):
        found["package"].append(imported("import tutelage"))
        found["names"].append(imported(everything))
        found["command"].append(imported("import tutelage.cli.distill"))
        found["help"].append(helped())
    shown = [
        ("package", "`import tutelage`, over `import torch`", 0.2),
        ("names", "all its public names, over `import torch`", None),
        ("command", "`tutelage distill`'s imports, over `import torch`", None),
        ("help", "`tutelage --help`, without torch", 0.5),
    ]
    lines = [
        claims.figure(f"{what}, {kind}", [pair[i] for pair in found[key][1:]], limit, " s")
        for key, what, limit in shown
        for i, kind in enumerate(("CPU", "wall"))
    ]
    claims.show("Starting", lines, given)


if __name__ == "__main__":
    main()
