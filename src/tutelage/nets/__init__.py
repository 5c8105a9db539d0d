"""Small reference nets: students for tables, images and rankings."""

from .branches import Branch, Branches, Gate
from .conv import ConvNet
from .generator import Generator, Noise, Range, ranges_of
from .mlp import MLP
from .two_towers import TwoTowers
from .units import InUnits

__all__ = [
    "MLP",
    "Branch",
    "Branches",
    "ConvNet",
    "Gate",
    "Generator",
    "InUnits",
    "Noise",
    "Range",
    "TwoTowers",
    "ranges_of",
]
