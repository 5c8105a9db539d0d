"""Tokens through attention: what follows a text and what else is in the batch do not matter; order does."""

from __future__ import annotations

import pytest
import torch

from tutelage.core import InputError
from tutelage.nets import TokenTransformer

TEXTS = torch.tensor([[3, 4, 5, 6], [4, 3, 0, 0], [0, 0, 0, 0]])


def test_what_follows_a_text_does_not_matter_and_order_does() -> None:
    made = TokenTransformer(9, 2, length=6, width=8, heads=2).eval()
    found = made(TEXTS)
    torch.testing.assert_close(found[1:2], made(TEXTS[1:2, :2]))
    torch.testing.assert_close(found[2], made.head.bias)
    assert not torch.allclose(made(torch.tensor([[3, 4]])), found[1:2])
    found.sum().backward()
    assert all(one.grad is not None and bool(one.grad.isfinite().all()) for one in made.parameters())


def test_parts_are_added_up() -> None:
    made = TokenTransformer(9, 2, length=6, width=8, heads=2).eval()
    parts = torch.stack([TEXTS, torch.zeros_like(TEXTS)], -1)
    torch.testing.assert_close(made(parts), made(TEXTS))
    parts[0, 0, 1] = 7
    assert not torch.allclose(made(parts)[0], made(TEXTS)[0])


def test_texts_that_are_too_long_and_heads_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="reads 3 tokens, got 4"):
        TokenTransformer(9, 2, length=3, width=8, heads=2)(TEXTS)
    with pytest.raises(InputError, match="multiple of heads=3"):
        TokenTransformer(9, 2, width=8, heads=3)
