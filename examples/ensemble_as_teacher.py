"""Fusions inside fusions: `Ensemble` makes several teachers and a fusion into one teacher.

Three nets that differ by their seed would outvote a forest. Their geometric mean counts as one voice, so that nets and
forest meet as equals. The ensemble can also be asked by itself.
"""

from typing import Any

from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier

import tutelage as tl
from tutelage.fusion import GeometricMean, Mean


def main() -> None:
    data: Any = load_wine()
    columns = dict(zip(data.feature_names, data.data.T, strict=True))
    rows = tl.rows_of(columns, data.target_names[data.target], prepare=True)

    nets = tl.train_models(
        rows, lambda: tl.MLP(13, 3, (32,)), n=3, vary=["seed", "data"], training=tl.Training(epochs=20), name="net"
    )
    forest = tl.train_models(rows, lambda: RandomForestClassifier(50), n=1, name="forest")
    together = tl.Ensemble.of("nets", nets, GeometricMean())

    signals = tl.Memory.of([together, *forest], rows.columns)
    distillation = tl.generate_distillation_targets(signals, rows, Mean())
    print(distillation.names, distillation.plan)

    fitted = tl.optimize_model(tl.MLP(13, 3, (8,)), distillation, rows, tl.Training(epochs=40))
    teacher = tl.evaluate_performance(together, rows)
    student = tl.evaluate_performance(fitted.student, rows)
    for name, found in (("three nets", teacher), ("student", student)):
        print(f"{name:10} accuracy {found.metrics['accuracy']:.3f}, {found.cost.p50_ms:.3f} ms a row")
    assert student.metrics["accuracy"] > 0.9


if __name__ == "__main__":
    main()
