"""Numbers instead of classes: teachers that know how sure they are, weighted by it.

Two Gaussian processes see different columns and answer mean and scale. A third teacher gives no scale, so its
held-out residual becomes one. `Precision` trusts each teacher, row by row, by one over its squared scale.
"""

from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

import tutelage as tl
from tutelage.fusion import Precision


def main() -> None:
    data: Any = load_diabetes(scaled=False)
    table = ((data.data - data.data.mean(0)) / data.data.std(0)).astype(np.float32)
    columns = {"all": table, "body": table[:, :4], "blood": table[:, 4:]}
    rows = tl.rows_of(columns, data.target, inputs=["all"], names=["progression"])
    train, target = rows.train, rows.target[:, 0]

    # Teachers of another study: half of the training rows each, which they declare as seen.
    teachers: list[Any] = []
    for name, own in (("body", train[::2]), ("blood", train[1::2])):
        process = GaussianProcessRegressor(RBF(3.0) + WhiteKernel(0.5), normalize_y=True)
        process.fit(columns[name][own], target[own])
        teachers.append(
            tl.EstimatorTeacher(process, reads=name, name=name, names=["progression"], with_std=True, seen=own)
        )
    teachers += tl.train_models(rows, lambda: RandomForestRegressor(50), n=1, name="forest")

    signals = tl.Memory.of(teachers, rows.columns)
    distillation = tl.generate_distillation_targets(signals, rows, Precision(), heldout=rows.validation)
    batch = rows.batch(rows.validation)
    told: Any = distillation.explain(batch)
    trust = told.values.squeeze(-1)
    for name, weight in zip(distillation.names, trust.mean(1).tolist(), strict=True):
        print(f"{name:8} mean trust {weight:.2f}")
    assert torch.allclose(trust.sum(0), torch.ones(len(batch)))

    fitted = tl.optimize_model(tl.MLP(10, 1, (16,)), distillation, rows, tl.Training(epochs=60))
    found = tl.evaluate_performance(fitted.student, rows)
    print({name: round(value, 3) for name, value in found.metrics.items()})
    assert found.metrics["r2"] > 0.3


if __name__ == "__main__":
    main()
