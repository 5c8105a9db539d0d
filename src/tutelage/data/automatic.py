"""A recipe for a table, found from its training rows: what `TablePreparation` does, as steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Columns
from .prepare import fit_table
from .recipe import Recipe
from .steps import Codes, Impute, OneHot, Profile, Scale, Step


def recipe_for(
    columns: Columns, train: np.ndarray, names: Sequence[str] | None = None, output: str = "features"
) -> tuple[Recipe, dict[str, str]]:
    """Numbers filled by the median and scaled, with a column for gaps where there are some; one column per category.

    Args:
        columns: raw columns [N].
        train: row numbers of the training rows.
        names: columns to use; all unless given.
        output: name of the matrix.

    Returns:
        The recipe, not fitted, and the columns that are left out with the reason.

    Raises:
        InputError: nothing is left.
    """
    plain = fit_table(columns, train, names)
    numbers = tuple(number.name for number in plain.numbers)
    gaps = tuple(number.name for number in plain.numbers if number.gaps)
    words = tuple(category.name for category in plain.categories)
    whole = tuple(name for name in numbers if name not in gaps)
    steps: list[Step] = [Profile((*numbers, *words))]
    steps += [Impute(gaps, indicator=True)] if gaps else []
    steps += [Impute(whole)] if whole else []
    steps += [Scale(numbers)] if numbers else []
    steps += [Codes(words), OneHot(words, known=True)] if words else []
    wanted = [part for name in numbers for part in ((name, f"{name}_missing") if name in gaps else (name,))]
    return Recipe(tuple(steps), {output: (*wanted, *words)}), dict(plain.left_out)
