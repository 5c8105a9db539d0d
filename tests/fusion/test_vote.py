from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError, Labels
from tutelage.fusion import HardVote, SoftVote


def answers(*teachers: list[list[float]], **more: torch.Tensor) -> Classes:
    """Stacked answers [T, B, C] from probabilities."""
    return Classes.of(torch.tensor(teachers, dtype=torch.float64).log(), "log_probs", **more)


def test_a_hard_vote_hears_heads_and_the_mean_hears_volume() -> None:
    """Two teachers mildly for class 0 beat one that shouts class 1; the mean follows the shout."""
    signals = answers([[0.55, 0.45]], [[0.55, 0.45]], [[0.01, 0.99]])
    assert signals.probs().mean(0).argmax() == 1
    target = HardVote()(signals, Context(temperature=4.0))
    assert target.temperature == 1.0
    assert torch.allclose(target.answer.probs(), torch.tensor([[2 / 3, 1 / 3]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("form", "wanted"),
    [("shares", [0.5, 0.5, 0.0]), ("winner", [0.5, 0.5, 0.0]), ("lowest", [1.0, 0.0, 0.0])],
)
def test_ties(form: str, wanted: list[float]) -> None:
    signals = answers([[0.1, 0.8, 0.1]], [[0.8, 0.1, 0.1]])
    told = HardVote(form)(signals, Context()).answer.probs()  # pyright: ignore[reportArgumentType]
    assert told[0].tolist() == pytest.approx(wanted)


def test_winner_takes_all() -> None:
    signals = answers([[0.1, 0.8, 0.1]], [[0.8, 0.1, 0.1]], [[0.8, 0.1, 0.1]])
    assert HardVote("winner")(signals, Context()).answer.probs()[0].tolist() == pytest.approx([1.0, 0.0, 0.0])
    heavy = HardVote("winner", (3.0, 1.0, 1.0))(signals, Context()).answer.probs()
    assert heavy[0].tolist() == pytest.approx([0.0, 1.0, 0.0])


def test_not_knowing_a_class_says_nothing_against_it() -> None:
    """One teacher of three knows class 2, and its vote for it counts whole; the closed mean dilutes it."""
    coverage = torch.tensor([[True, True, False], [True, True, False], [True, True, True]])
    signals = answers([[0.6, 0.4, 1.0]], [[0.4, 0.6, 1.0]], [[0.05, 0.05, 0.9]], coverage=coverage)
    shares = HardVote()(signals, Context()).answer.probs()[0]
    assert shares.tolist() == pytest.approx([0.2, 0.2, 0.6])
    soft = SoftVote()(signals, Context()).answer.probs()[0]
    means = torch.tensor([(0.6 + 0.4 + 0.05) / 3, (0.4 + 0.6 + 0.05) / 3, 0.9], dtype=torch.float64)
    assert torch.allclose(soft, means / means.sum())
    assert soft.argmax() == 2
    assert signals.probs().mean(0).argmax() != 2


def test_a_soft_vote_is_formed_at_the_asked_temperature() -> None:
    signals = answers([[0.9, 0.1]], [[0.3, 0.7]])
    target = SoftVote()(signals, Context(temperature=2.0))
    assert target.temperature == 2.0
    assert torch.allclose(target.answer.probs(), signals.probs(2.0).mean(0))


def test_labels_are_voted_one_by_one() -> None:
    signals = Labels.of(torch.tensor([[[2.0, -1.0]], [[0.1, -3.0]], [[-9.0, 4.0]], [[-9.0, -4.0]]]))
    assert HardVote()(signals, Context()).answer.probs()[0].tolist() == pytest.approx([0.5, 0.25])
    assert HardVote("winner")(signals, Context()).answer.probs()[0].tolist() == pytest.approx([0.5, 0.0])
    assert HardVote("lowest")(signals, Context()).answer.probs()[0].tolist() == pytest.approx([0.0, 0.0])


def test_uncalibrated_votes_can_be_counted() -> None:
    ballots = torch.eye(3).argmax(-1) * 0
    signals = Classes.of(torch.nn.functional.one_hot(ballots, 3).float().unsqueeze(1), "votes")
    assert HardVote()(signals, Context()).answer.probs()[0].tolist() == pytest.approx([1.0, 0.0, 0.0])


def test_unknown_form_is_refused() -> None:
    with pytest.raises((InputError, TypeError), match="loud"):
        HardVote("loud")  # pyright: ignore[reportArgumentType]
