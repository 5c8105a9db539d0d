"""The page about sources runs, and names every source there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.blocks import blocks
from docs.test_blocks import DOCS
from tutelage.data import audit, sources


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "sources.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(code) == 4
    assert len(blocks(DOCS / "sources.md")) >= 3
    space: dict[str, object] = {}
    for number, part in enumerate(code):
        exec(compile(part, f"sources.md, block {number}", "exec"), space)


def test_it_names_every_source_and_audit() -> None:
    text = (DOCS / "sources.md").read_text(encoding="utf-8")
    made = {name for name in sources.__all__ if hasattr(getattr(sources, name), "read")} - {"Source"}
    assert len(made) >= 8
    assert not [name for name in made if f"`{name}`" not in text]
    assert not [name for name in audit.__all__ if name.startswith(("audit_", "find_")) and f"`{name}`" not in text]
