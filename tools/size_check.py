"""Holds src/tutelage to the size budget in pyproject.toml, section [tool.tutelage].

Counted: lines that are neither blank nor a comment, over the whole package; lines of each file, as an editor
shows them; lines of code of each function, without its docstring; comments that silence the type checker.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
MAX_FILE = 300
MAX_FUNCTION = 50
IGNORE = re.compile(r"#\s*(type|pyright):\s*ignore")


def code_lines(lines: list[str]) -> int:
    """The lines that are neither blank nor a comment."""
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


def functions(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function below a node with its qualified name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{outer}{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield name, node
            yield from functions(node, f"{name}.")
        else:
            yield from functions(node, outer)


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines of code of a function, its docstring left out."""
    total = code_lines(lines[node.lineno - 1 : node.end_lineno])
    if ast.get_docstring(node, clean=False) is not None:
        doc = node.body[0]
        total -= code_lines(lines[doc.lineno - 1 : doc.end_lineno])
    return total


def check(package: Path, budget: dict[str, Any]) -> tuple[dict[str, int], list[str]]:
    """The totals, and every breach of the budget."""
    totals = {"lines": 0, "ignores": 0}
    broken: list[str] = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package.parent.parent).as_posix()
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        totals["lines"] += code_lines(lines)
        totals["ignores"] += sum(1 for line in lines if IGNORE.search(line))
        if len(lines) > MAX_FILE and name not in budget["long_files"]:
            broken.append(f"{name}: {len(lines)} lines, at most {MAX_FILE}")
        for function, node in functions(ast.parse(text)):
            size = function_lines(node, lines)
            if size > MAX_FUNCTION and f"{name}:{function}" not in budget["long_functions"]:
                broken.append(f"{name}:{function}: {size} lines of code, at most {MAX_FUNCTION}")
    for what, count in totals.items():
        if count > budget[f"max_{what}"]:
            broken.append(f"{package.name}: {count} {what}, at most {budget[f'max_{what}']}")
    return totals, broken


def main() -> int:
    """Prints the totals and every breach; 1 where there is one."""
    budget = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["tutelage"]
    totals, broken = check(REPO / "src" / "tutelage", budget)
    print("size:", ", ".join(f"{count} of {budget[f'max_{what}']} {what}" for what, count in totals.items()))
    for line in broken:
        print("over budget:", line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
