"""`tutelage analyse` and `tutelage explain` on a finished run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outside import REPO
from tutelage.cli import main
from tutelage.report import Report
from tutelage.search import Analysis, Explanation
from tutelage.train import load

RECIPE = f"{REPO / 'tests' / 'search' / 'places.py'}:clouds"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main(["run", RECIPE, "--epochs", "2", "--seeds", "1", "--run", str(folder)]) == 0
    return folder


def test_explain_writes_its_section_and_record(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(run), "--seeds", "2", "--rows", "60"]) == 0
    found = Explanation.from_json((run / "explain.json").read_text())
    assert found.verdict in capsys.readouterr().out
    assert '<section id="explain"' in (run / "report.html").read_text()
    assert load(run).record["test_openings"][-1].startswith("explain:")
    assert found.students == 2


def test_analyse_writes_four_sections_and_goes_on_after_a_stop(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["analyse", str(run), "--seeds", "1", "--folds", "2"]
    assert main(words) == 0
    lines = (run / "analyse.jsonl").read_text().splitlines()
    (run / "analyse.jsonl").write_text("\n".join(lines[:-3]) + "\n" + lines[-3][:40])
    first = (run / "analyse.json").read_text()
    assert main(words) == 0
    assert json.loads(first)["questions"] == json.loads((run / "analyse.json").read_text())["questions"]
    keys = [chapter.key for chapter in Report.load(run / "report.json").chapters]
    assert [key for key in keys if key.startswith("analyse-")] == [
        f"analyse-{key}" for key in ("models", "data", "teachers", "fusion")
    ]
    found = Analysis.from_json(first)
    assert found.question("fusion").verdict in capsys.readouterr().out
