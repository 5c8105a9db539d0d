"""Stages: who hears whom, nothing is done twice, and what generations are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tutelage as tl
from train.digits import few_digits
from train.small import Counted, net, same, table
from tutelage.core import InputError, Teacher
from tutelage.data import Rows
from tutelage.fusion import DenselyGuided
from tutelage.teaching import Objective, terms
from tutelage.train import (
    Stage,
    Staged,
    Training,
    assistants,
    born_again,
    checkpoints,
    easy_to_hard,
    fit,
    stages,
)
from tutelage.train.evaluate import quality, task_of, teacher_answers
from tutelage.train.fitted import labels_only

QUICK = Training(3, 32)


def states(found: Staged) -> list[nn.Module]:
    return [stage.fitted.student for stage in found.stages]


def test_assistants_hear_the_one_before_or_all_that_are_larger() -> None:
    rows, teacher = table(), Counted()
    chain = stages(assistants({"a": net, "b": net, "s": net}), rows, teachers=[teacher], training=QUICK)
    assert [stage.heard for stage in chain.stages] == [("counted",), ("a",), ("b",)]
    dense = stages(assistants({"a": net, "s": net}, dense=True, drop=0.5), rows, teachers=[teacher], training=QUICK)
    assert [stage.heard for stage in dense.stages] == [("counted",), ("counted", "a")]
    assert same(states(chain)[0], states(dense)[0])
    assert not same(chain.student, states(chain)[0])
    assert [stage.fusion for stage in assistants({"a": net}, dense=True, drop=0.5)] == [DenselyGuided(0.5)]
    assert chain.student is chain.stages[-1].fitted.student
    for found in chain.teachers:
        assert found.seen is not None
        assert found.seen.tolist() == sorted(rows.train.tolist())


def test_a_student_says_as_a_teacher_what_it_says() -> None:
    rows = table()
    found = stages([Stage("only", net, "nobody")], rows, training=QUICK)
    alone = fit(net(), labels_only(task_of(rows)), rows, QUICK)
    batch = rows.batch(rows.validation)
    with torch.no_grad():
        said = found.student.eval()(*batch.inputs.values())
    answer: Any = teacher_answers(found.teachers[0], rows, rows.validation)
    torch.testing.assert_close(answer.scores, said)
    assert len(alone.history) == len(found.stages[0].fitted.history)


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("stored", [False, True])
def test_a_finished_stage_is_not_done_again(stored: bool, tmp_path: Path) -> None:
    rows, plan = table(), assistants({"a": net, "b": net, "s": lambda: net(dropout=0.3)}, dense=True)
    store, other = (tl.Store(tmp_path / name) if stored else None for name in ("store", "other"))
    calm = stages(plan, rows, teachers=[Counted()], training=QUICK, store=other)
    told: list[tuple[str, int]] = []

    def look(name: str, epoch: Any, _: int) -> None:
        told.append((name, epoch.epoch))
        if told == [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2)]:
            raise StoppedError

    def run(teacher: Counted) -> Staged:
        folder = tmp_path / "stages"
        return stages(plan, rows, teachers=[teacher], training=QUICK, folder=folder, store=store, progress=look)

    with pytest.raises(StoppedError):
        run(Counted())
    told.clear()
    torch.manual_seed(99)
    found = run(Counted())
    assert told == [("b", 3), ("s", 1), ("s", 2), ("s", 3)]
    assert all(same(one, other) for one, other in zip(states(found), states(calm), strict=True))
    told.clear()
    idle = Counted()
    again = run(idle)
    assert (told, idle.rows) == ([], 0), "nothing is trained, and nobody is asked"
    assert same(again.student, calm.student)
    assert [len(stage.fitted.history) for stage in again.stages] == [3, 3, 3]
    with pytest.raises(InputError, match="another training"):
        run(Counted(sharp=1.0))


def test_with_a_store_everyone_answers_once(tmp_path: Path) -> None:
    rows, teacher = table(), Counted()
    plan = assistants({"a": net, "b": net, "s": net}, dense=True)
    found = stages(plan, rows, teachers=[teacher], training=QUICK, store=tl.Store(tmp_path))
    assert teacher.rows == len(rows.taught)
    plain = stages(plan, rows, teachers=[Counted()], training=QUICK)
    for one, other in zip(states(found), states(plain), strict=True):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_the_way_of_a_teacher_is_walked_by_one_student() -> None:
    """Kang et al. 2023: from the early checkpoints to the late ones, each until it has nothing more to say."""
    rows = table(300)
    way = checkpoints(net(5), rows, [1, 6], name="big", training=Training(6, 16))
    assert [teacher.name for teacher in way] == ["big@1", "big@6"]
    scores = [measured(teacher, rows) for teacher in way]
    assert scores[0]["cross_entropy"] > scores[1]["cross_entropy"]
    plan = easy_to_hard(net, [["big@1", "big@6"], ["counted"]], patience=2, training=Training(60, 16))
    found = stages(plan, rows, teachers=[*way, Counted()])
    assert [stage.heard for stage in found.stages] == [("big@1", "counted"), ("big@6", "counted")]
    assert all("no better loss for 2 epochs" in stage.fitted.stopped for stage in found.stages)
    fresh = stages(easy_to_hard(net, [["big@6"]], training=Training(1, 16)), rows, teachers=way[1:])
    gentle = Training(1, 16, lr=1e-6)
    steps = easy_to_hard(net, [["big@1", "big@6"]], training=gentle)
    still = stages(steps, rows, teachers=way)
    for a, b in zip(*[one.parameters() for one in states(still)], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    assert not same(fresh.student, still.student)


def held(rows: Rows) -> Any:
    return rows.batch(rows.validation, inputs=False, truth=True)


def measured(teacher: Teacher, rows: Rows) -> dict[str, float]:
    return quality(task_of(rows), teacher_answers(teacher, rows, rows.validation), held(rows))


@pytest.mark.soak
def test_generations_together_beat_a_generation() -> None:
    """Furlanello et al. 2018: the ensemble; that each generation beats the one before does not show here."""
    better: list[float] = []
    surer: list[float] = []
    for seed in range(3):
        rows = few_digits(200, seed)
        plan = born_again(lambda: tl.MLP(64, 10, (64, 64, 64)), 3, training=Training(40, 32, seed=10 * seed))
        found = stages(plan, rows, objective=Objective((terms.KL(1.0),), soft=0.5))
        whole, each = measured(found.ensemble(), rows), [measured(teacher, rows) for teacher in found.teachers]
        better.append(whole["accuracy"] - float(np.mean([one["accuracy"] for one in each])))
        surer.append(float(np.mean([one["cross_entropy"] for one in each])) - whole["cross_entropy"])
    assert np.mean(better) > 0, better
    assert min(surer) > 0, surer


def test_generations_start_afresh() -> None:
    rows = table()
    plan = born_again(net, 3, training=QUICK)
    assert [stage.hears for stage in plan] == ["nobody", "before", "before"]
    made: list[nn.Module] = []

    def make() -> nn.Module:
        made.append(nn.Sequential(nn.Linear(5, 3)))
        return made[-1]

    found = stages(born_again(make, 3, training=QUICK), rows)
    assert len(made) == 3
    assert len({id(student) for student in states(found)}) == 3
    assert found.ensemble().seen is not None
    answer: Any = teacher_answers(found.ensemble(), rows, rows.validation)
    each = [teacher_answers(teacher, rows, rows.validation) for teacher in found.teachers]
    torch.testing.assert_close(answer.probs(), torch.stack([one.probs() for one in each]).mean(0))


WRONG: list[tuple[list[Stage], str]] = [
    ([Stage("a", net)], "nobody to hear"),
    ([Stage("a", net, "nobody"), Stage("a", net)], "name of its own"),
    ([Stage("a/b", net, "nobody")], "folder"),
    ([Stage("a", net, ("b",)), Stage("b", net, "nobody")], "not there before"),
    ([Stage("a", net, "nobody", starts_as="b")], "would start as"),
]


@pytest.mark.parametrize(("plan", "said"), WRONG)
def test_what_does_not_fit_is_named(plan: list[Stage], said: str) -> None:
    with pytest.raises(InputError, match=said):
        stages(plan, table(), training=QUICK)


def test_plans_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one generation"):
        born_again(net, 0)
    with pytest.raises(InputError, match="at least one checkpoint"):
        easy_to_hard(net, [["a"], []])
    with pytest.raises(InputError, match="epochs"):
        checkpoints(net(), table(), [9], training=QUICK)
    with pytest.raises(InputError, match="resumed"):
        checkpoints(net(), table(), [1], training=Training(2, 16, checkpoint=tmp_path))
