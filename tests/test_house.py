"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from outside import REPO

SOURCE = REPO / "src" / "tutelage"
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = [REPO / "README.md", REPO / "CONTRIBUTING.md", *sorted((REPO / "docs").rglob("*.md"))]


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def _named(requirements: list[str]) -> set[str]:
    """The distributions that a list of requirements names."""
    return {re.split(r"[\[<>=!~ ;]", requirement)[0].lower() for requirement in requirements}


@functools.cache
def _brought_by() -> dict[str, set[str]]:
    """Top-level module -> the installed distributions that bring it."""
    found = importlib.metadata.packages_distributions()
    return {module: {name.lower() for name in names} for module, names in found.items()}


def _distributions(module: str) -> set[str]:
    return _brought_by().get(module, {module})


def _imported(tree: ast.Module) -> Iterator[str]:
    """The top-level third-party modules that a file imports by statement."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        yield from {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"tutelage"}


def _required(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Module and extra of every `require("module", extra="extra", ...)`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("require"):
            continue
        extra = [keyword.value for keyword in node.keywords if keyword.arg == "extra"]
        values = [value.value for value in (*node.args[:1], *extra) if isinstance(value, ast.Constant)]
        if len(values) == 2:
            yield str(values[0]).split(".")[0], str(values[1])


def test_no_public_function_is_named_like_a_subpackage() -> None:
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    clashes = [
        f"{path.relative_to(REPO)}: {node.name}"
        for path, tree in _trees()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in rooms
    ]
    assert rooms
    assert not clashes


def test_every_third_party_import_is_declared() -> None:
    extras = PROJECT["optional-dependencies"]
    users = [name for name in extras if name not in {"dev", "docs", "test"}]
    declared = _named(PROJECT["dependencies"]).union(*(_named(extras[name]) for name in users))
    undeclared = [
        f"{path.relative_to(REPO)}: {module}"
        for path, tree in _trees()
        for module in _imported(tree)
        if not _distributions(module) & declared
    ]
    assert not undeclared


def test_extras_are_imported_lazily() -> None:
    """Without any extra `import tutelage` works: no file imports one as it loads."""
    core = _named(PROJECT["dependencies"])
    eager = [
        f"{path.relative_to(REPO)}: {module}"
        for path, tree in _trees()
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in _imported(ast.Module([node], []))
        if not _distributions(module) & core
    ]
    assert not eager


def test_each_required_library_comes_with_the_extra_that_is_named() -> None:
    extras, core = PROJECT["optional-dependencies"], _named(PROJECT["dependencies"])
    wrong = [
        f"{path.relative_to(REPO)}: {module} is not in the extra {extra!r}"
        for path, tree in _trees()
        for module, extra in _required(tree)
        if not _distributions(module) & (core | _named(extras.get(extra, [])))
    ]
    assert not wrong


def _texts() -> Iterator[tuple[Path, str]]:
    """The files of the repository, by git where there is one."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        check=True,
    )
    for name in listing.stdout.decode().split("\0"):
        path = REPO / name
        if path.is_file() and b"\0" not in path.read_bytes():
            yield path, path.read_text(encoding="utf-8")


@pytest.mark.skipif(not (REPO / ".git").exists(), reason="not a git checkout")
def test_the_tree_names_no_machine() -> None:
    """No path of one machine, no registry host: what works here must work anywhere."""
    machine = re.compile(r"(?<![\w.:/~-])/(opt|work|home|root|Users|mnt)/\w")
    registry = re.compile(r"pypi\.org|pythonhosted|download\.pytorch\.org|find[-]links|extra[-]index|index[-]url")
    found = [
        f"{path.relative_to(REPO)}:{number}: {line.strip()}"
        for path, text in _texts()
        if path != Path(__file__)
        for number, line in enumerate(text.splitlines(), 1)
        if machine.search(line) or registry.search(line)
    ]
    assert not found


def _commands(page: Path) -> list[str]:
    """The commands that a page tells its reader to type: lines `$ ...` in console fences."""
    fences = re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line[2:] for fence in fences for line in fence.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_commands_in_the_pages_exist(page: Path) -> None:
    """Make targets and files that a page names are there."""
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for command in _commands(page):
        words = command.split("#")[0].split()
        if words[:1] == ["make"]:
            assert {word for word in words[1:] if "=" not in word} <= targets, command
        if words[:1] == ["python"] and words[1].endswith(".py"):
            assert (REPO / words[1]).is_file(), command
