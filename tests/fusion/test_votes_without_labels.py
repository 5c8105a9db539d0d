"""What OneCoin, DawidSkene and GLAD have in common."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tutelage.core import Batch, Classes, Context, InputError, Labels, Signals, Unlabelled, Values
from tutelage.fusion import GLAD, DawidSkene, HardVote, OneCoin
from tutelage.teaching import Memory
from tutelage.teaching.fusing import leave_one_out
from tutelage.teaching.heldout import learn
from voters import even, truths, voters

LEARNERS = [OneCoin(), DawidSkene(), GLAD()]
named = pytest.mark.parametrize("fusion", LEARNERS, ids=lambda fusion: fusion.name)


def fitted(fusion: Any, signals: Any) -> Any:
    rows = signals.valid.shape[1:]
    target = torch.zeros(rows[0], dtype=torch.int64) if len(rows) == 1 else torch.zeros(rows)
    return fusion.fit(signals, target, torch.zeros(rows, dtype=torch.bool))


@named
def test_few_good_voters_against_many_bad_ones(fusion: Any) -> None:
    """Three voters are right most of the time, five hardly more often than chance: counting heads loses to them."""
    truth = truths(400, 3)
    signals = voters(truth, [even(s, 3) for s in (0.9, 0.85, 0.8, *[0.4] * 5)])
    found = fitted(fusion, signals)(signals, Context()).answer.probs()
    heads = HardVote()(signals, Context()).answer.probs()
    assert (found.argmax(-1) == truth).double().mean() > (heads.argmax(-1) == truth).double().mean() + 0.1


@named
def test_labels_are_not_looked_at(fusion: Any) -> None:
    truth = truths(60, 3)
    signals = voters(truth, [even(s, 3) for s in (0.9, 0.7, 0.5)])
    one = fusion.fit(signals, truth, torch.ones(60, dtype=torch.bool))
    two = fusion.fit(signals, (truth + 1) % 3, torch.ones(60, dtype=torch.bool))
    assert one == two == fitted(fusion, signals)
    assert isinstance(fusion, Unlabelled)
    assert one.fitted


@named
def test_learn_needs_no_label_and_uses_all_taught_rows(fusion: Any) -> None:
    truth = truths(80, 3)
    stacked = voters(truth, [even(s, 3) for s in (0.9, 0.7, 0.5)])
    answers = tuple(Classes.of(scores, "logits") for scores in stacked.scores)
    source = Memory(Signals(("a", "b", "c"), answers))
    nobody = Batch.of({}, torch.zeros(0, dtype=torch.int64))
    taught = Batch.of({}, truth)
    _, found = learn(source, fusion, nobody, taught=taught)
    assert found == fitted(fusion, stacked)
    _, alone = learn(source, fusion, Batch.of({}, truth[:40]))
    assert alone == fitted(fusion, stacked.take(slice(0, 40)))


@named
def test_each_label_is_a_question(fusion: Any) -> None:
    """Two teachers are good on the first label only, two on the second."""
    chance = torch.Generator().manual_seed(0)
    truth = torch.rand(500, 2, generator=chance) > 0.5
    skills = torch.tensor([[0.95, 0.55], [0.9, 0.55], [0.55, 0.95], [0.55, 0.9], [0.55, 0.55]])
    right = torch.rand(5, 500, 2, generator=chance) < skills.unsqueeze(1)
    signals = Labels.of(torch.where(right, truth, ~truth).double() * 8 - 4)
    found = fitted(fusion, signals)(signals, Context()).answer.logits > 0
    heads = HardVote()(signals, Context()).answer.logits > 0
    gain = (found == truth).double().mean(0) - (heads == truth).double().mean(0)
    assert gain.min() > 0.01


@named
def test_a_teacher_can_be_left_out(fusion: Any) -> None:
    signals = voters(truths(60, 3), [even(s, 3) for s in (0.9, 0.7, 0.5)])
    found = fitted(fusion, signals)
    answers = tuple(Classes.of(scores, "logits") for scores in signals.scores)
    others = leave_one_out(Signals(("a", "b", "c"), answers), found, Context())
    assert len(others) == 3
    with pytest.raises(InputError, match=r"fitted on 1 questions to 3 teachers and got 1 to 2"):
        found(Classes.of(signals.scores[:2], "logits"), Context())


@named
@pytest.mark.parametrize("style", ["unanimous", "silent rows", "one row", "one teacher", "fifty", "one class"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extremes(fusion: Any, style: str, dtype: torch.dtype) -> None:
    chance = torch.Generator().manual_seed(0)
    teachers, rows = (1 if style == "one teacher" else 4), (1 if style == "one row" else 20)
    scores = torch.randn(teachers, rows, 3, dtype=dtype, generator=chance)
    if style == "fifty":
        scores = 50 * scores.sign()
    if style in ("unanimous", "one class"):
        scores = scores[:1].expand(4, -1, -1).clone()
    if style == "one class":
        scores[..., 1] += 100
    valid = torch.ones(teachers, rows, dtype=torch.bool)
    if style == "silent rows":
        valid[:, :5] = False
    signals = Classes.of(scores, "logits", valid=valid)
    answer = fitted(fusion, signals)(signals, Context()).answer
    answer.check(fusion.name)
    assert answer.scores.dtype == dtype
    assert torch.equal(answer.valid, valid.any(0))
    probs = answer.probs()[answer.valid]
    assert bool(torch.isfinite(probs).all())
    if style in ("unanimous", "one class"):
        assert torch.equal(probs.argmax(-1), scores[0].argmax(-1))


@named
def test_nobody_votes(fusion: Any) -> None:
    silent = Classes.of(torch.zeros(2, 3, 4), "logits", valid=torch.zeros(2, 3, dtype=torch.bool))
    with pytest.raises(InputError, match="HardVote"):
        fitted(fusion, silent)
    with pytest.raises(InputError, match="not fitted"):
        fusion(Classes.of(torch.zeros(2, 3, 4), "logits"), Context())
    with pytest.raises(InputError, match="Median"):
        fitted(fusion, Values.of(torch.zeros(2, 3, 4)))


@settings(deadline=None, max_examples=25, derandomize=True)
@given(st.sampled_from(LEARNERS), st.integers(2, 5), st.integers(2, 4), st.integers(0, 2**31 - 1))
def test_names_of_classes_do_not_matter(fusion: Any, teachers: int, size: int, seed: int) -> None:
    chance = torch.Generator().manual_seed(seed)
    scores = torch.randn(teachers, 30, size, dtype=torch.float64, generator=chance)
    valid = torch.rand(teachers, 30, generator=chance) > 0.3
    order = torch.randperm(size, generator=chance)
    one, two = (Classes.of(s, "logits", valid=valid) for s in (scores, scores[..., order]))
    told, moved = (fitted(fusion, s)(s, Context()).answer.probs() for s in (one, two))
    torch.testing.assert_close(moved, told[:, order], rtol=1e-5, atol=1e-6)
