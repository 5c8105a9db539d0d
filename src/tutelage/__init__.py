"""tutelage: from many teachers to one student you can ship.

Everything here is loaded when it is first used, so that `import tutelage` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .core import (
        Batch,
        Classes,
        Features,
        InputError,
        Labels,
        Scores,
        Signals,
        Space,
        Step,
        TutelageError,
        Values,
        capture,
    )
    from .data import Rows, read_images, read_table, recipe_for, rows_of
    from .nets import MLP, VGG, Branches, ConvNet, Generator, Noise, Range, TwoTowers, ranges_of
    from .report import Report
    from .search import analyse, auto, distill, explain, ground_of, search_best, select
    from .store import Store
    from .tasks import Classification, MultiLabel, Ranking, Regression
    from .teachers import (
        Binding,
        BoostedTeacher,
        EndpointTeacher,
        EstimatorTeacher,
        FeatureTeacher,
        KerasTeacher,
        ModuleTeacher,
        OnnxTeacher,
        RankingTeacher,
        RuleTeacher,
        TransformerTeacher,
        aligned,
        bound,
        load_teacher,
        optimised,
    )
    from .teaching import Distillation, Ensemble, Hint, Live, Memory, Objective, Peers
    from .train import (
        Grown,
        Growth,
        Lane,
        OutOfFold,
        Run,
        Training,
        calculate_differences,
        distill_without_data,
        evaluate_performance,
        fit,
        fit_together,
        generate_distillation_targets,
        generate_predictions,
        load,
        optimize_model,
        sweep,
        train_models,
    )

HOME = {
    "core": "Batch Classes Features InputError Labels Scores Signals Space Step TutelageError Values capture",
    "data": "Rows read_images read_table recipe_for rows_of",
    "nets": "MLP VGG Branches ConvNet Generator Noise Range TwoTowers ranges_of",
    "report": "Report",
    "search": "analyse auto distill explain ground_of search_best select",
    "store": "Store",
    "tasks": "Classification MultiLabel Ranking Regression",
    "teachers": "Binding BoostedTeacher EndpointTeacher EstimatorTeacher FeatureTeacher KerasTeacher "
    "ModuleTeacher OnnxTeacher RankingTeacher RuleTeacher TransformerTeacher aligned bound load_teacher optimised",
    "teaching": "Distillation Ensemble Hint Live Memory Objective Peers",
    "train": "Growth Grown Lane OutOfFold Run Training calculate_differences distill_without_data "
    "evaluate_performance fit fit_together generate_distillation_targets generate_predictions load optimize_model "
    "sweep train_models",
}
_WHERE = {name: package for package, names in HOME.items() for name in names.split()}

__all__ = [
    "MLP",
    "VGG",
    "Batch",
    "Binding",
    "BoostedTeacher",
    "Branches",
    "Classes",
    "Classification",
    "ConvNet",
    "Distillation",
    "EndpointTeacher",
    "Ensemble",
    "EstimatorTeacher",
    "FeatureTeacher",
    "Features",
    "Generator",
    "Grown",
    "Growth",
    "Hint",
    "InputError",
    "KerasTeacher",
    "Labels",
    "Lane",
    "Live",
    "Memory",
    "ModuleTeacher",
    "MultiLabel",
    "Noise",
    "Objective",
    "OnnxTeacher",
    "OutOfFold",
    "Peers",
    "Range",
    "Ranking",
    "RankingTeacher",
    "Regression",
    "Report",
    "Rows",
    "RuleTeacher",
    "Run",
    "Scores",
    "Signals",
    "Space",
    "Step",
    "Store",
    "Training",
    "TransformerTeacher",
    "TutelageError",
    "TwoTowers",
    "Values",
    "__version__",
    "aligned",
    "analyse",
    "auto",
    "bound",
    "calculate_differences",
    "capture",
    "distill",
    "distill_without_data",
    "evaluate_performance",
    "explain",
    "fit",
    "fit_together",
    "generate_distillation_targets",
    "generate_predictions",
    "ground_of",
    "load",
    "load_teacher",
    "optimised",
    "optimize_model",
    "ranges_of",
    "read_images",
    "read_table",
    "recipe_for",
    "rows_of",
    "search_best",
    "select",
    "sweep",
    "train_models",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    if not name.startswith("_"):
        try:
            return importlib.import_module(f".{name}", __name__)
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "fusion", "ops", "testing"])
