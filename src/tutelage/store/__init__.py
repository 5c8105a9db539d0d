"""Signals on disk: each teacher answers each row once.

- store.py: the folder; readers, writers, what is there, forgetting
- writer.py: one shard at a time, safe against kills and full disks
- reader.py, gather.py: memory-mapped files of one teacher; rows of several, gathered into one tensor
- codec.py, dense.py, topk.py, codecs.py: how answers are written, and what that may change
- match.py: refuses changed teachers and changed data
- layout.py: files, manifest, markers
- locks.py: several processes at once
- fingerprint.py: short names of contents
"""

from .codec import Bound, Codec
from .codecs import BF16, FP16, FP32
from .dense import Dense
from .gather import StoredSignals
from .reader import Reader
from .store import Info, Store
from .topk import TopK
from .writer import Writer

__all__ = [
    "BF16",
    "FP16",
    "FP32",
    "Bound",
    "Codec",
    "Dense",
    "Info",
    "Reader",
    "Store",
    "StoredSignals",
    "TopK",
    "Writer",
]
