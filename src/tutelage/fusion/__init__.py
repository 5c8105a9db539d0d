"""Ways of combining teachers. A new one is one file here and one line below."""

from .aekd import AEKD
from .attention import Attention
from .blend import Blend
from .confidence import Confidence
from .curriculum import Curriculum
from .dawid_skene import DawidSkene
from .densely import DenselyGuided
from .difference import Difference
from .drop import RandomDrop, RandomTeacher
from .elected import Elected
from .entropy import Entropy
from .gate import Gate
from .glad import GLAD
from .home import AtHome, Home
from .mean import Mean
from .meta import MetaWeights
from .metamodel import MetaModel
from .mtkd_rl import MTKDRL
from .network import NeuralFusion
from .one_coin import OneCoin
from .performance import DynamicPerformance, Performance
from .pools import GeometricMean, MeanLogits
from .precision import Precision
from .pseudo import PseudoLabels
from .ranks import Borda, ReciprocalRank
from .rl_kd import RLKD
from .robust import Median, Trimmed
from .routed import Routed
from .stacking import Stacking
from .topk import TopK
from .trust import PerTeacher, Placed, Trust
from .union import Union
from .vote import HardVote, SoftVote
from .weighted import Weighted

__all__ = [
    "AEKD",
    "GLAD",
    "MTKDRL",
    "RLKD",
    "AtHome",
    "Attention",
    "Blend",
    "Borda",
    "Confidence",
    "Curriculum",
    "DawidSkene",
    "DenselyGuided",
    "Difference",
    "DynamicPerformance",
    "Elected",
    "Entropy",
    "Gate",
    "GeometricMean",
    "HardVote",
    "Home",
    "Mean",
    "MeanLogits",
    "Median",
    "MetaModel",
    "MetaWeights",
    "NeuralFusion",
    "OneCoin",
    "PerTeacher",
    "Performance",
    "Placed",
    "Precision",
    "PseudoLabels",
    "RandomDrop",
    "RandomTeacher",
    "ReciprocalRank",
    "Routed",
    "SoftVote",
    "Stacking",
    "TopK",
    "Trimmed",
    "Trust",
    "Union",
    "Weighted",
]
