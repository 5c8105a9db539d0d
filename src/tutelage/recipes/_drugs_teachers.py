"""Teachers of molecules: a forest on fingerprints, trees on properties, a graph net, a transformer on SMILES, rules.

Each sees a molecule in another way. Those that learn answer training rows out of fold, by whole scaffolds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..core import Teacher, require
from ..data import Rows
from ..data.steps import Tokens
from ..nets import GraphNet, TokenTransformer
from ..teachers import RuleTeacher
from ..train import Training, fit_teacher, task_of
from ..train.per_label import PerLabel
from ._drugs_molecules import ATOMS, BONDS
from ._tables import STUDENT, Lesson, taught

TOKENS = Tokens(("smiles",), "smiles", length=96, most=128, min_count=1, buckets=1024)
"""How nets read SMILES; all but few molecules are shorter, and of those the first tokens are read."""
LOOKS = 10_000
"""So many molecules a net that teaches looks at while it learns, but each `LEAST` times at least."""
LEAST = 4
TREES = 150


def drug_teachers(
    rows: Rows, seed: int, groups: np.ndarray, rule: Callable[[dict[str, Any]], Any], *, epochs: int, folds: int
) -> list[Teacher]:
    """Five teachers.

    Args:
        rows: the table.
        seed: of models and folds.
        groups: scaffold of each row [N].
        rule: takes a row's properties, abstains with None.
        epochs: of the nets at most.
        folds: out of fold by so many models.
    """
    count, row = len(rows.space.names), np.union1d(rows.train[known(rows)[rows.train]], rows.validation)
    training = Training(epochs=min(epochs, max(LEAST, LOOKS // len(row))), lr=2e-3, batch_size=32, threads=1)
    lessons = (
        Lesson("prints", lambda: forest(rows, TREES), ("print",)),
        Lesson("properties", lambda: forest(rows, TREES), ("properties",)),
        Lesson("graph", partial(GraphNet, ATOMS, BONDS, count), ("atoms", "bonds"), training=training),
        Lesson(
            "smiles", partial(TokenTransformer, TOKENS.codes - 1, count, TOKENS.length), (STUDENT,), training=training
        ),
    )
    found = taught(lessons, rows, seed, row=row, folds=folds, groups=groups)
    reads, nobody = ("weight", "logp", "tpsa", "donors", "acceptors", "steroid"), np.zeros(0, np.int64)
    return [*found, RuleTeacher(rule, reads=reads, space=rows.space, name="rule", seen=nobody)]


def known(rows: Rows) -> np.ndarray:
    """Whether anything was measured of each row, bool [N]."""
    seen = np.ones(len(rows), dtype=bool) if rows.known is None else rows.known
    return np.asarray(seen.reshape(len(rows), -1).any(1))


def forest(rows: Rows, count: int) -> Any:
    """A forest of so many trees; of labels one per label, a quarter as large."""
    ensembles = require("sklearn.ensemble", extra="sklearn", why="train the forests")
    if rows.space.kind == "values":
        return ensembles.RandomForestRegressor(count, max_features=0.3, n_jobs=1)
    if rows.space.kind == "labels":
        return PerLabel(ensembles.RandomForestClassifier(count // 4, min_samples_leaf=2, n_jobs=1))
    return ensembles.RandomForestClassifier(count, min_samples_leaf=2, n_jobs=1)


def baseline() -> Mapping[str, Callable[[Rows, int], Teacher]]:
    """The cheap classical model: a linear one on the properties, on the labels that the student sees."""

    def fitted(rows: Rows, seed: int) -> Teacher:
        options: dict[str, Any] = {"name": "linear", "seed": seed, "training": Training(), "reads": ("properties",)}
        return fit_teacher(partial(linear, rows), rows, rows.labelled_train, task_of(rows), **options)

    return {"linear on 17 properties: labels only": fitted}


def linear(rows: Rows) -> Any:
    """Ridge or logistic regression on scaled numbers; of labels one per label."""
    models = require("sklearn.linear_model", extra="sklearn", why="train the linear model")
    pipeline = require("sklearn.pipeline", extra="sklearn", why="train the linear model")
    scaled = require("sklearn.preprocessing", extra="sklearn", why="train the linear model").StandardScaler()
    if rows.space.kind == "values":
        return pipeline.make_pipeline(scaled, models.Ridge())
    plain = pipeline.make_pipeline(scaled, models.LogisticRegression(max_iter=2000))
    return PerLabel(plain) if rows.space.kind == "labels" else plain


def binds(row: dict[str, Any]) -> str | None:
    """Small or featureless molecules do not hold on to the long cleft of beta-secretase."""
    return "no" if row["weight"] < 300 or row["donors"] == 0 else None


def enters(row: dict[str, Any]) -> str | None:
    """Polar surface keeps molecules out of the brain, above 120 square angstroms for sure; Clark 1999, Kelder 1999."""
    if row["tpsa"] > 120 or row["donors"] > 5:
        return "no"
    return "yes" if row["tpsa"] < 60 and row["logp"] > 1 else None


def dissolves(row: dict[str, Any]) -> float | None:
    """The general solubility equation for liquids, which small molecules are taken for; Ran and Yalkowsky 2001."""
    return 0.5 - row["logp"] if row["weight"] < 150 else None


def disturbs(row: dict[str, Any]) -> dict[str, float] | None:
    """Steroids speak to the receptors of steroids; what is as polar as sugar does not even enter cells."""
    if row["steroid"]:
        return {"NR-AR": 0.7, "NR-AR-LBD": 0.6, "NR-ER": 0.5, "NR-ER-LBD": 0.4}
    return dict.fromkeys(ASSAYS, 0.02) if row["logp"] < -1 and row["tpsa"] > 100 else None


ASSAYS = (
    *("NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma"),
    *("SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53"),
)
