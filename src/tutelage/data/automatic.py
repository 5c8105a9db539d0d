"""A recipe for a table, found from its training rows.

Numbers: missing values become the median, then (x - mean) / spread, with one more column that says "was missing" where
training rows had gaps. Categories: one column per value seen in training rows; other values give all zeros and are
counted (`FittedRecipe.unseen`). How the values were spread is remembered (`FittedRecipe.drift`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core import Columns, InputError
from .fitted import FittedRecipe
from .recipe import Recipe
from .serve import role_of
from .steps import Codes, Impute, OneHot, Profile, Scale, Step
from .values import as_numbers, as_words

MOST_CATEGORIES = 100


def recipe_for(
    columns: Columns, train: np.ndarray, names: Sequence[str] | None = None, output: str = "features"
) -> tuple[Recipe, dict[str, str]]:
    """Numbers filled by the median and scaled, with a column for gaps where there are some; one column per category.

    Columns that cannot help are left out: constants, times and arrays, and text that never repeats or has more than
    `MOST_CATEGORIES` different values (identifiers, free text).

    Args:
        columns: raw columns [N].
        train: row numbers of the training rows.
        names: columns to use; all unless given.
        output: name of the matrix; underlines are added where a column is called so.

    Returns:
        The recipe, not fitted, and the columns that are left out with the reason.

    Raises:
        InputError: nothing is left.
    """
    found = _Found()
    for name in columns if names is None else names:
        found.look(name, columns[name], train)
    if not found.numbers and not found.words:
        raise InputError(f"no column can be used as a feature: {found.left_out}")
    while output in columns:
        output += "_"
    numbers, words = tuple(found.numbers), tuple(found.words)
    gaps = tuple(name for name in numbers if found.numbers[name])
    whole = tuple(name for name in numbers if name not in gaps)
    steps: list[Step] = [Profile((*numbers, *words))]
    steps += [Impute(gaps, indicator=True)] if gaps else []
    steps += [Impute(whole)] if whole else []
    steps += [Scale(numbers)] if numbers else []
    steps += [Codes(words), OneHot(words, known=True)] if words else []
    wanted = [part for name in numbers for part in ((name, f"{name}_missing") if name in gaps else (name,))]
    return Recipe(tuple(steps), {output: (*wanted, *words)}), found.left_out


def prepare_table(
    columns: Columns, train: np.ndarray, names: Sequence[str] | None = None
) -> tuple[FittedRecipe, dict[str, str]]:
    """The recipe for a table, fitted on its training rows, and the columns that are left out with the reason.

    Objects are categories, whatever they are. Arguments and errors: as `recipe_for`.
    """
    recipe, left_out = recipe_for(columns, train, names)
    plain = {name: columns[name] for name in recipe.reads}
    return recipe.fit({name: _as_text(column) for name, column in plain.items()}, train), left_out


def _role(name: str, column: np.ndarray) -> str:
    return role_of(name, column) if column.dtype.kind in "OM" else "text"


def _as_text(column: np.ndarray) -> np.ndarray:
    """Objects, which may be numbers, as the text that a category is; what they are does not depend on later rows."""
    if column.dtype != object:
        return column
    words = as_words(column)
    words[words == ""] = None
    return words


@dataclass
class _Found:
    """Columns of numbers (and whether they have gaps), of words, and those that cannot help."""

    numbers: dict[str, bool] = field(default_factory=dict[str, bool])
    words: list[str] = field(default_factory=list[str])
    left_out: dict[str, str] = field(default_factory=dict[str, str])

    def look(self, name: str, column: np.ndarray, train: np.ndarray) -> None:
        """Decides about a column by its training rows."""
        if column.ndim != 1:
            self.left_out[name] = f"has shape {column.shape[1:]} per row"
        elif column.dtype.kind in "fiub":
            self._number(name, as_numbers(name, column)[train])
        elif _role(name, column[train]) in ("time", "array"):
            self.left_out[name] = f"holds {_role(name, column[train])}s: a recipe of your own can make numbers of them"
        else:
            self._words(name, as_words(column[train]))

    def _number(self, name: str, values: np.ndarray) -> None:
        finite = values[np.isfinite(values)]
        gaps = len(finite) < len(values)
        if not len(finite):
            self.left_out[name] = "is empty in all training rows"
        elif not gaps and finite.min() == finite.max():
            self.left_out[name] = f"is {finite[0]:g} in all training rows"
        else:
            self.numbers[name] = gaps

    def _words(self, name: str, words: np.ndarray) -> None:
        values, counts = np.unique(words[words != ""].astype(str), return_counts=True)
        if len(values) == 0:
            self.left_out[name] = "is empty in all training rows"
        elif len(values) > 2 and counts.max() == 1:
            self.left_out[name] = "is another text in every training row"
        elif len(values) > MOST_CATEGORIES:
            self.left_out[name] = f"is text with {len(values)} different values"
        elif len(values) == 1 and counts[0] == len(words):
            self.left_out[name] = f"is {values.tolist()[0]!r} in all training rows"
        else:
            self.words.append(name)
