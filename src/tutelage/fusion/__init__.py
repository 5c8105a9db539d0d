"""Ways of combining teachers. A new one is one file here and one line below."""

from .aekd import AEKD
from .blend import Blend
from .confidence import Confidence
from .difference import Difference
from .entropy import Entropy
from .home import AtHome, Home
from .mean import Mean
from .performance import DynamicPerformance, Performance
from .pools import GeometricMean, MeanLogits
from .precision import Precision
from .ranks import Borda, ReciprocalRank
from .robust import Median, Trimmed
from .stacking import Stacking
from .trust import PerTeacher, Placed, Trust
from .vote import HardVote, SoftVote
from .weighted import Weighted

__all__ = [
    "AEKD",
    "AtHome",
    "Blend",
    "Borda",
    "Confidence",
    "Difference",
    "DynamicPerformance",
    "Entropy",
    "GeometricMean",
    "HardVote",
    "Home",
    "Mean",
    "MeanLogits",
    "Median",
    "PerTeacher",
    "Performance",
    "Placed",
    "Precision",
    "ReciprocalRank",
    "SoftVote",
    "Stacking",
    "Trimmed",
    "Trust",
    "Weighted",
]
