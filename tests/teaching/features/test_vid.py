"""VID: channels of the teacher that cannot be foretold stop pulling."""

from __future__ import annotations

import pytest
import torch

from hinted import LAYER, hinted, learnt, net, table
from tutelage.core import Features, InputError, Signals
from tutelage.teaching import Hint, Memory
from tutelage.teaching.features import VID
from tutelage.train import Training, fit


def noisy() -> Memory:
    """Two channels that follow from the input, two of pure noise."""
    rows = table()
    real = torch.from_numpy(rows.columns["features"][:, :2])
    noise = 3.0 * torch.randn(len(rows), 2, generator=torch.Generator().manual_seed(5))
    return Memory(Signals(("t",), (Features.of(torch.cat([real, noise], 1)),)))


def test_variances_tell_what_can_be_learnt() -> None:
    rows, student = table(), net()
    target = hinted([Hint(noisy(), LAYER, VID(variance=1.0), 5.0)]).sized(student, rows.batch(rows.train[:2]))
    fit(student, target, rows, Training(60, 32, watch="accuracy"))
    scale = dict(target.trainable.named_parameters())["hints.vid.vid/t.head.log_scale"]
    assert float(scale[:2].detach().max()) < float(scale[2:].detach().min())


def test_parts_have_to_be_made() -> None:
    assert learnt(VID(), 1.0, epochs=1)[1].history[-1].parts["vid/wide"] != 0.0
    with pytest.raises(InputError, match="variance"):
        VID(variance=0.0)
