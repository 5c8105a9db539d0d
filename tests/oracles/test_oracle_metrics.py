"""Metrics of scikit-learn and torchmetrics against ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

import oracle
from tutelage.core import Classes, Labels, Values
from tutelage.ops import metrics, metrics_multilabel, metrics_regression
from tutelage.tasks import Classification, MultiLabel, Regression


def close(found: Any, expected: Any, rtol: float = 1e-9, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", oracle.cases("metrics_classification"))
def test_classification(name: str) -> None:
    case = oracle.load("metrics_classification")[name]
    prob, y = torch.from_numpy(case["prob"]).double(), torch.from_numpy(case["y"])
    prob = prob / prob.sum(-1, keepdim=True)  # so did the source
    guess, classes = prob.argmax(-1), prob.shape[-1]
    table = metrics.confusion(y, guess, classes)
    found = metrics.rates(table)
    close(table, case["confusion"])
    close(metrics.accuracy(y, guess), case["accuracy"])
    close(metrics.balanced_accuracy(table), case["balanced_accuracy"])
    close(metrics.matthews(table), case["mcc"])
    close(metrics.kappa(table), case["kappa"])
    for kind in ("precision", "recall", "f1"):
        close(getattr(found, kind), case[f"{kind}_class"])
        close(metrics.accuracy(y, guess), case[f"{kind}_micro"])  # one label per row: all three are accuracy
    close(found.support, case["support"])
    close(found.macro(), [case["precision_macro"], case["recall_macro"], case["f1_macro"]])
    close(found.weighted(), [case["precision_weighted"], case["recall_weighted"], case["f1_weighted"]])
    close(metrics.cross_entropy(prob, y, floor=float(np.finfo(np.float64).eps)), case["log_loss"])
    close(metrics.brier(prob, y), case["brier_sum"])
    for k in (2, 3):
        if f"top{k}_accuracy" in case:
            close(metrics.top_accuracy(prob, y, k), case[f"top{k}_accuracy"])
    if "roc_auc_ovr_macro" in case:
        close(metrics.roc_auc_ovr(prob, y), case["roc_auc_ovr_macro"])
        close(metrics.roc_auc_ovo(prob, y), case["roc_auc_ovo_macro"])
    if "roc_auc" in case:
        close(metrics.roc_auc(prob[:, 1], y), case["roc_auc"])
        close(metrics.average_precision(prob[:, 1], y), case["average_precision"])
    for bins in (10, 15):
        for norm in ("l1", "l2", "max"):
            close(metrics.calibration_error(prob, y, bins, norm), case[f"ece{bins}_{norm}"], atol=1e-6)


@pytest.mark.parametrize("name", oracle.cases("metrics_classification"))
def test_classification_task(name: str) -> None:
    case = oracle.load("metrics_classification")[name]
    prob, y = torch.from_numpy(case["prob"]).double(), torch.from_numpy(case["y"])
    task = Classification(tuple(f"c{i}" for i in range(prob.shape[-1])))
    found = task.metrics(Classes.from_probs(prob), y, torch.ones(len(y), dtype=torch.bool))
    close(found["accuracy"], case["accuracy"])
    close(found["macro_precision"], case["precision_macro"])
    close(found["macro_recall"], case["recall_macro"])
    close(found["macro_f1"], case["f1_macro"])
    assert ("roc_auc" in found) == (prob.shape[-1] == 2)
    if "roc_auc" in found:
        close(found["roc_auc"], case["roc_auc"], atol=1e-4)  # the floor ties what lies below it
        for name in ("precision", "recall", "f1"):
            close(found[name], case[f"{name}_class"][1])
    close(found["ece"], case["ece15_l1"], atol=1e-5)  # probabilities are floored at 1e-6 and renormalised
    if name != "never_predicted":  # where the truth has probability 0, the floor is the answer
        close(found["cross_entropy"], case["log_loss"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", oracle.cases("metrics_multilabel"))
def test_multilabel(name: str) -> None:
    case = oracle.load("metrics_multilabel")[name]
    score, truth = torch.from_numpy(case["score"]), torch.from_numpy(case["y"]).bool()
    guess = score >= float(case["threshold"])
    m = metrics_multilabel
    close(m.subset_accuracy(truth, guess), case["subset_accuracy"])
    close(m.hamming_loss(truth, guess), case["hamming_loss"])
    close(m.micro_f1(truth, guess), case["f1_micro"])
    close(m.label_rates(truth, guess).macro()[2], case["f1_macro"])
    close(m.sample_f1(truth, guess), case["f1_samples"])
    close(m.sample_jaccard(truth, guess), case["jaccard_samples"])
    close(m.label_average_precision(score, truth).nan_to_num(nan=-1.0), case["average_precision_class"])
    close(metrics.average_precision(score.flatten(), truth.flatten()), case["average_precision_micro"])
    close(m.ranking_average_precision(score, truth), case["lrap"])
    close(m.coverage_error(score, truth), case["coverage_error"])
    close(m.ranking_loss(score, truth), case["ranking_loss"])
    task = MultiLabel(tuple(f"l{i}" for i in range(score.shape[-1])))
    found = task.metrics(Labels.from_probs(score), truth.float(), torch.ones_like(truth))
    for key, other in (("micro_f1", "f1_micro"), ("macro_f1", "f1_macro"), ("hamming_loss",) * 2):
        close(found[key], case[other])
    close(found["subset_accuracy"], case["subset_accuracy"])
    apart = case["y"].any(0) & ~case["y"].all(0)
    close(found["average_precision"], case["average_precision_class"][apart].mean())
    close(found["roc_auc"], roc_auc_score(case["y"][:, apart], case["score"][:, apart]))


@pytest.mark.parametrize("name", oracle.cases("metrics_regression"))
def test_regression(name: str) -> None:
    case = oracle.load("metrics_regression")[name]
    y, pred = torch.from_numpy(case["y"]).double(), torch.from_numpy(case["pred"]).double()
    m = metrics_regression
    for key, rule in {
        "mae": m.mae,
        "mse": m.mse,
        "rmse": m.rmse,
        "medae": m.median_error,
        "mape": m.mape,
        "max_error": m.largest_error,
        "r2": m.r2,
        "explained_variance": m.explained_variance,
        "pearson": m.pearson,
        "spearman": m.spearman,
        "kendall": m.kendall,
    }.items():
        if key in case:
            close(rule(y, pred), case[key])
    close(m.smape(y, pred), case["smape"], rtol=1e-5)
    close(m.wape(y, pred), case["wape"], rtol=1e-5)
    for quantile in (0.1, 0.5, 0.9):
        close(m.pinball(y, pred, quantile), case[f"pinball_{quantile}"])


@pytest.mark.parametrize("name", oracle.cases("metrics_regression"))
def test_regression_task(name: str) -> None:
    case = oracle.load("metrics_regression")[name]
    y, pred = (_wide(case[key]) for key in ("y", "pred"))
    task = Regression(tuple(f"y{i}" for i in range(y.shape[-1])))
    found = task.metrics(Values.of(pred), y, torch.ones_like(y, dtype=torch.bool))
    for key in ("rmse", "mae", "r2"):
        if key in case:
            close(found[key], case[key])


def _wide(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.reshape(len(values), -1)).double()
