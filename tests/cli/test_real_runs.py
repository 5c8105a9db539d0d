"""The four questions to real runs, from the command line: five teachers of digits, the models of four hospitals."""

from __future__ import annotations

from pathlib import Path

import pytest

from outside import DATA, REPO, absent
from tutelage.cli import main
from tutelage.report import Report
from tutelage.train import load

HEARTS = f"{REPO / 'tests' / 'search' / 'places.py'}:hearts"


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    ["digits", pytest.param(HEARTS, marks=pytest.mark.skipif(not DATA.is_dir(), reason=absent(DATA)), id="hearts")],
)
def test_a_run_is_asked(recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["run", recipe, "--epochs", "8", "--seeds", "1", "--run", str(run)]) == 0
    before = load(run).record["test_openings"]
    for words in (
        ["select", "--seeds", "1"],
        ["explain", "--seeds", "2"],
        ["analyse", "--seeds", "1"],
        ["search", "--trials", "8"],
    ):
        assert main([words[0], str(run), *words[1:]]) == 0
    assert "sealed test rows" in capsys.readouterr().out
    keys = [chapter.key for chapter in Report.load(run / "report.json").chapters]
    assert keys == [
        "select",
        "explain",
        "analyse-models",
        "analyse-data",
        "analyse-teachers",
        "analyse-fusion",
        "search",
    ]
    opened = load(run).record["test_openings"][len(before) :]
    assert [why.partition(":")[0] for why in opened] == ["select", "explain", "analyse", "search"]
    assert (run / "winner.py").exists()
