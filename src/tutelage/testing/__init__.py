"""Contract suites for everyone who extends tutelage: plain functions that assert, free of any test runner."""

from .fusion import check_fusion
from .task import check_task
from .teacher import check_teacher
from .term import check_term

__all__ = ["check_fusion", "check_task", "check_teacher", "check_term"]
