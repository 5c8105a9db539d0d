"""Several yes-or-no questions about one row, and a teacher that answers only some of them.

Of each handwritten digit we ask: is it even, is it at least five, does it have a closed loop?
"""

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

import tutelage as tl

QUESTIONS = ["even", "big", "loop"]


def ink(row: dict[str, np.ndarray]) -> dict[str, float] | None:
    """Speaks about loops only: a bright middle between dark sides is none."""
    image = row["pixels"].reshape(8, 8)
    return {"loop": 0.9} if image[3:5, 3:5].mean() < 0.2 < image[2:6, 2].mean() else None


def main() -> None:
    data: Any = load_digits()
    digit = data.target[:, None]
    answers = np.concatenate([digit % 2 == 0, digit >= 5, np.isin(digit, (0, 6, 8, 9))], axis=1)
    pixels = (data.data / 16).astype(np.float32)
    rows = tl.rows_of({"pixels": pixels}, answers, names=QUESTIONS)

    forest = tl.train_models(rows, lambda: RandomForestClassifier(30), n=1, folds=3, name="forest")
    one = tl.train_models(
        rows, lambda: OneVsRestClassifier(LogisticRegression(max_iter=300)), n=1, folds=3, name="linear"
    )
    rule = tl.RuleTeacher(ink, reads="pixels", space=rows.space)

    signals = tl.Memory.of([*forest, *one, rule], rows.columns)
    distillation = tl.generate_distillation_targets(signals, rows, tl.fusion.Entropy())
    fitted = tl.optimize_model(tl.MLP(64, 3, (32,)), distillation, rows, tl.Training(epochs=30, lr=1e-2))
    found = tl.evaluate_performance(fitted.student, rows)
    print({name: round(value, 3) for name, value in found.metrics.items()})
    assert found.metrics["macro_f1"] > 0.9

    told: Any = distillation.explain(rows.batch(rows.validation))
    assert float(told.values[2, :, :2].max()) == 0.0, "a teacher that says nothing about a question has no weight there"


if __name__ == "__main__":
    main()
