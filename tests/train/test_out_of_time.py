"""Out of time: no answer depends on its own label or on later rows; what was said before; honest errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB

from tutelage.core import InputError
from tutelage.data import Rows, rows_of
from tutelage.teaching.sources import ask_one
from tutelage.train import out_of_time

COUNT, FIRST = 120, 24


def table(changed_from: int = COUNT) -> Rows:
    """Two classes whose border drifts; from a row on, everything is otherwise."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(COUNT, 3)).astype(np.float32)
    said = np.where(features[:, 0] + np.linspace(-1, 1, COUNT) > 0, "up", "down")
    features[changed_from:] = -5.0 * features[changed_from:]
    said[changed_from:] = np.where(said[changed_from:] == "up", "down", "up")
    rows = np.arange(COUNT)
    return rows_of(features, said, names=("up", "down"), train=rows[:60], validation=rows[60:80], test=rows[80:])


def probabilities(rows: Rows, **asked: Any) -> torch.Tensor:
    """What was said about all rows that were answered."""
    teacher = out_of_time(rows=rows, name="walker", first=FIRST, **asked)
    answer: Any = ask_one(teacher, rows.columns, np.arange(COUNT))
    assert answer.valid.tolist() == [False] * FIRST + [True] * (COUNT - FIRST)
    return answer.probs()[FIRST:]


@pytest.mark.parametrize(
    "asked",
    [
        {"make": LogisticRegression, "every": 8, "window": 30},
        {"make": LogisticRegression, "every": 1, "window": 24},
        {"make": GaussianNB, "every": 1},
        {"make": GaussianNB, "every": 7},
    ],
    ids=["window", "window, each row", "online, each row", "online, blocks"],
)
@pytest.mark.parametrize("changed", [40, 81])
def test_an_answer_does_not_depend_on_its_label_or_on_later_rows(asked: dict[str, Any], changed: int) -> None:
    plain, other = probabilities(table(), **asked), probabilities(table(changed), **asked)
    before = changed - FIRST
    assert torch.equal(plain[:before], other[:before])
    assert not torch.equal(plain[before:], other[before:])


def test_the_label_of_a_row_does_not_change_its_own_answer() -> None:
    rows, other = table(), table()
    other.target[50] = 1 - other.target[50]
    plain, turned = (probabilities(one, make=GaussianNB, every=1) for one in (rows, other))
    assert torch.equal(plain[: 51 - FIRST], turned[: 51 - FIRST])
    assert not torch.equal(plain[51 - FIRST :], turned[51 - FIRST :])


def test_a_window_is_what_a_model_of_these_rows_says() -> None:
    rows = table()
    said = probabilities(rows, make=LogisticRegression, every=12, window=30)
    features, names = rows.columns["features"], np.array(rows.space.names)[rows.target]
    model = LogisticRegression().fit(features[42:72], names[42:72])
    expected = model.predict_proba(features[72:84])[:, [1, 0]]  # the model sorts its classes, the rows do not
    assert np.allclose(said[72 - FIRST : 84 - FIRST].numpy(), expected, atol=1e-6)


def test_new_rows_are_answered_by_the_newest_model_and_rows_of_the_table_by_number() -> None:
    rows = table()
    teacher = out_of_time(GaussianNB, rows, name="walker", every=1, first=FIRST)
    model = GaussianNB().fit(rows.columns["features"], rows.target)
    fresh = {"features": np.ones((2, 3), np.float32)}
    assert np.allclose(teacher.answer(fresh).probs().numpy(), model.predict_proba(fresh["features"]), atol=1e-5)
    with pytest.raises(InputError, match=r"rows 0\.\.119 and was asked about row 120"):
        teacher.answer_rows(rows.columns, np.array([120]))
    assert len(teacher.seen) == 0


def test_a_window_of_one_class_keeps_the_model_before() -> None:
    rows = table()
    rows.target[40:80] = 0
    said = probabilities(rows, make=LogisticRegression, every=10, window=10)
    assert torch.isfinite(said).all()


def test_what_cannot_walk_is_told() -> None:
    with pytest.raises(InputError, match="LogisticRegression has no partial_fit: give window="):
        out_of_time(LogisticRegression, table(), name="walker", every=1)
    with pytest.raises(InputError, match="first is below 120, got 1, None, 120"):
        out_of_time(SGDClassifier, table(), name="walker", every=1, first=120)
    numbers = rows_of(np.zeros((9, 2)), np.arange(9.0) + 0.25)
    with pytest.raises(InputError, match="rows of classes, these are values"):
        out_of_time(SGDClassifier, numbers, name="walker", every=1)
