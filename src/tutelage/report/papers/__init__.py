"""The catalogue of works, one file per part of the field; a new file is one line here."""

from __future__ import annotations

from .answers import PAPERS as ANSWERS
from .features import PAPERS as FEATURES
from .gradient import PAPERS as GRADIENT
from .paper import Paper

CATALOGUE: dict[str, Paper] = {**ANSWERS, **FEATURES, **GRADIENT}
"""Citation key to work."""

__all__ = ["CATALOGUE", "Paper"]
