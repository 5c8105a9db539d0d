"""The six steps behind `tl.distill`, one by one. Each takes and gives plain values and can be replaced by your own."""

import tempfile
from typing import Any

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB

import tutelage as tl
from tutelage.fusion import Performance


def main() -> None:
    data: Any = load_digits()
    rows = tl.rows_of(data.data.astype("float32") / 16, data.target)

    # 1. Teachers. They answer the rows they were fitted on out of fold.
    makers = [lambda: RandomForestClassifier(40), lambda: GaussianNB(var_smoothing=1e-2)]
    teachers = tl.train_models(rows, makers, n=2, vary=["architecture"], folds=3)

    with tempfile.TemporaryDirectory() as folder:
        # 2. Each teacher answers each row once; a second call finds the answers on disk.
        store = tl.Store(folder)
        signals = tl.generate_predictions(teachers, rows, store)
        asked: list[int] = []
        tl.generate_predictions(teachers, rows, store, progress=lambda told: asked.append(told.asked))
        assert max(asked) == 0

        # 3. Where do they differ?
        differences = tl.calculate_differences(signals, rows)
        hardest = int(rows.taught[differences.score.argmax()])
        print(f"mean distance {float(differences.score.mean()):.3f}; most divided over row {hardest}")

        # 4. Calibration, fusion, and one target per row, computed before training.
        distillation = tl.generate_distillation_targets(signals, rows, Performance())
        print(distillation.plan)

        # 5. The student.
        fitted = tl.optimize_model(tl.MLP(64, 10, (32,)), distillation, rows, tl.Training(epochs=15))

    # 6. The test rows are opened here, and the opening is noted.
    teacher = tl.evaluate_performance(teachers[0], rows)
    student = tl.evaluate_performance(fitted.student, rows)
    for name, found in (("forest", teacher), ("student", student)):
        print(f"{name:8} accuracy {found.metrics['accuracy']:.3f}, {found.cost.p50_ms:.3f} ms a row")
    assert student.metrics["accuracy"] > 0.9
    assert student.cost.p50_ms < teacher.cost.p50_ms
    assert rows.test.openings == ["evaluate_performance"] * 2


if __name__ == "__main__":
    main()
