"""Weights given by the teachers' names find their teachers, whatever their order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tutelage as tl
from tutelage.core import Weights
from tutelage.fusion import Weighted
from tutelage.teaching import terms

SPACE = tl.Space(tl.Classes, ("x", "y"))


def says(name: str, probs: list[float]) -> tl.RuleTeacher:
    return tl.RuleTeacher(lambda row: dict(zip(SPACE.names, probs, strict=True)), reads="n", space=SPACE, name=name)


COLUMNS = {"n": np.zeros(3)}
TEACHERS = [says("one", [0.9, 0.1]), says("two", [0.1, 0.9])]


def test_distillation_binds_weights_by_name() -> None:
    signals = tl.Memory.of(TEACHERS, COLUMNS)
    task = tl.Classification(SPACE.names)
    joined = tl.Distillation(signals, Weighted({"two": 3.0, "one": 1.0}), tl.Objective((terms.KL(1.0),)), task)
    found = joined.explain(tl.Batch.of({}, torch.zeros(3, dtype=torch.int64)))
    assert isinstance(found, Weights)
    assert found.values.tolist() == [[0.25] * 3, [0.75] * 3]
    with pytest.raises(tl.InputError, match="teachers without a weight"):
        tl.Distillation(signals, Weighted({"two": 1.0}), tl.Objective((terms.KL(1.0),)), task)


def test_an_ensemble_binds_weights_by_name_and_answers_as_one_teacher() -> None:
    ensemble = tl.Ensemble.of("both", TEACHERS, Weighted({"two": 3.0, "one": 1.0}))
    answer = ensemble.answer(COLUMNS)
    torch.testing.assert_close(answer.probs(), torch.tensor([[0.3, 0.7]]).expand(3, 2))
