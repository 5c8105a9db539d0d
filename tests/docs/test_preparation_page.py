"""The page about preparation runs, and its table says what the steps say."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from contracts.test_step import CASES
from docs.test_blocks import DOCS, play
from tutelage.data.steps import STEPS


def test_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    play(["preparation.md"], tmp_path, monkeypatch)


def test_the_table_of_steps_says_what_the_code_says() -> None:
    text = (DOCS / "preparation.md").read_text(encoding="utf-8")
    rows = {
        cells[1]: cells
        for cells in re.findall(r"^\| `((\w+))` \| .* \| ([\w, -]+) \| (yes|) ?\| (.*?) ?\|$", text, re.M)
    }
    assert set(rows) == {step.__name__ for step in STEPS}
    for step, _ in CASES.values():
        cells = rows[type(step).__name__]
        assert step.kind in cells[2] or (step.kind == "row-wise" and type(step).__name__ in ("Impute", "Fill"))
        engine = "no_frame" not in inspect.unwrap(type(step).frame).__code__.co_names
        assert (cells[3] == "yes") == engine, step.name
