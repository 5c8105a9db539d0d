"""The command line, end to end and in this process: what it does, what it refuses, and that nothing is lost."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars
import pytest
import skops.io
from PIL import Image
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression

import tutelage as tl
from tutelage.cli import main
from tutelage.report import Report
from tutelage.train import Cost

N = 160
QUICK = ["--seeds", "1", "--epochs", "3"]
RULE = "def guess(row):\n    return 'yes' if row['x'] > 0.8 else 'no' if row['x'] < -0.8 else None\n"


def _once(one: Any, many: Any, rows: int) -> Cost:
    return Cost(1.0, 2.0, 3.0)


def _page(self: Report, path: Path) -> Path:
    path.write_text("page")
    return path


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.evaluate.cost", _once)
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 20)
    monkeypatch.setattr("tutelage.cli.use.DRAWS", 20)
    monkeypatch.setattr("tutelage.train.keep.keep_ensemble", lambda *_: [])
    monkeypatch.setattr("tutelage.train.homemade._forest", lambda _: RandomForestRegressor(4))
    monkeypatch.setattr(Report, "save", _page)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks and pages are tested elsewhere."""
    quicken(monkeypatch)


def table(seed: int = 0, rows: int = N) -> polars.DataFrame:
    chance = np.random.default_rng(seed)
    x, z = chance.normal(size=rows), chance.normal(size=rows)
    colour = chance.choice(["red", "blue"], rows)
    yes = x + 0.5 * (colour == "red") + 0.3 * chance.normal(size=rows) > 0
    price = 100 * x + 10 * z + 5
    word = np.where(yes, "yes", "no")
    return polars.DataFrame(
        {"key": np.arange(rows) + 1000, "x": x, "z": z, "colour": colour, "price": price, "y": word}
    )


def shop(folder: Path) -> Path:
    """A table, four kinds of teachers of it, and a rule."""
    frame = table()
    frame.write_parquet(folder / "shop.parquet")
    frame.write_csv(folder / "shop.csv")
    features, target = frame.select("x", "z").to_numpy().astype(np.float32), frame["y"].to_numpy()
    skops.io.dump(RandomForestClassifier(20, random_state=0).fit(features, target), folder / "forest.skops")
    linear = LogisticRegression().fit(features, (target == "yes").astype(np.int64))
    converted: Any = to_onnx(linear, features[:1], options={"zipmap": False})
    (folder / "linear.onnx").write_bytes(converted.SerializeToString())
    joblib.dump(LogisticRegression().fit(features, target), folder / "pickled.joblib")
    (folder / "rules.py").write_text(RULE)
    said = LogisticRegression().fit(features[:, :1], target).predict_proba(features[:, :1])
    stored = polars.DataFrame({"key": frame["key"], "p_no": said[:, 0], "p_yes": said[:, 1]})
    stored.write_parquet(folder / "stored.parquet")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the shop, with five teachers."""
    folder = shop(tmp_path_factory.mktemp("shop"))
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        patch.chdir(folder)
        arguments = ["distill", "--data", "shop.parquet", "--target", "y", "--ignore", "price"]
        teachers = ["forest.skops", "linear.onnx", "rules.py:guess", "late=stored.parquet", "pickled.joblib"]
        for teacher in teachers:
            arguments += ["--teacher", teacher]
        for name in ("forest", "linear", "pickled"):
            arguments += ["--reads", f"{name}=x,z"]
        arguments += [
            "--key",
            "key",
            "--classes",
            "linear=0,1",
            "--mapping",
            "linear:0=no",
            "--mapping",
            "linear:1=yes",
        ]
        arguments += ["--allow-pickle", "--fusion", "confidence", "--seeds", "1", "--epochs", "15", "--soft", "0.5"]
        arguments += ["--temperature", "1.5", "--l2", "0.0001", "--optimiser", "sgd", "--lr", "0.05"]
        arguments += ["--schedule", "inverse_time", "--run", "made"]
        assert main(arguments) == 0
    return folder / "made"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return shop(tmp_path)


Said = Callable[[], tuple[str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def read() -> tuple[str, str]:
        found = capsys.readouterr()
        return found.out, found.err

    return read


def fails(said: Said, *arguments: str) -> str:
    """The message of a command that has to be refused with exit status 2."""
    assert main(list(arguments)) == 2
    out, err = said()
    assert "Traceback" not in out + err
    return err


def test_help_answers_without_torch() -> None:
    code = "import sys; from tutelage.cli import main; s = main({}); assert 'torch' not in sys.modules; sys.exit(s)"
    for arguments, status, words in (
        (["--help"], 0, "usage: tutelage COMMAND"),
        (["--version"], 0, f"tutelage {tl.__version__}"),
        ([], 2, "usage"),
    ):
        done = subprocess.run([sys.executable, "-c", code.format(arguments)], capture_output=True, text=True)
        assert (done.returncode, words in done.stdout) == (status, True), done.stderr


def test_an_unknown_command_names_the_known_ones(said: Said) -> None:
    assert "'teach' is no command; there are run, distill, predict" in fails(said, "teach")


@pytest.mark.parametrize("command", ["distill", "predict", "evaluate", "export", "compare", "report"])
def test_every_command_explains_itself(command: str, said: Said) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"tutelage {command}" in said()[0]


def test_a_table_and_five_kinds_of_teachers(run: Path) -> None:
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["fusion"]["name"] == "confidence"
    assert record["fusion"]["why"] == "asked for"
    assert "KL(temperature=1.5" in record["objective"]
    assert "soft=0.5" in record["objective"]
    assert list(record["teachers"]) == ["forest", "linear", "guess", "late", "pickled"]
    assert "--run" not in record["recipe"]["arguments"]
    assert tl.load(run).reads == ("x", "z", "colour")
    report = tl.load(run).report
    scores = {c.name: c.metrics["accuracy"][0] for c in report.contenders}
    assert all(scores[name] > 0.7 for name in ("forest", "linear", "late", "pickled")), scores
    assert scores["student: chosen fusion"] > 0.7


def test_predict_writes_one_line_per_row(run: Path, tmp_path: Path, said: Said) -> None:
    fresh = table(seed=5, rows=30).with_columns(polars.lit("green").alias("colour"))
    fresh.select("x", "z", "colour").write_csv(tmp_path / "new.csv")
    assert main(["predict", str(run), str(tmp_path / "new.csv")]) == 0
    out, err = said()
    lines = list(csv.DictReader(out.splitlines()))
    assert len(lines) == 30
    assert set(lines[0]) == {"row", "prediction", "p_no", "p_yes"}
    assert all(float(line["p_" + line["prediction"]]) >= 0.5 for line in lines)
    assert "column 'colour': 30 rows hold a value that no training row had" in err
    assert main(["predict", str(run), str(tmp_path / "new.csv"), "--out", str(tmp_path / "said.csv")]) == 0
    assert (tmp_path / "said.csv").read_text().splitlines() == out.splitlines()
    assert "30 rows written" in said()[1]


def test_predict_names_what_is_missing(run: Path, tmp_path: Path, said: Said) -> None:
    table().select("x").write_csv(tmp_path / "new.csv")
    assert "columns ['z', 'colour'] are missing" in fails(said, "predict", str(run), str(tmp_path / "new.csv"))
    assert "there is no file" in fails(said, "predict", str(run), str(tmp_path / "gone.csv"))
    assert "is no run: it has no run.json" in fails(said, "predict", str(tmp_path), str(tmp_path / "new.csv"))
    out = str(tmp_path / "nowhere" / "said.csv")
    whole = tmp_path / "whole.csv"
    table().write_csv(whole)
    assert "nowhere" in fails(said, "predict", str(run), str(whole), "--out", out)


def test_evaluate_shows_new_figures_beside_the_old_and_drift(run: Path, tmp_path: Path, said: Said) -> None:
    table(seed=7).with_columns(polars.col("z") + 9).write_csv(tmp_path / "new.csv")
    assert main(["evaluate", str(run), str(tmp_path / "new.csv")]) == 0
    out, _ = said()
    assert "accuracy" in out
    assert f"{N} labelled rows" in out
    assert "z (" in out.split("drift")[1]
    table(seed=7).drop("y").write_csv(tmp_path / "blind.csv")
    assert "use --target" in fails(said, "evaluate", str(run), str(tmp_path / "blind.csv"))
    table(seed=7).with_columns(polars.lit("maybe").alias("y")).write_csv(tmp_path / "odd.csv")
    assert "['maybe'] that are not among ['no', 'yes']" in fails(said, "evaluate", str(run), str(tmp_path / "odd.csv"))


def test_evaluate_knows_a_target_given_with_an_equals_sign(here: Path, said: Said) -> None:
    arguments = ["distill", "--data=shop.csv", "--target=y", "--teacher=rules.py:guess", "--run=made", *QUICK]
    assert main(arguments) == 0
    assert main(["evaluate", "made", "shop.csv"]) == 0
    assert "accuracy" in said()[0]


def test_export_checks_every_form(run: Path, tmp_path: Path, said: Said) -> None:
    assert main(["export", str(run), "--int8", "--out", str(tmp_path)]) == 0
    out, _ = said()
    assert [line.split()[1] for line in out.splitlines() if " kB" in line] == ["torch", "onnx", "onnx"]
    assert {file.name for file in tmp_path.iterdir()} >= {"student.onnx", "student.int8.onnx"}
    table().write_csv(tmp_path / "new.csv")
    assert main(["export", str(run), "--to", "pt2", "--data", str(tmp_path / "new.csv"), "--out", str(tmp_path)]) == 0
    assert "100.00%" in said()[0]
    assert "--int8 is written as ONNX" in fails(said, "export", str(run), "--to", "pt2", "--int8")


def test_reports_are_compared_and_written_again(run: Path, tmp_path: Path, said: Said) -> None:
    assert main(["compare", str(run), str(run)]) == 0
    assert "student: chosen fusion" in said()[0].replace("\n", " ")
    assert "at least two runs" in fails(said, "compare", str(run))
    assert "nowhere" in fails(said, "compare", str(run), str(tmp_path / "nowhere"))
    assert main(["report", str(run), "--table"]) == 0
    assert "student: chosen fusion" in said()[0]
    assert main(["report", str(run), "--citations"]) == 0
    assert "@" in said()[0]
    assert main(["report", str(run), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").exists()


def test_a_run_is_repeated_from_its_record(here: Path, said: Said) -> None:
    assert main(["distill", "--data", "shop.csv", "--target", "y", "--teacher", "rules.py:guess", *QUICK]) == 0
    assert main(["run", "runs/distill/run.json"]) == 0
    one, two = (tl.load(f"runs/{name}").report for name in ("distill", "distill-2"))
    assert {c.name: c.metrics for c in one.contenders} == {c.name: c.metrics for c in two.contenders}
    assert "does not say how it was made" in fails(said, "run", "gone/run.json")


def test_an_existing_folder_is_refused_and_resumed_on_request(here: Path, said: Said) -> None:
    arguments = [
        "distill",
        "--data",
        "shop.csv",
        "--target",
        "y",
        "--teacher",
        "rules.py:guess",
        *QUICK,
        "--run",
        "made",
    ]
    assert main(arguments) == 0
    before = (here / "made" / "report.json").read_bytes()
    assert "holds a run already (finished): say --resume" in fails(said, *arguments)
    assert (here / "made" / "report.json").read_bytes() == before
    assert main([*arguments, "--resume"]) == 0
    assert "holds another run" in fails(said, *arguments, "--resume", "--soft", "0.1")


def test_resume_without_a_folder_finds_the_last_run(here: Path, monkeypatch: pytest.MonkeyPatch, said: Said) -> None:
    arguments = ["distill", "--data", "shop.csv", "--target", "y", "--teacher", "rules.py:guess", *QUICK]
    assert main(arguments) == 0

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tutelage.train.trial.Trial.record", stop)
        assert main([*arguments, "--soft", "0.2"]) == 130
    assert "--resume goes on" in said()[1]
    assert "was not finished" in fails(said, "report", "runs/distill-2")
    assert main([*arguments, "--soft", "0.2", "--resume"]) == 0
    assert tl.load("runs/distill-2").report
    assert not (here / "runs" / "distill-3").exists()


def test_values_with_teachers_trained_here(here: Path, said: Said) -> None:
    """A forest, a net, and boosted trees."""
    arguments = ["distill", "--data", "shop.csv", "--target", "price", "--ignore", "key", "--train-teachers", "3"]
    assert main([*arguments, *QUICK, "--run", "made"]) == 0
    assert "task: 1 values (price)" in said()[1]
    assert main(["predict", "made", "shop.csv"]) == 0
    lines = list(csv.DictReader(said()[0].splitlines()))
    assert np.isfinite([float(line["prediction"]) for line in lines]).all()
    assert main(["export", "made"]) == 0


@pytest.mark.slow
def test_two_columns_of_values_with_all_kinds_of_teachers(here: Path) -> None:
    arguments = ["distill", "--data", "shop.csv", "--target", "price", "--target", "z", "--train-teachers", "3"]
    assert main([*arguments, *QUICK, "--run", "made"]) == 0
    assert tl.load("made").space.names == ("price", "z")


def test_a_folder_of_images(here: Path, said: Said) -> None:
    chance = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (here / "pictures" / name).mkdir(parents=True)
        for number in range(24):
            pixels = chance.integers(level - 30, level + 30, (9, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(here / "pictures" / name / f"{number}.png")
    (here / "pictures" / "dark" / "torn.png").write_bytes(b"torn")
    (here / "bright.py").write_text("def bright(row):\n    return 'light' if row['image'].mean() > 120 else 'dark'\n")
    arguments = ["distill", "--data", "pictures", "--teacher", "bright.py:bright", "--size", "8", "--run", "made"]
    assert main([*arguments, *QUICK]) == 0
    assert "torn.png is no readable image" in said()[1]
    assert "torn.png is no readable image" in (here / "made" / "left-out.txt").read_text()
    assert main(["predict", "made", "pictures/light/0.png"]) == 0
    assert said()[0].splitlines()[1].startswith("pictures/light/0.png,")
    (here / "pictures" / "dark" / "torn.png").unlink()
    assert main(["evaluate", "made", "pictures"]) == 0
    assert "48 labelled rows" in said()[0]


MISTAKES: dict[str, tuple[list[str], str]] = {
    "no teacher": (["--data", "shop.csv", "--target", "y"], "there is no teacher: give --teacher FILE"),
    "no target": (
        ["--data", "shop.csv"],
        "which column is the target? Name it with --target; shop.csv has ['key', 'x'",
    ),
    "wrong target": (["--data", "shop.csv", "--target", "w"], "has no column 'w'"),
    "no data": (["--data", "gone.csv", "--target", "y"], "there is no file gone.csv"),
    "no table": (["--data", "rules.py", "--target", "y"], "tables are read from"),
    "no model": (["--teacher", "gone.skops"], "gone.skops"),
    "strange model": (["--teacher", "model.xyz"], "model.xyz is a file ending in '.xyz', which is no kind of teacher"),
    "pickle": (["--teacher", "pickled.joblib"], "allow"),
    "no function": (["--teacher", "rules.py:guessing"], "has no function 'guessing'; it has ['guess']"),
    "reads": (["--teacher", "rules.py:guess", "--reads", "guess=gone"], "reads columns ['gone']"),
    "pair": (["--teacher", "rules.py:guess", "--mapping", "guess:yes"], "--mapping takes NAME=VALUE, got 'guess:yes'"),
    "output": (["--teacher", "stored.parquet", "--output", "stored=odds"], "odds"),
    "unknown name": (["--teacher", "rules.py:guess", "--reads", "guest=x"], "guest"),
    "fusion": (["--teacher", "rules.py:guess", "--fusion", "magic"], "fusion 'magic' is not known: "),
    "option": (["--teacher", "rules.py:guess", "--fusion", "confidence:colour=3"], "fusion 'confidence': "),
    "word": (["--teacher", "rules.py:guess", "--fusion", "confidence:softmax"], "takes NAME=VALUE, got 'softmax'"),
    "student": (["--teacher", "rules.py:guess", "--student", "giant"], "student 'giant' is not known: mlp, conv"),
    "conv": (["--teacher", "rules.py:guess", "--student", "conv"], "a conv student needs one column of images"),
    "soft": (["--teacher", "rules.py:guess", "--soft", "2"], "soft share must stay within [0.0, 1.0]"),
    "epochs": (["--teacher", "rules.py:guess", "--epochs", "0"], "epochs and batch_size must be at least 1"),
    "lr": (["--teacher", "rules.py:guess", "--lr", "0"], "--lr must be positive"),
    "seeds": (["--teacher", "rules.py:guess", "--seeds", "0"], "--seeds must be positive, got 0"),
    "test": (["--teacher", "rules.py:guess", "--test", "stored.parquet"], "stored.parquet lacks columns"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named_before_anything_is_begun(case: str, here: Path, said: Said) -> None:
    given, message = MISTAKES[case]
    data = [] if "--data" in given else ["--data", "shop.csv", "--target", "y"]
    assert message in fails(said, "distill", *data, *given)
    assert not (here / "runs").exists(), "a folder was begun"


def test_the_temperature_of_values_is_refused(here: Path, said: Said) -> None:
    arguments = ["--data", "shop.csv", "--target", "price", "--train-teachers", "1", "--temperature", "2"]
    assert "temperature" in fails(said, "distill", *arguments)


def test_mistakes_about_recipes(said: Said, tmp_path: Path) -> None:
    assert "recipe 'digit' is not known: accidents, diagnosis, digits" in fails(said, "run", "digit")
    assert "is no file" in fails(said, "run", str(tmp_path / "my.py:shop"))
    assert main(["run"]) == 0
    assert "usage: tutelage run RECIPE" in said()[0]


def test_a_recipe_of_ones_own(here: Path, said: Said) -> None:
    (here / "mine.py").write_text(
        "import tutelage as tl\n"
        "from tutelage.core import Fusion\n"
        "from pathlib import Path\n\n"
        "def shop(*, epochs: int = 2, fusion: Fusion | None = None, run: Path | None = None, progress=None):\n"
        '    """Distils a rule."""\n'
        "    rows = tl.read_table('shop.csv', 'y').rows\n"
        "    rule = tl.RuleTeacher(lambda row: 'yes' if row['x'] > 0 else 'no', reads='x', classes=['no', 'yes'])\n"
        "    make = lambda: tl.MLP(rows.columns['features'].shape[1], 2, (4,))\n"
        "    training = tl.Training(epochs=epochs)\n"
        "    options = {'fusion': fusion, 'training': training, 'seeds': [0], 'run': run, 'baselines': {}}\n"
        "    return tl.distill(make, rows, [rule], **options)\n"
    )
    assert main(["run", "mine.py:shop", "--epochs", "3", "--fusion", "entropy"]) == 0
    record = json.loads((here / "runs" / "shop" / "run.json").read_text())
    assert record["recipe"] == {
        "command": "run",
        "recipe": "mine.py:shop",
        "arguments": {"epochs": 3, "fusion": "entropy"},
    }
    assert record["fusion"]["name"] == "entropy"
    assert main(["run", "runs/shop/run.json", "--epochs", "1"]) == 0
    again = json.loads((here / "runs" / "shop-2" / "run.json").read_text())
    assert again["recipe"]["arguments"] == {"epochs": 1, "fusion": "entropy"}
    assert "Distils a rule" not in said()[1]
