"""Small reference nets: students for tables and images."""

from .conv import ConvNet
from .mlp import MLP

__all__ = ["MLP", "ConvNet"]
