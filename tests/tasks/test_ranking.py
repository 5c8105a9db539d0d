from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import tutelage as tl
from tutelage.core import Batch, InputError, Scores
from tutelage.ops import metrics_ranking as measure
from tutelage.ops.ranks import places
from tutelage.tasks import Ranking, task_from_json, task_to_json

ITEM = torch.tensor([[3, 1, 2, -1], [4, 5, 6, 7]])


class Says(nn.Module):
    def __init__(self, scores: torch.Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, *columns: torch.Tensor) -> torch.Tensor:
        return self.scores


def test_the_hard_loss_is_the_softmax_over_real_candidates() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0, 99.0], [0.0, 0.0, 0.0, 0.0]])
    answer = Ranking().answer(Says(scores), Batch.of({"candidates": ITEM}))
    losses = Ranking().hard_loss(answer, torch.tensor([[0.0, 1.0, 0.0, 0.0], [3.0, 0.0, 1.0, 0.0]]))
    total = math.exp(2) + math.exp(1) + 1
    assert losses.tolist() == pytest.approx([math.log(total) - 1, math.log(4)])
    assert Ranking().hard_loss(answer, torch.zeros(2, 4)).tolist() == [0.0, 0.0]


def test_padding_is_never_decoded() -> None:
    answer = Ranking().answer(
        Says(torch.tensor([[2.0, 1.0, 5.0, 99.0], [0.0, 3.0, 0.0, 1.0]])), Batch.of({"candidates": ITEM})
    )
    assert Ranking().decode(answer).tolist() == [[2, 3, 1, -1], [5, 7, 4, 6]]


def test_log_q_correction_undoes_the_sampling() -> None:
    """Everybody likes all items alike, and wrong candidates are drawn by popularity."""
    sampling = (0.55, 0.25, 0.15, 0.05)
    chance = np.random.default_rng(0)
    drawn = chance.choice(4, (3000, 40), p=sampling)
    drawn[:, 0] = chance.integers(0, 4, 3000)
    item, relevance = torch.from_numpy(drawn), torch.zeros(3000, 40)
    relevance[:, 0] = 1.0
    learnt: list[list[float]] = []
    for task in (Ranking(), Ranking(sampling=sampling)):
        liking = torch.zeros(4, requires_grad=True)
        optimizer = torch.optim.Adam([liking], lr=0.1)
        for _ in range(100):
            loss = task.hard_loss(Scores.of(liking[item], item), relevance).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        learnt.append((liking - liking.mean()).tolist())
    plain, corrected = learnt
    shadow = -np.log(sampling) + np.log(sampling).mean()
    assert plain == pytest.approx(shadow.tolist(), abs=0.25), "popularity is held against the popular"
    assert corrected == pytest.approx([0.0] * 4, abs=0.25)
    with pytest.raises(InputError, match="item 3 has no sampling probability"):
        Ranking(sampling=(0.5, 0.5)).hard_loss(Scores.of(torch.zeros(1, 4)), torch.ones(1, 4))


def test_silence_and_unlisted_items_are_not_found() -> None:
    score = torch.tensor([[3.0, 2.0, 1.0]]).expand(4, 3)
    listed = torch.tensor([[True, True, True], [False, True, True], [True] * 3, [True] * 3])
    valid, relevant = torch.tensor([True, True, False, True]), torch.tensor([[1.0, 0.0, 0.0]]).expand(4, 3)
    answer = Scores.of(score, listed=listed, valid=valid)
    labelled = torch.tensor([True, True, True, False])
    found = Ranking(catalogue=30).metrics(answer, relevant, labelled)
    assert found["hit@10"] == pytest.approx(1 / 3)
    assert found["mrr"] == pytest.approx(1 / 3)
    assert found["ndcg@10"] == pytest.approx(1 / 3)
    assert found["coverage@10"] == pytest.approx(3 / 30)


def test_equal_scores_gain_nothing() -> None:
    relevant = torch.tensor([[1, 0, 0, 0], [0, 0, 0, 1]])
    found = measure.ranked(torch.zeros(2, 4), relevant)
    assert measure.reciprocal_rank(found).tolist() == [0.25, 0.25]
    assert measure.hit_rate(found, 3).tolist() == [0.0, 0.0]
    score, listed = torch.tensor([[2.0, 5.0, 2.0, 9.0]]), torch.tensor([[True, True, True, False]])
    assert places(score, listed).tolist() == [[2.5, 1.0, 2.5, 0.0]]


def test_bad_input() -> None:
    with pytest.raises(InputError, match="one score per candidate"):
        Ranking().answer(Says(torch.zeros(2, 3)), Batch.of({"candidates": ITEM}))
    with pytest.raises(InputError, match="at least one item"):
        Ranking(catalogue=0)
    with pytest.raises(InputError, match=r"positive.*got \[0.0\]"):
        Ranking(sampling=(0.5, 0.0))
    with pytest.raises(InputError, match="no labelled rows"):
        Ranking().metrics(Scores.of(torch.zeros(1, 2)), torch.zeros(1, 2), torch.zeros(1, dtype=torch.bool))


def test_there_and_back_as_json() -> None:
    task = Ranking("shown", 9, (0.5, 0.25))
    assert task_from_json(task_to_json(task)) == task


def columns() -> dict[str, np.ndarray]:
    return {"user": np.zeros((8, 2), np.float32), "candidates": np.tile(np.arange(4), (8, 1))}


def relevance() -> np.ndarray:
    found = np.zeros((8, 4), np.float32)
    found[:, 1] = 1.0
    return found


def test_rows_know_which_queries_are_judged() -> None:
    target = relevance()
    target[0] = 0.0
    target[1] = np.nan
    rows = tl.rows_of(columns(), target, task=Ranking(catalogue=7))
    assert rows.space == tl.Space(Scores, ("candidates",))
    assert rows.labelled.tolist() == [False, False, *[True] * 6]
    assert np.isfinite(rows.target).all()
    plain = tl.rows_of(columns(), target, space=tl.Space(Scores, ("candidates",)))
    assert plain.task is None
    assert plain.labelled.tolist() == rows.labelled.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, t: t.__setitem__((0, 0), np.nan), r"1 rows hold others \(first \[0\]\)"),
        (lambda c, t: t.__setitem__((3, 0), -1.0), r"first \[3\]"),
        (lambda c, t: c.__setitem__("candidates", c["candidates"][:, :3]), "one shape"),
        (lambda c, t: c.__setitem__("candidates", c["candidates"] / 2), "item ids and relevances"),
        (lambda c, t: c["candidates"].__setitem__((2, 0), 3), "row 2 offers an item twice"),
        (lambda c, t: c["candidates"].__setitem__((2, 1), -1), "cannot be relevant"),
        (lambda c, t: c.pop("candidates"), "'candidates' is not among"),
    ],
)
def test_rows_refuse(change: object, message: str) -> None:
    given, target = columns(), relevance()
    change(given, target)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        tl.rows_of(given, target, task=Ranking())


def test_a_flat_target_is_refused() -> None:
    with pytest.raises(InputError, match="relevance of each candidate"):
        tl.rows_of(columns(), np.zeros(8), task=Ranking())
