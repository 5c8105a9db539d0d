"""Relations between tokens, as MiniLM has them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ...core import Context, InputError


@dataclass(frozen=True)
class Relations:
    """KL(teacher ‖ student) of the relations of tokens to each other in R heads (Wang et al., 2021).

    The relation of a token to all is the softmax of its scaled products with them. One hint each for the layers that
    give queries, keys and values makes the method of the paper. Widths may differ: both are cut into the same number of
    heads. The mean over heads and tokens; tokens that fill up a text count like others.

    Args:
        heads: into how many relation heads the width is cut.
    """

    name = "relations"
    source = "wang2021"
    needs = frozenset[str]()
    aligned = False

    heads: int = 1

    def __post_init__(self) -> None:
        if self.heads < 1:
            raise InputError(f"relations need at least one head, got {self.heads}")

    def loss(self, student: Tensor, teacher: Tensor, context: Context, head: nn.Module | None = None) -> Tensor:
        """[B].

        Raises:
            InputError: no tokens, different numbers of them, or a width that the heads do not divide.
        """
        own, other = self._log_relations(student), self._log_relations(teacher)
        if own.shape != other.shape:
            raise InputError(
                f"relations compare as many tokens on both sides, got {student.shape[1]} and {teacher.shape[1]}"
            )
        return (other.exp() * (other - own)).sum(-1).mean((1, 2))

    def _log_relations(self, tokens: Tensor) -> Tensor:
        """[B, R, L, L]."""
        if tokens.dim() != 3 or tokens.shape[2] % self.heads:
            raise InputError(
                f"relations with {self.heads} heads need tokens [B, L, D] with D a multiple of it, got "
                f"{tuple(tokens.shape)}"
            )
        parts = tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)
        return (parts @ parts.transpose(2, 3) / parts.shape[-1] ** 0.5).log_softmax(-1)
