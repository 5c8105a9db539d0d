"""Fusions that learn once from held-out answers: gate, attention, net, any model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor

from tutelage.core import Classes, Context, InputError, Labels, Scores, Values
from tutelage.fusion import Attention, Gate, Mean, MetaModel, NeuralFusion
from tutelage.fusion.answers import answer_of

CLASSES = 4


def answers(count: int, seed: int) -> tuple[Classes, Tensor]:
    """Three teachers: the first knows classes 0 and 1, the second 2 and 3, the third guesses and is very sure.

    A specialist that does not know a row says so by an even answer.
    """
    chance = torch.Generator().manual_seed(seed)
    truth = torch.randint(0, CLASSES, (count,), generator=chance)
    hot = torch.nn.functional.one_hot(truth, CLASSES).float()
    noise = torch.randn(3, count, CLASSES, generator=chance) * 0.4
    noise[0, truth < 2] += 4 * hot[truth < 2]
    noise[1, truth >= 2] += 4 * hot[truth >= 2]
    guess = torch.randint(0, CLASSES, (count,), generator=chance)
    noise[2] += 6 * torch.nn.functional.one_hot(guess, CLASSES)
    return Classes.of(noise, "logits"), truth


def accuracy(fusion: Any, count: int = 1000, seed: int = 1) -> float:
    signals, truth = answers(count, seed)
    said = answer_of(fusion(signals, Context()), signals).probs().argmax(-1)
    return float((said == truth).float().mean())


def taught(fusion: Any, count: int = 300) -> Any:
    signals, truth = answers(count, 0)
    return fusion.fit(signals, truth, torch.ones(count, dtype=torch.bool))


@pytest.mark.parametrize(
    "fusion",
    [
        Gate(),
        NeuralFusion(),
        MetaModel(LogisticRegression(max_iter=500)),
        MetaModel(DecisionTreeClassifier()),
    ],
    ids=lambda fusion: fusion.name,
)
def test_it_learns_whom_to_believe_where_the_mean_cannot(fusion: Any) -> None:
    assert accuracy(taught(fusion)) > accuracy(Mean()) + 0.1


def test_attention_tells_an_outlier_without_knowing_its_name() -> None:
    """Two teachers agree and are fairly sure; who is very sure and far from them is wrong, whatever its place."""
    chance = torch.Generator().manual_seed(0)
    truth = torch.randint(0, CLASSES, (400,), generator=chance)
    scores = torch.randn(3, 400, CLASSES, generator=chance) * 0.5
    scores += 1.5 * torch.nn.functional.one_hot(truth, CLASSES)
    liar = torch.randint(0, 3, (400,), generator=chance)
    wrong = (truth + 1 + torch.randint(0, 3, (400,), generator=chance)) % CLASSES
    scores[liar, torch.arange(400)] = 7.0 * torch.nn.functional.one_hot(wrong, CLASSES)
    signals, half = Classes.of(scores, "logits"), slice(0, 200)
    fusion = Attention().fit(signals.take(half), truth[half], torch.ones(200, dtype=torch.bool))
    rest = signals.take(slice(200, 400))
    weights: Any = fusion(rest, Context())
    assert float(weights.values[liar[200:], torch.arange(200)].mean()) < 0.1
    turned = Classes.of(scores[[2, 0, 1]][:, 200:], "logits")
    again: Any = fusion(turned, Context())
    assert torch.allclose(again.values, weights.values[[2, 0, 1]], atol=1e-5)


@pytest.mark.parametrize("fusion", [Gate(penalty=1e9), Attention(penalty=1e9), NeuralFusion(penalty=1e9)])
def test_a_penalty_that_forbids_everything_leaves_the_mean(fusion: Any) -> None:
    """Learning starts from equal trust, not from chance."""
    signals, _ = answers(50, 2)
    found = answer_of(taught(fusion)(signals, Context()), signals).probs()
    assert torch.allclose(found, answer_of(Mean()(signals, Context()), signals).probs(), atol=1e-3)


def test_the_load_term_keeps_everybody_at_work() -> None:
    signals, truth = answers(300, 0)
    shares = []
    for load in (0.0, 10.0):
        weights: Any = Gate(load=load).fit(signals, truth, torch.ones(300, dtype=torch.bool))(signals, Context())
        shares.append(float(weights.values[2].mean()))
    assert shares[0] < 0.15
    assert shares[1] > 0.3


def test_values_and_labels_are_learnt_too() -> None:
    chance = torch.Generator().manual_seed(0)
    truth = torch.randn(200, 2, generator=chance)
    mean = torch.stack([truth + 0.1 * torch.randn(200, 2, generator=chance), torch.randn(200, 2, generator=chance)])
    numbers, shown = Values.of(mean), torch.ones(200, 2, dtype=torch.bool)
    for fusion in (Gate(), NeuralFusion(), MetaModel(Ridge())):
        given: Any = answer_of(fusion.fit(numbers, truth, shown)(numbers, Context()), numbers)
        assert float((given.mean - truth).square().mean()) < 0.1
    yes = Labels.of(3 * mean)
    wanted = (truth > 0).float()
    for model in (Gate(), NeuralFusion(), MetaModel(LogisticRegression())):
        told: Any = answer_of(model.fit(yes, wanted, shown)(yes, Context()), yes)
        assert float(((told.logits > 0) == (wanted > 0.5)).float().mean()) > 0.9


def test_what_is_wrong_is_named() -> None:
    signals, truth = answers(20, 0)
    nobody = torch.zeros(20, dtype=torch.bool)
    for fusion in (Gate(), Attention(), NeuralFusion(), MetaModel(LogisticRegression())):
        with pytest.raises(InputError, match="not fitted"):
            fusion(signals, Context())
        with pytest.raises(InputError, match="there is none"):
            fusion.fit(signals, truth, nobody)
        with pytest.raises(InputError, match="same candidates"):
            fusion.fit(Scores.of(torch.zeros(2, 20, 3)), truth, nobody)
    with pytest.raises(InputError, match="must not be negative"):
        Gate(penalty=-1.0)
    with pytest.raises(InputError, match="width of at least 1"):
        Attention(hidden=0)
    with pytest.raises(InputError, match="needs fit and predict"):
        MetaModel("a word")
    with pytest.raises(InputError, match="a regressor for values"):
        MetaModel(Ridge()).fit(signals, truth, ~nobody)
    with pytest.raises(InputError, match="fit it again"):
        taught(Gate())(Classes.of(torch.zeros(2, 3, CLASSES), "logits"), Context())
    with pytest.raises(InputError, match="cannot leave one out"):
        taught(Gate()).taking([0, 1])
