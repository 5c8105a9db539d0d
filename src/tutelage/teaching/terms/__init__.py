"""Terms of an objective. A new one is a class in the file of its kind of answer and one line below."""

from .adversarial import Adversarial
from .classes import JSD, KL, CrossEntropy, ReverseKL, SquaredError, TotalVariation
from .decoupled import DKD
from .labels import BinaryCrossEntropy, BinaryKL
from .logits import DIST, LSKD, LogitL1, LogitMSE
from .ranking import ListNet, PlackettLuce
from .values import L1, MSE, GaussianKL, GaussianNLL, Huber

__all__ = [
    "DIST",
    "DKD",
    "JSD",
    "KL",
    "L1",
    "LSKD",
    "MSE",
    "Adversarial",
    "BinaryCrossEntropy",
    "BinaryKL",
    "CrossEntropy",
    "GaussianKL",
    "GaussianNLL",
    "Huber",
    "ListNet",
    "LogitL1",
    "LogitMSE",
    "PlackettLuce",
    "ReverseKL",
    "SquaredError",
    "TotalVariation",
]
