"""Every step of the house keeps the contract on all back ends, and the contract notices steps that do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import narwhals.stable.v2 as nw
import numpy as np
import pytest

from three import spark_session
from tutelage.data.sketch import Moments
from tutelage.data.steps import (
    STEPS,
    Affine,
    Cast,
    Clip,
    Codes,
    Convert,
    Cyclic,
    DateParts,
    Duplicates,
    Fill,
    Hashed,
    Hog,
    Impute,
    Isolation,
    Log,
    LogMel,
    NearText,
    OneHot,
    Profile,
    Resize,
    Scale,
    Step,
    TargetMean,
    TfIdf,
    Tokens,
)
from tutelage.testing import check_step
from tutelage.testing.step import engines

N = 60
WORDS = ("Red", "shoe", "of", "a", "Größe", "42", "x-ray", "don't", "the", "snow_man")


def columns() -> dict[str, np.ndarray]:
    """Numbers of all sizes, text, times and truth, with gaps everywhere but in the first column."""
    chance = np.random.default_rng(0)
    a, b = chance.normal(5.0, 2.0, N), np.exp(6 * chance.normal(size=N)) - 1e-9
    b[[1, 8, 40]] = np.nan
    b[[2, 30]] = [np.inf, -np.inf]
    b[5:9] = [1e-13, -0.5, -1.0, -3.0]
    colour: Any = np.array(chance.choice(["red", "green", "blue", "Größe", "7"], N), dtype=object)
    colour[[0, 9]] = [None, ""]
    count = chance.integers(0, 6, N).astype(np.float64)
    count[4] = np.nan
    amount: Any = np.array([f"{x:.3g}" for x in chance.normal(size=N)], dtype=object)
    amount[[3, 11, 12, 13]] = [None, " 1e3 ", ".5", "-7."]
    day: Any = np.array(
        [f"20{y:02d}-02-{d:02d} 0{h}:30:59" for y, d, h in chance.integers(1, 10, (N, 3))], dtype=object
    )
    day[7] = None
    words: Any = np.array([" ".join(chance.choice(list(WORDS), 7)) for _ in range(N)], dtype=object)
    words[[2, 5]] = [None, "a ! b"]
    time = np.datetime64("1969-12-25T01:02:03.123456", "us") + chance.integers(-(10**15), 10**15, N)
    time[[0, 1, 2]] = ["NaT", "2000-02-29T23:59:59.999999", "1900-12-31T00:00:00"]
    return {
        "a": a,
        "b": b,
        "colour": colour,
        "count": count,
        "amount": amount,
        "day": day,
        "time": time,
        "wave": chance.normal(size=(N, 200)),
        "image": chance.integers(0, 256, (N, 18, 13, 3)).astype(np.uint8),
        "grey": chance.random((N, 18, 13)).astype(np.float32),
        "text": words,
        "target": (chance.random(N) < 0.4).astype(np.float64),
    }


CASES: dict[str, tuple[Step, tuple[Step, ...]]] = {
    "affine": (Affine(("a", "b"), 2.5, -1.0), ()),
    "cast to number": (Cast(("amount",)), ()),
    "cast to number, some bad": (Cast(("day",), bad="missing"), ()),
    "cast to text": (Cast(("count",), "text"), ()),
    "cast to time": (Cast(("day",), "time"), ()),
    "clip iqr": (Clip(("a", "b")), ()),
    "clip z-score": (Clip(("a",), "z-score", 1.0), ()),
    "clip quantile to missing": (Clip(("a", "b"), "quantile", 0.1, missing=True), ()),
    "codes": (Codes(("colour", "count")), ()),
    "codes, few": (Codes(("colour",), most=2, unseen=1), ()),
    "codes, frequent, hashed": (Codes(("colour", "count"), min_count=6, unseen=7), ()),
    "convert": (Convert(("a", "b"), "°F", "°C"), ()),
    "cyclic": (Cyclic(("a", "count"), 6.0), ()),
    "date parts": (
        DateParts(("time",), ("year", "month", "day", "weekday", "day of year", "hour", "minute", "second", "epoch")),
        (),
    ),
    "duplicates": (Duplicates(("colour", "count", "time")), ()),
    "duplicates, nearly": (Duplicates(("a",), 0.5), ()),
    "near text": (NearText(("day",)), ()),
    "target mean": (TargetMean(("colour", "count"), "target", 3.0), ()),
    "fill": (Fill(("colour",)), ()),
    "fill with a value": (Fill(("colour", "amount"), "nothing"), ()),
    "hashed": (Hashed(("colour", "count"), 16), ()),
    "impute mean": (Impute(("a", "b"), "mean"), (Log(("b",)),)),
    "impute median": (Impute(("a", "b"), indicator=True), ()),
    "impute most frequent": (Impute(("count",), "most frequent"), ()),
    "impute constant": (Impute(("b",), "constant", -3.0, indicator=True), ()),
    "isolation": (Isolation(("a", "b"), 0.1), ()),
    "log1p": (Log(("a", "b")), ()),
    "one-hot": (OneHot(("colour",)), (Codes(("colour",)),)),
    "one-hot of known values": (OneHot(("colour", "count"), known=True), (Codes(("colour", "count"), min_count=5),)),
    "log-mel": (LogMel(("wave",), 8000, 64, 24, 9), ()),
    "cepstra": (LogMel(("wave",), 8000, 64, 32, 9, 100.0, 3000.0, 5), ()),
    "profile": (Profile(("a", "b", "colour"), 4, 3), ()),
    "resize smaller": (Resize(("image", "grey"), 7, 20), ()),
    "hog": (Hog(("image", "grey"), 6, 4, 2), ()),
    "hog of resized": (Hog(("grey",), cell=5), (Resize(("grey",), 21, 30),)),
    "tf-idf": (TfIdf(("text",)), ()),
    "tf-idf, pairs": (TfIdf(("text",), 12, 2, 2, sublinear=True, unit=False), ()),
    "scaled tf-idf": (Scale(("text",)), (TfIdf(("text",), 5),)),
    "tokens": (Tokens(("text",), length=5, buckets=8), ()),
    "tokens, characters": (Tokens(("text",), "character", 40, most=6, min_count=1, buckets=50), ()),
    "scale z-score": (Scale(("a", "b")), ()),
    "scale min-max": (Scale(("a", "count"), "min-max"), ()),
    "scale robust": (Scale(("a", "b"), "robust"), ()),
}


@pytest.mark.parametrize("name", CASES)
def test_step(name: str) -> None:
    step, before = CASES[name]
    check_step(step, columns(), before=before)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    with spark_session() as session:
        yield session


@pytest.mark.slow
@pytest.mark.system("default-jre-headless", "java")
@pytest.mark.parametrize("name", CASES)
def test_step_on_spark(name: str, spark: Any) -> None:
    from tutelage.data.engines import SparkEngine

    engine, polars = SparkEngine(spark), engines()["polars"]
    step, before = CASES[name]
    check_step(step, columns(), before=before, on={"spark": lambda table: engine.table(polars(table).collect())})


def test_every_step_is_tested() -> None:
    assert {type(step) for step, _ in CASES.values()} == set(STEPS)
    assert len({step.name for step in STEPS}) == len(STEPS)


@dataclass(frozen=True)
class Broken:
    """Divides by the mean of the training rows, with one thing wrong."""

    name: ClassVar[str] = "broken"
    version: ClassVar[int] = 1
    takes: ClassVar[tuple[Any, ...]] = ("number",)
    columns: tuple[str, ...]
    wrong: str = ""

    @property
    def kind(self) -> Any:
        return {"kind": "training-only", "unknown": "magic"}.get(self.wrong, "exact")

    @property
    def reads(self) -> tuple[str, ...]:
        return self.columns

    @property
    def writes(self) -> tuple[str, ...]:
        return self.columns

    @property
    def learns_from(self) -> tuple[str, ...]:
        return ()

    def made(self, given: Any, state: Any) -> Any:
        return {name: given[name] for name in self.columns}

    def observe(self, given: Any, columns: Any, row: np.ndarray) -> Any:
        return {"all": Moments.of(columns[0][: 10 if self.wrong == "parts" else None])}

    def learn(self, given: Any, summaries: Any) -> Any:
        return {"mean": summaries["all"].mean}

    def formula(self, xp: Any, x: Any, state: Any) -> Any:
        if self.wrong == "rows":
            return x - x.sum(0)
        if self.wrong == "torch" and xp is not np:
            return x / state["mean"] * 1.001
        return x / state["mean"]

    def frame(self, frame: Any, given: Any, state: Any) -> Any:
        off = 1.001 if self.wrong == "engine" else 1.0
        means = zip(self.columns, state["mean"].tolist(), strict=True)
        return frame.with_columns(*[nw.col(name) / mean * off for name, mean in means])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("kind", "training-only, and only they"),
        ("unknown", "unknown kind 'magic'"),
        ("parts", "depends on how the training rows were cut"),
        ("rows", "depends on other rows"),
        ("torch", "of torch against NumPy"),
        ("engine", "of polars against NumPy"),
    ],
)
def test_broken_steps_are_noticed(wrong: str, why: str) -> None:
    check_step(Broken(("a",)), columns())
    with pytest.raises(AssertionError, match=why):
        check_step(Broken(("a",), wrong), columns())
