"""Sources: one file per format, all on the protocol `Source`."""

from .csv import Csv
from .duckdb import DuckDBFile
from .json import Json
from .jsonl import JsonLines
from .parquet import Parquet
from .postgres import PostgreSQL
from .protocol import Counts, Loaded, Source
from .sqlite import SQLite
from .xml import Xml

__all__ = [
    "Counts",
    "Csv",
    "DuckDBFile",
    "Json",
    "JsonLines",
    "Loaded",
    "Parquet",
    "PostgreSQL",
    "SQLite",
    "Source",
    "Xml",
]
