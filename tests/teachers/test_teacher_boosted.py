"""Files of boosted trees answer like the models that were written, and damaged ones are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from outside import heavy
from tutelage.core import Classes, InputError, Labels, MissingExtraError, Space, Values
from tutelage.teachers import BoostedTeacher, EstimatorTeacher, load_saved, load_teacher, save_teacher, thread_budget
from tutelage.testing import check_teacher

DATA: Any = load_iris()
X, Y = np.asarray(DATA.data), np.asarray(DATA.target)
NAMES = ["sepal", "width", "petal", "breadth"]
NAMED = dict(zip(NAMES, X.T, strict=True))
COLUMNS = {"x": X, "other": Y, **NAMED}
KINDS = ["light.txt", "ex.ubj", "ex.json", "cat.cbm"]


def fitted(
    kind: str, folder: Path, y: Any = Y, x: Any = X, goal: str | None = None, rounds: int = 5
) -> tuple[Path, Any]:
    """A file, and the predictions that its library makes about `x`: probabilities of classes, else values."""
    path = folder / kind
    if path.suffix == ".txt":
        lightgbm: Any = pytest.importorskip("lightgbm")
        maker = lightgbm.LGBMRegressor if goal == "values" else lightgbm.LGBMClassifier
        model = maker(n_estimators=rounds, num_leaves=4, verbose=-1).fit(x, y)
        model.booster_.save_model(str(path))
    elif path.suffix == ".cbm":
        catboost = heavy("catboost")
        maker = catboost.CatBoostRegressor if goal == "values" else catboost.CatBoostClassifier
        model = maker(iterations=rounds, depth=3, verbose=0, allow_writing_files=False).fit(x, y)
        model.save_model(str(path))
    else:
        xgboost = heavy("xgboost")
        maker = xgboost.XGBRegressor if goal == "values" else xgboost.XGBClassifier
        model = maker(n_estimators=rounds, max_depth=2).fit(x, y)
        model.save_model(str(path))
    return path, np.asarray(model.predict(x) if goal == "values" else model.predict_proba(x), dtype=np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_classes(kind: str, tmp_path: Path) -> None:
    path, wanted = fitted(kind, tmp_path)
    (tmp_path / "two").mkdir()
    other, _ = fitted(kind, tmp_path / "two", rounds=7)
    teacher = BoostedTeacher(path, reads="x", seen=range(150))
    check_teacher(teacher, COLUMNS, changed=BoostedTeacher(other, reads="x"))
    assert teacher.space == Space(Classes, ("0", "1", "2"))
    with thread_budget(1):
        found = teacher.answer(COLUMNS)
    assert isinstance(found, Classes)
    torch.testing.assert_close(found.probs(), torch.from_numpy(wanted), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_two_classes_and_values(kind: str, tmp_path: Path) -> None:
    path, wanted = fitted(kind, tmp_path, (Y > 0).astype(int))
    found = BoostedTeacher(path, reads="x", classes=["no", "yes"]).answer(COLUMNS)
    assert isinstance(found, Classes)
    torch.testing.assert_close(found.probs(), torch.from_numpy(wanted), atol=1e-5, rtol=1e-4)
    path, wanted = fitted(kind, tmp_path, X[:, 3], X[:, :3], "values")
    teacher = BoostedTeacher(path, reads=NAMES[:3], classes=["breadth"])
    assert teacher.space == Space(Values, ("breadth",))
    found = teacher.answer(COLUMNS)
    assert isinstance(found, Values)
    torch.testing.assert_close(found.mean[:, 0], torch.from_numpy(wanted), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_loaded_and_by_name_of_file(kind: str, tmp_path: Path) -> None:
    path, _ = fitted(kind, tmp_path)
    teacher = BoostedTeacher(path, reads="x", classes="abc", seen=[1, 2])
    text = json.dumps(save_teacher(teacher, tmp_path / "one", COLUMNS))
    loaded = load_saved(json.loads(text), tmp_path / "one")
    assert dict(loaded.fingerprint) == dict(teacher.fingerprint)
    assert torch.equal(loaded.answer(COLUMNS).scores, teacher.answer(COLUMNS).scores)  # type: ignore[attr-defined]
    named = load_teacher(path, reads="x", classes="abc", space=Space(Classes, ("c", "b", "a")))
    assert torch.allclose(
        named.answer(COLUMNS).probs().flip(1),  # type: ignore[attr-defined]
        teacher.answer(COLUMNS).probs(),  # type: ignore[attr-defined]
        atol=1e-6,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_damage_and_wrong_columns(kind: str, tmp_path: Path) -> None:
    path, _ = fitted(kind, tmp_path)
    teacher = BoostedTeacher(path, reads=NAMES[:3])
    with pytest.raises(InputError, match=r"fitted on 4 features, but columns .* have shape \(150, 3\)"):
        teacher.answer(COLUMNS)
    text = {name: np.array(["?"] * 150) for name in NAMES}
    with pytest.raises(InputError, match="cannot be asked about columns"):
        BoostedTeacher(path, reads=NAMES).answer(text)
    with pytest.raises(InputError, match="has 3 outputs, but got the 2 names"):
        BoostedTeacher(path, reads="x", classes="ab")
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 3], b"", b"not trees at all"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"{path.name} cannot be opened"):
            BoostedTeacher(path, reads="x")


def test_lightgbm_answers_as_through_the_estimator_and_by_name(tmp_path: Path) -> None:
    lightgbm: Any = pytest.importorskip("lightgbm")
    table = lightgbm.Dataset(X, Y, feature_name=NAMES)
    booster = lightgbm.train({"objective": "multiclass", "num_class": 3, "verbose": -1}, table, 3)
    booster.save_model(str(tmp_path / "m.txt"))
    teacher = BoostedTeacher(tmp_path / "m.txt", reads=NAMES[::-1])
    other = load_teacher(tmp_path / "m.txt", reads="x")
    assert isinstance(other, EstimatorTeacher)
    assert torch.allclose(teacher.answer(COLUMNS).scores, other.answer(COLUMNS).scores)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"missing among the columns it reads: \['breadth'\]"):
        BoostedTeacher(tmp_path / "m.txt", reads=NAMES[:3]).answer(COLUMNS)
    ranked = lightgbm.train({"objective": "lambdarank", "verbose": -1}, lightgbm.Dataset(X, Y, group=[50] * 3), 2)
    ranked.save_model(str(tmp_path / "r.txt"))
    with pytest.raises(InputError, match="fitted for 'lambdarank'"):
        BoostedTeacher(tmp_path / "r.txt", reads="x")


def test_xgboost_best_round_labels_softmax_and_refusals(tmp_path: Path) -> None:
    xgboost = heavy("xgboost")
    model = xgboost.XGBClassifier(n_estimators=60, early_stopping_rounds=2, learning_rate=1.0)
    model.fit(X[::2], Y[::2], eval_set=[(X[1::2], Y[1::2])], verbose=False)
    model.save_model(tmp_path / "early.ubj")
    found: Any = BoostedTeacher(tmp_path / "early.ubj", reads="x").answer(COLUMNS)
    assert model.get_booster().num_boosted_rounds() > model.best_iteration + 1
    torch.testing.assert_close(found.probs(), torch.from_numpy(model.predict_proba(X)), atol=1e-5, rtol=1e-4)
    both = np.stack([Y > 0, Y > 1], axis=1).astype(int)
    model = xgboost.XGBClassifier(n_estimators=4).fit(X, both)
    model.save_model(tmp_path / "labels.json")
    found = BoostedTeacher(tmp_path / "labels.json", reads="x", classes=["some", "many"]).answer(COLUMNS)
    assert isinstance(found, Labels)
    torch.testing.assert_close(found.probs(), torch.from_numpy(model.predict_proba(X)), atol=1e-5, rtol=1e-4)
    goals: list[tuple[dict[str, Any], Any]] = [
        ({"objective": "multi:softmax", "num_class": 3}, Y),
        ({"objective": "binary:hinge"}, Y > 0),
        ({"objective": "rank:pairwise"}, Y),
    ]
    for number, (goal, y) in enumerate(goals):
        booster = xgboost.train(goal, xgboost.DMatrix(X, label=y, feature_names=NAMES), 3)
        booster.save_model(tmp_path / f"{number}.ubj")
    teacher = BoostedTeacher(tmp_path / "0.ubj", reads=NAMES[::-1])
    found = teacher.answer(COLUMNS)
    assert (found.scores.argmax(1).numpy() == Y).mean() > 0.9
    for number, goal in ((1, "binary:hinge"), (2, "rank:pairwise")):
        with pytest.raises(InputError, match=f"fitted for '{goal}'"):
            BoostedTeacher(tmp_path / f"{number}.ubj", reads="x")


def test_catboost_names_categories_labels_and_scales(tmp_path: Path) -> None:
    catboost = heavy("catboost")
    quiet = {"iterations": 5, "depth": 3, "verbose": 0, "allow_writing_files": False}
    words = np.array(["low", "mid", "top"])[np.digitize(X[:, 3], [0.6, 1.6])]
    rows = [[float(a), b] for a, b in zip(X[:, 0], words, strict=True)]
    model = catboost.CatBoostClassifier(**quiet, cat_features=[1]).fit(rows, np.array(["a", "b", "c"])[Y])
    model.save_model(str(tmp_path / "words.cbm"))
    teacher = BoostedTeacher(tmp_path / "words.cbm", reads=("sepal", "word"))
    found: Any = teacher.answer({**COLUMNS, "word": words})
    assert teacher.space.names == ("a", "b", "c")
    torch.testing.assert_close(found.probs(), torch.from_numpy(model.predict_proba(rows)).float(), atol=1e-5, rtol=1e-4)
    both = np.stack([Y > 0, Y > 1], axis=1).astype(int)
    model = catboost.CatBoostClassifier(**quiet, loss_function="MultiLogloss").fit(X, both)
    model.save_model(str(tmp_path / "labels.cbm"))
    found = BoostedTeacher(tmp_path / "labels.cbm", reads="x").answer(COLUMNS)
    assert isinstance(found, Labels)
    torch.testing.assert_close(found.probs(), torch.from_numpy(model.predict_proba(X)).float(), atol=1e-5, rtol=1e-4)
    for goal in ("RMSEWithUncertainty", "Poisson"):
        model = catboost.CatBoostRegressor(**quiet, loss_function=goal).fit(X[:, :3], X[:, 3])
        model.save_model(str(tmp_path / "values.cbm"))
        found = BoostedTeacher(tmp_path / "values.cbm", reads=NAMES[:3]).answer(COLUMNS)
        wanted = torch.from_numpy(model.predict(X[:, :3]).reshape(150, -1)).float()
        torch.testing.assert_close(found.mean, wanted[:, :1], atol=1e-5, rtol=1e-4)
        if goal != "Poisson":
            torch.testing.assert_close(found.scale, wanted[:, 1:].sqrt(), atol=1e-5, rtol=1e-4)
    model = catboost.CatBoostRanker(**quiet, bootstrap_type="No").fit(X, Y, group_id=np.arange(150) // 50)
    model.save_model(str(tmp_path / "rank.cbm"))
    with pytest.raises(InputError, match="fitted for 'YetiRank"):
        BoostedTeacher(tmp_path / "rank.cbm", reads="x")


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("m.ubj", "m.cbm", "m.txt"):
        (tmp_path / name).write_bytes(b"?")
    for library in ("xgboost", "catboost", "lightgbm"):
        monkeypatch.setitem(__import__("sys").modules, library, None)
    for name, extra in (("m.ubj", "xgboost"), ("m.cbm", "catboost"), ("m.txt", "gbm")):
        with pytest.raises(MissingExtraError, match=rf"tutelage\[{extra}\]"):
            BoostedTeacher(tmp_path / name, reads="x")
    for name in ("none.ubj", "m.pt"):
        with pytest.raises(InputError, match="no file of boosted trees"):
            BoostedTeacher(tmp_path / name, reads="x")
