"""Every planted leak is caught, and a clean recipe passes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import polars as pl
import pytest

from three import QUICK, on_engine
from tutelage.core import InputError, LeakageError
from tutelage.data.aggregates import Count, Distinct, Exists, Last, Mean, Recency
from tutelage.data.asof import asof
from tutelage.data.audit import (
    Leak,
    Records,
    audit_backends,
    audit_fit,
    audit_future,
    column_scores,
    dated_after,
    find_leaks,
    refuse,
    rows_in_both,
    texts_in_both,
)
from tutelage.data.automatic import prepare_table
from tutelage.data.windows import future, windows

START = dt.datetime(2025, 1, 1)
CUT = START + dt.timedelta(hours=50)


def hours(values: np.ndarray) -> list[dt.datetime]:
    return [START + dt.timedelta(hours=int(h)) for h in values]


def shop(engine: str) -> dict[str, Records]:
    """Clicks that arrive late, prices, and rows to predict, one of them at the cut-off itself."""
    chance = np.random.default_rng(0)
    at = np.array([10, 20, 30, 40, 50, 60, 70, 80])
    spine = pl.DataFrame({"id": range(16), "user": ["a"] * 8 + ["b"] * 8, "ts": hours(np.tile(at, 2))})
    when = chance.integers(0, 100, 300)
    clicks = pl.DataFrame(
        {
            "user": [["a", "b", "c"][i] for i in chance.integers(0, 3, 300)],
            "ts": hours(when),
            "arrived": hours(when + chance.integers(0, 9, 300)),
            "dwell": chance.normal(size=300),
            "page": [["x", "y", "z"][i] for i in chance.integers(0, 3, 300)],
            "seen": chance.random(300) < 0.5,
        }
    )
    same = pl.DataFrame(
        {
            "user": ["a", "b"],
            "ts": [CUT, CUT],
            "arrived": [CUT, CUT],
            "dwell": [9.0, 9.0],
            "page": ["now", "now"],
            "seen": [True, True],
        }
    )
    prices = pl.DataFrame({"user": ["a", "b"] * 3, "ts": hours(np.array([0, 0, 45, 45, 55, 55])), "price": range(6)})
    return {
        "rows": Records(on_engine(spine, engine), "ts", ("id", "user")),
        "clicks": Records(on_engine(pl.concat([clicks, same]), engine), "ts", ("user",), "arrived"),
        "prices": Records(on_engine(prices, engine), "ts", ("user",)),
    }


def clean(tables: dict[str, Any]) -> Any:
    aggregates = [Count(), Mean("dwell"), Last("page"), Distinct("page"), Recency()]
    frame = windows(tables["rows"], tables["clicks"], "user", "ts", aggregates, ["1d", None], available="arrived")
    frame = asof(frame, tables["prices"], "user", "ts", columns=["price"])
    return future(frame, tables["clicks"], "user", "ts", [Exists()], "1d")


LABELS = ("future_exists_1d",)


@pytest.mark.parametrize("engine", QUICK)
def test_a_clean_recipe_passes(engine: str) -> None:
    leaks = audit_future(clean, shop(engine), CUT, spine="rows", key="id", labels=LABELS)
    assert leaks == ()
    refuse(leaks)


def test_a_label_that_is_not_declared_is_found() -> None:
    leaks = audit_future(clean, shop("polars"), CUT, spine="rows", key="id")
    assert [leak.what for leak in leaks] == ["future_exists_1d"]


def test_no_rounding_means_the_very_bits() -> None:
    """A change in the last bits is let pass as the order of a sum, unless told not to."""

    def tiny(tables: dict[str, Any]) -> Any:
        ahead = future(tables["rows"], tables["clicks"], "user", "ts", [Count()], "40d")
        count = nw.col("future_count_40d")
        return ahead.with_columns((1.0 + count * 1e-15).alias("x")).drop("future_count_40d")

    assert audit_future(tiny, shop("polars"), CUT, spine="rows", key="id") == ()
    leaks = audit_future(tiny, shop("polars"), CUT, spine="rows", key="id", rounding=0.0)
    assert [leak.what for leak in leaks] == ["x"]


def same_instant(tables: dict[str, Any]) -> Any:
    return asof(tables["rows"], tables["clicks"], "user", "ts", columns=["page"], strict=False)


def all_time(tables: dict[str, Any]) -> Any:
    means = tables["clicks"].group_by("user").agg(nw.col("dwell").mean().alias("mean"))
    return tables["rows"].join(means, on="user", how="left")


def arrival_forgotten(tables: dict[str, Any]) -> Any:
    return windows(tables["rows"], tables["clicks"], "user", "ts", [Mean("dwell")], [None])


def label_as_feature(tables: dict[str, Any]) -> Any:
    return future(tables["rows"], tables["clicks"], "user", "ts", [Count()], "1d", prefix="innocent_")


def count_of_the_future(tables: dict[str, Any]) -> Any:
    counts = tables["clicks"].group_by("user").agg(nw.len().alias("n"))
    return tables["rows"].join(counts, on="user", how="left")


@pytest.mark.parametrize("engine", QUICK)
@pytest.mark.parametrize(
    ("recipe", "column"),
    [
        (same_instant, "page"),
        (all_time, "mean"),
        (arrival_forgotten, "mean_dwell_ever"),
        (label_as_feature, "innocent_future_count_1d"),
        (count_of_the_future, "n"),
    ],
)
def test_a_planted_look_ahead_is_found(engine: str, recipe: Any, column: str) -> None:
    leaks = audit_future(recipe, shop(engine), CUT, spine="rows", key="id")
    assert [leak.what for leak in leaks] == [column]
    assert leaks[0].rows > 0
    with pytest.raises(LeakageError, match=f"1 leaks: {column}: changes in"):
        refuse(leaks)


def test_rows_that_vanish_with_the_future_are_found() -> None:
    def only_active(tables: dict[str, Any]) -> Any:
        late = tables["clicks"].filter(nw.col("ts") > CUT).select("user").unique()
        return tables["rows"].join(late, on="user", how="semi")

    leaks = audit_future(only_active, shop("polars"), CUT, spine="rows", key="id")
    assert [(leak.what, leak.rows) for leak in leaks] == [("rows", 10)]


def test_a_table_without_time_is_left_alone_and_mistakes_are_named() -> None:
    tables = shop("polars") | {"users": Records(pl.DataFrame({"user": ["a", "b"], "age": [1, 2]}), None)}

    def joined(given: dict[str, Any]) -> Any:
        return given["rows"].join(nw.from_native(given["users"]).lazy(), on="user", how="left")

    assert audit_future(joined, tables, CUT, spine="rows", key="id") == ()
    with pytest.raises(InputError, match="two rows have the key"):
        audit_future(joined, tables, CUT, spine="rows", key="user")
    with pytest.raises(InputError, match="must be one of the tables"):
        audit_future(joined, tables, CUT, spine="users", key="user")
    with pytest.raises(InputError, match="would compare nothing"):
        audit_future(joined, tables, START, spine="rows", key="id")


def columns() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(1)
    return {
        "price": chance.normal(size=60),
        "count": chance.integers(0, 9, 60),
        "word": np.array(["u", "v", None] * 20, dtype=object),
        "day": np.datetime64("2025-01-01") + chance.integers(0, 30, 60),
        "yes": chance.random(60) < 0.5,
    }


TRAIN = np.arange(40)


def test_a_preparation_fitted_on_training_rows_passes() -> None:
    table = {name: column for name, column in columns().items() if name != "day"}
    assert audit_fit(lambda given, train: prepare_table(given, train)[0], table, TRAIN) == ()


@pytest.mark.parametrize("peeked", list(columns()))
def test_a_state_that_saw_held_out_rows_is_found(peeked: str) -> None:
    def fit(given: dict[str, np.ndarray], train: np.ndarray) -> Any:
        honest = {
            name: np.array(sorted(column[train].tolist(), key=str)) for name, column in given.items() if name != "day"
        }
        leaky = {"values": sorted(map(str, given[peeked].tolist()))}
        return {"honest": honest, "leaky": leaky, "scale": (1.0, None)}

    leaks = audit_fit(fit, columns(), TRAIN)
    assert leaks
    assert all(leak.what.startswith("leaky.values") for leak in leaks)


def test_a_mean_over_all_rows_is_found() -> None:
    leaks = audit_fit(lambda given, train: {"mean": given["price"].mean()}, columns(), TRAIN)
    assert [leak.what for leak in leaks] == ["mean"]


def test_a_fit_without_held_rows_or_with_a_strange_state_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to replace"):
        audit_fit(lambda given, train: 0, columns(), np.arange(60))
    with pytest.raises(InputError, match="holds a object at 'a'"):
        audit_fit(lambda given, train: {"a": object()}, columns(), TRAIN)


def test_back_ends_that_agree_pass_and_others_are_named() -> None:
    def first(given: Any) -> dict[str, np.ndarray]:
        return {"x": given["price"] * 2, "code": given["count"], "word": given["word"]}

    def near(given: Any) -> dict[str, np.ndarray]:
        return {"x": given["price"] * (2 + 1e-9), "code": given["count"], "word": given["word"]}

    def far(given: Any) -> dict[str, np.ndarray]:
        code = given["count"].copy()
        code[3] += 1
        word = np.where(np.arange(60) == 5, "other", given["word"])
        return {"x": given["price"] * 2.001, "code": code, "word": word, "more": code}

    assert audit_backends({"engine": first, "numpy": near}, columns()) == ()
    leaks = audit_backends({"engine": first, "numpy": near, "module": far}, columns())
    assert {(leak.what, leak.rows) for leak in leaks} == {("x", 60), ("code", 1), ("word", 1), ("more", 0)}
    assert all("module" in leak.detail for leak in leaks)
    with pytest.raises(InputError, match="two or more"):
        audit_backends({"engine": first}, columns())


def table(size: int = 600) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features that help a little, and a target of three classes."""
    chance = np.random.default_rng(3)
    target = chance.integers(0, 3, size)
    return {
        "helps": target + chance.normal(0, 1, size),
        "noise": chance.normal(size=size),
        "word": np.array(["u", "v", "w"], dtype=object)[chance.integers(0, 3, size)],
        "number": np.array([f"row {i}" for i in range(size)], dtype=object),
        "when": np.datetime64("2025-01-01T00") + chance.integers(0, 900, size).astype("m8[h]"),
    }, target


SPLITS = {"train": np.arange(400), "validation": np.arange(400, 500), "test": np.arange(500, 600)}


def test_a_clean_table_passes() -> None:
    features, target = table()
    time = features["when"] + np.timedelta64(1, "h")
    assert find_leaks(features, target, SPLITS, time=time) == ()
    scores = column_scores(features, target)
    assert 0.2 < scores["helps"] < 0.7
    assert max(scores["noise"], scores["word"], scores["number"], scores["when"]) < 0.2


@pytest.mark.parametrize(
    "telling",
    [
        lambda target: target * 10.0 + 3,
        lambda target: np.array(["low", "mid", "high"], dtype=object)[target],
        lambda target: target.astype(float) + np.random.default_rng(0).normal(0, 0.05, len(target)),
        lambda target: np.datetime64("2020-01-01") + target,
    ],
)
def test_a_column_that_gives_the_target_away_is_named(telling: Any) -> None:
    features, target = table()
    leaks = find_leaks(features | {"secret": telling(target)}, target, SPLITS)
    assert [(leak.kind, leak.what) for leak in leaks] == [("target", "secret")]


def test_a_missing_value_can_give_the_target_away() -> None:
    features, target = table()
    paid = np.where(target == 2, 5.0 + features["noise"], np.nan)
    leaks = find_leaks(features | {"refund": paid}, target == 2, SPLITS)
    assert [leak.what for leak in leaks] == ["refund"]


def test_values_as_targets() -> None:
    features, _ = table()
    target = np.random.default_rng(5).normal(100, 20, 600)
    target[7] = np.nan
    assert find_leaks(features, target, SPLITS) == ()
    known = np.where(np.isfinite(target), target, 100)
    leaks = find_leaks(features | {"in_cents": np.round(known * 100)}, target, SPLITS)
    assert [leak.what for leak in leaks] == ["in_cents"]


def test_rows_in_two_splits_are_found_exact_and_near() -> None:
    features, target = table()
    copied = {name: column.copy() for name, column in features.items()}
    for column in copied.values():
        column[450] = column[3]
        column[510] = column[4]
        column[511] = column[5]
    copied["helps"][450] *= 1 + 1e-12
    copied["word"][510] = copied["word"][510].upper() + " "
    copied["noise"][511] += 1
    leaks = find_leaks(copied, target, SPLITS)
    assert [(leak.what, leak.rows) for leak in leaks] == [("validation", 1), ("test", 1), ("test", 1)]
    assert "450" in leaks[0].detail
    assert "510" in leaks[1].detail
    assert "511" in leaks[2].detail
    assert "one column only" in leaks[2].detail


def test_rows_that_swap_two_columns_are_no_duplicates() -> None:
    swapped = {"a": np.array([1, 2, 5]), "b": np.array([2, 1, 6])}
    assert rows_in_both(swapped, {"train": np.array([0]), "test": np.array([1, 2])}) == ()


def test_nearly_equal_texts_are_found() -> None:
    chance = np.random.default_rng(0)
    words = [f"w{i}" for i in range(300)]
    texts = np.array([" ".join(chance.choice(words, 30)) for _ in range(200)], dtype=object)
    splits = {"train": np.arange(100), "test": np.arange(100, 200)}
    assert texts_in_both("text", texts, splits) == ()
    texts[150] = texts[7].upper().replace("W", "w") + " and more"
    texts[151] = " ".join(texts[8].split()[:15])
    leaks = texts_in_both("text", texts, splits)
    assert [(leak.what, leak.rows) for leak in leaks] == [("text", 1)]
    assert "150" in leaks[0].detail
    assert [leak.what for leak in find_leaks({"text": texts}, chance.integers(0, 2, 200), splits)] == ["text"]


def test_features_dated_after_the_label_are_found() -> None:
    features, target = table()
    late = features["when"].copy()
    late[9] += np.timedelta64(3, "D")
    leaks = dated_after(features | {"refunded": late}, features["when"])
    assert leaks == (Leak("late", "refunded", 1, "is later than the label in 1 of 600 rows (first [9])"),)
    assert find_leaks(features | {"refunded": late}, target, SPLITS, time=features["when"])[-1].kind == "late"
    with pytest.raises(InputError, match="same number of rows"):
        find_leaks(features, target[:-1], SPLITS)
    with pytest.raises(InputError, match="two or more"):
        find_leaks(features, target, {"train": np.arange(600)})
