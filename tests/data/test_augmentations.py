"""What each augmentation does to rows, and to no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine

import tutelage as tl
from tutelage.core import InputError
from tutelage.data.views import CutMix, Draw, Gibbs, Mask, Mixup, Munge, Views, WordDropout

COUNT = 400
CHANCE = np.random.default_rng(0)
ROW = np.arange(COUNT)


def changed(step: Any, columns: Mapping[str, np.ndarray], view: int = 1, train: np.ndarray = ROW) -> dict[str, Any]:
    """One view of all rows."""
    row = np.arange(len(next(iter(columns.values()))))
    draw = Draw.of(0, 0, np.full(len(row), view), row)
    return dict(step.fitted(columns, train[train < len(row)])(columns, row, draw))


def test_mixup_lies_between_two_rows_all_columns_alike() -> None:
    name = np.eye(COUNT)
    found = changed(Mixup(("name", "twice"), alpha=0.5), {"name": name, "twice": 2 * name.astype("float32")})
    share = found["name"][ROW, ROW]
    assert ((found["name"] > 0).sum(1) <= 2).all()
    np.testing.assert_allclose(found["name"].sum(1), 1)
    np.testing.assert_allclose(found["twice"], 2 * found["name"], atol=1e-6)
    assert abs(share.mean() - 0.5) < 0.05
    assert abs((4 * share * (1 - share)).mean() - 0.5) < 0.06  # Beta(a, a): 4 E[s(1-s)] = 2a / (2a + 1)
    others = np.where(np.eye(COUNT) > 0, 0, found["name"]).argmax(1)
    assert len(set(others)) > COUNT / 2


def test_partners_are_training_rows_and_never_the_row_itself() -> None:
    train = np.array([3, 8, 11])
    found = changed(Mixup(("name",)), {"name": np.eye(20)}, train=train)["name"]
    assert set(np.flatnonzero((found - np.diag(np.diag(found))).any(0))) <= set(train)
    assert (np.diag(found) < 1).all()
    alone = changed(Mixup(("name",)), {"name": np.eye(20)}, train=np.array([5]))["name"]
    np.testing.assert_allclose(alone[5], np.eye(20)[5])


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 3), (1, 20, 30), (3, 20, 30)])
def test_cutmix_pastes_one_box(shape: tuple[int, ...]) -> None:
    image = np.broadcast_to(np.arange(COUNT).reshape(-1, *[1] * len(shape)), (COUNT, *shape)).astype("float32")
    found = changed(CutMix(("image",)), {"image": image})["image"]
    axes = tuple(axis for axis, size in enumerate(found.shape[1:], 1) if size in (1, 3))
    strange = (found != image).any(axes) if axes else found != image
    assert strange.shape == (COUNT, 20, 30)
    for one, own in zip(strange, found, strict=True):
        box = one[np.ix_(one.any(1), one.any(0))]
        assert box.all()
        assert len(np.unique(own)) <= 2
    assert 0.25 < strange.mean() < 0.5  # half by the shares; less, because boxes are cut at the border


def test_words_are_lost_at_the_rate_asked_for() -> None:
    text = np.array([" ".join(f"w{i}" for i in range(50))] * COUNT, dtype=object)
    found = changed(WordDropout(("text",), 0.2), {"text": text})["text"]
    left = [words.split() for words in found]
    assert abs(np.mean([len(words) for words in left]) - 40) < 0.5
    assert all(words == [w for w in text[0].split() if w in words] for words in left)
    masked = changed(WordDropout(("text",), 0.2, mask="[MASK]"), {"text": text})["text"]
    assert all(len(words.split()) == 50 for words in masked)
    assert abs(np.mean([words.count("[MASK]") for words in masked]) - 10) < 0.5


def test_a_text_keeps_one_word_and_chinese_loses_characters() -> None:
    text = np.array(["good", "", "菜很好吃，送餐也快"] * 50, dtype=object)
    found = changed(WordDropout(("text",), 0.99), {"text": text})["text"]
    assert (found == text).all()
    found = changed(WordDropout(("text",), 0.5, unit="character"), {"text": text})["text"]
    assert all(found[1::3] == "")
    assert all(len(one) >= 1 for one in found[::3])
    assert 2 < np.mean([len(one) for one in found[2::3]]) < 7


@pytest.mark.parametrize(("axis", "fill"), [(1, 0.0), (2, 0.0), (2, None)])
def test_masks_hide_stretches_of_one_axis(axis: int, fill: float | None) -> None:
    sound = CHANCE.normal(3, 1, (COUNT, 12, 10)).astype("float32")
    found = changed(Mask(("sound",), axis, width=4, fill=fill), {"sound": sound})["sound"]
    hidden = (found != sound).all(3 - axis)
    runs = np.diff(np.pad(hidden.astype(int), ((0, 0), (1, 1))), axis=1)
    assert (runs.clip(0).sum(1) <= 1).all()
    assert set(hidden.sum(1)) == {0, 1, 2, 3, 4}
    assert ((found != sound).any(3 - axis) == hidden).all()
    mean = np.broadcast_to(sound.mean((1, 2), keepdims=True), sound.shape)
    np.testing.assert_allclose(found[found != sound], (0 * mean if fill == 0 else mean)[found != sound], rtol=1e-5)


def two_worlds() -> dict[str, np.ndarray]:
    """Two groups of rows that share neither numbers nor words."""
    world = np.arange(COUNT) % 2
    return {
        "width": CHANCE.normal(10.0 * world, 1.0),
        "height": CHANCE.normal(-10.0 * world, 1.0),
        "count": CHANCE.poisson(3, COUNT) + 50 * world,
        "word": np.where(world == 1, CHANCE.choice(["a", "b"], COUNT), CHANCE.choice(["c", "d"], COUNT)).astype(object),
    }


@pytest.mark.parametrize(
    "step", [Munge(("width", "height", "count", "word")), Gibbs(("width", "height", "count", "word"), 3)]
)
def test_new_table_rows_stay_among_the_data(step: Any) -> None:
    columns = two_worlds()
    found = changed(step, columns)
    world = columns["count"] >= 50
    assert (np.isin(found["word"], ["a", "b"]) == world).all()
    assert ((found["count"] >= 50) == world).all()
    assert np.isin(found["count"], columns["count"]).all()
    assert ((found["width"] > 5) == world).mean() > 0.99
    assert ((found["height"] < -5) == world).mean() > 0.99
    assert all((found[name] != columns[name]).mean() > 0.2 for name in ("width", "height"))


def test_munge_exchanges_with_the_nearest_row_only() -> None:
    columns = {"x": np.array([0.0, 0.3, 5.0, 5.6]), "word": np.array(["a", "b", "c", "d"])}
    train = np.arange(4)
    far = [changed(Munge(("x", "word"), sharpness=1e9), columns, view, train) for view in range(40)]
    assert {word for one in far for word in one["word"][:2]} == {"a", "b"}
    assert {word for one in far for word in one["word"][2:]} == {"c", "d"}
    np.testing.assert_allclose(sorted({round(float(one["x"][0]), 5) for one in far}), [0.0, 0.3])
    near = np.array([one["x"][3] for one in (changed(Munge(("x",), 1.0, 2.0), columns, v, train) for v in range(400))])
    assert abs(near.mean() - 5.0) < 0.1
    assert abs(near.std() - 0.3) < 0.05  # their difference, 0.6, divided by s


def test_gibbs_keeps_what_goes_together_and_draws_the_rest_anew() -> None:
    x = CHANCE.normal(size=COUNT)
    columns = {"x": x, "y": x + CHANCE.normal(0, 0.1, COUNT), "z": CHANCE.normal(size=COUNT)}
    found = changed(Gibbs(tuple(columns), rounds=3), columns)
    assert np.corrcoef(found["x"], found["y"])[0, 1] > 0.95
    assert abs(np.corrcoef(found["z"], columns["z"])[0, 1]) < 0.5
    shuffled = np.corrcoef(CHANCE.permutation(columns["x"]), columns["y"])[0, 1]
    assert abs(shuffled) < 0.3
    assert all(np.isin(found[name], columns[name]).all() for name in columns)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Mixup(("x",), alpha=0.0), r"alpha in \(0, 1\], got 0"),
        (lambda: CutMix(("x",), alpha=2.0), r"alpha in \(0, 1\], got 2"),
        (lambda: WordDropout(("x",), 1.0), r"probability in \(0, 1\), got 1"),
        (lambda: Mask(("x",), axis=0, width=1), "at least 1, got 0, 1, 1"),
        (lambda: Munge(("x",), probability=0.0), "sharpness above 0, got 0"),
        (lambda: Gibbs(("x",), rounds=0), "at least 1, got 0 and 5"),
        (lambda: changed(Mixup(("x",)), {"x": np.arange(9)}), "floating point.*'x' holds int64"),
        (lambda: changed(Mixup(("x",)), {"x": np.ones(9)}, train=np.arange(0)), "there are none"),
        (lambda: changed(CutMix(("x",)), {"x": np.ones((9, 4))}), "CutMix needs images"),
        (lambda: changed(WordDropout(("x",)), {"x": np.ones(9)}), "WordDropout needs text"),
        (lambda: changed(Mask(("x",), 1, 4), {"x": np.ones((9, 4))}), "needs more than 4 places"),
        (lambda: changed(Mask(("x",), 3, 1), {"x": np.ones((9, 4))}), "has shape"),
        (lambda: changed(Mask(("x", "y"), 1, 2), {"x": np.ones((9, 4)), "y": np.ones((9, 5))}), r"sizes \[4, 5\]"),
        (lambda: changed(Munge(("x",)), {"x": np.ones(9)}, train=np.arange(1)), "at least two training rows, of which"),
        (lambda: changed(Munge(("x",)), {"x": np.ones(9).astype("datetime64[s]")}), "numbers or text"),
        (lambda: changed(Gibbs(("x",)), {"x": np.ones((9, 1001))}), "1000 at most"),
    ],
)  # fmt: skip
def test_what_does_not_suit_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrong()


def test_a_blend_has_no_label() -> None:
    data: Any = load_digits()
    image = (data.images[:120] / 16).astype("float32")
    rows = tl.rows_of({"image": image}, data.target[:120], inputs=["image"], seed=0)
    rows = rows.with_views(Views(Mixup(("image",)), count=3))
    for batch in rows.batches(rows.train, 16, seed=0):
        assert (batch.labelled == (batch.view == 0)).all()


@pytest.mark.slow
@pytest.mark.parametrize("step", [Gibbs])
def test_students_of_a_table_learn_from_rows_that_nobody_had(step: Any) -> None:
    from sklearn.ensemble import RandomForestClassifier

    data: Any = load_wine()
    columns = {name: data.data[:, i] for i, name in enumerate(data.feature_names)}
    rows = tl.rows_of(columns, data.target, inputs=data.feature_names, seed=0)
    forest = tl.train_models(rows, lambda: RandomForestClassifier(50), n=1)
    viewed = rows.with_views(Views(step(tuple(data.feature_names)), count=6))
    training = tl.Training(epochs=6)
    report = tl.distill(lambda: tl.MLP(13, 3, (16,)), viewed, forest, training=training, seeds=(0,), optimise=False)
    assert report.table()
    assert step(("x",)).source in report.sources
