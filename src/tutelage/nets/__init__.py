"""Small reference nets: students for tables and images."""

from .conv import ConvNet
from .mlp import MLP
from .units import InUnits

__all__ = ["MLP", "ConvNet", "InUnits"]
