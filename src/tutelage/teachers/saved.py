"""Estimators from files: skops, pickles (only when told so), and LightGBM's own text format."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from ..core import InputError, require
from .features import GENERIC
from .threads import current_budget

ORDINARY = (
    "collections.OrderedDict",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss._loss.CyHalfMultinomialLoss",
    "sklearn._loss._loss.CyHalfSquaredError",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)
"""Parts of ordinary forests, boosted trees, nets and neighbours that skops does not trust by itself.

They are rebuilt from arrays and model text, not from code of the file's. A crafted file could still make the library
that reads it crash, so files from strangers are better opened in a process of their own.
"""


def load_estimator(path: str | Path, *, allow_pickle: bool = False, trusted: Sequence[str] = ()) -> Any:
    """A fitted estimator out of a file.

    Args:
        path: .skops, .joblib, .pkl, or .txt as LightGBM writes it.
        allow_pickle: open pickles, which may run any code while they are opened.
        trusted: types that a .skops file may hold besides `ORDINARY` and those that skops knows to be harmless.

    Raises:
        InputError: a pickle without `allow_pickle`, types nobody trusted, or an unreadable file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is no file: give the path of an estimator")
    if path.suffix in (".joblib", ".pkl") and not allow_pickle:
        raise InputError(
            f"{path} is a pickle, which may run any code while it is opened: say allow_pickle=True if you "
            "trust whoever wrote it, or save the estimator with skops.io.dump"
        )
    if path.suffix == ".skops":
        return _skops(path, trusted)
    try:
        if path.suffix == ".txt":
            lightgbm = require("lightgbm", extra="gbm", why=f"open {path.name}")
            _whole(path)
            return LightgbmFile(lightgbm.Booster(model_file=str(path)), path.name)
        require("sklearn", extra="sklearn", why=f"open {path.name}")
        return importlib.import_module("joblib").load(path)
    except (InputError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be opened: {type(error).__name__}: {error}") from error


def _whole(path: Path) -> None:
    """Raises InputError when a text file is no whole LightGBM model, at which the library would end the process."""
    lines = path.read_bytes().splitlines()
    if not lines or lines[0].strip() != b"tree" or b"end of trees" not in (line.strip() for line in lines):
        raise InputError(
            f"{path} cannot be opened by LightGBM: it does not begin with 'tree' and go on to 'end of trees', so it "
            "is another kind of file or was cut short; save it again with booster.save_model"
        )


def _skops(path: Path, trusted: Sequence[str]) -> Any:
    skops = require("skops.io", extra="sklearn", why=f"open {path.name}")
    try:
        known = {*ORDINARY, *trusted}
        unknown = [kind for kind in skops.get_untrusted_types(file=path) if kind not in known]
    except Exception as error:
        raise InputError(f"{path} cannot be opened as a skops file: {type(error).__name__}: {error}") from error
    if unknown:
        raise InputError(
            f"{path} holds types that nobody has trusted: {unknown}. Look at them, then name them: trusted=[...], "
            "or --trust TYPE on the command line"
        )
    return skops.load(path, trusted=sorted(known))


@final
class LightgbmFile:
    """A booster from a text file, with the methods of an estimator; classes are the codes 0..C-1.

    Args:
        booster: a `lightgbm.Booster`.
        file: its name, for errors.
    """

    def __init__(self, booster: Any, file: str) -> None:
        self.booster = booster
        objective = (booster.dump_model(num_iteration=1).get("objective") or "none").split()[0]
        if objective in ("binary", "multiclass"):
            self.classes_ = list(range(max(2, booster.num_model_per_iteration())))
            self._estimator_type = "classifier"
        elif objective.startswith(("regression", "huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie")):
            self._estimator_type = "regressor"
        else:
            raise InputError(
                f"{file} was fitted for {objective!r}: open it in Python and wrap it in a RuleTeacher(batched=True)"
            )
        names = booster.feature_name()
        if not all(GENERIC.fullmatch(name) for name in names):
            self.feature_names_in_ = np.array(names)

    def __getattr__(self, name: str) -> Any:
        if name == "predict_proba" and self.__dict__.get("_estimator_type") == "classifier":
            return self._probabilities
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def predict(self, features: Any) -> np.ndarray:
        """[n] or [n, C]: what the booster predicts."""
        plain = features.to_numpy() if hasattr(features, "to_numpy") else features
        return self.booster.predict(plain, num_threads=current_budget() or 0)

    def _probabilities(self, features: Any) -> np.ndarray:
        found = self.predict(features)
        return found if found.ndim == 2 else np.stack([1 - found, found], axis=1)
