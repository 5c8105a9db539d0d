"""Attributions: by hand for linear nets, zero for what is not read, and curves that know better from worse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch import nn

import tutelage as tl
from search.places import cloud_rows
from tutelage.search.attributions import Asked, by_gradients, by_permuting, randomised
from tutelage.search.faithful import areas, faith_of, rank_correlation
from tutelage.tasks import Regression
from tutelage.train import task_of


class Linear(nn.Module):
    """What the columns are worth, times them; classes get plus and minus that."""

    def __init__(self, worth: tuple[float, ...], outputs: int = 2) -> None:
        super().__init__()
        self.worth = nn.Parameter(torch.tensor(worth).unsqueeze(1))
        self.outputs = outputs

    def forward(self, *columns: torch.Tensor) -> torch.Tensor:
        flat = torch.cat([column.float().reshape(len(column), -1) for column in columns], 1)
        value = flat @ self.worth
        return value if self.outputs == 1 else torch.cat([-value, value], 1)


def values() -> tuple[Asked, Linear]:
    chance = np.random.default_rng(0)
    columns = {name: chance.normal(size=80).astype(np.float32) for name in "abc"}
    target = 3.0 * columns["a"] - columns["b"]
    rows = tl.rows_of(columns, target.astype(np.float32))
    return Asked.of(rows, Regression(rows.space.names, (0.0,), (1.0,)), rows.train), Linear((3.0, -1.0, 0.0), 1)


def test_gradients_of_a_linear_net_are_weight_times_distance_to_the_mean() -> None:
    asked, student = values()
    found, error = by_gradients(asked, student)
    own = np.stack([asked.rows.columns[name][asked.row] for name in "abc"], 1)
    np.testing.assert_allclose(found, (own - own.mean(0)) * [3.0, -1.0, 0.0], atol=1e-5)
    assert error < 1e-5


def test_permuting_what_is_not_read_changes_nothing() -> None:
    asked, student = values()
    found, rise = by_permuting(asked, lambda columns: asked.answer(student, columns), repeats=4)
    assert not found[:, 2].any()
    assert not rise[:, 2].any()
    expected = 2 * 9.0 * asked.rows.columns["a"][asked.row].var()  # of a difference of two independent rows
    assert rise[:, 0].mean() == pytest.approx(expected, rel=0.25)
    assert rise[:, 0].mean() > 4 * rise[:, 1].mean()


def test_gradients_of_prepared_columns_are_those_of_the_raw_ones() -> None:
    chance = np.random.default_rng(1)
    columns = {"kind": np.array(["tea", "coffee", "soap"] * 40, dtype=object), "price": chance.normal(size=120)}
    rows = tl.rows_of(columns, np.arange(120) % 2, prepare=True)
    width = rows.columns[rows.inputs[0]].shape[1]
    torch.manual_seed(0)
    asked, student = Asked.of(rows, task_of(rows), rows.train), tl.MLP(width, 2, (4,))
    found, error = by_gradients(asked, student)
    with torch.no_grad():
        batch = rows.batch(rows.train)
        place = task_of(rows).answer(student, batch).log_probs().argmax(-1)
        own = task_of(rows).answer(student, batch).log_probs().gather(1, place[:, None])[:, 0]
        mean = {name: value.mean(0, keepdim=True).expand_as(value) for name, value in batch.inputs.items()}
        base = student(*mean.values()).log_softmax(-1).gather(1, place[:, None])[:, 0]
    np.testing.assert_allclose(found.sum(1), (own - base).numpy(), atol=error + 1e-4)
    assert found.shape == (len(rows.train), 2)


def test_the_right_order_is_faithful_and_the_opposite_one_is_not() -> None:
    rows = cloud_rows()
    asked, student = Asked.of(rows, task_of(rows), rows.validation), Linear((4.0, 2.0, 1.0, 0.5, 0.0, 0.0))

    def ask(columns: dict[str, np.ndarray]) -> object:
        return asked.answer(student, columns)

    found, _ = by_permuting(asked, ask)
    right, wrong = faith_of(asked, ask, found), faith_of(asked, ask, -found)
    assert right.better
    assert not wrong.better
    assert wrong.deletion[2] < 0


def test_the_curves_begin_and_end_where_they_must() -> None:
    """Deletion and insertion of one group: half the way each from the row to the other row."""
    asked, student = values()
    one = Asked(asked.rows, asked.task, asked.row, asked.groups[:1])

    def ask(columns: dict[str, np.ndarray]) -> object:
        return asked.answer(
            student, columns | {n: asked.rows.columns[n][asked.row] for n in asked.rows.inputs if n not in columns}
        )

    fall, rise = areas(one, ask, np.zeros((len(asked.row), 1), dtype=int))
    np.testing.assert_allclose(fall, rise, atol=1e-6)


def test_a_shuffled_net_has_the_same_numbers_elsewhere() -> None:
    torch.manual_seed(0)
    net = tl.MLP(6, 2, (8,))
    other = randomised(net)
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.equal(one.flatten().sort().values, two.flatten().sort().values)
    assert not torch.equal(next(net.parameters()), next(other.parameters()))


def test_rank_correlation_is_spearmans() -> None:
    chance = np.random.default_rng(0)
    one, other = chance.integers(0, 5, 40).astype(float), chance.normal(size=40)
    by_hand = np.corrcoef(rankdata(one), rankdata(other))[0, 1]
    assert rank_correlation(one, other) == pytest.approx(by_hand)
    rows = chance.normal(size=(3, 10))
    assert rank_correlation(rows, 2 * rows + 1) == pytest.approx(1.0)
    assert np.isnan(rank_correlation(np.ones(4), np.arange(4.0)))
