"""Recommenders teach two towers on MovieLens: the whole of the main job on rankings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import tutelage as tl
from ranking import ITEMS, Counting, Genres, Movies, Neighbours, Popularity, movies
from tutelage.train import Cost, Training


@pytest.fixture(scope="module")
def found(data: Path) -> Movies:
    return movies(data)


def rankers(found: Movies) -> dict[str, Counting]:
    past = found.rows.columns["history"][found.rows.train]
    made = {"popularity": Popularity(past), "neighbours": Neighbours(past), "genres": Genres(found.genres)}
    return {name: Counting(ranker) for name, ranker in made.items()}


def teachers(made: dict[str, Counting]) -> list[tl.RankingTeacher]:
    reads = {"popularity": (), "neighbours": ("history",), "genres": ("user",)}
    return [tl.RankingTeacher(ranker, reads=reads[name], name=name) for name, ranker in made.items()]


def student(found: Movies) -> Any:
    return lambda: tl.TwoTowers(found.rows.columns["user"].shape[1], ITEMS, width=16, hidden=(32,))


def test_recommenders_teach_two_towers(found: Movies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def once(one: Any, many: Any, rows: int) -> Cost:
        return Cost(1.0, 2.0, 3.0)

    monkeypatch.setattr("tutelage.train.evaluate.cost", once)
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 10)
    made, rows = rankers(found), found.rows
    run = tmp_path / "run"
    report = tl.distill(student(found), rows, teachers(made), training=Training(20, 32), seeds=[0], run=run)
    for name, ranker in made.items():
        times = {row: ranker.times[rows.columns["candidates"][row].tobytes()] for row in rows.taught}
        assert set(times.values()) == {1}, f"{name} was asked more than once about a row"
    metrics = {contender.name: {k: v[0] for k, v in contender.metrics.items()} for contender in report.contenders}
    chosen, plain = metrics["student: chosen fusion"], metrics["student: labels only"]
    chance = random_ndcg(rows)
    assert chosen["ndcg@10"] > 1.5 * chance, (chosen, chance)
    assert chosen["ndcg@10"] > plain["ndcg@10"] - 0.02
    assert 0.0 < chosen["coverage@10"] <= 1.0
    assert report.headline == "ndcg@10"
    back = tl.load(run)
    said = back.predict({name: rows.columns[name][:5] for name in rows.inputs})
    assert all(
        len(set(items)) == 10 and set(items) <= set(rows.columns["candidates"][i]) for i, items in enumerate(said)
    )


def random_ndcg(rows: tl.Rows) -> float:
    """What drawing lots reaches on the test rows."""
    row = rows.test.check(len(rows))
    lots = torch.rand(len(row), rows.target.shape[1], generator=torch.Generator().manual_seed(1))
    answer = tl.Scores.of(lots, torch.from_numpy(rows.columns["candidates"][row]))
    target = torch.from_numpy(rows.target[row])
    return tl.Ranking().metrics(answer, target, torch.ones(len(row), dtype=torch.bool))["ndcg@10"]
