"""Audits: whether a recipe or a table sees what it must not see.

- A, `audit_future`: every record from a cut-off on is changed, then removed; no feature of a row up to the cut-off may
  move.
- B, `audit_fit`: every validation and test row is replaced; the fitted state may not move by a bit.
- C, `audit_backends`: the same recipe through several back ends gives the same columns.
- `find_leaks` looks at a finished table: columns that nearly determine the target, rows that are in two splits,
  features dated after the label.

`Audited` says what of a recipe can be audited, for `tutelage audit`.

Each works on plain functions and arrays and returns what it found, nothing being clean; `refuse` turns findings into
an error.
"""

from .audited import Audited, Checked, Finished, Joining, Learning, backends_of
from .backends import audit_backends
from .fitted import audit_fit
from .future import Records, audit_future
from .leak import Leak, refuse
from .suspects import column_scores, dated_after, find_leaks, rows_in_both, telling_columns, texts_in_both

__all__ = [
    "Audited",
    "Checked",
    "Finished",
    "Joining",
    "Leak",
    "Learning",
    "Records",
    "audit_backends",
    "audit_fit",
    "audit_future",
    "backends_of",
    "column_scores",
    "dated_after",
    "find_leaks",
    "refuse",
    "rows_in_both",
    "telling_columns",
    "texts_in_both",
]
