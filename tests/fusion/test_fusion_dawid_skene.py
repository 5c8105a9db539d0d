from __future__ import annotations

import pytest
import torch

from tutelage.core import Classes, Context, InputError
from tutelage.fusion import DawidSkene, OneCoin
from voters import even, truths, voters

SWAPS = [[0.05, 0.9, 0.05], [0.9, 0.05, 0.05], [0.05, 0.05, 0.9]]


def test_a_voter_that_swaps_two_classes_is_worth_a_good_one() -> None:
    """One coin cannot say what the third voter does: it always takes a for b. Its matrix does."""
    truth = truths(1500, 3)
    signals = voters(truth, [even(0.75, 3), even(0.75, 3), even(0.75, 3), SWAPS])
    nothing = torch.zeros(1500, dtype=torch.bool)
    right = []
    for fusion in (DawidSkene(50), OneCoin()):
        found = fusion.fit(signals, truth, nothing)
        right.append(float((found(signals, Context()).answer.probs().argmax(-1) == truth).double().mean()))
    assert right[0] > right[1] + 0.03
    learnt = DawidSkene(50).fit(signals, truth, nothing).voters
    assert learnt is not None
    assert learnt[0].error[3][1][0] == pytest.approx(0.9, abs=0.07)


def test_what_a_teacher_cannot_say_is_no_evidence() -> None:
    """A specialist knows two of three classes: on rows of the third it has to say something, which says nothing."""
    truth = truths(900, 3)
    general, special = even(0.8, 3), [[0.95, 0.05, 0.0], [0.05, 0.95, 0.0], [0.5, 0.5, 0.0]]
    coverage = torch.tensor([[True] * 3, [True] * 3, [True, True, False]])
    scores = voters(truth, [general, general, special]).scores
    signals = Classes.of(scores, "logits", coverage=coverage)
    nothing = torch.zeros(900, dtype=torch.bool)
    for fusion in (DawidSkene(30), OneCoin()):
        answer = fusion.fit(signals, truth, nothing)(signals, Context()).answer
        third = truth == 2
        assert (answer.probs().argmax(-1) == truth)[third].double().mean() > 0.75
        assert (answer.probs().argmax(-1) == truth)[~third].double().mean() > 0.9


def test_settings() -> None:
    with pytest.raises(InputError, match="at least one step"):
        DawidSkene(0)
    with pytest.raises(InputError, match="no negative smoothing"):
        DawidSkene(smoothing=-1.0)
    wide = Classes.of(torch.zeros(2, 3, 300), "logits")
    with pytest.raises(InputError, match="use OneCoin"):
        DawidSkene().fit(wide, torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.bool))
