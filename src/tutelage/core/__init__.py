"""The nouns of the house: rows in a batch, answers in a space, and the roles that use them."""

from .batch import Batch
from .errors import InputError, LeakageError, MissingExtraError, StoreError, TutelageError, require
from .protocols import (
    INVARIANTS,
    NEEDS,
    Columns,
    Context,
    Fittable,
    Fusion,
    KnowsRows,
    Renewable,
    SignalSource,
    Step,
    Target,
    Teacher,
    Term,
    Weights,
)
from .shortcuts import Blind, Graded, HardGraded, Mixing, Pulling
from .signals import Signals
from .spaces import FLOOR, KINDS, Answer, Classes, Labels, Scores, Space, Values
from .task import MeasuresRows, Task

__all__ = [
    "FLOOR",
    "INVARIANTS",
    "KINDS",
    "NEEDS",
    "Answer",
    "Batch",
    "Blind",
    "Classes",
    "Columns",
    "Context",
    "Fittable",
    "Fusion",
    "Graded",
    "HardGraded",
    "InputError",
    "KnowsRows",
    "Labels",
    "LeakageError",
    "MeasuresRows",
    "MissingExtraError",
    "Mixing",
    "Pulling",
    "Renewable",
    "Scores",
    "SignalSource",
    "Signals",
    "Space",
    "Step",
    "StoreError",
    "Target",
    "Task",
    "Teacher",
    "Term",
    "TutelageError",
    "Values",
    "Weights",
    "require",
]
