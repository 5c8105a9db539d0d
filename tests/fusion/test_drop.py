from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels, Scores, Values
from tutelage.fusion import Mean, RandomDrop, RandomTeacher
from tutelage.fusion.drop import distances


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_farthest_teacher_is_always_heard() -> None:
    """The mean gives a teacher that the student has not copied a quarter; here it is heard in every draw, and more."""
    near, far = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 4.0])
    signals = Classes.of(torch.stack([near, near + 0.1, near * 0.9, far]).unsqueeze(1).expand(4, 500, 2), "logits")
    student = Classes.of(near.expand(500, 2), "logits")
    weights = RandomDrop()(signals, Context(student=student, generator=chance())).values
    assert weights[3].min() >= 0.25
    assert weights[3].mean() > Mean()(signals, Context()).values[3].mean() + 0.15
    assert 0.4 < float((weights[0] > 0).double().mean()) < 0.6
    whole = RandomDrop(0.0)(signals, Context(student=student, generator=chance())).values
    assert whole.unique().tolist() == [0.25]
    alone = RandomDrop(1.0)(signals, Context(student=student, generator=chance())).values
    assert alone[3].unique().tolist() == [1.0]


@pytest.mark.parametrize("kind", [Classes, Labels, Values, Scores])
@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 1e4])
def test_distances_are_finite_and_vanish_at_equality(kind: type, scale: float) -> None:
    scores = scale * torch.randn(3, 4, 5, generator=chance()).sign()
    made = [Classes.of(s, "logits") if kind is Classes else kind.of(s) for s in (scores, scores[1])]  # type: ignore[attr-defined]
    found = distances(made[0], made[1], 2.0)
    assert found.shape == made[0].valid.shape
    assert bool(torch.isfinite(found).all())
    assert float(found[1].abs().max()) < 1e-6
    assert float(found.min()) > -1e-6


def test_without_a_student_or_a_generator() -> None:
    signals = Classes.of(torch.zeros(2, 3, 2), "logits")
    assert RandomDrop()(signals, Context()).values.unique().tolist() == [0.5]
    with pytest.raises(InputError, match="student with Values"):
        RandomDrop()(signals, Context(student=Values.of(torch.zeros(3, 2))))
    with pytest.raises(InputError, match=r"in \[0, 1\]"):
        RandomDrop(1.5)
    torch.manual_seed(0)
    first = RandomTeacher()(Classes.of(torch.randn(3, 2, 2), "logits"), Context()).values
    assert first.sum(0).tolist() == [1.0, 1.0]


def test_one_teacher_teaches_a_whole_batch_and_all_have_their_turn() -> None:
    scores = torch.randn(3, 6, 4, generator=chance())
    valid = torch.ones(3, 6, dtype=torch.bool)
    valid[0, 2] = False
    signals, source, turns = Classes.of(scores, "logits", valid=valid), chance(), [0, 0, 0]
    for _ in range(300):
        result = RandomTeacher()(signals, Context(generator=source))
        drawn = int(result.values[:, 0].argmax())
        turns[drawn] += 1
        assert result.values[drawn, valid[drawn]].unique().tolist() == [1.0]
        if drawn == 0:
            assert result.values[:, 2].tolist() == [0.0, 0.5, 0.5]
            assert result.acted is not None
            assert result.acted.tolist() == valid[0].tolist()
    assert min(turns) > 70


def test_nobody_speaks() -> None:
    silent = Classes.of(torch.zeros(3, 2, 2), "logits", valid=torch.zeros(3, 2, dtype=torch.bool))
    context = Context(student=Classes.of(torch.zeros(2, 2), "logits"), generator=chance())
    assert not RandomTeacher()(silent, context).values.any()
    assert not RandomDrop()(silent, context).values.any()
