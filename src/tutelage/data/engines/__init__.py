"""Where tables are computed: Polars in memory, DuckDB beyond it, Spark on many machines.

`choose_engine` picks one and says why. All three read the same files into equal Narwhals frames.
"""

from .auto import choose_engine
from .duck import DuckDBEngine
from .kinds import KINDS, TIME, Kind, Types, is_list
from .polars import PolarsEngine
from .protocol import Engine, UnreadableError, to_columns
from .spark import SparkEngine, local_spark

__all__ = [
    "KINDS",
    "TIME",
    "DuckDBEngine",
    "Engine",
    "Kind",
    "PolarsEngine",
    "SparkEngine",
    "Types",
    "UnreadableError",
    "choose_engine",
    "is_list",
    "local_spark",
    "to_columns",
]
