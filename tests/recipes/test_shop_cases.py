"""The shop on public data: what rows may know, who teaches, and short runs that go through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from shop_files import copied, short

from tutelage.core import InputError
from tutelage.data.engines import DuckDBEngine, Engine, PolarsEngine
from tutelage.data.quarantine import Quarantine
from tutelage.data.sources import Csv
from tutelage.recipes._shop_case import Case
from tutelage.recipes._shop_coupons import TEST, VALIDATE, coupons, coupons_table, read_journey
from tutelage.recipes._shop_films import films_table, per_user, share_of
from tutelage.recipes._shop_rank import rank_films, rank_groceries
from tutelage.recipes._shop_rankers import Content, Ease, Factors, Neighbours, Popular, with_properties
from tutelage.recipes._shop_sessions import sessions
from tutelage.recipes._tables import read_all
from tutelage.recipes.shop import audit_shop, shop
from tutelage.train import Cost, OutOfFold


@pytest.fixture(scope="module")
def engine() -> Engine:
    return PolarsEngine()


@pytest.fixture(scope="module")
def bin_(tmp_path_factory: pytest.TempPathFactory) -> Quarantine:
    return Quarantine(tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="module")
def movies(data: Path) -> Path:
    return data / "recsys-movielens-small"


@pytest.fixture(scope="module")
def journey(data: Path) -> Path:
    return data / "recsys-completejourney"


@pytest.fixture(scope="module")
def films_ranked(movies: Path, engine: Engine, bin_: Quarantine) -> Case:
    return rank_films(movies, engine, bin_, "both", 0.5, None)


def test_sessions_are_in_one_part_only(data: Path, engine: Engine, bin_: Quarantine) -> None:
    case = sessions(data / "ecommerce-sessions", engine, bin_, "sources", 0.25)
    rows = case.rows
    assert rows.preparation is not None
    raw = rows.preparation.reads
    whole = [tuple(row) for row in zip(*(rows.columns[name].tolist() for name in raw), strict=True)]
    assert len(set(whole)) == len(whole)
    assert 0.24 < len(rows.labelled_train) / len(rows.train) < 0.26
    (step,) = [step for step in rows.record.steps if step.name == "rows"]
    assert step.lost == {"the same session again": 75}


def test_what_is_known_of_a_rating_came_before_it(movies: Path, engine: Engine, bin_: Quarantine) -> None:
    frames, _ = read_all([Csv(n, movies / f"{n}.csv") for n in ("ratings", "tags", "movies")], engine, bin_)
    table = films_table(engine, frames)
    plain = polars.read_csv(movies / "ratings.csv").to_dict(as_series=False)
    genres = dict(polars.read_csv(movies / "movies.csv").select("movieId", "genres").iter_rows())
    user, film, liked, at = (np.array(plain[n]) for n in ("userId", "movieId", "rating", "timestamp"))
    liked = liked >= 4.0
    for place in np.random.default_rng(0).choice(len(at), 25, replace=False).tolist():
        who, what, when = table["userId"][place], table["movieId"][place], table["timestamp"][place]
        own, same = (user == who) & (at < when), (film == what) & (at < when)
        assert table["user_seen"][place] == own.sum()
        assert table["film_likes"][place] == pytest.approx((liked[same].sum() + 2.5) / (same.sum() + 5))
        kinds = set(genres[int(what)].split("|"))
        shared = [len(kinds & set(genres[one].split("|")) - {"(no genres listed)"}) for one in film[own].tolist()]
        assert table["genre_seen"][place] == sum(shared)


def test_users_are_split_in_time() -> None:
    user = np.repeat([7, 9, 11], [10, 20, 1])
    parts = per_user(user)
    assert np.bincount(user[parts.train]).max() == 14
    assert share_of(user)[[0, 9, 10]].tolist() == [0.05, 0.95, 0.025]
    for one in (7, 9):
        own = np.flatnonzero(user == one)
        assert np.isin(own[: int(0.7 * len(own))], parts.train).all()
        assert np.isin(own[int(0.8 * len(own)) :], parts.test).all()


def test_coupons_see_no_day_of_their_campaign(journey: Path, engine: Engine, bin_: Quarantine) -> None:
    frames, record = read_journey(journey, engine, bin_)
    table = coupons_table(engine, frames)
    assert sum(source.rejected for source in record.sources) == 0
    buys = engine.collect(frames["transactions"].select("household_id", "transaction_timestamp", "sales_value"))
    used = engine.collect(frames["coupon_redemptions"].select("household_id", "redemption_date"))
    for place in np.random.default_rng(1).choice(len(table["sent"]), 25, replace=False).tolist():
        who, start = table["household_id"][place], table["start_date"][place]
        days = start - buys["transaction_timestamp"]
        own = (buys["household_id"] == who) & (days > np.timedelta64(0)) & (days <= np.timedelta64(84, "D"))
        assert table["buy_count_84d"][place] == own.sum()
        assert table["buy_sum_sales_value_84d"][place] == pytest.approx(buys["sales_value"][own].sum())
        assert table["redeemed"][place] == ((used["household_id"] == who) & (used["redemption_date"] < start)).sum()


def test_coupons_are_the_same_on_duckdb(journey: Path, engine: Engine, bin_: Quarantine, tmp_path: Path) -> None:
    table = coupons_table(engine, read_journey(journey, engine, bin_)[0])
    duck = DuckDBEngine()
    other = coupons_table(duck, read_journey(journey, duck, Quarantine(tmp_path))[0])
    assert set(other) == set(table)
    for name, column in table.items():
        if column.dtype.kind == "f":
            np.testing.assert_allclose(other[name], column, rtol=1e-9, err_msg=name)
        else:
            assert other[name].tolist() == column.tolist(), name


def test_the_audit_finds_no_leak_in_coupons(journey: Path) -> None:
    found = list(audit_shop(on="groceries", data=journey).run())
    assert [one.leaks for one in found] == [()] * len(found)
    assert sum(one.audit.startswith("A, the future scrambled") for one in found) == 2


def test_no_label_is_open_when_the_next_part_begins(journey: Path, engine: Engine, bin_: Quarantine) -> None:
    rows = coupons(journey, engine, bin_, "sources", 1.0).rows
    start, end = rows.columns["start_date"], rows.columns["end_date"]
    assert end[rows.train].max() < VALIDATE <= start[rows.validation].min()
    assert start[rows.validation].max() < TEST <= start[rows.test.open("to compare")].min()


def test_nobody_is_taught_what_they_know(films_ranked: Case) -> None:
    rows = films_ranked.rows
    known, relevant = rows.columns["candidates"], rows.target > 0
    assert (known[relevant] >= 0).all()
    listed = np.take_along_axis(rows.columns["history"], np.maximum(known, 0), axis=1)
    assert float(np.where(known >= 0, listed, 0).max()) == 0.0
    assert relevant.any(1).all()
    assert len(np.unique(rows.columns["moment"][rows.train])) == 4


def test_recommenders_never_saw_the_user_they_answer(films_ranked: Case) -> None:
    rows = films_ranked.rows
    teacher = next(one for one in films_ranked.teachers(0) if one.name == "neighbours")
    assert isinstance(teacher, OutOfFold)
    fold = teacher.fold
    assert (fold[rows.train] >= 0).all()
    assert (fold[rows.validation] < 0).all()
    row = rows.train[:3]
    columns = {name: rows.columns[name][row] for name in teacher.reads}
    answer: Any = teacher.answer_rows(columns, row)
    for place, one in enumerate(row.tolist()):
        own = {name: column[place : place + 1] for name, column in columns.items()}
        alone: Any = teacher.models[int(fold[one])].answer(own)
        np.testing.assert_allclose(answer.centred()[place], alone.centred()[0], rtol=1e-4, atol=1e-5)


def test_drawn_candidates_hold_all_that_is_relevant(journey: Path, engine: Engine, bin_: Quarantine) -> None:
    rows = rank_groceries(journey, engine, bin_, "sources", 1.0, 40).rows
    whole = rank_groceries(journey, engine, bin_, "sources", 1.0, None).rows
    listed = rows.columns["candidates"] >= 0
    assert (listed[rows.train].sum(1) - (rows.target[rows.train] > 0).sum(1)).max() == 40
    assert (listed >= (whole.target > 0)).all()
    np.testing.assert_array_equal(
        rows.columns["candidates"][rows.validation], whole.columns["candidates"][rows.validation]
    )
    task: Any = rows.task
    drawn = listed[rows.train].sum(0)
    assert np.corrcoef(drawn, np.log(task.sampling))[0, 1] > 0.8


def test_as_many_candidates_are_drawn_as_there_are(journey: Path, engine: Engine, bin_: Quarantine) -> None:
    for drawn in (0, 10_000):
        with pytest.raises(
            InputError, match=rf"drawn={drawn} candidates of 290 items: give at least 1 and at most all"
        ):
            rank_groceries(journey, engine, bin_, "sources", 1.0, drawn)


def test_weekly_recommenders_learn_from_the_weeks_before(journey: Path, engine: Engine, bin_: Quarantine) -> None:
    case = rank_groceries(journey, engine, bin_, "sources", 1.0, None)
    moment = case.rows.columns["moment"]
    teacher: Any = next(one for one in case.teachers(0) if one.name == "popular")
    counts = [teacher.ranker.made[week].count.sum() for week in sorted(set(moment.tolist()))]
    assert counts == sorted(counts)
    assert len(set(counts)) == len(counts)


def matrix() -> np.ndarray:
    return (np.random.default_rng(0).random((40, 12)) < 0.3).astype(np.float32)


def test_recommenders_in_small() -> None:
    known = matrix()
    history = known[:5]
    ease = Ease(known, 5.0)
    assert float(np.abs(np.diag(ease.weights)).max()) == 0.0
    gram = known.T @ known + 5.0 * np.eye(12)
    for item in range(12):  # each column is the ridge regression on the other items
        rest = np.delete(np.arange(12), item)
        plain = np.linalg.solve(gram[np.ix_(rest, rest)], known.T[rest] @ known[:, item])
        np.testing.assert_allclose(ease.weights[rest, item], plain, rtol=1e-4, atol=1e-6)
    shares = (known.T @ known) / (np.outer(*[np.linalg.norm(known, axis=0)] * 2) + 10.0)
    np.fill_diagonal(shares, 0.0)
    np.testing.assert_allclose(Neighbours(known)(history), history @ shares, rtol=1e-5)
    factors = Factors(known, size=6, ridge=0.5, rounds=30)
    np.testing.assert_allclose(factors(known[:3]), factors(known)[:3], rtol=1e-5)
    inside, outside = factors(known)[known > 0].mean(), factors(known)[known == 0].mean()
    assert inside > outside + 0.2
    popular = Popular(known, most=3)(history)
    assert (np.isnan(popular).all(1) == ((history > 0).sum(1) > 3)).all()
    properties = np.eye(3, dtype=np.float32)[np.arange(12) % 3]
    assert with_properties(known, properties).shape == (43, 12)
    liked = np.zeros((1, 12), dtype=np.float32)
    liked[0, [0, 3]] = 1.0
    scores = Content(properties, known)(liked)[0]
    assert scores[np.arange(12) % 3 != 0].max() == 0.0
    assert scores[np.arange(12) % 3 == 0].min() > 0.0


def test_clear_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUTELAGE_DATA", raising=False)
    with pytest.raises(InputError, match=r"--on sessions has no --task rank: it is there for films, groceries"):
        shop(on="sessions", task="rank", data=tmp_path)
    with pytest.raises(InputError, match=r"files of --on films are not there \(no --data was given\).*grouplens"):
        shop(on="films")
    with pytest.raises(InputError, match=r"labelled is a share of rows in \(0, 1\], got 0"):
        shop(on="sessions", data=short(tmp_path), labelled=0.0)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(one: Any, many: Any, rows: int) -> Cost:
        return Cost(1.0, 2.0, 3.0)

    monkeypatch.setattr("tutelage.train.evaluate.cost", once)
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 10)


@pytest.mark.usefixtures("_quick")
def test_a_short_run_on_sessions(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = shop(on="sessions", data=data / "ecommerce-sessions", seeds=1, epochs=1, run=tmp_path)
    assert "sessions: 9247 records, 9247 kept" in capsys.readouterr().out
    assert {"analytics", "table trees", "left_at_once"} <= {one.name for one in report.contenders}
    assert "recall" in report.contenders[0].metrics


@pytest.mark.slow
@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    ("on", "task"), [("films", "buy"), ("films", "rank"), ("groceries", "buy"), ("groceries", "rank")]
)
def test_a_short_run_on_the_others(on: Any, task: Any, data: Path, tmp_path: Path) -> None:
    folder = data / {"films": "recsys-movielens-small", "groceries": "recsys-completejourney"}[on]
    smaller = copied(folder, tmp_path / "data") if on == "films" else folder
    report = shop(on=on, task=task, data=smaller, teachers="sources", seeds=1, epochs=1, run=tmp_path / "run")
    found = {one.name: one for one in report.contenders}
    assert {"student: labels only", "student: chosen fusion"} <= set(found)
    head = report.headline
    assert 0.0 < found["student: chosen fusion"].metrics[head][0] <= 1.0
    assert (tmp_path / "run" / "report.html").exists()
