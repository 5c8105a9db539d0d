"""Comparisons of features. A new one is one file here and one line below."""

from .adapter import Adapter
from .at import AT
from .cka import CKA
from .crd import CRD
from .encoder import Encoder
from .fitnet import FitNet
from .nst import NST
from .pkt import PKT
from .relations import Relations
from .rkd import RKD
from .sp import SP
from .standardise import PhiS, Standard, Standardised, ZScore, standardised
from .trust import Drop, Equally, ThroughHeads, Trust
from .vid import VID

__all__ = [
    "AT",
    "CKA",
    "CRD",
    "NST",
    "PKT",
    "RKD",
    "SP",
    "VID",
    "Adapter",
    "Drop",
    "Encoder",
    "Equally",
    "FitNet",
    "PhiS",
    "Relations",
    "Standard",
    "Standardised",
    "ThroughHeads",
    "Trust",
    "ZScore",
    "standardised",
]
