"""`tutelage search` on a finished run, after a kill, and the recipe that it writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from outside import REPO
from tutelage.cli import main
from tutelage.search import Best
from tutelage.train import load

RECIPE = f"{REPO / 'tests' / 'search' / 'places.py'}:clouds"


def test_a_killed_search_goes_on_and_its_winner_can_be_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["run", RECIPE, "--epochs", "2", "--seeds", "1", "--run", str(run)]) == 0
    words = ["search", str(run), "--trials", "40", "--folds", "2"]
    places = os.pathsep.join((str(REPO / "src"), str(REPO / "tests")))
    child = subprocess.Popen(
        [sys.executable, "-m", "tutelage", *words], env=os.environ | {"PYTHONPATH": places}, stderr=subprocess.DEVNULL
    )
    journal, end = run / "search.jsonl", time.monotonic() + 120
    while time.monotonic() < end and child.poll() is None and not (journal.exists() and journal.read_text()):
        time.sleep(0.01)
    assert child.poll() is None, "it was done before it could be killed"
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = journal.read_text().splitlines()[:8]
    assert main(words) == 0
    assert journal.read_text().splitlines()[: len(before) - 1] == before[:-1]
    found = Best.from_json((run / "search.json").read_text())
    assert found.verdict in capsys.readouterr().out
    assert '<section id="search"' in (run / "report.html").read_text()
    assert load(run).record["test_openings"][-1] == "search: checking the winner"
    again = tmp_path / "winner"
    assert main(["run", f"{run / 'winner.py'}:winner", "--run", str(again), "--seeds", "1"]) == 0
    report = load(again).report
    assert report.title == f"Winner of a search: {found.winner}"
    student = next(one for one in report.contenders if one.name == "student: chosen fusion")
    assert found.check is not None
    checked = next(one for one in found.check.found if one.name == "the winner")
    assert student.metrics[found.check.metric][0] == pytest.approx(checked.values[0], abs=1e-6)
    units = [json.loads(line)["unit"] for line in journal.read_text().splitlines() if line.endswith("}")]
    assert len(units) == len(set(units))
