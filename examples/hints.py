"""Hints: a student learns a teacher's features beside its answers, and stays the student that it was.

Each teacher gets an adapter of its own, which learns beside the student and is left behind afterwards.
"""

from typing import Any

import torch
from sklearn.datasets import load_digits

import tutelage as tl
from tutelage.fusion import Mean
from tutelage.teaching.features import RKD, Adapter, FitNet


def main() -> None:
    data: Any = load_digits()
    rows = tl.rows_of({"image": data.images.astype("float32") / 16}, data.target)
    torch.set_num_threads(1)  # faster for networks this small
    torch.manual_seed(0)
    wide = tl.ConvNet(1, 10, (32, 64))
    tl.fit(wide, tl.generate_distillation_targets(None, rows, Mean()), rows, tl.Training(epochs=5))

    answers = tl.Memory.of([tl.ModuleTeacher(wide, reads="image", classes=rows.space.names)], rows.columns)
    maps = tl.FeatureTeacher(wide, "stages.7", reads="image", name="maps")
    hints = [
        tl.Hint([maps], layer="stages.7", term=FitNet(), weight=5.0, adapter=Adapter(norm=True, relu=True)),
        tl.Hint([maps], layer="stages", term=RKD(anchors=4), weight=0.1),
    ]
    target = tl.generate_distillation_targets(answers, rows, Mean(), hints=hints)

    student = tl.ConvNet(1, 10, (8, 16))
    keys = list(student.state_dict())
    target = target.sized(student, rows.batch(rows.train[:2]))  # fit does it too; here we want to look at the adapters
    before = {name: value.clone() for name, value in target.trainable.named_parameters()}
    fitted = tl.fit(student, target, rows, tl.Training(epochs=10))

    for name, value in target.trainable.named_parameters():
        assert not torch.equal(before[name], value), f"{name} did not learn"
    assert list(student.state_dict()) == keys
    first, last = fitted.history[0].parts, fitted.history[-1].parts
    for name in last:
        print(f"{name:>12}: {first[name]:.3f} -> {last[name]:.3f}")
    assert last["fitnet/maps"] < first["fitnet/maps"]
    print(f"accuracy {tl.evaluate_performance(student, rows).metrics['accuracy']:.3f}")


if __name__ == "__main__":
    main()
