"""Trust through heads: the student's features speak through each teacher's classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from hinted import LAYER, hinted, memory, net, table, teacher
from tutelage.core import Classes, Context, InputError
from tutelage.fusion import Confidence
from tutelage.teaching import Hint
from tutelage.teaching.features import FitNet, ThroughHeads


@dataclass(frozen=True)
class Linear:
    layer: nn.Module

    def head(self, features: Tensor) -> Tensor:
        return self.layer(features)


def test_weights_are_those_of_the_answers_that_the_heads_give() -> None:
    torch.manual_seed(0)
    features = [torch.randn(6, 4) for _ in range(3)]
    heads = [Linear(nn.Linear(4, 5)) for _ in range(3)]
    target, labelled = torch.arange(6) % 5, torch.arange(6) % 3 > 0
    valid = torch.ones(3, 6, dtype=torch.bool)
    valid[0, 4] = valid[1, 5] = valid[2, 5] = False
    context = Context(target=target, labelled=labelled)
    found = ThroughHeads(heads).weights(torch.zeros(3, 6), valid, features, context)
    with torch.no_grad():
        scores = torch.stack([head.head(one) for head, one in zip(heads, features, strict=True)])
    expected = Confidence()(Classes.of(scores, "logits", valid=valid), context).values
    torch.testing.assert_close(found, expected)


def test_a_head_that_understands_the_student_is_heard_more() -> None:
    rows, student = table(), net()
    who = [teacher("wide", 12, 1), teacher("narrow", 6, 2)]
    right = torch.zeros(3, 12)
    target = hinted([Hint(memory(rows, who), LAYER, FitNet())]).sized(student, rows.batch(rows.train[:2]))
    batch = rows.batch(rows.train)

    class Knows(nn.Module):
        def forward(self, _: Tensor) -> Tensor:
            return 5.0 * nn.functional.one_hot(batch.target, 3).float()

    class Errs(nn.Module):
        def forward(self, _: Tensor) -> Tensor:
            return 5.0 * nn.functional.one_hot((batch.target + 1) % 3, 3).float()

    trust = ThroughHeads([Linear(Knows()), Linear(Errs())])
    weights = trust.weights(
        torch.zeros(2, len(batch)),
        torch.ones(2, len(batch)).bool(),
        [right, right],
        Context(target=batch.target, labelled=batch.labelled),
    )
    assert bool((weights[0] > 0.95).all())
    (hint,) = target.hints
    heard = replace(target, hints=(replace(hint, trust=trust),)).loss(student, batch).values
    equal = target.loss(student, batch).values
    assert float(heard["fitnet/wide"].detach()) > 1.8 * float(equal["fitnet/wide"].detach())
    assert float(heard["fitnet/narrow"].detach()) < 0.2 * float(equal["fitnet/narrow"].detach())


def test_one_head_for_each_teacher() -> None:
    with pytest.raises(InputError, match="give one for each"):
        ThroughHeads([]).weights(torch.zeros(1, 2), torch.ones(1, 2).bool(), [], Context())
    heads = [Linear(nn.Identity())]
    with pytest.raises(InputError, match="about classes"):
        ThroughHeads(heads).weights(torch.zeros(1, 2), torch.ones(1, 2).bool(), [torch.zeros(2, 3)], Context())
