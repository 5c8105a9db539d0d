from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from tutelage.core import Classes, Context, InputError, Labels, Values
from tutelage.fusion import Stacking
from tutelage.fusion.linear import logistic, ridge


def example(teachers: int, rows: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random logits [T, N, C] that know something, and the truth."""
    truth = torch.arange(rows) % classes
    hint = 1.5 * torch.nn.functional.one_hot(truth, classes)
    return torch.randn(teachers, rows, classes, dtype=torch.float64) + hint, truth


def test_it_learns_what_no_weights_can() -> None:
    """A teacher that always says the opposite is worth one that is right; the mean follows it into error."""
    truth = torch.randint(0, 2, (200,))
    right = 2.0 * torch.nn.functional.one_hot(truth, 2).double()
    signals = Classes.of(torch.stack([torch.zeros_like(right), -right]), "logits")
    fusion = Stacking().fit(signals, truth, torch.ones(200, dtype=torch.bool))
    target = fusion(signals, Context(temperature=4.0))
    assert target.temperature == 1.0
    assert float((target.answer.probs().argmax(-1) == truth).double().mean()) == 1.0
    assert float((signals.probs().mean(0).argmax(-1) == truth).double().mean()) == 0.0


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("penalty", [0.1, 1.0, 10.0])
def test_logistic_regression_agrees_with_scikit_learn(classes: int, penalty: float) -> None:
    scores, truth = example(3, 90, classes)
    x = scores.softmax(-1).transpose(0, 1).flatten(1)
    ours = logistic(x, truth, classes, penalty)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=10000).fit(x.numpy(), truth.numpy())
    assert torch.allclose(torch.tensor(ours.weight), torch.tensor(theirs.coef_).float(), atol=1e-4)
    assert torch.allclose(torch.tensor(ours.bias), torch.tensor(theirs.intercept_).float(), atol=1e-4)


def test_ridge_agrees_with_scikit_learn() -> None:
    x, y = torch.randn(60, 4).double() + 5, torch.randn(60).double()
    ours, theirs = ridge(x, y, 2.5), Ridge(alpha=2.5).fit(x.numpy(), y.numpy())
    assert ours.weight[0] == pytest.approx(theirs.coef_.tolist())
    assert ours.bias[0] == pytest.approx(float(theirs.intercept_))


def test_an_absent_teacher_is_replaced_by_the_mean_of_the_others() -> None:
    scores, truth = example(3, 60, 4)
    fusion = Stacking().fit(Classes.of(scores, "logits"), truth, torch.ones(60, dtype=torch.bool))
    valid = torch.ones(3, 60, dtype=torch.bool)
    valid[0, :30] = False
    gone = fusion(Classes.of(scores, "logits", valid=valid), Context()).answer
    mean = scores.softmax(-1)
    mean[0, :30] = mean[1:, :30].mean(0)
    filled = fusion(Classes.of(mean.log(), "log_probs"), Context()).answer
    assert torch.allclose(gone.scores, filled.scores)


def test_rows_without_answers_or_labels_are_left_out() -> None:
    scores, truth = example(2, 80, 3)
    some = torch.arange(80) % 4 != 0
    valid = torch.ones(2, 80, dtype=torch.bool)
    valid[:, 1] = False
    hidden = truth.masked_fill(~some, -100)
    fusion = Stacking().fit(Classes.of(scores, "logits", valid=valid), hidden, some)
    kept = (some & valid.any(0)).nonzero().flatten()
    same = Stacking().fit(Classes.of(scores[:, kept], "logits"), truth[kept], some[kept])
    assert fusion == same
    target = fusion(Classes.of(scores, "logits", valid=valid), Context()).answer
    assert target.valid.tolist() == valid.any(0).tolist()


def test_unseen_classes_are_not_covered() -> None:
    scores, truth = example(2, 60, 4)
    fusion = Stacking().fit(Classes.of(scores, "logits"), truth % 3, torch.ones(60, dtype=torch.bool))
    told = fusion(Classes.of(scores, "logits"), Context()).answer
    assert told.coverage.tolist() == [True, True, True, False]


def test_labels_and_values_have_a_model_per_column() -> None:
    truth = (torch.rand(100, 2) > 0.5).double()
    known = torch.ones(100, 2, dtype=torch.bool)
    odds = torch.randn(3, 100, 2).double()
    odds[1, :, 0] += 4 * truth[:, 0] - 2
    odds[2, :, 1] -= 4 * truth[:, 1] - 2
    told = Stacking().fit(Labels.of(odds), truth, known)(Labels.of(odds), Context()).answer
    assert float(((told.logits > 0) == truth.bool()).double().mean()) > 0.85
    wanted = 2 * odds[1] - odds[0] + 3
    exact = Stacking(0.0).fit(Values.of(odds), wanted, known)(Values.of(odds), Context()).answer
    assert torch.allclose(exact.mean, wanted)


def test_refusals() -> None:
    scores, truth = example(2, 20, 3)
    signals, known = Classes.of(scores, "logits"), torch.ones(20, dtype=torch.bool)
    with pytest.raises(InputError, match="was not fitted"):
        Stacking()(signals, Context())
    with pytest.raises(InputError, match="labelled held-out rows"):
        Stacking().fit(signals, truth, ~known)
    with pytest.raises(InputError, match=r"only \[0\]"):
        Stacking().fit(signals, 0 * truth, known)
    with pytest.raises(InputError, match=r"\[6\] inputs and got \[3\]"):
        Stacking().fit(signals, truth, known)(Classes.of(scores[:1], "logits"), Context())
    with pytest.raises(InputError, match=r"must not be negative, got -1"):
        Stacking(-1.0)
