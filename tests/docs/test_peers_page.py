"""The page about peers and stages runs, in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.test_blocks import play


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    play(["peers.md"], tmp_path, monkeypatch)
    printed = capsys.readouterr().out
    assert "kl/peer2" in printed
    assert "hard/ensemble" in printed
