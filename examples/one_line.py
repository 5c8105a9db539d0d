"""Three teachers of different kinds, thirty labels, one small student, one line: `tl.distill`.

A random forest and a torch net were trained with all labels; they answer every row out of fold, as if it were new
to them. The third is a rule that has no opinion about most patients. The student sees thirty labels and what the
teachers say about all rows.
"""

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

import tutelage as tl


def obvious(row: dict[str, float]) -> str | None:
    if row["worst area"] > 1100:
        return "malignant"
    return "benign" if row["worst concave points"] < 0.06 else None


def main() -> None:
    data: Any = load_breast_cancer()
    columns = dict(zip(data.feature_names, data.data.T, strict=True))
    rows = tl.rows_of(columns, data.target_names[data.target], prepare=True)

    quick = tl.Training(epochs=20)
    forest = tl.train_models(rows, lambda: RandomForestClassifier(30), n=1, name="forest")
    net = tl.train_models(rows, lambda: tl.MLP(30, 2, (64, 64)), n=1, name="net", training=quick)
    rule = tl.RuleTeacher(obvious, reads=tuple(columns), classes=rows.space.names)

    few = rows.with_labels(np.concatenate([rows.train[:30], rows.validation]))
    report = tl.distill(lambda: tl.MLP(30, 2, (8,)), few, [*forest, *net, rule], training=quick)
    print(report.table())
    print(report.verdict)

    student = next(c for c in report.contenders if c.name == "student: chosen fusion")
    alone = next(c for c in report.contenders if c.name == "student: labels only")
    assert np.mean(student.metrics["accuracy"]) > np.mean(alone.metrics["accuracy"])


if __name__ == "__main__":
    main()
