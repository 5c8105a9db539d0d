"""Contract suites for everyone who extends tutelage: plain functions that assert, free of any test runner."""

from .augmentation import check_augmentation
from .feature_term import check_feature_term
from .fusion import check_fusion
from .step import check_step
from .task import check_task
from .teacher import check_teacher
from .term import check_term

__all__ = [
    "check_augmentation",
    "check_feature_term",
    "check_fusion",
    "check_step",
    "check_task",
    "check_teacher",
    "check_term",
]
