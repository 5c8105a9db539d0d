"""`tutelage select` on finished runs, and after a kill."""

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
from tutelage.report import Report
from tutelage.search import Selection
from tutelage.train import load

RECIPE = f"{REPO / 'tests' / 'search' / 'places.py'}:clouds"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    assert main(["run", RECIPE, "--epochs", "2", "--seeds", "1", "--run", str(folder)]) == 0
    return folder


def units(run: Path) -> list[str]:
    return [json.loads(line)["unit"] for line in (run / "select.jsonl").read_text().splitlines()]


def test_a_run_is_asked_and_its_page_gains_a_section(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = load(run).record["test_openings"]
    assert main(["select", str(run), "--seeds", "1", "--folds", "2"]) == 0
    said = capsys.readouterr().out
    found = Selection.from_json((run / "select.json").read_text())
    assert found.verdict in said
    assert load(run).record["test_openings"] == [*opened, "select: checking its advice"]
    page = (run / "report.html").read_text()
    assert '<section id="select"' in page
    assert "Selection of teachers" in page
    (run / "report.html").unlink()
    assert main(["report", str(run)]) == 0
    assert '<section id="select"' in (run / "report.html").read_text()
    again = Report.load(run / "report.json")
    assert [chapter.key for chapter in again.chapters] == ["select"]


def test_a_killed_command_goes_on(run: Path) -> None:
    words = ["select", str(run), "--seeds", "1", "--folds", "12", "--share", "8"]
    places = os.pathsep.join((str(REPO / "src"), str(REPO / "tests")))
    child = subprocess.Popen(
        [sys.executable, "-m", "tutelage", *words], env=os.environ | {"PYTHONPATH": places}, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 120
    while time.monotonic() < end and child.poll() is None:
        if (run / "select.jsonl").exists() and "students, fold 0" in (run / "select.jsonl").read_text():
            break
        time.sleep(0.01)
    assert child.poll() is None, "it was done before it could be killed"
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = units(run)
    assert "check" not in before
    assert main(words) == 0
    after = units(run)
    assert after[: len(before)] == before
    assert len(set(after)) == len(after)
    assert "check" in after


@pytest.mark.slow
def test_a_run_of_tutelage_distill_is_rebuilt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{i % 7},{(i * 5) % 11},{'yes' if (i % 7) + (i * 5) % 11 > 8 else 'no'}" for i in range(400))
    (tmp_path / "table.csv").write_text(f"a,b,kind\n{rows}\n")
    asked = ["--data", str(tmp_path / "table.csv"), "--target", "kind", "--train-teachers", "2", "--epochs", "2"]
    assert main(["distill", *asked, "--seeds", "1", "--run", str(tmp_path / "run")]) == 0
    manifests = sorted((tmp_path / "run" / "store").rglob("*"))
    times = {path: path.stat().st_mtime_ns for path in manifests if path.is_file() and "means" not in str(path)}
    assert main(["select", str(tmp_path / "run"), "--seeds", "1", "--folds", "2", "--no-check"]) == 0
    assert "Shapley" in capsys.readouterr().out
    assert all(path.stat().st_mtime_ns == before for path, before in times.items()), "teachers were asked again"


def test_a_run_made_from_python_says_how_to_go_on(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"recipe": None}))
    assert main(["select", str(run)]) == 2
    assert "tl.select(tl.ground_of(" in capsys.readouterr().err


def test_a_recipe_without_distill_is_named(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.py").write_text("def empty():\n    return None\n")
    record = json.loads((run / "run.json").read_text())
    recipe = {"command": "run", "recipe": f"{tmp_path / 'empty.py'}:empty", "arguments": {}}
    (run / "run.json").write_text(json.dumps(record | {"recipe": recipe}))
    assert main(["select", str(run)]) == 2
    assert "ended without tl.distill" in capsys.readouterr().err
