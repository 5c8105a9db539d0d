"""Whoever can answer about a row. A new kind is one file here and one line below."""

from .align import aligned
from .binding import Binding
from .boosted import BoostedTeacher
from .bound import bound
from .captured import FeatureTeacher
from .endpoint import EndpointTeacher
from .estimator import EstimatorTeacher
from .exported import ExportedTeacher
from .keep import load_saved, save_teacher
from .keras import KerasTeacher
from .load import load_teacher
from .module import ModuleTeacher
from .onnx import OnnxTeacher
from .optimise import Optimised, optimised
from .ranker import Ranker, RankingTeacher
from .rule import RuleTeacher
from .saved import load_estimator
from .stored import StoredRowsTeacher, StoredTeacher, stored
from .threads import thread_budget
from .transformer import TransformerTeacher
from .wire import Limits

__all__ = [
    "Binding",
    "BoostedTeacher",
    "EndpointTeacher",
    "EstimatorTeacher",
    "ExportedTeacher",
    "FeatureTeacher",
    "KerasTeacher",
    "Limits",
    "ModuleTeacher",
    "OnnxTeacher",
    "Optimised",
    "Ranker",
    "RankingTeacher",
    "RuleTeacher",
    "StoredRowsTeacher",
    "StoredTeacher",
    "TransformerTeacher",
    "aligned",
    "bound",
    "load_estimator",
    "load_saved",
    "load_teacher",
    "optimised",
    "save_teacher",
    "stored",
    "thread_budget",
]
