"""The page about ranking runs, in one go."""

from __future__ import annotations

import re

import pytest

from docs.test_blocks import DOCS


def test_its_python_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 5)
    code = re.findall(r"```python\n(.*?)```", (DOCS / "ranking.md").read_text(encoding="utf-8"), re.S)
    assert len(code) == 3
    space: dict[str, object] = {}
    for number, part in enumerate(code):
        exec(compile(part, f"ranking.md, block {number}", "exec"), space)
    assert "ndcg@10" in capsys.readouterr().out
    assert getattr(space["best"], "shape", None) == (1, 10)
