"""`tutelage audit`: what is clean passes, what is planted is found, and the exit status says which."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import tutelage as tl
from train.small import Counted, net, table
from tutelage.cli import main
from tutelage.recipes.shop import audit_shop
from tutelage.report import Report

Said = Callable[[], str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: capsys.readouterr().out


RECIPE = '''
from datetime import datetime, timedelta

import numpy as np
import polars

from tutelage.data import Recipe
from tutelage.data.aggregates import Count, Exists
from tutelage.data.asof import asof
from tutelage.data.audit import Audited, Finished, Joining, Learning, Records
from tutelage.data.steps import Impute, Scale
from tutelage.data.windows import future, windows

START = datetime(2025, 1, 1)


def shop(*, seeds: int = 1):
    """A recipe."""


def audit_shop(*, users: int = 20) -> Audited:
    """What can be audited.

    Args:
        users: so many.
    """
    chance = np.random.default_rng(0)
    at = [START + timedelta(days=7 * (1 + n % 6)) for n in range(6 * users)]
    spine = polars.DataFrame({"user": [n // 6 for n in range(6 * users)], "at": at})
    hours = np.sort(chance.integers(0, 24 * 56, 60 * users))
    times = [START + timedelta(hours=int(h)) for h in hours]
    events = {"user": chance.integers(0, users, len(times)), "ts": times, "price": chance.integers(1, 99, len(times))}
    tables = {"rows": Records(spine, "at", ("user",)), "orders": Records(polars.DataFrame(events), "ts")}

    def build(given):
        found = windows(given["rows"], given["orders"], "user", ("at", "ts"), [Count()], ["7d"])
        found = asof(found, given["orders"], "user", ("at", "ts"), columns=["price"], strict=STRICT)
        return future(found, given["orders"], "user", ("at", "ts"), [Exists()], "7d")

    rows = build({name: table.frame for name, table in tables.items()}).collect("polars")
    columns = {"count": rows["count_7d"].to_numpy().astype(float), "price": rows["price"].to_numpy().astype(float)}
    recipe, train = Recipe((Impute(("price",)), Scale(("count",))), {"x": ("count", "price")}), np.arange(50)

    def fit(columns, train):
        return recipe.fit(columns, WHERE)

    return Audited(
        (Joining(build, tables, (START + timedelta(days=21),), "rows", ("user", "at"), ("future_exists_7d",)),),
        (Learning(fit, columns, train),),
        (Finished(columns, chance.integers(0, 2, len(rows))),),
    )
'''


@pytest.mark.parametrize(
    ("strict", "where", "leaks"),
    [("True", "train", ()), ("False", "train", ("future",)), ("True", "np.arange(len(columns['count']))", ("fit",))],
)
def test_a_leak_that_was_planted_in_a_recipe_is_found(
    strict: str, where: str, leaks: tuple[str, ...], tmp_path: Path, said: Said
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(RECIPE.replace("STRICT", strict).replace("WHERE", where))
    assert main(["audit", f"{path}:shop", "--users", "12"]) == int(bool(leaks))
    text = said()
    assert ("no leak was found" in text) == (not leaks)
    for kind in leaks:
        assert f"LEAK ({kind})" in text
        assert main(["audit", f"{path}:shop", "--allow", kind]) == 0
        assert f"allowed ({kind})" in said()


def test_the_shop_is_equal_to_the_bit_without_its_future(said: Said) -> None:
    assert main(["audit", "shop", "--users", "60", "--cuts", "1"]) == 0
    text = said()
    for word in ("A, the future scrambled", "B, what the student's recipe learns", "C, back ends", "leak detector"):
        assert f"ok   {word}" in text
    joining = audit_shop(users=60, cuts=1).joins[0]
    assert joining.rounding == 0.0
    assert {"clicks", "searches", "orders", "prices"} <= {n for n, t in joining.tables.items() if t.time is not None}
    assert all(not records.keys for records in joining.tables.values())


def write(folder: Path, *, give_away: bool = False, twice: bool = False, late: bool = False) -> Path:
    chance = np.random.default_rng(0)
    size = 400
    x, y = chance.normal(size=size), chance.integers(0, 2, size)
    columns = {
        "x": x + 0.5 * y,
        "z": np.where(chance.random(size) < 0.1, np.nan, chance.normal(size=size)),
        "colour": chance.choice(["red", "blue"], size),
        "w": chance.normal(size=size),
        "visit": [f"2025-01-{2 + int(n)}" for n in chance.integers(10, 20, size)],
        "fixed": [f"2025-02-0{1 + int(n)}" for n in chance.integers(0, 9, size)],
        "ill": np.where(y == 1, "yes", "no"),
    }
    if give_away:
        columns["bill"] = y * 3.0 + 0.01 * x
    frame = polars.DataFrame(columns)
    if late:
        frame = frame.with_columns(polars.lit("2025-03-01").alias("visit"))
    if twice:
        frame = polars.concat([frame, frame[:60]])
    frame.write_csv(folder / "table.csv")
    return folder / "table.csv"


PLANTED = [({}, ""), ({"give_away": True}, "target"), ({"twice": True}, "rows"), ({"late": True}, "late")]


@pytest.mark.parametrize(("planted", "kind"), PLANTED)
def test_a_table(planted: dict[str, bool], kind: str, tmp_path: Path, said: Said) -> None:
    path = write(tmp_path, **planted)
    assert main(["audit", str(path), "--target", "ill", "--time", "fixed"]) == int(bool(kind))
    text = said()
    assert "B, what the automatic preparation learns" in text
    assert "by NumPy, torch, Polars" in text
    assert [k for k in ("target", "rows", "late", "fit", "backends", "future") if f"LEAK ({k})" in text] == [
        *([kind] if kind else [])
    ]
    if kind == "target":
        assert "bill: alone tells" in text


def test_values_and_several_targets(tmp_path: Path, said: Said) -> None:
    chance = np.random.default_rng(1)
    x = chance.normal(size=300)
    columns = {"x": x, "same": 2 * x, "a": x + 0.01 * chance.normal(size=300), "b": chance.normal(size=300)}
    polars.DataFrame(columns).write_csv(tmp_path / "t.csv")
    assert main(["audit", str(tmp_path / "t.csv"), "--target", "a", "--target", "b"]) == 1
    text = said()
    assert "ok   leak detector, columns against b" in text
    assert "LEAK leak detector, columns against a" in text


def test_a_run(tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Report, "save", lambda self, path: path)
    chance = np.random.default_rng(0)
    target = chance.integers(0, 2, 3000)
    columns = {"x": chance.normal(size=3000) + target, "bill": target + 0.001 * chance.normal(size=3000)}
    rows = tl.rows_of(columns, target, prepare=True)
    rule = tl.RuleTeacher(lambda row: int(row["x"] > 0.5), reads="x", classes=[0, 1], name="rule", seen=())
    options: dict[str, Any] = {"training": tl.Training(1, 32), "seeds": [0], "baselines": {}}
    tl.distill(lambda: tl.MLP(2, 2, (4,)), rows, [rule], run=tmp_path / "one", **options)
    assert main(["audit", str(tmp_path / "one")]) == 1
    text = said()
    assert "LEAK (target): bill" in text
    assert "C, back ends of the saved preparation" in text
    assert "the test rows were opened" in text
    record = json.loads((tmp_path / "one" / "run.json").read_text())
    record["preparation"] = {"kind": "table", "numbers": [], "categories": [], "left_out": {}, "output": "features"}
    (tmp_path / "one" / "run.json").write_text(json.dumps(record))
    for command in (["audit", str(tmp_path / "one")], ["export", str(tmp_path / "one")]):
        assert main(command) == 2
        assert "an earlier tutelage wrote it" in capsys.readouterr().err
    tl.distill(net, table(), [Counted(seen=np.zeros(0, dtype=np.int64))], run=tmp_path / "two", **options)
    assert main(["audit", str(tmp_path / "two")]) == 0
    assert "takes its columns as they are" in said()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "recipe 'gone' is not known"),
        (["digits", "--allow", "future"], r"function audit_digits() beside it"),
        (["shop", "--allow", "everything"], "--allow takes a kind of finding"),
        (["--allow", "rows"], "what shall be audited?"),
    ],
)
def test_what_cannot_be_audited_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_help(said: Said) -> None:
    assert main(["audit", "--help"]) == 0
    assert "audit_shop" in said()
    with pytest.raises(SystemExit) as stop:
        main(["audit", "shop", "--help"])
    assert stop.value.code == 0
    assert "--users" in said()
