"""Training, evaluation, and the steps of the main job."""

from .choice import Choice, Tried
from .choose import best_single
from .ensembles import open_ensemble
from .evaluate import Cost, Performance, task_of
from .finish import Finish
from .fit import Epoch, Fitted, fit
from .fitted import fit_teacher
from .growth import Grown, Growth, Round
from .out_of_fold import OutOfFold
from .out_of_time import OutOfTime, out_of_time
from .outer import OuterLoop
from .per_label import PerLabel
from .plans import assistants, born_again, checkpoints, easy_to_hard
from .run import Run, load
from .settings import Plateau, Training
from .stages import Finished, Stage, Staged, stages
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
from .without_data import distill_without_data

__all__ = [
    "Choice",
    "Cost",
    "Epoch",
    "Finish",
    "Finished",
    "Fitted",
    "Grown",
    "Growth",
    "Lane",
    "OutOfFold",
    "OutOfTime",
    "OuterLoop",
    "PerLabel",
    "Performance",
    "Plateau",
    "Round",
    "Run",
    "Stage",
    "Staged",
    "Swept",
    "Together",
    "Training",
    "Tried",
    "Worth",
    "assistants",
    "best_single",
    "born_again",
    "calculate_differences",
    "checkpoints",
    "distill_without_data",
    "easy_to_hard",
    "evaluate_performance",
    "fit",
    "fit_teacher",
    "fit_together",
    "generate_distillation_targets",
    "generate_predictions",
    "load",
    "open_ensemble",
    "optimize_model",
    "out_of_time",
    "stages",
    "sweep",
    "task_of",
    "train_models",
    "worth_it",
]
