"""RKD: distances and angles between rows, whatever the space; memory that does not grow with B cubed."""

from __future__ import annotations

import pytest
import torch

from hinted import compared
from tutelage.core import Context, InputError
from tutelage.teaching.features import RKD


def test_a_turned_and_stretched_teacher_of_another_width_teaches_the_same() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(9, 4).double(), torch.randn(9, 3).double()
    turn, _ = torch.linalg.qr(torch.randn(6, 6).double())
    moved = 5.0 * torch.nn.functional.pad(teacher, (0, 3)) @ turn + 1.0
    one, two = (compared(RKD(), student, t) for t in (teacher, moved))
    assert one[0].item() == pytest.approx(two[0].item(), rel=1e-9)
    torch.testing.assert_close(one[1].grad(), two[1].grad())


def test_distances_can_agree_where_angles_do_not() -> None:
    """A shape and its angles are two things to learn: a square and a line of the same neighbouring distances."""
    square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    line = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    assert (
        compared(RKD(0.0, 1.0), line, square)[0].item() > compared(RKD(0.0, 1.0), 3 * square, square)[0].item() + 0.05
    )


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(12, 4).double(), torch.randn(12, 4).double()
    whole = compared(RKD(), student, teacher)
    monkeypatch.setattr("tutelage.teaching.features.rkd.ENTRIES", 300)
    parts = compared(RKD(), student, teacher)
    assert whole[0].item() == pytest.approx(parts[0].item(), rel=1e-12)
    torch.testing.assert_close(whole[1].grad(), parts[1].grad(), rtol=1e-10, atol=1e-14)


def test_what_is_kept_for_the_backward_pass_grows_with_b_squared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.teaching.features.rkd.ENTRIES", 1)

    def kept(count: int) -> int:
        sizes: list[int] = []
        student = torch.randn(count, 3, requires_grad=True)

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            RKD().loss(student, torch.randn(count, 3), Context(row=torch.arange(count))).sum()
        return sum(sizes)

    assert kept(64) < 6 * kept(32), "with B cubed it would be eight times as much"


def test_anchors_estimate_all_angles_without_bias() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(10, 4).double(), torch.randn(10, 4).double()
    whole = compared(RKD(0.0, 1.0), student, teacher)[0].item()
    term = RKD(0.0, 1.0, anchors=3)
    found = [compared(term, student, teacher, step=step)[0].item() for step in range(150)]
    assert len(set(found)) > 60, "each step draws its own"
    assert sum(found) / len(found) == pytest.approx(whole, rel=0.05)
    again = [compared(term, student, teacher, step=step)[0].item() for step in range(3)]
    assert again == found[:3]


def test_bad_strengths() -> None:
    with pytest.raises(InputError, match="must not be negative"):
        RKD(-1.0)
    with pytest.raises(InputError, match="angle=0"):
        RKD(anchors=0)
