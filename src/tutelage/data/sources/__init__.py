"""Sources: one file per format, all on the protocol `Source`, and streams on the protocol `Origin`."""

from .csv import Csv
from .duckdb import DuckDBFile
from .folder import Folder
from .json import Json
from .jsonl import JsonLines
from .origin import Offsets, Origin, Polled, Tail
from .parquet import Parquet
from .postgres import PostgreSQL
from .protocol import Counts, Loaded, Source
from .sqlite import SQLite
from .stream import Batch, Committed, Stream
from .xml import Xml

__all__ = [
    "Batch",
    "Committed",
    "Counts",
    "Csv",
    "DuckDBFile",
    "Folder",
    "Json",
    "JsonLines",
    "Loaded",
    "Offsets",
    "Origin",
    "Parquet",
    "Polled",
    "PostgreSQL",
    "SQLite",
    "Source",
    "Stream",
    "Tail",
    "Xml",
]
