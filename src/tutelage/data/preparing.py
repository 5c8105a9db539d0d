"""The role of a preparation."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..core import Columns


@runtime_checkable
class Preparation(Protocol):
    """The fitted way from raw columns to the student's."""

    @property
    def reads(self) -> tuple[str, ...]: ...

    def apply(self, columns: Columns) -> dict[str, np.ndarray]:
        """The student's columns from raw ones."""
        ...

    def to_json(self) -> dict[str, Any]:
        """The whole state, as JSON values."""
        ...
