from __future__ import annotations

import pytest
import torch

from tutelage.ops.reliability import confusion_posterior, fit_temperature, residual_scale


def test_temperature_undoes_what_was_done() -> None:
    honest = 2 * torch.randn(20000, 4)
    truth = torch.multinomial(honest.softmax(-1), 1).squeeze(-1)
    for factor in (0.3, 1.0, 5.0):
        assert fit_temperature(factor * honest, truth) == pytest.approx(factor, rel=0.03)


def test_temperature_stays_within_bounds_where_every_row_is_right() -> None:
    assert fit_temperature(torch.eye(3), torch.arange(3)) >= 0.01
    assert fit_temperature(-torch.eye(3), torch.arange(3)) <= 100.0


def test_impossible_classes_do_not_matter() -> None:
    scores, truth = torch.randn(50, 3), torch.randint(0, 3, (50,))
    wide = torch.cat([scores, torch.full((50, 2), -torch.inf)], dim=1)
    assert fit_temperature(wide, truth) == pytest.approx(fit_temperature(scores, truth))


def test_posterior_of_a_vote_is_between_counts_and_prior() -> None:
    votes = torch.nn.functional.one_hot(torch.tensor([0] * 8 + [1] * 2), 3).double()
    truth = torch.tensor([0] * 6 + [1] * 2 + [1] * 2)
    table = confusion_posterior(votes, truth, torch.ones(3, dtype=torch.bool))
    right = (8 + 1) / (10 + 2)
    other = (1 - right) / 2
    assert table[0].tolist() == pytest.approx([(6 + 3 * right) / 11, (2 + 3 * other) / 11, 3 * other / 11])
    assert table[2].tolist() == pytest.approx([other, other, right])


def test_posterior_gives_nothing_off_coverage() -> None:
    votes = torch.eye(3)[torch.tensor([0, 1, 0])]
    table = confusion_posterior(votes, torch.tensor([0, 1, 1]), torch.tensor([True, True, False]))
    assert table[:, 2].tolist() == [0.0, 0.0, 0.0]
    assert torch.allclose(table.sum(-1), torch.ones(3))


def test_residual_scale_ignores_what_is_not_known() -> None:
    mean = torch.tensor([[1.0, 0.0], [3.0, 50.0], [99.0, 0.0]])
    target = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 0.0]])
    known = torch.tensor([[True, True], [True, False], [False, True]])
    found = residual_scale(mean, target, known)
    assert found[0].item() == pytest.approx(1.0)
    assert 0 < found[1].item() <= 1e-11
