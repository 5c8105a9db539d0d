"""Your own way of combining teachers: a small pure function. Nothing is inherited, nothing registered."""

from dataclasses import dataclass
from typing import Any

import torch
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tutelage as tl
from tutelage.core import INVARIANTS, Context, Weights
from tutelage.testing import check_fusion


@dataclass(frozen=True)
class Margin:
    """Trust by the gap between a teacher's best and second-best class."""

    name = "margin"
    gives = "weights"
    needs = frozenset[str]()
    invariants = INVARIANTS
    source = "you2017"
    floor: float = 0.05

    def __call__(self, signals: Any, context: Context) -> Weights:
        if not isinstance(signals, tl.Classes):
            raise tl.InputError(f"fusion {self.name!r} compares classes: for other answers use the mean")
        best = signals.probs().topk(2, dim=-1).values
        trust = (best[..., 0] - best[..., 1] + self.floor) * signals.valid
        total = trust.sum(0, keepdim=True)
        return Weights(trust / torch.where(total > 0, total, 1.0))


def main() -> None:
    check_fusion(Margin(), answers={"classes"})
    data: Any = load_wine()
    columns = dict(zip(data.feature_names, data.data.T, strict=True))
    rows = tl.rows_of(columns, data.target_names[data.target], prepare=True)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    makers = [lambda: RandomForestClassifier(30), lambda: clone(linear)]
    teachers = tl.train_models(rows, makers, n=2, vary=["architecture"])
    distillation = tl.generate_distillation_targets(tl.Memory.of(teachers, rows.columns), rows, Margin())
    told: Any = distillation.explain(rows.batch(rows.validation))
    print("mean trust in each teacher:", told.values.mean(1))

    fitted = tl.optimize_model(tl.MLP(13, 3, (8,)), distillation, rows)
    found = tl.evaluate_performance(fitted.student, rows)
    print(f"accuracy {found.metrics['accuracy']:.3f}")
    assert found.metrics["accuracy"] > 0.85


if __name__ == "__main__":
    main()
