"""The nouns of the house: rows in a batch, answers in a space, and the roles that use them."""

from .batch import Batch
from .capture import Captured, capture
from .errors import InputError, LeakageError, MissingExtraError, StoreError, TutelageError, require
from .feature_term import FeatureTerm, LearningTerm
from .outer import Outer, Turn
from .protocols import (
    INVARIANTS,
    NEEDS,
    Columns,
    Context,
    Fittable,
    Fusion,
    HasHead,
    KnowsRows,
    Renewable,
    SignalSource,
    Step,
    Target,
    Teacher,
    Term,
    Unlabelled,
    Weights,
)
from .shortcuts import Blind, Graded, HardGraded, Mixing, Pulling
from .signals import Signals
from .spaces import FLOOR, KINDS, Answer, Classes, Features, Labels, Scores, Space, Values
from .task import MeasuresRows, Task

__all__ = [
    "FLOOR",
    "INVARIANTS",
    "KINDS",
    "NEEDS",
    "Answer",
    "Batch",
    "Blind",
    "Captured",
    "Classes",
    "Columns",
    "Context",
    "FeatureTerm",
    "Features",
    "Fittable",
    "Fusion",
    "Graded",
    "HardGraded",
    "HasHead",
    "InputError",
    "KnowsRows",
    "Labels",
    "LeakageError",
    "LearningTerm",
    "MeasuresRows",
    "MissingExtraError",
    "Mixing",
    "Outer",
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
    "Turn",
    "TutelageError",
    "Unlabelled",
    "Values",
    "Weights",
    "capture",
    "require",
]
