"""The page about views runs, in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.test_blocks import play


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    play(["views.md"], tmp_path, monkeypatch)
    assert "student: chosen fusion" in capsys.readouterr().out
