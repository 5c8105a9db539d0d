"""Contract suites for everyone who extends tutelage: plain functions that assert, free of any test runner."""

from .fusion import check_fusion
from .teacher import check_teacher

__all__ = ["check_fusion", "check_teacher"]
