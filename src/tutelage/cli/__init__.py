"""The command line.

`main` only finds the command; each command lives in its own module and imports what it needs, so that
`tutelage --help` answers without loading torch.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "run": ("run", "a shipped recipe, your own (file.py:function), or an old run again (run.json)"),
    "distill": ("distill", "your table or image folder and your teachers into one student"),
    "predict": ("use", "ask a finished run about new rows"),
    "evaluate": ("use", "measure a finished run on new labelled rows, drift included"),
    "export": ("ship", "the student of a run as ONNX or torch.export file, checked row by row"),
    "audit": ("audit", "look for leaks: in a recipe, a run or a table"),
    "compare": ("ship", "several runs side by side; with --sweep fusions on your data"),
    "select": ("select", "which teachers of a run are worth listening to"),
    "explain": ("explain", "what the student of a run looks at, and who taught it that"),
    "analyse": ("analyse", "other models, data, teachers, fusions: four questions to a run"),
    "search": ("search", "teachers, fusion, objective and student size within a time budget"),
    "bench": ("bench", "the benchmarks, on your own machine"),
    "report": ("ship", "write the page of a run again, or print its table"),
}

USAGE = """usage: tutelage COMMAND [options]

From many teachers to one student you can ship.

{commands}

tutelage COMMAND --help explains a command; tutelage --version prints the version.
A first try, no files needed:  tutelage run digits
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status.

    0 done, 1 an audit found a leak, 2 a mistake in what was asked, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        lines = [f"  {name:10}{text}" for name, (_, text) in COMMANDS.items()]
        print(USAGE.format(commands="\n".join(lines)), end="")
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from .._version import __version__

        print(f"tutelage {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"tutelage: {name!r} is no command; there are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    from ..core.errors import TutelageError

    try:
        status = getattr(importlib.import_module(f".{COMMANDS[name][0]}", __name__), f"{name}_command")(rest)
    except TutelageError as error:
        print(f"tutelage {name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            f"\ntutelage {name}: stopped; what was done is kept, the same command with --resume goes on",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return status or 0
