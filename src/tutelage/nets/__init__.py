"""Small reference nets: students for tables, images and rankings."""

from .branches import Branch, Branches, Gate
from .conv import ConvNet
from .mlp import MLP
from .two_towers import TwoTowers
from .units import InUnits

__all__ = ["MLP", "Branch", "Branches", "ConvNet", "Gate", "InUnits", "TwoTowers"]
