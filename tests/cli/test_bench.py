"""`tutelage bench`: which scripts there are, one of them run, and what is said about failures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tutelage.cli import bench, main

SCRIPT = '''"""A quick one.

Nothing else.
"""
import claims
import harness

given = harness.arguments(__doc__)
lines = [claims.exact("kept", 1.0, 2.0), claims.exact("missed", 3.0, 2.0), claims.exact("shown", given.rounds)]
claims.show("Quick", lines, given)
'''


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    for name in ("harness.py", "claims.py"):
        shutil.copyfile(bench.PLACES[0] / name, folder / name)
    (folder / "quick.py").write_text(SCRIPT)
    (folder / "helper.py").write_text('"""Not a script."""\n')
    monkeypatch.setattr(bench, "PLACES", (tmp_path / "nowhere", folder))
    return folder


def test_scripts_of_this_checkout_say_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert {"live", "start"} <= {line.split()[0] for line in shown}
    assert all(len(line) > 20 and not line.endswith(" ") for line in shown)


def test_a_script_runs_and_its_limits_are_counted(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "figures.jsonl"
    assert main(["bench", "quick", "--rounds", "4", "--json", str(kept)]) == 0
    shown = capfd.readouterr().out
    assert "### Quick" in shown
    assert shown.splitlines()[-1] == "1 of 2 limits kept"
    assert [json.loads(line)["value"] for line in kept.read_text().splitlines()] == [1.0, 3.0, 4]


def test_failures_are_named_and_the_others_run(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (place / "broken.py").write_text("import harness\nraise ZeroDivisionError('harness.arguments(__doc__)')\n")
    assert main(["bench", "all", "--smoke"]) == 2
    out, err = capfd.readouterr()
    assert out.splitlines()[-1].startswith("1 of 2 limits kept (tiny sizes")
    assert "benchmarks ['broken'] failed" in err
    assert main(["bench", "slow"]) == 2
    assert "there are ['broken', 'quick'], and all" in capfd.readouterr().err


def test_absent_scripts_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "PLACES", (tmp_path,))
    assert main(["bench"]) == 2
    assert "install the wheel" in capsys.readouterr().err
