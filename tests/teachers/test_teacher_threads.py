"""The thread budget reaches torch, OpenMP pools, ONNX Runtime and tree libraries, and is given back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from lightgbm import Booster, LGBMClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from tutelage.core import InputError
from tutelage.teachers import EstimatorTeacher, ModuleTeacher, OnnxTeacher, thread_budget
from tutelage.teachers.threads import available_cores, current_budget


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_and_pools(threads: int) -> None:
    before = torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info()]
    with thread_budget(threads) as count:
        assert count == threads == current_budget() == torch.get_num_threads()
        assert {pool["num_threads"] for pool in threadpool_info()} == {threads}
    assert before == (torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info()])
    assert current_budget() is None


def test_onnx_runtime(digits: Any, onnx_files: dict[str, Path]) -> None:
    teacher = OnnxTeacher(onnx_files["plain"], reads="pixels")
    answers: list[torch.Tensor] = []
    for threads in (1, 2):
        with thread_budget(threads):
            answers.append(teacher.answer(digits.shown).to_arrays()["scores"])
            assert teacher.session().get_session_options().intra_op_num_threads == threads
    assert torch.allclose(answers[0], answers[1], atol=1e-6)
    assert teacher.session().get_session_options().intra_op_num_threads == available_cores()


def test_lightgbm_beside_torch(digits: Any, net: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    predict = Booster.predict

    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(kwargs["num_threads"])
        return predict(self, *args, **kwargs)

    monkeypatch.setattr(Booster, "predict", watched)
    pixels, target = digits.columns["pixels"][digits.train], digits.target[digits.train]
    trees = LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(pixels, target)
    pipeline = make_pipeline(StandardScaler(), LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1)).fit(pixels, target)
    teachers = [EstimatorTeacher(trees, reads="pixels"), EstimatorTeacher(pipeline, reads="pixels")]
    module = ModuleTeacher(net, reads="image")
    first = [teacher.answer(digits.shown).to_arrays()["scores"] for teacher in (*teachers, module)]
    with thread_budget(2):
        again = [teacher.answer(digits.shown).to_arrays()["scores"] for teacher in (*teachers, module)]
    assert asked == [1, 1, 2, 2]
    assert trees.n_jobs == 1
    for one, two in zip(first, again, strict=True):
        assert torch.allclose(one, two, atol=1e-6)


def test_forest(digits: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, target = digits.columns["pixels"][digits.train], digits.target[digits.train]
    forest = RandomForestClassifier(5, n_jobs=3, random_state=0).fit(pixels, target)
    asked: list[int] = []
    predict = RandomForestClassifier.predict_proba

    def watched(self: Any, features: Any) -> Any:
        asked.append(self.n_jobs)
        return predict(self, features)

    monkeypatch.setattr(RandomForestClassifier, "predict_proba", watched)
    teacher = EstimatorTeacher(forest, reads="pixels")
    with thread_budget(1):
        teacher.answer(digits.shown)
    teacher.answer(digits.shown)
    assert asked == [1, 3]


def test_given_back_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="stop"), thread_budget(2):
        raise RuntimeError("stop")
    assert (torch.get_num_threads(), current_budget()) == (before, None)
    with pytest.raises(InputError, match="at least 1, got 0"), thread_budget(0):
        pass


def test_default_is_what_is_available() -> None:
    with thread_budget() as count:
        assert 1 <= count == available_cores() <= len(os.sched_getaffinity(0))
