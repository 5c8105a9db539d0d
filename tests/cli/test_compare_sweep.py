"""`tutelage compare --sweep` on a table of real flowers and real models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest
import skops.io
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from tutelage.cli import main

TRIED = ("mean", "geometric_mean", "soft_vote", "entropy", "performance", "stacking")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Iris as a file of comma-separated values, and three models of a third of it."""
    folder = tmp_path_factory.mktemp("iris")
    features, target = load_iris(return_X_y=True)
    features = features + np.random.default_rng(0).normal(size=features.shape)
    names = np.array(["setosa", "versicolor", "virginica"])[target]
    table = polars.DataFrame({"kind": names} | {f"x{i}": features[:, i] for i in range(4)})
    table = table.select("x0", "x1", "x2", "x3", "kind")
    table.write_csv(folder / "iris.csv")
    models = (RandomForestClassifier(10, random_state=0), LogisticRegression(max_iter=500), GaussianNB())
    for name, model in zip(("forest", "linear", "bayes"), models, strict=True):
        skops.io.dump(model.fit(features[::3], names[::3]), folder / f"{name}.skops")
    return folder


def ask(shop: Path, *options: str) -> list[str]:
    teachers = [part for name in ("forest", "linear", "bayes") for part in ("--teacher", str(shop / f"{name}.skops"))]
    common = ["--data", str(shop / "iris.csv"), "--target", "kind", "--epochs", "3", *teachers]
    return ["compare", "--sweep", *common, *options]


def lines(text: str) -> dict[str, list[str]]:
    """Cells of the table by their first one."""
    cells = [[cell.strip() for cell in line.strip("│┃ ").split("│")] for line in text.splitlines() if "│" in line]
    return {row[0]: row[1:] for row in cells}


def test_all_fusions_of_the_task_are_compared(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(ask(shop, "--seeds", "2")) == 0
    said = capsys.readouterr().out
    table = lines(said)
    single = next(name for name in table if name.startswith("best single teacher ("))
    assert set(table) == {*TRIED, single, "labels only"}
    assert "14 students as one batched network" in said
    assert "test rows stay sealed" in said
    assert "12 validation rows that no calibration and no fusion has learnt from" in said
    values = [float(row[0].split(" ± ")[0]) for row in table.values()]
    assert values == sorted(values, reverse=True)
    assert table["mean"][1] == ""
    assert table["labels only"][2] == ""
    plain, other = float(table["mean"][0].split()[0]), float(table["soft_vote"][0].split()[0])
    assert float(table["soft_vote"][1].split()[0]) == pytest.approx(other - plain, abs=2e-4)


def test_the_fusions_asked_for_are_compared_and_the_signals_are_kept(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--fusions", "confidence:form=softmax", "--fusions", "hard_vote", "--seeds", "1", "--patience", "1")
    assert main(ask(shop, *options, "--run", str(tmp_path / "run"))) == 0
    table = lines(capsys.readouterr().out)
    assert {"mean", "confidence:form=softmax", "hard_vote", "labels only"} < set(table)
    assert "±" not in "".join(table["mean"])
    assert (tmp_path / "run" / "store" / "forest").is_dir()


def test_students_that_cannot_be_batched_are_trained_one_by_one(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.py").write_text(
        "from tutelage.nets import MLP\n\n\ndef student():\n    return MLP(4, 3, (8,), dropout=0.2)\n"
    )
    net = f"{tmp_path / 'net.py'}:student"
    assert main(ask(shop, "--student", net, "--fusions", "mean", "--seeds", "1")) == 0
    assert "trained one by one: the student draws random numbers" in " ".join(capsys.readouterr().out.split())


def test_what_makes_no_sense_is_said(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(ask(shop, "--fusion", "mean")) == 2
    assert "--fusion belongs to tutelage distill" in capsys.readouterr().err
    assert main(ask(shop, "--fusions", "nonsense")) == 2
    assert "'nonsense' is not known" in capsys.readouterr().err
