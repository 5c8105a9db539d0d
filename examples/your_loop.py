"""Your own PyTorch loop: `Distillation.loss` is all it needs. With gradient accumulation done exactly.

A step of four micro-batches gives the gradient of the whole batch, also when they hold different numbers of labels
or of rows with an opinion: the counts that the sums are divided by are added up first.
"""

from typing import Any

import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier

import tutelage as tl
from tutelage.fusion import Entropy
from tutelage.teaching import add_counts, terms
from tutelage.train import task_of


def main() -> None:
    data: Any = load_digits()
    rows = tl.rows_of(data.data.astype("float32") / 16, data.target)
    teachers = tl.train_models(rows, lambda: ExtraTreesClassifier(30), n=2, folds=3)

    objective = tl.Objective((terms.KL(2.0),), soft=0.9)
    signals = tl.Memory.of(teachers, rows.columns)
    distillation = tl.Distillation(signals, Entropy(), objective, task_of(rows))
    distillation = distillation.prepared(rows.batches(rows.train, 512, inputs=False))
    print(distillation.plan)

    torch.set_num_threads(1)  # faster for a student this small
    torch.manual_seed(0)
    student = tl.MLP(64, 10, (32,))
    optimizer = torch.optim.AdamW(student.parameters(), lr=1e-2)
    for epoch in range(20):
        micro = list(rows.batches(rows.train, 32, seed=0, epoch=epoch))
        for start in range(0, len(micro), 4):
            group = micro[start : start + 4]
            counts = add_counts(distillation.counts(batch) for batch in group)
            optimizer.zero_grad()
            for batch in group:
                loss = distillation.loss(student, batch, tl.Step(epoch=epoch), counts)
                loss.backward()
            optimizer.step()

    found = tl.evaluate_performance(student, rows)
    print(f"accuracy {found.metrics['accuracy']:.3f}, {found.parameters} parameters")
    assert found.metrics["accuracy"] > 0.93

    whole = rows.batch(rows.train[:64])
    parts = list(rows.batches(rows.train[:64], 16))
    counts = add_counts(distillation.counts(part) for part in parts)
    summed = sum(distillation.loss(student, part, counts=counts).item() for part in parts)
    assert abs(summed - distillation.loss(student, whole).item()) < 1e-5


if __name__ == "__main__":
    main()
