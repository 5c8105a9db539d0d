"""Metrics at the edges; their values are in `oracles/test_oracle_metrics.py`."""

from __future__ import annotations

import math

import torch

from tutelage.ops import metrics, metrics_multilabel, metrics_regression


def test_guesses_outside_fall_in_no_column() -> None:
    truth, guess = torch.tensor([0, 1, 1]), torch.tensor([0, -1, 1])
    table = metrics.confusion(truth, guess, 2)
    assert table.tolist() == [[1, 0], [0, 1]]
    assert metrics.rates(table).recall.tolist() == [1.0, 1.0]
    assert metrics.rates(table, torch.tensor([1, 2])).recall.tolist() == [1.0, 0.5]


def test_what_chance_explains() -> None:
    constant = torch.tensor([[3, 0], [2, 0]])
    assert metrics.matthews(constant) == 0.0
    assert metrics.kappa(constant) == 0.0
    assert metrics.kappa(torch.tensor([[4, 0], [0, 0]])) == 0.0


def test_auc_needs_both_sides() -> None:
    score = torch.tensor([0.1, 0.4, 0.4, 0.9])
    assert metrics.roc_auc(score, torch.tensor([0, 0, 1, 1])) == 0.875  # one tie of four pairs
    assert math.isnan(metrics.roc_auc(score, torch.ones(4)))
    assert math.isnan(metrics.average_precision(score, torch.zeros(4)))


def test_calibration_of_a_sure_student() -> None:
    probs, truth = torch.tensor([[1.0, 0.0]] * 4), torch.tensor([0, 0, 0, 1])
    for norm in ("l1", "l2", "max"):
        assert metrics.calibration_error(probs, truth, 10, norm) == 0.25
    assert metrics.cross_entropy(probs, truth) == -0.25 * math.log(1e-6)


def test_rows_without_labels() -> None:
    truth = torch.tensor([[False, False], [True, True]])
    score = torch.tensor([[0.9, 0.8], [0.1, 0.2]])
    assert metrics_multilabel.ranking_average_precision(score, truth) == 1.0
    assert metrics_multilabel.ranking_loss(score, truth) == 0.0
    assert metrics_multilabel.coverage_error(score, truth) == 1.0
    assert metrics_multilabel.sample_f1(truth, truth) == 0.5


def test_constant_targets() -> None:
    flat, off = torch.ones(4), torch.tensor([1.0, 1.0, 1.0, 3.0])
    assert metrics_regression.r2(flat, flat) == 1.0
    assert metrics_regression.r2(flat, off) == 0.0
    assert metrics_regression.explained_variance(flat, flat + 2.0) == 1.0
    assert math.isnan(metrics_regression.pearson(flat, off))
    assert math.isnan(metrics_regression.kendall(flat, off))
    assert metrics_regression.smape(torch.zeros(2), torch.zeros(2)) == 0.0


def test_shared_ranks() -> None:
    assert metrics.mean_ranks(torch.tensor([5.0, 1.0, 5.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
