"""Borda counts and reciprocal ranks against hand-made examples, and where they differ from the mean."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tutelage.core import Context, InputError, Scores, Signals, Target
from tutelage.fusion import Borda, GeometricMean, Mean, MeanLogits, ReciprocalRank
from tutelage.fusion.answers import answer_of

NAN = float("nan")


def told(*teachers: list[float]) -> Scores:
    """Stacked answers about one row; NaN is not listed."""
    scores = [torch.tensor([one]) for one in teachers]
    answers = tuple(Scores.of(score, listed=~score.isnan()) for score in scores)
    return Signals(tuple(str(i) for i in range(len(answers))), answers).stacked()


def shape(target: Target) -> Tensor:
    """Scores between 0 and 1: what is left when mean and spread do not matter."""
    score = target.answer.score[0][target.answer.listed[0]]
    return (score - score.min()) / (score.max() - score.min())


def test_points() -> None:
    target = Borda()(told([9.0, 8.0, 7.0, 1.0], [100.0, 300.0, 200.0, 0.0]), Context())
    points = torch.tensor([3 + 1, 2 + 3, 1 + 2, 0 + 0]) / 2.0
    assert shape(target).tolist() == pytest.approx((points / 2.5).tolist())
    assert target.temperature == 1.0
    assert target.answer.score.std(unbiased=True) == pytest.approx(2.0, rel=1e-5)


def test_the_points_left_are_shared() -> None:
    target = Borda()(told([5.0, 4.0, NAN, NAN], [2.0, 1.0, 3.0, 0.0]), Context())
    points = torch.tensor([3 + 2, 2 + 1, 0.5 + 3, 0.5 + 0])
    assert shape(target).tolist() == pytest.approx(((points - 0.5) / 4.5).tolist())


def test_reciprocals() -> None:
    target = ReciprocalRank()(told([9.0, 8.0, 7.0], [NAN, 1.0, 2.0]), Context())
    points = torch.tensor([1 / 61, 1 / 62 + 1 / 62, 1 / 63 + 1 / 61])
    wanted = (points - points.min()) / (points.max() - points.min())
    assert shape(target).tolist() == pytest.approx(wanted.tolist(), abs=1e-4)


def test_weights_by_name_and_position() -> None:
    signals = told([3.0, 2.0, 1.0], [1.0, 2.0, 3.0])
    for made in (Borda(weights={"a": 3.0, "b": 1.0}), ReciprocalRank(weights={"b": 1.0, "a": 3.0})):
        bound = made.bound(["a", "b"])
        assert bound(signals, Context()).answer.score[0].argmax() == 0
        assert bound.taking([1]).weights == (1.0,)


def test_lists_without_a_common_item_are_joined() -> None:
    """No probabilities can be compared there, so that weights have nothing to mix; places still say something."""
    signals = told([5.0, 4.0, NAN, NAN], [NAN, NAN, 1.0, 2.0])
    assert not bool(signals.valid.any())
    assert not bool(Mean()(signals, Context()).values.any())
    answer = ReciprocalRank()(signals, Context()).answer
    assert answer.valid.tolist() == [True]
    assert answer.listed.tolist() == [[True] * 4]
    assert answer.score[0, 0] > answer.score[0, 1]


def test_a_loud_teacher_does_not_drown_the_others() -> None:
    """The papers' point: one teacher's large scores decide the mean, and only one place among several here."""
    signals = told([0.0, 0.0, 900.0, 1.0], [3.0, 2.0, 1.0, 0.0], [3.0, 2.0, 1.0, 0.0])
    loud = answer_of(Mean()(signals, Context()), signals)
    assert int(MeanLogits()(signals, Context()).answer.score.argmax()) == 2
    assert int(GeometricMean()(signals, Context()).answer.score.argmax()) == 2
    assert int(Borda()(signals, Context()).answer.score.argmax()) == 0
    assert loud.probs().sum() == pytest.approx(1.0)


def test_bad_settings() -> None:
    with pytest.raises(InputError, match="spread of Borda"):
        Borda(0.0)
    with pytest.raises(InputError, match="must not be negative"):
        ReciprocalRank(k=-1.0)
    with pytest.raises(InputError, match="finite, not negative"):
        ReciprocalRank(weights=(-1.0, 2.0))
