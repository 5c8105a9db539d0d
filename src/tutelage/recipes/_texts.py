"""What recipes on texts have in common: the rows, teachers of five kinds, and a small student that reads tokens.

Teachers read the raw text, each in its own way; the student reads codes that `Tokens` makes, so that what is shipped
needs neither scikit-learn nor LightGBM. Teachers are fitted on training and validation rows, and answer both out of
fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..core import Task, Teacher, require
from ..data import Recipe, Rows, rows_of
from ..data.split import stratified_split
from ..data.steps import Tokens
from ..nets import TextConv
from ..teachers import RuleTeacher
from ..teaching import Objective
from ..teaching.terms import KL
from ..train import Training, fit_teacher, task_of, train_models

TEXT, TOKENS = "text", "tokens"
RATE, RATES = 5e-3, (2e-3, 5e-3, 1e-2)
"""Learning rate of students, and those from which students of labels alone take the best on validation rows."""
OBJECTIVE = Objective((KL(2.0),), soft=0.5)
"""All labels are known here, and teachers out of fold are no better than they: half of the lesson is theirs."""
PATTERN = r"\w+|[^\w\s]"
Rule = Callable[[dict[str, Any]], str | None]


def text_rows(
    text: Sequence[str],
    label: Sequence[str],
    tokens: Tokens,
    *,
    names: Sequence[str],
    test: np.ndarray,
    task: Task | None = None,
    validation: np.ndarray | None = None,
    labelled: float = 1.0,
) -> Rows:
    """Texts under their labels.

    Args:
        text: [N].
        label: names of the classes [N].
        tokens: how the student reads column `text`; fitted on the training rows.
        names: of the classes, in order.
        test: row numbers.
        task: what the student is for; classification unless given.
        validation: row numbers; a tenth of the others unless given, drawn with seed 0, stratified.
        labelled: share of the training rows whose label the student sees.
    """
    table, classes = {TEXT: np.array(text, dtype=object)}, np.array(label, dtype=object)
    rest = np.setdiff1d(np.arange(len(classes)), test)
    if validation is None:
        validation = rest[stratified_split(classes[rest], shares=(0.1, 0.0)).validation]
    train = np.setdiff1d(rest, validation)
    known = np.ones(len(classes), dtype=bool)
    known[np.random.default_rng(0).permutation(train)[round(labelled * len(train)) :]] = False
    recipe = Recipe((tokens,), {TOKENS: TEXT}).fit(table, train)
    rows = rows_of(
        {**table, **recipe.apply(table)},
        classes,
        inputs=(TOKENS,),
        names=names,
        train=train,
        validation=validation,
        test=test,
        labelled=known,
        task=task,
    )
    return replace(rows, preparation=recipe)


def student(rows: Rows, tokens: Tokens) -> Callable[[], TextConv]:
    """Makes a net with windows of two and four tokens; 210,000 parameters with the default number of codes."""
    return lambda: TextConv(tokens.codes - 1, len(rows.space.names), width=32, filters=64, windows=(2, 4))


def text_teachers(rows: Rows, tokens: Tokens, seed: int, rule: Rule, *, epochs: int, folds: int = 5) -> list[Teacher]:
    """Teachers of five kinds: two linear models, trees, a wide net, and a rule that was not learnt.

    Args:
        rows: the table.
        tokens: how nets read it; whether a text is words or characters.
        seed: of models and folds.
        rule: takes a row's columns, abstains with None.
        epochs: of the net.
        folds: out of fold by so many models.
    """
    row = np.union1d(rows.train, rows.validation)
    wide = partial(TextConv, tokens.codes - 1, len(rows.space.names), width=48, filters=64, windows=(2, 4))
    makers: dict[str, Callable[[], Any]] = {
        "words": lambda: linear_words(tokens.unit == "word", seed),
        "letters": lambda: linear_letters(tokens.unit == "word", seed),
        "trees": lambda: trees(tokens.unit == "word"),
        "net": wide,
    }
    found: list[Teacher] = []
    for name, make in makers.items():
        reads = (TOKENS,) if name == "net" else (TEXT,)
        training = Training(epochs=epochs, threads=1)
        found += train_models(rows, make, 1, name=name, row=row, folds=folds, seed=seed, training=training, reads=reads)
    seen = np.zeros(0, np.int64)
    return [*found, RuleTeacher(rule, reads=(TEXT,), classes=rows.space.names, name="rule", seen=seen)]


def baseline(tokens: Tokens) -> Mapping[str, Callable[[Rows, int], Teacher]]:
    """The cheap classical model: TF-IDF and a linear model, on the labels that the student sees."""

    def fitted(rows: Rows, seed: int) -> Teacher:
        make = partial(linear_words, tokens.unit == "word", seed)
        options: dict[str, Any] = {"name": "tf-idf", "seed": seed, "training": Training(), "reads": (TEXT,)}
        return fit_teacher(make, rows, rows.labelled_train, task_of(rows), **options)

    return {"tf-idf and linear: labels only": fitted}


def linear_words(spaced: bool, seed: int) -> Any:
    """Logistic regression on TF-IDF of runs of up to two words, or of up to three characters."""
    kind = {"token_pattern": PATTERN, "ngram_range": (1, 2)} if spaced else {"analyzer": "char", "ngram_range": (1, 3)}
    return _pipeline(_tf_idf(sublinear_tf=True, min_df=2, **kind), _logistic(seed))


def linear_letters(spaced: bool, seed: int) -> Any:
    """Logistic regression on TF-IDF of pieces of words, two to five letters; of two to four characters elsewhere."""
    kind = {"analyzer": "char_wb", "ngram_range": (2, 5)} if spaced else {"analyzer": "char", "ngram_range": (2, 4)}
    return _pipeline(_tf_idf(sublinear_tf=True, min_df=4, **kind), _logistic(seed))


def trees(spaced: bool) -> Any:
    """Boosted trees on the same runs as `linear_words`, those in few texts left out."""
    lightgbm = require("lightgbm", extra="gbm", why="train the boosted trees")
    kind = {"token_pattern": PATTERN, "ngram_range": (1, 2)} if spaced else {"analyzer": "char", "ngram_range": (1, 2)}
    settings = {"n_jobs": 1, "verbosity": -1, "deterministic": True, "force_row_wise": True}
    model = lightgbm.LGBMClassifier(n_estimators=60, num_leaves=31, learning_rate=0.2, min_child_samples=5, **settings)
    return _pipeline(_tf_idf(min_df=5, dtype=np.float32, **kind), model)


def _pipeline(*steps: Any) -> Any:
    pipeline = require("sklearn.pipeline", extra="sklearn", why="train the teachers on TF-IDF")
    preprocessing = require("sklearn.preprocessing", extra="sklearn", why="train the teachers on TF-IDF")
    return pipeline.make_pipeline(preprocessing.FunctionTransformer(np.ravel), *steps)


def _tf_idf(**settings: Any) -> Any:
    text = require("sklearn.feature_extraction.text", extra="sklearn", why="train the teachers on TF-IDF")
    return text.TfidfVectorizer(**settings)


def _logistic(seed: int) -> Any:
    models = require("sklearn.linear_model", extra="sklearn", why="train the linear teachers")
    return models.SGDClassifier("log_loss", alpha=2e-5, random_state=seed)
