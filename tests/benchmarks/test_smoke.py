"""Every benchmark script runs in its smallest size and prints its table."""

import subprocess
import sys
from pathlib import Path

import pytest

from tutelage.cli.bench import scripts

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in scripts().values())


def test_there_are_scripts():
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_smallest_size_runs_and_prints_a_table(script, tmp_path):
    kept = tmp_path / "figures.jsonl"
    command = [sys.executable, str(ROOT / "benchmarks" / script), "--smoke", "--json", str(kept)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| what | measured |" in done.stdout
    assert kept.read_text().strip()


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda p: p.name)
def test_scripts_are_short(path):
    assert len(path.read_text().splitlines()) < 200
