"""From files and arrays to rows."""

from .rows import Rows, Sealed, rows_of

__all__ = ["Rows", "Sealed", "rows_of"]
