"""The page about features runs, in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.test_blocks import play


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    play(["features.md"], tmp_path, monkeypatch)
    printed = capsys.readouterr().out
    assert "torch.Size([5, 8, 4, 4])" in printed
    assert "fitnet/wide" in printed
