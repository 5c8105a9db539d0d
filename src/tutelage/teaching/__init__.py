"""From signals to a loss: objective, planner, calibration, and `Distillation` that joins them."""

from .balance import MGDA, Balance, PCGrad
from .calibration import AsIs, Calibration, Confusion, Residual, Standardised, Temperature, calibrate
from .distillation import Distillation
from .ensemble import Ensemble
from .hints import Hint
from .objective import Loss, Objective, Part, add_counts
from .peers import Peers
from .planner import Plan
from .saved import load_ensemble, save_ensemble
from .sources import Live, Memory

__all__ = [
    "MGDA",
    "AsIs",
    "Balance",
    "Calibration",
    "Confusion",
    "Distillation",
    "Ensemble",
    "Hint",
    "Live",
    "Loss",
    "Memory",
    "Objective",
    "PCGrad",
    "Part",
    "Peers",
    "Plan",
    "Residual",
    "Standardised",
    "Temperature",
    "add_counts",
    "calibrate",
    "load_ensemble",
    "save_ensemble",
]
