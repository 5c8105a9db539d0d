"""The shop: its files hold what was planted, its table sees no future, a short run goes through."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.data.engines import SparkEngine, local_spark
from tutelage.data.quarantine import Quarantine
from tutelage.recipes._bazaar import DAYS, START, make_bazaar
from tutelage.recipes._shop_made import again, make_rows
from tutelage.recipes._shop_table import LABEL_DAYS, STUDENT, read_shop
from tutelage.recipes.shop import shop

LAST = START + timedelta(days=DAYS)
MONDAYS = [START + timedelta(days=day) for day in range(30, DAYS - LABEL_DAYS + 1, 7)]
USERS = 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop")
    make_bazaar(path, users=USERS)
    return path


@pytest.fixture(scope="module")
def table(folder: Path) -> dict[str, np.ndarray]:
    return read_shop(folder, MONDAYS, LAST, "polars", folder.parent / "quarantine")[0]


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    make_bazaar(tmp_path, users=USERS)
    for name in ("clicks.jsonl", "searches.jsonl", "catalogue.xml", "partner.json", "truth.json"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_every_planted_fault_is_found(folder: Path, table: dict[str, np.ndarray]) -> None:
    truth = json.loads((folder / "truth.json").read_text())
    planted = truth["planted"]
    assert min(planted.values()) > 0
    counts = Quarantine(folder.parent / "quarantine").counts()
    assert sum(counts["clicks"].values()) == planted["broken"] + planted["copies"]
    wrong = sum(
        told["category"] != truth["category"][told["item"]]
        for told in json.loads((folder / "partner.json").read_text())
    )
    assert wrong == planted["wrong"]
    assert table["category"].tolist() == [truth["category"][item] for item in table["item"].tolist()]
    assert 0.0 < table["confidence"].min() < 1.0


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_no_record_and_no_row_is_lost_in_silence(folder: Path, tmp_path: Path, engine: str) -> None:
    table, record = read_shop(folder, MONDAYS, LAST, engine, tmp_path)  # pyright: ignore[reportArgumentType]
    rows, pool = make_rows(table, MONDAYS, 0.2, record)
    record = rows.record
    lines = (folder / "clicks.jsonl").read_text().splitlines()
    counts = {source.name: source for source in record.sources}
    assert counts["clicks"].read == len(lines)
    assert len(list(Quarantine(tmp_path).records("clicks"))) == counts["clicks"].rejected > 0
    for source in record.sources:
        assert source.read == source.kept + source.rejected + source.late
    for step in record.steps:
        assert step.rows_in + sum(step.made.values()) - sum(step.lost.values()) == step.rows_out
    assert record.rows_of("rows") == len(table["at"])
    used = [pool, rows.train, rows.validation, rows.test.open("to count")]
    assert record.rows_of("split") == sum(map(len, used)) < len(table["at"])
    matches = {match.name: match.matched for match in record.matches}
    assert matches["last query"] == sum(query is not None for query in table["query"].tolist())
    assert "category of the item" in matches


def test_an_item_in_no_catalogue_has_no_category(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    partner = json.loads((folder / "partner.json").read_text())
    (tmp_path / "partner.json").write_text(json.dumps([told for told in partner if told["item"] != 7]))
    text = (folder / "catalogue.xml").read_text().splitlines()
    (tmp_path / "catalogue.xml").write_text("\n".join(line for line in text if 'product id="7"' not in line))
    table, record = read_shop(tmp_path, MONDAYS, LAST, "polars", tmp_path / "quarantine")
    lost = table["item"] == 7
    assert lost.any()
    assert {*table["category"][lost].tolist()} == {None}
    assert None not in table["category"][~lost]
    match = next(match for match in record.matches if match.right == "items")
    assert match.rows - match.matched == lost.sum()
    rows, _ = make_rows(table, MONDAYS, 0.2)
    assert np.isfinite(rows.columns[STUDENT]).all()


def test_both_engines_read_the_same_table(folder: Path, table: dict[str, np.ndarray], tmp_path: Path) -> None:
    same(read_shop(folder, MONDAYS, LAST, "duckdb", tmp_path)[0], table)


@pytest.mark.slow
@pytest.mark.system("default-jre-headless", "java")
def test_spark_reads_it_too(folder: Path, table: dict[str, np.ndarray], tmp_path: Path) -> None:
    session = local_spark()
    try:
        same(read_shop(folder, MONDAYS, LAST, SparkEngine(session), tmp_path)[0], table)
    finally:
        session.stop()


def same(other: dict[str, np.ndarray], table: dict[str, np.ndarray]) -> None:
    assert set(other) == set(table)
    for name, column in table.items():
        if column.dtype.kind == "f":
            np.testing.assert_allclose(other[name], column, rtol=1e-9)
        else:
            assert other[name].tolist() == column.tolist(), name


def test_without_the_future_no_feature_changes(folder: Path, table: dict[str, np.ndarray], tmp_path: Path) -> None:
    cut = MONDAYS[6]
    for name in ("catalogue.xml", "partner.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    for name in ("clicks.jsonl", "searches.jsonl"):
        kept = [line for line in (folder / name).read_text().splitlines() if _time(line) < cut.isoformat()]
        (tmp_path / name).write_text("\n".join(kept) + "\n")
    (tmp_path / "shop.db").write_bytes((folder / "shop.db").read_bytes())
    with closing(sqlite3.connect(tmp_path / "shop.db")) as file, file:
        file.execute("DELETE FROM orders WHERE ts >= ?", (cut.isoformat(),))
        file.execute("UPDATE prices SET price = 99 WHERE since >= ?", (cut.isoformat(),))
    past, _ = read_shop(tmp_path, MONDAYS[:7], cut, "polars", tmp_path / "quarantine")
    before = table["at"] <= np.datetime64(cut)
    assert 0 < before.sum() == len(past["at"]) < len(table["at"])
    for name, column in past.items():
        if name in ("bought", f"future_exists_{LABEL_DAYS}d"):
            continue
        if column.dtype.kind == "f":  # sums of a group come in another order
            np.testing.assert_allclose(column, table[name][before], rtol=1e-12, err_msg=name)
        else:
            assert column.tolist() == table[name][before].tolist(), name


def _time(line: str) -> str:
    try:
        return json.loads(line)["ts"]
    except ValueError:
        return "0"


def test_weeks_are_apart_by_the_length_of_the_label(table: dict[str, np.ndarray]) -> None:
    rows, pool = make_rows(table, MONDAYS, 0.2)
    at, gap = table["at"].astype("datetime64[D]"), np.timedelta64(LABEL_DAYS, "D")
    test = rows.test.open("to compare")
    assert at[pool].max() < at[rows.train].min()
    assert at[rows.train].max() + gap <= at[rows.validation].min()
    assert at[rows.validation].max() + gap <= at[test].min()
    assert not np.intersect1d(pool, np.concatenate([rows.train, rows.validation, test])).size
    assert 0.15 < len(rows.labelled_train) / len(rows.train) < 0.25
    assert rows.preparation is not None
    made = rows.preparation.apply({name: table[name] for name in rows.preparation.reads})
    np.testing.assert_array_equal(made[STUDENT], rows.columns[STUDENT])
    with pytest.raises(InputError, match=r"share of rows in \(0, 1\], got 0"):
        make_rows(table, MONDAYS, 0.0)


def test_the_rule_abstains_unless_it_was_bought_before() -> None:
    assert again({"bought_before": 1, "looked": 2}) == "yes"
    assert again({"bought_before": 0, "looked": 9}) is None


@pytest.mark.slow
def test_a_short_run_goes_through(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = shop(data=folder, seeds=1, epochs=2, run=tmp_path)
    said = capsys.readouterr().out
    assert "engine polars" in said
    assert "in quarantine" in said
    assert {"behaviour", "purchases", "searches", "again"} <= {contender.name for contender in report.contenders}
    assert (tmp_path / "quarantine" / "clicks.jsonl").stat().st_size > 0
    assert (tmp_path / "report.html").exists()
