"""Ranking metrics of torchmetrics and scikit-learn against ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

import oracle
from tutelage.core import Scores
from tutelage.ops import metrics_ranking as measure
from tutelage.tasks import Ranking


def close(found: Tensor, expected: np.ndarray, atol: float = 1e-6) -> None:
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("k", [1, 5, 10])
@pytest.mark.parametrize("name", oracle.cases("metrics_ranking"))
def test_metrics_at_k(name: str, k: int) -> None:
    case = oracle.load("metrics_ranking")[name]
    score, relevant, graded = (torch.from_numpy(case[key]) for key in ("score", "relevant", "graded"))
    yes, grades = measure.ranked(score, relevant), measure.ranked(score, graded)
    close(measure.precision(yes, k), case[f"precision@{k}"])
    close(measure.recall(yes, k), case[f"recall@{k}"])
    close(measure.hit_rate(yes, k), case[f"hit@{k}"])
    close(measure.ndcg(yes, k), case[f"ndcg@{k}"])
    close(measure.ndcg(grades, k), case[f"ndcg_graded_sklearn@{k}"], 1e-12)
    close(measure.ndcg(measure.ranked(score, 3 * relevant).binary(), k), case[f"ndcg_binary_sklearn@{k}"], 1e-12)
    close(measure.reciprocal_rank(yes, k), case[f"mrr@{k}"])
    close(measure.average_precision(yes, k), case[f"map@{k}"])


@pytest.mark.parametrize("name", oracle.cases("metrics_ranking"))
def test_whole_rankings_and_the_task(name: str) -> None:
    case = oracle.load("metrics_ranking")[name]
    score, relevant = torch.from_numpy(case["score"]), torch.from_numpy(case["relevant"])
    yes = measure.ranked(score, relevant)
    close(measure.reciprocal_rank(yes), case["mrr_full"])
    close(measure.average_precision(yes), case["map_full"])
    some = relevant.any(-1)
    found = Ranking().metrics(Scores.of(score), relevant.float(), some)
    expected = {"ndcg@10": "ndcg@10", "recall@10": "recall@10", "hit@10": "hit@10", "mrr": "mrr_full"}
    for ours, theirs in expected.items():
        assert found[ours] == pytest.approx(float(case[theirs][some.numpy()].mean()), abs=1e-6)
