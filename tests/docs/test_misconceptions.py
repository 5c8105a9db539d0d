"""What popular descriptions get wrong: the wrong result beside ours. One test per section of docs/misconceptions.md."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score, precision_score, recall_score
from torch import Tensor, nn

import tutelage as tl
from outside import REPO
from tutelage.core import Context, LeakageError
from tutelage.fusion import Entropy, Mean, MeanLogits, Performance
from tutelage.ops import metrics
from tutelage.teaching import terms
from tutelage.train import task_of

TRUTH = torch.tensor([0] * 60 + [1] * 40)
GUESS = torch.tensor([0] * 55 + [1] * 5 + [0] * 20 + [1] * 20)
PROBS = torch.tensor([[[0.8, 0.15, 0.05]], [[0.2, 0.7, 0.1]], [[0.98, 0.01, 0.01]]])


@pytest.fixture(scope="module")
def digits() -> tl.Rows:
    data: Any = load_digits()
    keep = np.arange(600)
    return tl.rows_of({"pixels": (data.data[keep] / 16).astype(np.float32)}, data.target[keep])


def stacked(probs: Tensor) -> tl.Classes:
    return tl.Classes.stack([tl.Classes.from_probs(one) for one in probs])


def test_every_section_has_its_test() -> None:
    page = (REPO / "docs" / "misconceptions.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", page, re.MULTILINE)
    tested = {name.removeprefix("test_section_") for name in globals() if name.startswith("test_section_")}
    wanted = {re.sub(r"\W+", "_", title.lower()).strip("_") for title in sections}
    assert tested == wanted


def test_section_false_positives_and_false_negatives_swapped() -> None:
    table = metrics.confusion(TRUTH, GUESS, 2)
    precision, recall, _ = metrics.rates(table).macro()
    swapped, _, _ = metrics.rates(table.T).macro()
    assert precision == pytest.approx(precision_score(TRUTH, GUESS, average="macro"))
    assert recall == pytest.approx(recall_score(TRUTH, GUESS, average="macro"))
    assert swapped == pytest.approx(recall)
    assert abs(swapped - precision) > 0.02


def test_section_f1_computed_from_the_wrong_things() -> None:
    precision, recall, f1 = metrics.rates(metrics.confusion(TRUTH, GUESS, 2)).macro()
    accuracy = metrics.accuracy(TRUTH, GUESS)
    assert f1 == pytest.approx(f1_score(TRUTH, GUESS, average="macro"))
    assert abs(2 * precision * recall / (precision + recall) - f1) > 0.005
    assert abs(2 * accuracy * recall / (accuracy + recall) - f1) > 0.01


def test_section_weighted_targets_that_do_not_sum_to_one() -> None:
    accuracies = torch.tensor([0.9, 0.8, 0.7])
    wrong = (accuracies.view(3, 1, 1) * PROBS).sum(0)
    assert wrong.sum().item() == pytest.approx(2.4)
    signals = replace(stacked(PROBS), valid=torch.tensor([[True], [True], [False]]))
    weights = Performance(weights=tuple((a,) for a in accuracies.tolist()))(signals, Context()).values
    assert weights.flatten().tolist() == pytest.approx([0.9 / 1.7, 0.8 / 1.7, 0.0])


def test_section_softmax_twice() -> None:
    logits = torch.zeros(4, 10)
    logits[:, 3] = 6.8
    teacher = tl.ModuleTeacher(nn.Softmax(-1), reads="scores", classes=range(10))
    answer = teacher.answer({"scores": logits.numpy()})
    wrong = torch.softmax(torch.softmax(logits, -1), -1)
    assert wrong[0, 3].item() == pytest.approx(0.23, abs=0.01)
    assert isinstance(answer, tl.Classes)
    assert answer.probs()[0, 3].item() == pytest.approx(0.99, abs=0.001)


def test_section_targets_out_of_step_with_their_rows(digits: tl.Rows) -> None:
    column = digits.columns["pixels"]
    rule = tl.RuleTeacher(
        lambda row: str(int(row["pixels"].sum()) % 10), reads="pixels", space=digits.space, output="votes"
    )
    signals = tl.Memory.of([rule], digits.columns)
    one, two = (list(digits.batches(digits.train, 64, seed=0, epoch=epoch)) for epoch in (0, 1))
    collected = torch.cat([signals.gather(batch.row, batch.view).stacked().scores[0] for batch in one])
    shuffled = torch.cat([batch.row for batch in two])
    truth = torch.from_numpy(column[shuffled.numpy()].sum(1).astype(np.int64) % 10)
    ours = torch.cat([signals.gather(batch.row, batch.view).stacked().scores[0] for batch in two])
    assert (ours.argmax(-1) == truth).all()
    assert (collected.argmax(-1) == truth).float().mean() < 0.3


class Watching(nn.Module):
    """Keeps what it was shown in training."""

    def __init__(self) -> None:
        super().__init__()
        self.net = tl.MLP(64, 10, (4,))
        self.shown: list[Tensor] = []

    def forward(self, pixels: Tensor) -> Tensor:
        if self.training:
            self.shown.append(pixels)
        return self.net(pixels)


def test_section_distilling_on_validation_rows(digits: tl.Rows) -> None:
    with pytest.raises(LeakageError, match="both train and validation"):
        replace(digits, train=np.concatenate([digits.train, digits.validation[:3]]))
    with pytest.raises(LeakageError, match="sealed"):
        list(digits.batches(digits.test, 8))  # pyright: ignore[reportArgumentType]
    rule = tl.RuleTeacher(lambda row: {"3": 0.5}, reads="pixels", space=digits.space)
    target = tl.generate_distillation_targets(tl.Memory.of([rule], digits.columns), digits, Mean())
    student = Watching()
    tl.fit(student, target, digits, tl.Training(epochs=1))
    shown = {tuple(row) for row in torch.cat(student.shown).tolist()}
    kept = {tuple(row) for row in digits.columns["pixels"][digits.train].tolist()}
    assert shown == kept


def test_section_distilling_on_rows_that_the_teacher_knows(digits: tl.Rows) -> None:
    own = digits.train
    forest = RandomForestClassifier(50, random_state=0)
    inside = forest.fit(digits.columns["pixels"][own], digits.target[own]).predict_proba(digits.columns["pixels"][own])
    teachers = tl.train_models(digits, lambda: RandomForestClassifier(50), n=1, folds=3)
    answer = tl.Memory.of(teachers, digits.columns).signals.take(torch.from_numpy(own)).stacked().probs()[0].numpy()
    truth = digits.target[own]
    assert inside[np.arange(len(own)), truth].mean() > 0.85
    assert (inside.argmax(1) == truth).all(), "its targets are the labels again"
    assert answer[np.arange(len(own)), truth].mean() < 0.75
    assert (answer.argmax(1) != truth).any(), "out of fold it errs as it would on new rows"


def test_section_temperature_without_its_square() -> None:
    teacher = tl.Classes.of(torch.tensor([[2.0, 0.5, -1.0]]), "logits")
    ours: list[float] = []
    for temperature in (2.0, 8.0):
        scores = torch.tensor([[0.1, 0.2, 0.3]], requires_grad=True)
        term = terms.KL(temperature)
        phi = term.statistic(teacher, temperature, Context())
        loss = term.loss(tl.Classes.of(scores, "logits"), phi, teacher.coverage, temperature, Context())
        (gradient,) = torch.autograd.grad(loss.sum(), scores)
        ours.append(gradient.norm().item())
    assert 0.8 < ours[1] / ours[0] < 1.25
    assert (ours[1] / 64) / (ours[0] / 4) < 0.1, "without the square the soft loss fades"


def test_section_the_mean_of_logits_is_not_the_mean_of_probabilities() -> None:
    signals = stacked(torch.tensor([[[0.5, 0.5 - 1e-4, 1e-4]], [[0.1, 0.0001, 0.8999]]]))
    mean = (Mean()(signals, Context()).values.unsqueeze(-1) * signals.probs()).sum(0)
    pool = MeanLogits()(signals, Context()).answer.probs()
    assert mean[0, 2] > 0.4
    assert pool[0, 2] < 0.1


def test_section_accuracy_of_the_teachers_decides(digits: tl.Rows) -> None:
    """Two copies of a teacher that is right on 80 % lose to one of them with a teacher that is right on 60 %."""
    space, chance = digits.space, np.random.default_rng(0)
    number = {tuple(row): place for place, row in enumerate(digits.columns["pixels"].tolist())}
    difficult, easy = chance.random(len(digits)) < 0.2, chance.random(len(digits)) < 0.5

    def teacher(name: str, unknown: np.ndarray) -> tl.RuleTeacher:
        def says(row: dict[str, np.ndarray]) -> dict[str, float]:
            place = number[tuple(row["pixels"].tolist())]
            wrong, right = str((digits.target[place] + 1) % 10), str(digits.target[place])
            return {wrong: 0.4} if unknown[place] else {right: 0.9}

        return tl.RuleTeacher(says, reads="pixels", space=space, name=name)

    best, weaker = (
        teacher("best", difficult),
        teacher("weaker", ~difficult & (easy | (chance.random(len(digits)) < 0.3))),
    )
    twins = tl.Ensemble.of("twins", [best, teacher("twin", difficult)], Entropy())
    mixed = tl.Ensemble.of("mixed", [best, weaker], Entropy())
    found = {
        one.name: tl.evaluate_performance(one, digits, task_of(digits)).metrics["accuracy"]
        for one in (best, weaker, twins, mixed)
    }
    assert found["weaker"] < found["best"] == found["twins"] < found["mixed"]
