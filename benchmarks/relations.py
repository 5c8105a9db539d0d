"""Relations between the rows of a batch, against one product of two B x B matrices, forward and backward.

    python benchmarks/relations.py                    # SP and RKD (distances, and angles at 4 anchors), B = 1024
    python benchmarks/relations.py --exact            # also all B^3 angles, at B = 256, and their memory

The limit is 2 times the product for SP and RKD. All angles are B cubed entries: nothing that looks at each of them can
stay within a multiple of one product, so they are shown beside it, and `anchors` is what keeps RKD inside.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from claims import exact, figure, ratio, show
from harness import Work, allocated, arguments, measure

from tutelage.core import Context
from tutelage.teaching.features import CKA, PKT, RKD, SP

WIDTH = 128
"""Of the features."""


def product(rows: int, repeat: int) -> Work:
    """One product of two B x B matrices, forward and backward."""
    one, other = (torch.randn(rows, rows, requires_grad=True) for _ in range(2))
    pull = torch.randn(rows, rows)

    def work() -> None:
        for _ in range(repeat):
            (one @ other).backward(pull)
            one.grad = other.grad = None

    return work


def term(name: str, rows: int, repeat: int) -> Work:
    """A term, forward and backward."""
    made = TERMS[name]
    student, teacher = torch.randn(rows, WIDTH, requires_grad=True), torch.randn(rows, WIDTH)
    context = Context(row=torch.arange(rows))

    def work() -> None:
        for _ in range(repeat):
            made.loss(student, teacher, context).mean().backward()
            student.grad = None

    return work


TERMS = {
    "SP": SP(),
    "RKD distances": RKD(angle=0.0),
    "RKD, angles at 4 anchors": RKD(anchors=4),
    "PKT": PKT(),
    "CKA": CKA(),
    "RKD, all angles": RKD(),
}


def main() -> None:
    given = arguments(__doc__, rows=1024, exact=False)
    rows, repeat = (32, 1) if given.smoke else (given.rows, 3)
    kinds = {name: partial(term, name, rows, repeat) for name in TERMS if name != "RKD, all angles"}
    times = measure({"product": partial(product, rows, repeat)} | kinds, given.rounds, apart=not given.smoke)
    limits = {"SP": 2.0, "RKD distances": 2.0, "RKD, angles at 4 anchors": 2.0}
    claims = [ratio(f"{name} / one product", times[name], times["product"], limits.get(str(name))) for name in kinds]
    show(f"Relations between {rows} rows of {WIDTH} features", claims, given)
    if given.exact or given.smoke:
        few = 32 if given.smoke else 256
        name = "RKD, all angles"
        both = {"product": partial(product, few, 50), name: partial(term, name, few, 1)}
        times = measure(both, given.rounds, apart=not given.smoke)
        each = np.array(times[name].cpu) / (np.array(times["product"].cpu) / 50)
        cubed = 4 * few**3 / 2**20
        held = allocated(term(name, few, 1))
        claims = [
            figure(f"{name} / one product", each),
            exact("extra tensors at the peak", held, None, " MB", f"B³ floats: {cubed:.0f} MB"),
        ]
        show(f"All angles of {few} rows", claims, given)


if __name__ == "__main__":
    main()
