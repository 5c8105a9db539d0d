"""Builds realistic reports for the tests and for looking at the page by eye."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np

from tutelage.data.record import (
    BrokenRule,
    DataRecord,
    DriftRecord,
    MatchRecord,
    MissingRecord,
    Shift,
    SourceRecord,
    StepRecord,
)
from tutelage.report import (
    Agreement,
    ClassGain,
    ColumnDrift,
    Confusion,
    Contender,
    Curve,
    Disagreement,
    Drift,
    ReliabilityBin,
    Report,
    Residuals,
    TeacherCard,
    WeightsByClass,
    WeightsOverTime,
)

SEEDS = (0, 1, 2, 3, 4)
CLASSES = (
    "books",
    "clothing",
    "electronics",
    "garden",
    "groceries",
    "music",
    "office",
    "sports",
    "tools",
    "toys",
)
TEACHERS = ("forest on orders", "net on clicks", "catalogue rules", "text encoder (ONNX)", "vendor endpoint")
LEVELS = (0.861, 0.884, 0.792, 0.902, 0.873)
BASELINE = "student: labels only"
CONFIDENCE = "student: confidence fusion"


@cache
def classification(
    *,
    classes: tuple[str, ...] = CLASSES,
    teachers: tuple[str, ...] = TEACHERS,
    seeds: tuple[int, ...] = SEEDS,
) -> Report:
    """A run with specialists among its teachers, in which listening selectively pays."""
    random = np.random.default_rng(7)
    students = {
        BASELINE: 0.872,
        "student: best teacher": 0.889,
        "student: mean": 0.893,
        "student: vote": 0.886,
        CONFIDENCE: 0.907,
        "student: stacking": 0.901,
    }
    levels = {name: LEVELS[i % len(LEVELS)] - 0.003 * (i // len(LEVELS)) for i, name in enumerate(teachers)}
    contenders = [_student(random, name, level, len(seeds)) for name, level in students.items()]
    contenders += [_teacher(random, name, level) for name, level in levels.items()]
    if teachers:
        contenders.append(
            Contender("ensemble of all teachers", "ensemble", _metrics(random, 0.918, 1), _cost(48.2e6, 61.0, 380))
        )
    return Report(
        title="Shop categories, spring",
        task="classification",
        created="2026-03-02T09:14:31Z",
        command="tutelage run shop fusion:confidence --soft 0.9 --train.epochs 40 --seeds 5",
        version="tutelage 0.1.0, torch 2.13.0, Python 3.11.7",
        seeds=seeds,
        headline="accuracy",
        metrics_higher_is_better={
            "accuracy": True,
            "macro_f1": True,
            "macro_precision": True,
            "macro_recall": True,
            "cross_entropy": False,
            "ece": False,
        },
        verdict=(
            "Worth it: listening to the five teachers by confidence lifts the small student by 3.5 points "
            "over labels "
            "alone and leaves it 1.1 points behind the whole ensemble, at one eightieth of its size."
        ),
        plan="plan 1 (one stored target): the weights need labels only, every term is linear",
        contenders=tuple(contenders),
        reference=BASELINE,
        splits={"train": 48_000, "validation": 6_000, "test": 6_000},
        test_set="9f2c61d07be4a1c3",
        teachers=tuple(_card(i, name, classes) for i, name in enumerate(teachers)),
        curves=tuple(_curves(random, students, seeds)),
        weights_over_time=_weights_over_time(teachers),
        weights_by_class=_weights_by_class(random, teachers, classes),
        agreement=_agreement(random, teachers),
        confusion=_confusion(random, classes),
        reliability={BASELINE: _bins(0.11), CONFIDENCE: _bins(0.02)},
        class_gain=ClassGain(
            classes, tuple(np.sort(random.normal(0.03, 0.035, len(classes))).tolist()), "macro_recall"
        ),
        disagreements=tuple(_disagreements(random, teachers)),
        acted={
            "all teachers abstained: labels only": 0.004,
            "label outside the coverage: equal weights": 0.031,
        },
        notes=(
            "The catalogue rules answer only where the catalogue has an entry.",
            "Latency was measured on one CPU core, one row at a time, after a warm-up of 50 rows.",
        ),
        sources=("hinton2015", "zhang2022", "you2017", "guo2017", "wolpert1992", "lam1997"),
        drift=Drift(
            "population stability index",
            (
                ColumnDrift("price", 0.31, True),
                ColumnDrift("hour", 0.04, False),
                ColumnDrift("words", 0.11, False),
            ),
        ),
        data=data(),
    )


@cache
def regression() -> Report:
    """A run in which one teacher suffices."""
    random = np.random.default_rng(3)

    def numbers(level: float, count: int) -> dict[str, tuple[float, ...]]:
        values = level + random.normal(0, 0.02, count)
        return {
            "rmse": tuple(values.tolist()),
            "mae": tuple((0.7 * values).tolist()),
            "r2": tuple((1 - values / 9).tolist()),
        }

    actual = random.gamma(3, 9, 2500)
    predicted = 0.93 * actual + 1.4 + random.normal(0, 2.5, len(actual))
    return Report(
        title="Delivery days",
        task="regression",
        created="2026-03-02T09:14:31Z",
        command="tutelage run delivery",
        version="tutelage 0.1.0",
        seeds=(0, 1, 2),
        headline="rmse",
        metrics_higher_is_better={"rmse": False, "mae": False, "r2": True},
        verdict="One teacher suffices: the mean of three is no better than the boosted trees alone.",
        plan="plan 1 (one stored target): Gaussian moments are linear",
        contenders=(
            Contender("student: labels only", "baseline", numbers(2.61, 3), _cost(4200, 0.06, 250_000)),
            Contender("student: mean", "student", numbers(2.42, 3), _cost(4200, 0.06, 250_000)),
            Contender("student: boosted trees", "student", numbers(2.41, 3), _cost(4200, 0.06, 250_000)),
            Contender("boosted trees", "teacher", numbers(2.33, 1), _cost(910_000, 2.1, 9_000)),
        ),
        reference="student: labels only",
        splits={"train": 20_000, "test": 2_500},
        residuals=Residuals(tuple(actual.tolist()), tuple(predicted.tolist())),
        sources=("nix1994",),
    )


def data(name: str = "clicks") -> DataRecord:
    """Two sources, a stream among them, which are joined and split."""
    rule = BrokenRule(f"column '{name}' must not be missing", 30, (f"{name}.jsonl:7: {name}",))
    return DataRecord().adding(
        SourceRecord(name, 60_050, 60_000, 30, 20, (rule,), "ts", (f"{name} has a new column",)),
        SourceRecord("orders", 9_000, 9_000),
        StepRecord("rows", (name,), 60_000, 66_000, {"twice": 500}, {f"{name} again": 6_500}),
        StepRecord("split", ("rows",), 66_000, 60_000, {"in the gap": 6_000}),
        MatchRecord(f"price of {name}", "as-of", "rows", "orders", 66_000, 60_060),
        MissingRecord(name, 60_000, {"dwell": 1_200, name: 0}),
        MissingRecord("rows", 66_000, {"price": 5_940}),
        DriftRecord("train", "test", (Shift("price", 0.31, 0.02), Shift(name, 0.01, 0.02))),
        remarks=(f"engine polars: {name}",),
    )


@cache
def bare() -> Report:
    """The least a report can hold: one student, one seed, no teachers, no figure data."""
    return Report(
        title="bare",
        task="multilabel",
        created="2026-01-01T00:00:00Z",
        command="tutelage run bare",
        version="0",
        seeds=(0,),
        headline="macro_f1",
        metrics_higher_is_better={"macro_f1": True},
        verdict="No gain.",
        plan="plan 4: live",
        contenders=(Contender("student", "student", {"macro_f1": (math.nan,)}),),
    )


@cache
def hostile() -> Report:
    """Names and excerpts that try to break out of every format we write."""
    attack = (
        "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
        "\"'`|*[a](b) $\\frac{1}{0}$ \x1b[31m[red]&amp;"
    )
    names = (attack, "_underscore", "日本語のモデル 🦉", "\u202eevil\ud800\x00", "x" * 300)
    report = classification(teachers=names, classes=(*CLASSES[:3], attack, "_x", "${y}$"))
    return replace(
        report,
        title=attack,
        verdict=attack,
        command=attack + "\n````\n# h",
        plan=attack,
        version=attack,
        notes=(attack,),
        acted={attack: 0.5},
        curves=tuple(replace(curve, name=attack) for curve in report.curves),
        disagreements=tuple(replace(item, excerpt=attack, label=attack) for item in report.disagreements),
        data=data(attack),
        teachers=tuple(replace(card, seen=f"flagged: {attack}", kind=attack) for card in report.teachers),
    )


def _student(random: np.random.Generator, name: str, level: float, seeds: int) -> Contender:
    role = "baseline" if name == BASELINE else "student"
    cost = _cost(601_354, 0.41, 61_000) | {
        "bytes": 2_410_000.0,
        "train_seconds": 95.0 + 3 * level,
        "steps_to_95": round(9000 * (1 - level) * 4),
    }
    return Contender(name, role, _metrics(random, level, seeds), cost)


def _teacher(random: np.random.Generator, name: str, level: float) -> Contender:
    size = float(random.choice([1.2e6, 8.4e6, 22.1e6]))
    note = "abstains on 38 % of the rows" if "rules" in name else ""
    cost = {"p50_ms": 0.02, "p99_ms": 0.05, "rows_per_s": 2.1e6} if note else _cost(size, size / 1.4e6, 9e9 / size)
    return Contender(name, "teacher", _metrics(random, level, 1), cost, note)


def _metrics(random: np.random.Generator, level: float, count: int) -> dict[str, tuple[float, ...]]:
    accuracy = level + random.normal(0, 0.0022, count)
    return {
        "accuracy": tuple(accuracy.tolist()),
        "macro_f1": tuple((accuracy - 0.021 + random.normal(0, 0.001, count)).tolist()),
        "macro_precision": tuple((accuracy - 0.017).tolist()),
        "macro_recall": tuple((accuracy - 0.024).tolist()),
        "cross_entropy": tuple((2.9 * (1 - accuracy)).tolist()),
        "ece": tuple((0.4 * (1 - accuracy)).tolist()),
    }


def _cost(parameters: float, p50: float, rate: float) -> dict[str, float]:
    return {"parameters": parameters, "p50_ms": p50, "p99_ms": 1.7 * p50, "rows_per_s": rate}


def _card(i: int, name: str, classes: tuple[str, ...]) -> TeacherCard:
    kinds = ("scikit-learn random forest", "torch module", "Python rule", "ONNX file", "HTTP endpoint")
    seen = (
        "unseen",
        "unseen",
        "unseen",
        "flagged: lower cross-entropy on training rows by 4.1 errors",
        "unknown",
    )
    return TeacherCard(
        name,
        kinds[i % 5],
        f"{(i + 1) * 0x9E3779B97F4A7C15 % 2**64:016x}",
        classes[:4] if i % 5 == 2 else (),
        0.382 if i % 5 == 2 else 0.0,
        seen[i % 5],
        "votes: confusion matrix on 6 000 rows"
        if i % 5 == 2
        else f"temperature {1.1 + 0.3 * (i % 5):.1f} on 6 000 held-out rows",
        ("price", "brand", "title", "clicks_30d")[: 1 + i % 4],
    )


def _curves(random: np.random.Generator, students: dict[str, float], seeds: tuple[int, ...]) -> list[Curve]:
    steps = tuple(range(0, 4001, 100))
    curves: list[Curve] = []
    for name, level in students.items():
        for seed in seeds:
            speed = 420 + 5200 * (0.91 - level)
            values = (
                0.1 + (level - 0.1) * (1 - np.exp(-np.asarray(steps) / speed)) + random.normal(0, 0.004, len(steps))
            )
            curves.append(Curve(name, seed, "validation accuracy", steps, tuple(values.tolist())))
            curves.append(Curve(name, seed, "validation loss", steps, tuple((2.6 * (1 - values) + 0.05).tolist())))
    return curves


def _weights_over_time(teachers: tuple[str, ...]) -> WeightsOverTime | None:
    if not teachers:
        return None
    steps = tuple(range(0, 4001, 200))
    strength = np.linspace(-0.6, 0.9, len(teachers))
    scores = np.exp(np.outer(np.asarray(steps) / 2500, strength))
    return WeightsOverTime(teachers, steps, _tuples(scores / scores.sum(axis=1, keepdims=True)))


def _weights_by_class(
    random: np.random.Generator, teachers: tuple[str, ...], classes: tuple[str, ...]
) -> WeightsByClass | None:
    if not teachers:
        return None
    scores = random.dirichlet(np.full(len(teachers), 1.2), len(classes)).T
    return WeightsByClass(teachers, classes, _tuples(scores))


def _agreement(random: np.random.Generator, teachers: tuple[str, ...]) -> Agreement | None:
    if not teachers:
        return None
    matrix = random.uniform(0.68, 0.93, (len(teachers), len(teachers)))
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 1.0)
    return Agreement(teachers, _tuples(matrix))


def _confusion(random: np.random.Generator, classes: tuple[str, ...]) -> Confusion:
    matrix = random.poisson(5, (len(classes), len(classes))) * random.integers(0, 2, (len(classes), len(classes)))
    np.fill_diagonal(matrix, random.integers(380, 600, len(classes)))
    return Confusion(classes, _tuples(matrix))


def _bins(excess: float) -> tuple[ReliabilityBin, ...]:
    middles = np.linspace(0.15, 0.97, 9)
    return tuple(
        ReliabilityBin(float(at), float(max(at - excess * (0.3 + at), 0.02)), int(40 * math.exp(4.2 * at)))
        for at in middles
    )


def _disagreements(random: np.random.Generator, teachers: tuple[str, ...]) -> list[Disagreement]:
    excerpts = (
        "Stainless watering can, 2 l, also sold as a vase for the office desk",
        "Bluetooth speaker shaped like a rubber duck, for the bath",
        "Trail mix in a tin with a compass in the lid",
        "Colouring book about power tools, 64 pages",
    )
    if not teachers:
        return []
    return [
        Disagreement(
            int(random.integers(6000)),
            CLASSES[(3 * i) % 10],
            {name: CLASSES[int(random.integers(3))] for name in teachers},
            0.97 - 0.06 * i,
            excerpt,
        )
        for i, excerpt in enumerate(excerpts)
    ]


def _tuples(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in line) for line in matrix)
