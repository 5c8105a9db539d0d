"""Comparisons of features. A new one is one file here and one line below."""

from .adapter import Adapter
from .fitnet import FitNet
from .trust import Equally, Trust

__all__ = ["Adapter", "Equally", "FitNet", "Trust"]
