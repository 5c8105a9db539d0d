"""A Lightning Fabric loop: the student is wrapped, the distillation is not, because it is no module."""

from typing import Any

import torch
from lightning_fabric import Fabric
from sklearn.datasets import load_digits
from sklearn.svm import SVC

import tutelage as tl
from tutelage.fusion import Mean


def main() -> None:
    data: Any = load_digits()
    rows = tl.rows_of(data.data.astype("float32") / 16, data.target)
    teachers = tl.train_models(rows, lambda: SVC(C=10), n=2, vary=["data"], folds=3)
    distillation = tl.generate_distillation_targets(tl.Memory.of(teachers, rows.columns), rows, Mean())
    print(distillation.plan)

    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    torch.set_num_threads(1)  # faster for a student this small
    torch.manual_seed(0)
    student = tl.MLP(64, 10, (32,))
    module, optimizer = fabric.setup(student, torch.optim.AdamW(student.parameters(), lr=1e-2))
    for epoch in range(15):
        for batch in rows.batches(rows.train, 64, seed=0, epoch=epoch):
            loss = distillation.loss(module, batch.to(fabric.device), tl.Step(epoch=epoch))
            optimizer.zero_grad()
            fabric.backward(loss.total)
            optimizer.step()

    found = tl.evaluate_performance(student, rows)
    print(f"accuracy {found.metrics['accuracy']:.3f}")
    assert found.metrics["accuracy"] > 0.9


if __name__ == "__main__":
    main()
