"""Small reference nets: for tables, images, texts, sequences, waves, graphs and rankings."""

from .branches import Branch, Branches, Gate
from .conv import ConvNet
from .forecaster import Forecaster
from .frames import FrameNet
from .generator import Generator, Noise, Range, ranges_of
from .graph import GraphNet
from .mask import ConvMask, Mask, RecurrentMask
from .mlp import MLP
from .recurrent import Recurrent
from .residual import Residual, ResNet
from .text import TextConv
from .tokens import TokenTransformer
from .two_towers import TwoTowers
from .units import InUnits, MeanAndScale
from .vgg import VGG
from .vit import ViT

__all__ = [
    "MLP",
    "VGG",
    "Branch",
    "Branches",
    "ConvMask",
    "ConvNet",
    "Forecaster",
    "FrameNet",
    "Gate",
    "Generator",
    "GraphNet",
    "InUnits",
    "Mask",
    "MeanAndScale",
    "Noise",
    "Range",
    "Recurrent",
    "RecurrentMask",
    "ResNet",
    "Residual",
    "TextConv",
    "TokenTransformer",
    "TwoTowers",
    "ViT",
    "ranges_of",
]
