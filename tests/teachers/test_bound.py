"""Bound teachers abstain exactly where a row lacks their source: live, stored, out of fold, saved and loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import BayesianRidge, LogisticRegression
from torch import nn

import tutelage as tl
from train.small import FEATURES, NAMES, Counted, arrays, net, table
from tutelage.core import Classes, InputError, Labels, Space, Values
from tutelage.fusion import Mean
from tutelage.store import Store
from tutelage.teachers import EstimatorTeacher, ModuleTeacher, load_saved, optimised, save_teacher, stored
from tutelage.teachers.bound import Bound, BoundByRow, sources_of
from tutelage.teaching.sources import ask_one
from tutelage.teaching.teach import teach
from tutelage.testing import check_teacher
from tutelage.train import OutOfFold, Training, fit_teacher, task_of, train_models

QUICK = Training(2, 16)
NOBODY = np.zeros(0, dtype=np.int64)
COUNT = 120


def columns(first: int = 0) -> dict[str, np.ndarray]:
    """Features of which a third is missing; the first rows all lack the source."""
    features, _ = arrays(COUNT)
    there = np.random.default_rng(3).random(COUNT) < 0.6
    there[:first] = False
    features[~there] = np.nan
    return {"features": features, "has_orders": there, "other": np.arange(COUNT, dtype=float)}


def rows_with(first: int = 0) -> tl.Rows:
    _, target = arrays(COUNT)
    return tl.rows_of(columns(first), np.array(NAMES)[target], names=NAMES, inputs=["other"])


def forest() -> EstimatorTeacher:
    features, target = arrays(COUNT)
    model = LogisticRegression(max_iter=200).fit(features, np.array(NAMES)[target])
    return EstimatorTeacher(model, reads="features", name="forest", seen=NOBODY)


def test_it_abstains_exactly_where_the_source_is_missing() -> None:
    given = columns()
    there = given["has_orders"]
    teacher = tl.bound(forest(), "orders", present="has_orders")
    answer = teacher.answer(given)
    assert answer.valid.tolist() == there.tolist()
    own = forest().answer({"features": given["features"][there]})
    assert torch.equal(answer.take(torch.from_numpy(np.flatnonzero(there))).scores, own.scores)  # type: ignore[attr-defined]
    assert teacher.reads == ("features", "has_orders")
    assert (teacher.name, teacher.space) == ("forest", forest().space)
    assert sources_of(tl.aligned(teacher, Space(Classes, NAMES[::-1]))) == ("orders",)
    nobody = teacher.answer({name: column[~there] for name, column in given.items()})
    assert len(nobody) == (~there).sum()
    assert not nobody.valid.any()
    check_teacher(teacher, given, changed=tl.bound(forest(), "orders", filled="features"))
    check_teacher(tl.bound(forest(), "orders", filled=["features"]), given)


def test_what_shows_that_a_row_has_its_source() -> None:
    texts = np.array(["a", "", None, "b"], dtype=object)
    objects = np.array([True, None, 0, 2.0], dtype=object)
    numbers = np.array([1.5, np.nan, 0.0, -1.0])
    images = np.full((4, 2, 2), np.nan)
    images[0, 0, 0] = images[3] = 1.0
    given = {"text": texts, "object": objects, "number": numbers, "image": images, "whole": np.array([1, 0, 0, 2])}
    for names in (("object",), ("number",), ("whole",), ("object", "number", "whole")):
        assert tl.Binding("s", present=names).rows(given).tolist() == [True, False, False, True]
    assert tl.Binding("s", filled=("text",)).rows(given).tolist() == [True, False, False, True]
    assert tl.Binding("s", filled=("image",)).rows(given).tolist() == [True, False, False, True]
    assert tl.Binding("s", filled=("number",)).rows(given).tolist() == [True, False, True, True]
    for name in ("text", "image"):
        with pytest.raises(InputError, match=f"column '{name}' .*filled="):
            tl.Binding("s", present=(name,)).rows(given)
    with pytest.raises(InputError, match=r"columns \['gone'\] tell which rows have source 's'"):
        tl.Binding("s", present=("gone",)).rows(given)
    for wrong in (("", ("x",)), ("s", ())):
        with pytest.raises(InputError, match="by its name and columns that tell"):
            tl.Binding(*wrong)
    with pytest.raises(InputError, match="a Binding or columns, not both"):
        tl.bound(forest(), tl.Binding("s", ("x",)), present="x")


def test_the_fingerprint_says_what_it_is_bound_to() -> None:
    plain = forest()
    kinds = [
        plain,
        tl.bound(plain, "orders", present="has_orders"),
        tl.bound(plain, "clicks", present="has_orders"),
        tl.bound(plain, "orders", filled="has_orders"),
    ]
    prints = [json.dumps(dict(teacher.fingerprint), sort_keys=True) for teacher in kinds]
    assert len(set(prints)) == len(prints)


def test_stored_and_live_agree_and_the_inner_teacher_sees_no_other_row(tmp_path: Path) -> None:
    given = columns(first=40)
    inner = Counted("counted")
    teacher = tl.bound(inner, "orders", present="has_orders")
    store = teach([teacher], given, np.arange(COUNT), Store(tmp_path), batch_size=16)
    assert inner.rows == given["has_orders"].sum() + 1  # one to find out the form of its answers
    found = store.gather(torch.arange(COUNT), torch.zeros(COUNT, dtype=torch.int64)).answers[0]
    live = ask_one(teacher, given, np.arange(COUNT))
    assert found.valid.tolist() == given["has_orders"].tolist() == live.valid.tolist()
    assert torch.allclose(found.scores[live.valid], live.scores[live.valid])  # type: ignore[attr-defined]


def scaled() -> Any:
    features, _ = arrays(COUNT)
    model = BayesianRidge().fit(features, features[:, 0])
    return EstimatorTeacher(model, reads="features", names=["y"], with_std=True, name="ridge")


def module() -> Any:
    return ModuleTeacher(nn.Sequential(net().eval(), nn.LogSoftmax(-1)), reads="features", classes=NAMES, name="net")


def labels() -> Any:
    space = Space(Labels, NAMES)
    return ModuleTeacher(net(), reads="features", space=space, output="logits", name="labels")


@pytest.mark.parametrize("make", [scaled, module, labels, forest])
def test_batches_without_any_row_of_the_source_have_the_form_of_the_others(make: Any, tmp_path: Path) -> None:
    given = columns(first=70)
    teacher = tl.bound(make(), "orders", present="has_orders")
    store = teach([teacher], given, np.arange(COUNT), Store(tmp_path), batch_size=10)
    found = store.gather(torch.arange(COUNT), torch.zeros(COUNT, dtype=torch.int64)).answers[0]
    valid = found.valid if found.valid.dim() == 1 else found.valid.all(1)
    assert valid.tolist() == given["has_orders"].tolist()
    assert isinstance(found, Values) == (make is scaled)
    if isinstance(found, Values):
        assert found.scale is not None
        found.check("ridge")


def test_teachers_are_fitted_on_rows_that_have_the_source() -> None:
    rows, binding = rows_with(), tl.Binding("orders", present=("has_orders",))
    made = fit_teacher(
        lambda: LogisticRegression(max_iter=200),
        rows,
        rows.train,
        task_of(rows),
        name="orders",
        seed=0,
        training=QUICK,
        reads=["features"],
        binding=binding,
    )
    assert made.seen is not None
    assert made.seen.tolist() == sorted(row for row in rows.train.tolist() if rows.columns["has_orders"][row])
    assert isinstance(made, Bound)
    with pytest.raises(InputError, match="none of 1 rows has source 'orders'"):
        fit_teacher(
            lambda: LogisticRegression(),
            rows,
            rows.train[~rows.columns["has_orders"][rows.train]][:1],
            task_of(rows),
            name="orders",
            seed=0,
            training=QUICK,
            binding=binding,
        )


def test_out_of_fold(tmp_path: Path) -> None:
    _, target = arrays(COUNT)
    given = columns()
    filled = tl.rows_of(given, np.array(NAMES)[target], names=NAMES, inputs=["other"])
    binding = tl.Binding("orders", present=("has_orders",))
    (teacher,) = train_models(filled, lambda: LogisticRegression(max_iter=200), 1, binding=binding, folds=3)
    assert isinstance(teacher, BoundByRow)
    inner = teacher.teacher
    assert isinstance(inner, OutOfFold)
    assert given["has_orders"][inner.fitted_on].all()
    row = np.arange(COUNT)
    answer = ask_one(teacher, given, row)
    assert answer.valid.tolist() == given["has_orders"].tolist()
    one = int(inner.fitted_on[0])
    own = inner.models[inner.fold[one]].answer({name: given[name][[one]] for name in inner.reads})
    assert torch.allclose(answer.probs()[one], own.probs()[0], atol=1e-6)  # type: ignore[attr-defined]
    check_teacher(teacher, given)
    store = teach([teacher], given, row, Store(tmp_path / "store"))
    again = store.gather(torch.arange(COUNT), torch.zeros(COUNT, dtype=torch.int64)).answers[0]
    assert torch.equal(again.valid, answer.valid)


@pytest.mark.parametrize("first", [0, 60])
def test_saved_and_loaded(first: int, tmp_path: Path) -> None:
    given = columns(first)
    for place, inner in enumerate((forest(), module())):
        teacher = tl.bound(inner, "orders", present="has_orders", filled="features")
        found = load_saved(save_teacher(teacher, tmp_path / str(place), given), tmp_path / str(place))
        assert isinstance(found, Bound)
        assert found.binding == tl.Binding("orders", ("has_orders",), ("features",))
        one, other = teacher.answer(given), found.answer(given)
        assert torch.equal(one.valid, other.valid)
        assert torch.allclose(one.probs()[one.valid], other.probs()[one.valid], atol=1e-5)  # type: ignore[attr-defined]
    np.savez(tmp_path / "p.npz", row=np.arange(COUNT), label=np.array(list(NAMES * 40)))
    by_row = tl.bound(stored(tmp_path / "p.npz", classes=NAMES), "orders", present="has_orders")
    found = load_saved(save_teacher(by_row, tmp_path / "rows", given), tmp_path / "rows")
    assert isinstance(found, BoundByRow)
    assert dict(found.fingerprint) == dict(by_row.fingerprint)


def test_the_optimiser_looks_at_rows_that_have_the_source() -> None:
    torch.manual_seed(0)
    wide = nn.Sequential(
        nn.Linear(FEATURES, 300), nn.BatchNorm1d(300), nn.ReLU(), nn.Linear(300, 300), nn.Linear(300, 3)
    )
    given = columns(first=30)
    teacher = tl.bound(
        ModuleTeacher(wide.eval(), reads="features", classes=NAMES, name="wide"), "o", present="has_orders"
    )
    fast, done = optimised(teacher, given)
    assert "folded" in done.steps
    assert done.rows == given["has_orders"].sum()
    assert isinstance(fast, Bound)
    assert torch.equal(fast.answer(given).valid, teacher.answer(given).valid)
    _, done = optimised(teacher, {name: column[:30] for name, column in given.items()})
    assert done.why == "no row has its sources"


def test_the_report_says_which_source_taught_what(tmp_path: Path) -> None:
    rows = table(COUNT)
    has = np.random.default_rng(5).random(COUNT) < 0.5
    wider = tl.rows_of(
        {**rows.columns, "has": has, "secret": rows.target.astype(float)},
        np.array(NAMES)[rows.target],
        names=NAMES,
        inputs=["features"],
    )
    teachers = [
        tl.bound(Counted("sharp", 3.0, seen=NOBODY), "orders", present="has"),
        Counted("soft", 0.5, seen=NOBODY, reads=("features", "secret")),
    ]
    report = tl.distill(net, wider, teachers, fusion=Mean(), training=QUICK, seeds=[0], baselines={}, run=tmp_path)
    cards = {card.name: card for card in report.teachers}
    sharp, soft = cards["sharp"], cards["soft"]
    assert (sharp.source, soft.source) == ("orders", "")
    assert sharp.abstained == pytest.approx(1 - has[wider.taught].mean(), abs=1e-6)
    assert sharp.asked == len(wider.taught)
    assert (sharp.judged, soft.judged) == (has[wider.test.open("to count")].sum(), len(wider.test))
    assert sharp.quality is not None
    assert 0.5 < sharp.quality <= 1.0
    assert sharp.weight is not None
    assert soft.weight is not None
    assert sharp.weight < soft.weight
    assert sharp.weight + soft.weight == pytest.approx(1.0, abs=1e-5)
    assert (sharp.hidden, soft.hidden) == (("has",), ("secret",))
    assert report.inputs == ("features",)
    page = (tmp_path / "report.html").read_text()
    for word in ("Which source and teacher taught what", "Who sees what", "soft, beyond that", "secret"):
        assert word in page
    assert "| sharp | Counted | orders |" in report.card()
    assert tl.load(tmp_path).report == report
