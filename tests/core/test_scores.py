"""Scores of candidates: who is compared with whom, and what must not get in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tutelage.core import InputError, Scores, Signals

NAN = float("nan")


def lists(*rows: list[float], item: list[list[int]] | None = None) -> Scores:
    """An answer in which NaN is not listed."""
    score = torch.tensor(rows)
    return Scores.of(score, None if item is None else torch.tensor(item), listed=~score.isnan())


def test_padding_and_unknown_items_are_not_listed_and_hold_zeros() -> None:
    found = lists([1.0, NAN, 3.0], [NAN, NAN, NAN], item=[[4, 5, -1], [1, 2, 3]])
    assert found.listed.tolist() == [[True, False, False], [False] * 3]
    assert found.score.tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    assert found.valid.tolist() == [True, False]
    assert found.items == (2,)
    assert len(found) == 2
    found.check("me")


def test_probabilities_are_over_what_is_listed() -> None:
    found = lists([0.0, NAN, 0.0], [NAN, NAN, NAN])
    assert found.probs().tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]
    assert found.log_probs(3.0)[0, 1] == -torch.inf
    assert lists([50.0, -50.0, 2.0]).centred().mean() == pytest.approx(0.0, abs=1e-5)


def test_a_list_in_another_order_meets_by_item() -> None:
    own = lists([1.0, 2.0, 3.0], item=[[7, 8, 9]])
    met = own.at(torch.tensor([[9, 5, 7, -1]]))
    assert met.score.tolist() == [[3.0, 0.0, 1.0, 0.0]]
    assert met.listed.tolist() == [[True, False, True, False]]
    assert own.at(own.item.clone()) is own
    empty = Scores.of(torch.zeros(1, 0), torch.zeros(1, 0, dtype=torch.int64)).at(own.item)
    assert not bool(empty.listed.any() | empty.valid.any())
    assert own.at(torch.tensor([[1, 2]])).valid.tolist() == [False]


def test_a_stack_compares_the_candidates_that_all_answering_teachers_list() -> None:
    one = lists([1.0, 2.0, NAN, 4.0], [1.0, 2.0, 3.0, 4.0], [1.0, NAN, NAN, NAN])
    two = lists([4.0, 3.0, 2.0, 1.0], [NAN] * 4, [NAN, 1.0, 2.0, 3.0], item=[[3, 2, 1, 0]] * 3)
    both = Signals(("one", "two"), (one, two)).stacked()
    assert both.common.tolist() == [
        [[True, True, False, True], [True] * 4, [False] * 4],
        [[True, True, False, True], [False] * 4, [False] * 4],
    ]
    assert both.valid.tolist() == [[True, True, False], [True, False, False]], "one item in common is no comparison"
    assert both.probs().sum(-1).tolist() == [
        [pytest.approx(1.0), pytest.approx(1.0), 0.0],
        [pytest.approx(1.0), 0.0, 0.0],
    ]
    assert both.score[1, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert both.coverage.shape == (2, 1)


def test_there_and_back_again() -> None:
    found = lists([1.0, NAN, 3.0], [4.0, 5.0, 6.0], item=[[4, 5, -1], [1, 2, 3]])
    back = Scores.from_arrays(found.to_arrays(), found.meta())
    whole = Scores.concat([back.take(slice(0, 1)), back.take(torch.tensor([1]))])
    for name, tensor in found.to_arrays().items():
        assert torch.equal(whole.to_arrays()[name], tensor)
    assert found.aligned([[0]]) is found
    with pytest.raises(InputError, match="meet by their ids"):
        found.aligned([[0], [1]])


@pytest.mark.parametrize("bad", [torch.inf, -torch.inf, NAN])
def test_numbers_that_are_none_are_refused_where_they_count(bad: float) -> None:
    item, listed = torch.arange(3).expand(2, 3), torch.ones(2, 3, dtype=torch.bool)
    score = torch.tensor([[1.0, bad, 2.0], [bad, 1.0, 2.0]])
    with pytest.raises(InputError, match=r"me answered NaN or infinity in 1 of 2 rows \(first positions \[1\]\)"):
        Scores(item, score, listed, torch.tensor([False, True])).check("me")
    Scores(item, score, listed, torch.tensor([False, False])).check("me")


def test_shapes_that_do_not_fit_are_refused() -> None:
    good = lists([1.0, 2.0])
    with pytest.raises(InputError, match="do not fit together"):
        Scores(good.item[:, :1], good.score, good.listed, good.valid).check("me")


def test_gradients_stay_finite_where_nothing_is_known() -> None:
    score = torch.tensor([[50.0, -50.0], [1.0, 2.0]], requires_grad=True)
    logs = Scores(torch.zeros(2, 2).long(), score, torch.tensor([[True] * 2, [False] * 2]), torch.ones(2).bool())
    total: Tensor = logs.log_probs().masked_fill(~logs.common, 0.0).sum()
    total.backward()
    assert score.grad is not None
    assert bool(torch.isfinite(score.grad).all())


def test_lists_meet_as_a_slow_search_says() -> None:
    chance = torch.Generator().manual_seed(2)
    own = torch.stack([torch.randperm(30, generator=chance)[:12] for _ in range(50)])
    wanted = torch.stack([torch.randperm(30, generator=chance)[:9] for _ in range(50)])
    listed = torch.rand(50, 12, generator=chance) > 0.3
    met = Scores.of(torch.randn(50, 12, generator=chance), own, listed=listed).at(wanted)
    for row in range(50):
        known = {int(item): place for place, item in enumerate(own[row]) if listed[row, place]}
        assert met.listed[row].tolist() == [int(item) in known for item in wanted[row]]
