"""Policies: agents that learn by reward whom to hear, from a replay of the epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from train.small import NAMES, net, same, table
from tutelage.core import Classes, Context, InputError, Signals, Step, Values
from tutelage.data import Rows
from tutelage.fusion import MTKDRL, RLKD
from tutelage.fusion.replay import Kept, normalised_reward, sight
from tutelage.tasks import Classification
from tutelage.teaching import Distillation, Memory, Objective, terms
from tutelage.train import Training, fit

POLICIES = [MTKDRL, RLKD]


def joined(rows: Rows, fusion: Any, seed: int = 0) -> Distillation:
    """A teacher that is mostly right, and one that is mostly sure of something else."""
    chance, truth = np.random.default_rng(seed), rows.target
    told = [np.eye(3)[truth], np.eye(3)[(truth + chance.integers(1, 3, len(truth))) % 3]]
    logits = [torch.from_numpy(3 * one + chance.normal(size=one.shape)).float() for one in told]
    source = Memory(Signals(("right", "wrong"), tuple(Classes.of(one, "logits") for one in logits)))
    return Distillation(source, fusion, Objective((terms.KL(2.0),), soft=0.8), Classification(NAMES))


def shown(target: Distillation, rows: Rows, student: torch.nn.Module, epoch: int = 5) -> tuple[Any, Context]:
    """Everything about all rows, as a policy sees it."""
    batch = rows.batch(np.arange(len(rows)), truth=True)
    answer = target.task.answer(student.eval(), batch)
    own = Classes.of(answer.scores.detach(), "logits")
    context = Context(Step(100, epoch), 2.0, batch.row, batch.target, batch.labelled, own)
    return target.signals(batch.row).stacked(), context


def test_the_agent_learns_to_hear_the_teacher_that_is_right() -> None:
    """Trust in the good teacher grows over what the fixed parts of the formula give it, under every seed."""
    for seed in range(3):
        rows = table(200, seed)
        target = joined(rows, MTKDRL(lr=1.0), seed)
        student = fit(net(seed), target, rows, Training(12, 20, seed=seed)).student
        signals, context = shown(target, rows, student)
        agent: Any = target.fusion
        learnt, fresh = agent(signals, context).values.mean(1), MTKDRL(agent.names)(signals, context).values.mean(1)
        assert float(learnt[0]) > float(fresh[0]) + 0.02, (learnt, fresh)
        assert float(learnt[0]) > 0.5


def test_the_policy_learns_to_hear_the_teacher_that_is_right() -> None:
    for seed in range(3):
        rows = table(200, seed)
        target = joined(rows, RLKD(), seed)
        student = fit(net(seed), target, rows, Training(12, 20, seed=seed)).student
        policy: Any = target.fusion
        chances = policy.chances(*shown(target, rows, student)).mean(1)
        assert float(chances[0]) > float(chances[1]) + 0.1, chances


def test_reinforce_is_the_gradient_of_the_expected_reward() -> None:
    """Averaged over all that may be drawn, reward times the gradient of log pi is that of the expectation."""
    chance = torch.Generator().manual_seed(0)
    policy = RLKD(("a", "b")).double()
    signals = Signals(
        ("a", "b"), tuple(Classes.of(torch.randn(1, 3, generator=chance).double(), "logits") for _ in range(2))
    )
    own = Classes.of(torch.randn(1, 3, generator=chance).double(), "logits")
    context = Context(Step(1, 1), 1.0, torch.arange(1), torch.tensor([1]), torch.tensor([True]), own)
    seen = sight(signals.stacked(), context, "rl_kd")
    with torch.no_grad():
        policy.slope.copy_(torch.randn(5, generator=chance))
    pay = {(0, 0): 0.3, (0, 1): -1.0, (1, 0): 2.0, (1, 1): 0.5}
    learnt = {name: value.detach().requires_grad_() for name, value in policy.named_parameters()}
    pi = torch.sigmoid((seen.state @ learnt["slope"] + learnt["bias"].unsqueeze(1)).squeeze(1))
    expected, averaged = torch.zeros(()).double(), torch.zeros(5).double()
    for drawn, reward in pay.items():
        action = torch.tensor(drawn).double()
        how = torch.where(action > 0, pi, 1 - pi).prod()
        expected = expected + how * reward
        valid = torch.ones(2, 1, dtype=torch.bool)
        policy._replay = [Kept(seen, valid, action.unsqueeze(1), torch.full((2, 1), reward, dtype=torch.float64))]
        (gradients,) = list(policy.after_epoch())
        averaged += float(how.detach()) * gradients["slope"] * 2  # the loss is a mean over two teachers
    (wanted,) = torch.autograd.grad(expected, learnt["slope"])
    torch.testing.assert_close(-averaged, wanted, rtol=1e-9, atol=1e-12)


def test_the_first_epoch_of_the_agent_hears_all_alike() -> None:
    rows = table()
    target = joined(rows, MTKDRL())
    fitted = fit(net(), target, rows, Training(2, 16))
    assert fitted.history[0].weights == pytest.approx([0.5, 0.5])
    assert fitted.history[0].acted == 0.0
    assert fitted.history[1].weights != pytest.approx([0.5, 0.5], abs=1e-3)


@pytest.mark.parametrize("kind", POLICIES)
def test_the_replay_is_that_of_one_epoch_and_empty_at_its_end(kind: Any) -> None:
    rows = table()
    told: dict[str, list[int]] = {}
    for name, every in (("epoch", None), ("three", 3)):
        target = joined(rows, kind(every=every))
        policy: Any = target.fusion
        lengths: list[int] = []
        inner = type(policy).after_epoch

        def counted(self: Any = policy, lengths: list[int] = lengths, inner: Any = inner) -> Any:
            lengths.append(len(self._replay))
            yield from inner(self)

        policy.after_epoch = counted
        fit(net(), target, rows, Training(2, 16))
        assert policy._replay == []
        told[name] = lengths
    steps = -(-len(rows.train) // 16)
    assert told["epoch"] == [steps, steps]
    assert told["three"] == ([3] * (steps // 3) + [steps % 3]) * 2


@pytest.mark.parametrize("kind", POLICIES)
def test_an_interrupted_training_goes_on_where_it_was(kind: Any, tmp_path: Any) -> None:
    rows, training = table(), Training(4, 16)
    calm = fit(net(), joined(rows, kind()), rows, training)

    class StoppedError(Exception):
        pass

    def look(epoch: Any, _: int) -> None:
        if epoch.epoch == 2:
            raise StoppedError

    held = replace(training, checkpoint=tmp_path)
    with pytest.raises(StoppedError):
        fit(net(), joined(rows, kind()), rows, held, look)
    assert same(fit(net(), joined(rows, kind()), rows, held).student, calm.student)


def test_rewards_are_brought_to_one_scale() -> None:
    reward: Tensor = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 600.0]])
    valid = torch.tensor([[True, True, True], [True, True, False]])
    found = normalised_reward(reward, valid)
    assert float(found[1, 2]) == 0.0
    assert float(found[valid].mean()) == pytest.approx(0.0, abs=1e-6)
    assert float(found[valid].std()) == pytest.approx(1.0, abs=1e-5)
    assert torch.equal(normalised_reward(torch.ones(2, 2), torch.ones(2, 2, dtype=torch.bool)), torch.zeros(2, 2))
    assert torch.equal(normalised_reward(torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool)), torch.zeros(1, 1))


@pytest.mark.parametrize("kind", POLICIES)
def test_what_does_not_fit_is_named(kind: Any) -> None:
    rows = table()
    made = joined(rows, kind()).fusion
    with pytest.raises(InputError, match="make a new one"):
        made.bound(("other", "names"))  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"call \.bound"):
        kind()(joined(rows, kind()).signals(torch.arange(3)).stacked(), Context())
    numbers = Signals(("right", "wrong"), (Values.of(torch.zeros(2, 1)),) * 2).stacked()
    with pytest.raises(InputError, match="MetaWeights"):
        made(numbers, Context(student=numbers.take(slice(0, 2))))
    wrong: list[dict[str, Any]] = [{"lr": 0.0}, {"every": 0}, {"hidden": 0} if kind is MTKDRL else {"lr": -1.0}]
    for options in wrong:
        with pytest.raises(InputError, match=kind.name):
            kind(**options)


def test_without_a_student_all_teachers_count_alike() -> None:
    for kind in POLICIES:
        rows = table()
        target = joined(rows, kind())
        found: Any = target.fusion(target.signals(torch.arange(4)).stacked(), Context())
        assert torch.equal(found.values, torch.full((2, 4), 0.5))
        assert not bool(found.acted.any())
