"""A Hugging Face `Trainer` that distils: three lines in `compute_loss`. Nothing is fetched from anywhere.

The rows' numbers travel through the collator, so that signals follow their rows however the Trainer shuffles.
"""

import tempfile
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from transformers import Trainer, TrainingArguments

import tutelage as tl
from tutelage.fusion import Mean


class DistillationTrainer(Trainer):
    def __init__(self, *args, distillation: tl.Distillation, rows: tl.Rows, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.distillation, self.rows = distillation, rows

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        batch = self.rows.batch(inputs["row"].cpu().numpy()).to(inputs["row"].device)
        at = tl.Step(self.state.global_step, int(self.state.epoch or 0))
        return self.distillation.loss(model, batch, at).total


def main() -> None:
    data: Any = load_digits()
    rows = tl.rows_of({"pixels": (data.data / 16).astype(np.float32)}, data.target)
    teachers = tl.train_models(rows, lambda: ExtraTreesClassifier(50), n=2, folds=3)
    distillation = tl.generate_distillation_targets(tl.Memory.of(teachers, rows.columns), rows, Mean())

    torch.set_num_threads(1)
    student = tl.MLP(64, 10, (32,))
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder, num_train_epochs=20, learning_rate=1e-2, per_device_train_batch_size=64, use_cpu=True,
            remove_unused_columns=False, report_to="none", save_strategy="no", logging_strategy="no"
        )  # fmt: skip
        dataset = [{"row": int(number)} for number in rows.train]
        DistillationTrainer(student, settings, train_dataset=dataset, distillation=distillation, rows=rows).train()

    found = tl.evaluate_performance(student, rows)
    print(f"accuracy {found.metrics['accuracy']:.3f}")
    assert found.metrics["accuracy"] > 0.9


if __name__ == "__main__":
    main()
