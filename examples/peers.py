"""Three students teach each other while they learn, with and without a real teacher beside them."""

from dataclasses import replace
from typing import Any

import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

import tutelage as tl
from tutelage.teaching import terms


def net(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return tl.MLP(64, 10, (64, 64, 64))


def main() -> None:
    data: Any = load_digits()
    rows = tl.rows_of({"pixels": data.data.astype("float32") / 16}, data.target, seed=0)
    rows = replace(rows, train=rows.train[:200])
    task, training = tl.Classification(rows.space.names), tl.Training(epochs=20)

    alone = tl.Peers(tl.Objective((), soft=0.0), task)  # no term: they share nothing but the loop
    mutual = tl.Peers(tl.Objective((terms.KL(1.0),), soft=0.5), task)
    forests = tl.train_models(rows, RandomForestClassifier, n=1, name="forest")
    seeded = replace(mutual, source=tl.Memory.of(forests, rows.columns), calibrations=())

    for name, peers in {"alone": alone, "mutual": mutual, "with a forest": seeded}.items():
        group = tl.fit_together([net(0), net(1), net(2)], peers, rows, training)
        found = group.history[-1].metrics
        print(f"{name:>14}: mean accuracy {found['accuracy']:.3f}, cross-entropy {found['cross_entropy']:.3f}")
        shipped = tl.evaluate_performance(group.student, rows).metrics["accuracy"]
        print(f"{'':>14}  ships student {group.chosen}: {shipped:.3f} on test rows")


if __name__ == "__main__":
    main()
