"""Sources: one file per format, all on the protocol `Source`."""

from .csv import Csv
from .jsonl import JsonLines
from .protocol import Counts, Loaded, Source

__all__ = ["Counts", "Csv", "JsonLines", "Loaded", "Source"]
