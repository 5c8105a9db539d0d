"""Contract suites for everyone who extends tutelage: plain functions that assert, free of any test runner."""

from .fusion import check_fusion

__all__ = ["check_fusion"]
