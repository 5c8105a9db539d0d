"""scikit-learn and LightGBM estimators: methods, classes, labels, feature names, files, hostile pickles."""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from skops.io import dump

from tutelage.core import Classes, InputError, Labels, MissingExtraError, Space, Values
from tutelage.teachers import EstimatorTeacher, aligned, load_estimator
from tutelage.teachers.features import table


class Centroid(ClassifierMixin, BaseEstimator):
    """A classifier that only predicts."""

    def fit(self, features: np.ndarray, target: np.ndarray) -> Centroid:
        self.classes_ = np.unique(target)
        self.centres_ = np.stack([features[target == c].mean(0) for c in self.classes_])
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        return self.classes_[((features[:, None] - self.centres_) ** 2).sum(-1).argmin(1)]


def _agrees(answer: Any, names: tuple[str, ...], expected: np.ndarray) -> None:
    assert [names[i] for i in answer.scores.argmax(1).tolist()] == [str(e) for e in expected]


def test_probabilities_in_the_order_of_the_classes(digits: Any, word_forest: Any) -> None:
    teacher = EstimatorTeacher(word_forest, reads="image", seen=[5, 3, 3])
    answer = teacher.answer(digits.shown)
    assert isinstance(answer, Classes)
    assert teacher.space == Space(Classes, tuple(sorted(word_forest.classes_)))
    expected = torch.from_numpy(word_forest.predict_proba(digits.shown["pixels"])).float()
    assert torch.allclose(answer.probs(), expected, atol=1e-4)
    _agrees(answer, teacher.space.names, word_forest.predict(digits.shown["pixels"]))
    assert teacher.output_found == "probabilities (predict_proba)"
    assert teacher.seen is not None
    assert teacher.seen.tolist() == [3, 5]


def test_decision_values_are_logits(digits: Any, breast: tuple[np.ndarray, np.ndarray]) -> None:
    pixels, target = digits.columns["pixels"][digits.train], digits.target[digits.train]
    svm = SVC(C=1.0).fit(pixels, target)
    teacher = EstimatorTeacher(svm, reads="pixels")
    answer = teacher.answer(digits.shown)
    assert isinstance(answer, Classes)
    assert (answer.kind, teacher.output_found) == ("logits", "logits (decision_function)")
    _agrees(answer, teacher.space.names, svm.predict(digits.shown["pixels"]))
    features, malignant = breast
    pipeline = make_pipeline(StandardScaler(), LinearSVC()).fit(features, malignant)
    two = EstimatorTeacher(pipeline, reads="x").answer({"x": features[:30]})
    assert isinstance(two, Classes)
    values = pipeline.decision_function(features[:30])
    assert np.allclose((two.scores[:, 1] - two.scores[:, 0]).numpy(), values, atol=1e-4)
    with pytest.raises(InputError, match="decision_function_shape='ovr'"):
        EstimatorTeacher(SVC(decision_function_shape="ovo").fit(pixels, target), reads="pixels")


def test_binary_decision_values_are_log_odds(breast: tuple[np.ndarray, np.ndarray]) -> None:
    class Bare:
        """A logistic regression without predict_proba."""

        def __init__(self, inner: Any) -> None:
            self.classes_, self.decision_function, self.predict = (
                inner.classes_,
                inner.decision_function,
                inner.predict,
            )

    features, target = StandardScaler().fit_transform(breast[0]), breast[1]
    inner = LogisticRegression().fit(features, target)
    answer = EstimatorTeacher(Bare(inner), reads="x").answer({"x": features[:50]})
    expected = inner.predict_proba(features[:50])
    assert np.allclose(answer.probs().numpy(), expected, atol=1e-5)  # type: ignore[attr-defined]


def test_predictions_alone_are_votes(digits: Any) -> None:
    found = Centroid().fit(digits.columns["pixels"][digits.train], digits.target[digits.train])
    teacher = EstimatorTeacher(found, reads="pixels")
    answer = teacher.answer(digits.shown)
    assert isinstance(answer, Classes)
    assert (answer.kind, teacher.method) == ("votes", "predict")
    _agrees(answer, teacher.space.names, found.predict(digits.shown["pixels"]))


def test_lightgbm_and_its_text_file(iris: Any, tmp_path: Path) -> None:
    features, target, _ = iris
    names = np.array(["setosa", "versicolor", "virginica"])
    booster: Any = LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1).fit(features, names[target])
    teacher = EstimatorTeacher(booster, reads="x")
    answer = teacher.answer({"x": features})
    _agrees(answer, teacher.space.names, booster.predict(features))
    path = tmp_path / "iris.txt"
    booster.booster_.save_model(str(path))
    file = EstimatorTeacher(load_estimator(path), reads="x", names=names)
    assert torch.allclose(file.answer({"x": features}).probs(), answer.probs(), atol=1e-6)  # type: ignore[attr-defined]
    regressor: Any = LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1).fit(features[:, :3], features[:, 3])
    regressor.booster_.save_model(str(path))
    values = EstimatorTeacher(load_estimator(path), reads="x").answer({"x": features[:, :3]})
    assert isinstance(values, Values)
    assert np.allclose(values.mean[:, 0].numpy(), regressor.predict(features[:, :3]), atol=1e-5)


def test_some_of_the_classes(digits: Any) -> None:
    rows = digits.train[np.isin(digits.target[digits.train], [2, 5, 7])]
    found = RandomForestClassifier(20, random_state=0).fit(digits.columns["pixels"][rows], digits.target[rows])
    teacher = aligned(EstimatorTeacher(found, reads="pixels"), Space(Classes, tuple(str(i) for i in range(10))))
    answer = teacher.answer(digits.shown)
    assert answer.coverage.nonzero().flatten().tolist() == [2, 5, 7]
    assert bool(answer.valid.all())
    assert teacher.note == "does not know ['0', '1', '3', '4', '6', '8', '9']"  # type: ignore[attr-defined]


@pytest.mark.parametrize("fit_on", ["frame", "array"])
@pytest.mark.parametrize("kind", [LogisticRegression, LGBMClassifier])
def test_feature_names(iris: Any, fit_on: str, kind: Any) -> None:
    features, target, names = iris
    columns = {name: features[:, i] for i, name in enumerate(names)}
    model = kind(max_iter=1000) if kind is LogisticRegression else kind(n_estimators=5, verbose=-1, n_jobs=1)
    model.fit(pl.DataFrame(columns) if fit_on == "frame" else features, target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wide = EstimatorTeacher(model, reads="x").answer({"x": features})
        narrow = EstimatorTeacher(model, reads=names).answer(columns)
        if fit_on == "frame":
            turned = EstimatorTeacher(model, reads=names[::-1]).answer(columns)
            assert torch.equal(turned.to_arrays()["scores"], wide.to_arrays()["scores"])
    assert torch.equal(wide.to_arrays()["scores"], narrow.to_arrays()["scores"])
    assert np.allclose(wide.probs().sum(-1).numpy(), 1.0, atol=1e-5)  # type: ignore[attr-defined]


def test_without_a_frame_library_there_is_no_warning(iris: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    features, target, names = iris
    model = LogisticRegression(max_iter=1000).fit(pl.DataFrame(features, schema=names), target)
    with_frame = EstimatorTeacher(model, reads="x").answer({"x": features})
    monkeypatch.setitem(sys.modules, "polars", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = EstimatorTeacher(model, reads="x").answer({"x": features})
    assert torch.equal(plain.to_arrays()["scores"], with_frame.to_arrays()["scores"])


def test_wrong_column_names_are_listed(iris: Any) -> None:
    features, target, names = iris
    model = LogisticRegression(max_iter=1000).fit(pl.DataFrame(features, schema=names), target)
    columns = {"sepal": features[:, 0], **{name: features[:, i] for i, name in enumerate(names)}}
    with pytest.raises(InputError, match=r"missing .*\['sepal_length'\], unknown to it: \['sepal'\]"):
        EstimatorTeacher(model, reads=("sepal", *names[1:])).answer(columns)
    with pytest.raises(InputError, match=r"fitted on 4 features .* has shape"):
        EstimatorTeacher(model, reads="x").answer({"x": features[:, :3]})


def test_trees_get_arrays_in_the_order_of_their_features(iris: Any) -> None:
    features, target, names = iris
    columns = {name: features[:, i] for i, name in enumerate(names)}
    model = LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1).fit(pl.DataFrame(columns), target)
    given = table(columns, names[::-1], model, "trees")
    assert isinstance(given, np.ndarray)
    assert np.array_equal(given, features)


def test_mixed_columns_and_text() -> None:
    columns = {"city": np.array(["A", "B", "A", "C"] * 5, dtype=object), "age": np.arange(20.0)}
    target = np.array([0, 1] * 10)
    encode = ColumnTransformer([("city", OneHotEncoder(), ["city"]), ("age", "passthrough", ["age"])])
    model = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(pl.DataFrame(columns), target)
    teacher = EstimatorTeacher(model, reads=("age", "city"))
    expected = model.predict_proba(pl.DataFrame(columns))
    assert np.allclose(teacher.answer(columns).probs().numpy(), expected, atol=1e-5)  # type: ignore[attr-defined]
    texts = np.array(["good film", "bad film", "good", "bad"])
    words = make_pipeline(CountVectorizer(), MultinomialNB()).fit(texts, ["p", "n", "p", "n"])
    _agrees(EstimatorTeacher(words, reads="t").answer({"t": texts}), ("n", "p"), words.predict(texts))


@pytest.mark.parametrize(
    "model",
    [
        MultiOutputClassifier(LogisticRegression(max_iter=500)),
        OneVsRestClassifier(LogisticRegression(max_iter=500)),
        RandomForestClassifier(20, random_state=0),
        MLPClassifier((8,), max_iter=20, random_state=0, early_stopping=True),
    ],
)
def test_yes_or_no_outputs_are_labels(digits: Any, model: Any) -> None:
    target = digits.target[digits.train]
    yes = np.stack([target % 2 == 0, target > 4, target == 20, target < 3], axis=1).astype(int)
    yes[0, 2] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(digits.columns["pixels"][digits.train], yes)
    teacher = EstimatorTeacher(model, reads="pixels", names=("even", "big", "twenty", "small"))
    answer = teacher.answer(digits.shown)
    assert isinstance(answer, Labels)
    assert teacher.space.names == ("even", "big", "twenty", "small")
    predicted = model.predict(digits.shown["pixels"]).astype(bool)
    assert ((answer.logits.numpy() > 0) == predicted).mean() > 0.98


def test_a_label_that_was_never_yes(digits: Any) -> None:
    target = digits.target[digits.train]
    yes = np.stack([target % 2 == 0, np.zeros_like(target)], axis=1).astype(int)
    model = RandomForestClassifier(5, random_state=0).fit(digits.columns["pixels"][digits.train], yes)
    answer = EstimatorTeacher(model, reads="pixels").answer(digits.shown)
    assert isinstance(answer, Labels)
    assert bool((answer.probs()[:, 1] < 1e-5).all())


def test_regressors(iris: Any) -> None:
    features, _, _ = iris
    one = EstimatorTeacher(RandomForestRegressor(5, random_state=0).fit(features[:, :3], features[:, 3]), reads="x")
    answer = one.answer({"x": features[:, :3]})
    assert isinstance(answer, Values)
    assert answer.scale is None
    assert answer.mean.shape == (150, 1)
    process = GaussianProcessRegressor(alpha=0.1).fit(features[:, :3], features[:, 3])
    sure = EstimatorTeacher(process, reads="x", with_std=True, names=["width"]).answer({"x": features[:, :3]})
    assert isinstance(sure, Values)
    assert sure.scale is not None
    assert np.allclose(sure.scale[:, 0].numpy(), process.predict(features[:, :3], return_std=True)[1], rtol=1e-3)


def test_what_is_no_teacher() -> None:
    with pytest.raises(InputError, match="fit it first"):
        EstimatorTeacher(RandomForestClassifier(), reads="x")
    with pytest.raises(InputError, match="fit it first"):
        EstimatorTeacher(RidgeClassifier(), reads="x")
    with pytest.raises(InputError, match="no predict"):
        EstimatorTeacher(object(), reads="x")
    both = RandomForestClassifier(2).fit([[0], [1], [2]], [[0, "a"], [1, "b"], [2, "a"]])
    with pytest.raises(InputError, match="one teacher per output"):
        EstimatorTeacher(both, reads="x")
    one = RandomForestClassifier(2).fit([[0], [1]], [0, 1])
    with pytest.raises(InputError, match=r"2 classes .* got 3 names"):
        EstimatorTeacher(one, reads="x", names="abc")


def test_fingerprint_is_the_same_after_saving_and_asking(digits: Any, forest: Any, tmp_path: Path) -> None:
    teacher = EstimatorTeacher(forest, reads="pixels")
    before = teacher.fingerprint
    teacher.answer(digits.shown)
    again = pickle.loads(pickle.dumps(forest))
    again.n_jobs = 2
    assert before == teacher.fingerprint == EstimatorTeacher(again, reads="pixels").fingerprint
    dump(forest, tmp_path / "forest.skops")
    from_file = EstimatorTeacher(load_estimator(tmp_path / "forest.skops"), reads="pixels")
    assert before == from_file.fingerprint
    other = RandomForestClassifier(30, random_state=1)
    other.fit(digits.columns["pixels"][digits.train], digits.target[digits.train])
    assert before["weights"] != EstimatorTeacher(other, reads="pixels").fingerprint["weights"]


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("suffix", [".pkl", ".joblib"])
def test_pickles_are_refused_and_not_run(tmp_path: Path, suffix: str) -> None:
    path, trace = tmp_path / f"model{suffix}", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(InputError, match="say allow_pickle=True if you trust"):
        load_estimator(path)
    assert not trace.exists()


def test_pickles_open_when_told_so(forest: Any, tmp_path: Path) -> None:
    (tmp_path / "forest.pkl").write_bytes(pickle.dumps(forest))
    assert isinstance(load_estimator(tmp_path / "forest.pkl", allow_pickle=True), RandomForestClassifier)
    (tmp_path / "half.joblib").write_bytes(pickle.dumps(forest)[:1000])
    with pytest.raises(InputError, match="cannot be opened"):
        load_estimator(tmp_path / "half.joblib", allow_pickle=True)


def test_skops_names_the_types_that_nobody_trusted(iris: Any, tmp_path: Path) -> None:
    features, target, _ = iris
    dump(Centroid().fit(features, target), tmp_path / "own.skops")
    with pytest.raises(InputError, match=r"types that nobody has trusted: .*Centroid"):
        load_estimator(tmp_path / "own.skops")
    kind = f"{Centroid.__module__}.Centroid"
    assert isinstance(load_estimator(tmp_path / "own.skops", trusted=[kind]), Centroid)
    (tmp_path / "no.skops").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be opened as a skops file"):
        load_estimator(tmp_path / "no.skops")


def test_missing_extras_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module, extra in (("m.skops", "skops", "sklearn"), ("m.txt", "lightgbm", "gbm")):
        (tmp_path / name).write_text("x")
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setitem(sys.modules, "skops.io", None)
        with pytest.raises(MissingExtraError, match=rf"tutelage\[{extra}\]"):
            load_estimator(tmp_path / name)
