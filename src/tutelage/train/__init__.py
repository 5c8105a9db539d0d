"""Training, evaluation, and the steps of the main job."""

from .choice import Choice, Tried
from .choose import best_single
from .ensembles import open_ensemble
from .evaluate import Cost, Performance, task_of
from .finish import Finish
from .fit import Epoch, Fitted, fit
from .fitted import fit_teacher
from .out_of_fold import OutOfFold
from .run import Run, load
from .settings import Plateau, Training
from .steps import (
    calculate_differences,
    evaluate_performance,
    generate_distillation_targets,
    generate_predictions,
    optimize_model,
    train_models,
)
from .sweep import Lane, Swept, sweep
from .together import Together, fit_together
from .verdict import Worth, worth_it

__all__ = [
    "Choice",
    "Cost",
    "Epoch",
    "Finish",
    "Fitted",
    "Lane",
    "OutOfFold",
    "Performance",
    "Plateau",
    "Run",
    "Swept",
    "Together",
    "Training",
    "Tried",
    "Worth",
    "best_single",
    "calculate_differences",
    "evaluate_performance",
    "fit",
    "fit_teacher",
    "fit_together",
    "generate_distillation_targets",
    "generate_predictions",
    "load",
    "open_ensemble",
    "optimize_model",
    "sweep",
    "task_of",
    "train_models",
    "worth_it",
]
