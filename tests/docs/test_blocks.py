"""The code on the pages runs as it stands there."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from docs.blocks import Block, blocks, commands
from outside import REPO

DOCS = REPO / "docs"


def play(pages: list[str], folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Runs the Python and console blocks of these pages, in order, in one namespace and one folder."""
    module = types.ModuleType("docs_page")
    patch.setitem(sys.modules, "docs_page", module)
    space: dict[str, Any] = vars(module)
    for page in pages:
        for block in blocks(DOCS / page):
            if block.title is not None:
                (folder / block.title).write_text(block.text, encoding="utf-8")
            elif block.language == "python":
                exec(compile(block.text, f"{page}:{block.line}", "exec"), space)
            elif block.language == "console":
                for command in commands(block):
                    shell(command, folder, block)


def shell(command: str, folder: Path, block: Block) -> None:
    """Runs a command of tutelage; five seeds are many for a test, so it takes one."""
    words = shlex.split(command.replace("--seeds 5", "--seeds 1 --epochs 3"))
    assert words[0] == "tutelage", f"line {block.line}: {command}"
    done = subprocess.run(
        [sys.executable, "-m", "tutelage", *words[1:]],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(REPO / "src")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"line {block.line}: {command}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "pages", [["extending.md"], ["your-loop.md"], ["your-models.md", "shipping.md"]], ids=lambda pages: pages[0]
)
def test_the_blocks_of_a_page_run(pages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    play(pages, tmp_path, monkeypatch)


@pytest.mark.parametrize("page", sorted(p.name for p in DOCS.glob("*.md")))
def test_python_on_every_page_is_python(page: str) -> None:
    for block in blocks(DOCS / page):
        if block.language == "python":
            compile(block.text, f"{page}:{block.line}", "exec")
