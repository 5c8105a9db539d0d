"""Signals on disk: each teacher answers each row once.

store.py       the folder: readers, writers, what is there, forgetting
writer.py      one shard at a time, safe against kills and full disks
reader.py      memory-mapped gather into one tensor
codecs.py      float32, float16, bfloat16, the k largest; what each may change
layout.py      files, manifest, markers
locks.py       several processes at once
fingerprint.py short names of contents
"""

from .codecs import BF16, FP16, FP32, Bound, Codec, Dense, TopK
from .reader import Reader, StoredSignals
from .store import Info, Store
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
