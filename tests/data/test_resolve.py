"""Rules do exactly what they say; what is learned beats what is counted where that is claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import planted
from tutelage.core import InputError
from tutelage.data.resolve import (
    Accuracies,
    ByAgreement,
    DawidSkene,
    InverseVariance,
    Largest,
    Latest,
    Majority,
    MeanOf,
    MedianOf,
    MostComplete,
    OneCoin,
    Priority,
    Range,
    Resolved,
    Resolver,
    Smallest,
    SourceModels,
    Table,
    TrustWindow,
    TruthDiscovery,
    Weighted,
    claims_of,
    column_claims,
    learn,
    resolve_records,
    train_net,
)
from tutelage.ops.claims import Claims, Measurements

SAID: dict[str, list[Any]] = {
    "fact": ["colour", "colour", "colour", "size", "size", "maker", "note"],
    "source": ["shop", "feed", "wiki", "feed", "wiki", "feed", "wiki"],
    "value": ["red", "blue", "blue", "L", "M", "Acme", None],
    "at": [3.0, 1.0, 2.0, 5.0, np.nan, 1.0, 9.0],
}


def words(**options: Any) -> Table:
    columns = {name: np.array(column, dtype=object if name != "at" else float) for name, column in SAID.items()}
    every = np.array(["colour", "maker", "note", "size"], dtype=object)
    return claims_of(columns, time="at", sources=["shop", "feed", "wiki"], facts=every, **options)


def amounts(values: list[float], facts: list[int] | None = None, **options: Any) -> Table:
    count = len(values)
    columns = {
        "fact": np.array(facts or [0] * count),
        "source": np.array([f"s{i}" for i in range(count)], dtype=object),
        "value": np.array(values),
        **options,
    }
    return claims_of(columns, time="time" if "time" in options else None, weight="w" if "w" in options else None)


def test_what_a_rule_returns() -> None:
    found = Majority()(words())
    assert found.value.tolist() == ["blue", "Acme", None, "L"]
    assert found.confidence.tolist() == pytest.approx([2 / 3, 1, 0, 1 / 2])
    assert found.by.tolist() == [("feed", "wiki"), ("feed",), (), ("feed",)]
    assert found.claims.tolist() == [3, 1, 0, 2]
    assert found.agreeing.tolist() == [2, 1, 0, 1]
    assert found.conflicts.tolist() == [0, 3]
    columns = found.to_columns("thing", "value")
    assert columns["value_by"].tolist() == ["feed, wiki", "feed", "", "feed"]
    assert isinstance(Majority(), Resolver)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Priority(("shop", "wiki")), ["red", "Acme", None, "M"]),
        (Priority(("wiki",)), ["blue", "Acme", None, "M"]),
        (Latest(), ["red", "Acme", None, "L"]),
        (Majority(), ["blue", "Acme", None, "L"]),
        (Smallest(), ["blue", "Acme", None, "L"]),
        (Largest(), ["red", "Acme", None, "M"]),
        (TrustWindow(1.0, Majority()), ["red", "Acme", None, "L"]),
        (TrustWindow(2.0, Majority()), ["blue", "Acme", None, "L"]),
        (Weighted({"shop": 3.0, "feed": 1.0, "wiki": 1.0}), ["red", "Acme", None, "L"]),
    ],
)
def test_rules_on_words(rule: Resolver, expected: list[Any]) -> None:
    assert rule(words()).value.tolist() == expected


def test_ties_go_to_the_latest_and_then_to_the_first_source() -> None:
    even = {"fact": np.array([1, 1]), "source": np.array(["b", "a"], dtype=object), "value": np.array(["x", "y"])}
    assert Majority()(claims_of(even)).value.tolist() == ["y"]
    assert Majority()(claims_of(even, sources=["b", "a"])).value.tolist() == ["x"]
    timed = even | {"at": np.array(["2025-01-02", "2025-01-01"], dtype="M8[D]")}
    assert Majority()(claims_of(timed, time="at")).value.tolist() == ["x"]
    assert Latest()(claims_of(timed, time="at")).value.tolist() == ["x"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (MeanOf(), 26.5),
        (MedianOf(), 3.0),
        (Smallest(), 1.0),
        (Largest(), 100.0),
        (Range(0.0, 50.0, MeanOf()), 2.0),
        (Range(0.0, 50.0, Largest()), 3.0),
    ],
)
def test_rules_on_numbers(rule: Resolver, expected: float) -> None:
    assert rule(amounts([1.0, 2.0, 3.0, 100.0])).value.tolist() == pytest.approx(
        [expected if rule != MedianOf() else 2.5]
    )


def test_claims_out_of_range_count_against_the_confidence() -> None:
    found = Range(0.0, 50.0, Majority())(amounts([2.0, 2.0, 3.0, 100.0]))
    assert (found.value.tolist(), found.confidence.tolist()) == ([2.0], [0.5])
    nothing = Range(200.0, 300.0, Majority())(amounts([2.0, 2.0]))
    assert np.isnan(nothing.value).all()
    assert nothing.confidence.tolist() == [0.0]
    assert nothing.claims.tolist() == [2]
    assert "from 200 to 300" in nothing.rule


def test_a_mean_is_confident_where_claims_are_close() -> None:
    found = MeanOf()(amounts([1.0, 1.1, 5.0, 9.0], [0, 0, 1, 1]))
    assert found.confidence.tolist() == [1.0, 0.0]


def test_weights_and_closeness_count() -> None:
    table = amounts([1.0, 2.0, 9.0], w=np.array([3.0, 1.0, 0.0]))
    found = MeanOf(near=0.5)(table)
    assert found.value.tolist() == [1.25]
    assert found.confidence.tolist() == [0.75]
    assert found.by.tolist() == [("s0", "s1", "s2")]


def test_the_most_complete_record_wins() -> None:
    sources: dict[str, dict[str, np.ndarray]] = {
        "thin": {"id": np.array([1, 2]), "name": np.array(["a", "b"]), "price": np.array([np.nan, 2.0])},
        "thick": {
            "id": np.array([1, 2]),
            "name": np.array(["A", "B"]),
            "price": np.array([1.0, np.nan]),
            "brand": np.array(["x", None], dtype=object),
        },
    }
    columns, found = resolve_records(sources, "id", {"name": MostComplete(), "price": MeanOf()})
    assert columns["name"].tolist() == ["A", "b"]
    assert columns["price"].tolist() == [1.0, 2.0]
    assert columns["brand"].tolist() == ["x", None]
    assert columns["name_by"].tolist() == ["thick", "thin"]
    assert columns["confidence"].tolist() == pytest.approx([(0.5 + 1 + 1) / 3, (0.5 + 1 + 0) / 3])
    assert set(found) == {"name", "price", "brand"}
    with pytest.raises(InputError, match="rules are given for \\['colour'\\]"):
        resolve_records(sources, "id", {"colour": Latest()})
    with pytest.raises(InputError, match="no key column"):
        resolve_records(sources, "key")
    mixed = sources | {"odd": {"id": np.array([1]), "price": np.array(["1 EUR"])}}
    with pytest.raises(InputError, match="words in \\['odd'\\] and numbers elsewhere"):
        column_claims(mixed, "id", "price")


def test_records_written_later_win() -> None:
    sources = {
        name: {"id": np.array([7]), "price": np.array([price]), "at": np.array([day], dtype="M8[D]")}
        for name, price, day in (("a", 1.0, "2025-01-02"), ("b", 2.0, "2025-01-03"))
    }
    columns, _ = resolve_records(sources, "id", {"price": Latest()}, time="at")
    assert columns["price"].tolist() == [2.0]
    assert "at" not in columns


def test_claims_come_from_data_frames_too() -> None:
    frame = pl.DataFrame({"fact": [1, 1, 2], "source": ["a", "b", "a"], "value": [1, None, 3]})
    for data in (frame, frame.lazy()):
        table = claims_of(data)
        assert table.value.tolist() == [1.0, 3.0]
        assert table.facts.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": "nothing"}, "no columns \\['nothing'\\]"),
        ({"sources": ["shop"]}, "sources \\['feed', 'wiki'\\], which are not among"),
        ({"facts": np.array(["size"], dtype=object)}, "facts \\['colour', 'maker', 'note'\\]"),
    ],
)
def test_mistakes_in_claims_are_named(change: dict[str, Any], message: str) -> None:
    columns = {name: np.array(column, dtype=object) for name, column in SAID.items()}
    with pytest.raises(InputError, match=message):
        claims_of(columns, **change)


def test_other_mistakes_are_named() -> None:
    nameless = {"fact": np.array([1.0, np.nan]), "source": np.array(["a", "b"]), "value": np.array([1, 2])}
    with pytest.raises(InputError, match="1 claims have no fact or no source \\(first rows \\[1\\]\\)"):
        claims_of(nameless)
    with pytest.raises(InputError, match="at least 0"):
        amounts([1.0, 2.0], w=np.array([1.0, -1.0]))
    with pytest.raises(InputError, match="priority names \\['nobody'\\]"):
        Priority(("nobody",))(words())
    with pytest.raises(InputError, match="have no weight"):
        Weighted({"shop": 1.0})(words())
    with pytest.raises(InputError, match="this resolver needs numbers"):
        InverseVariance()(words())
    with pytest.raises(InputError, match="are amounts"):
        OneCoin()(amounts(list(np.linspace(0, 1, 60)), list(range(60))))
    with pytest.raises(InputError, match="no standard deviation"):
        InverseVariance({"s0": 1.0})(amounts([1.0, 2.0]))


UNEVEN = [0.95, 0.9, 0.4, 0.35, 0.3, 0.3]
NOISE = [0.3, 0.6, 3.0, 4.0, 5.0, 5.0]


def coded(claims: Claims | Measurements) -> Table:
    """A table of planted claims, values called `v0`, `v1`, ..."""
    raw = claims.value.numpy()
    value = raw if isinstance(claims, Measurements) else np.array([f"v{code}" for code in raw.tolist()], dtype=object)
    columns = {
        "fact": claims.fact.numpy(),
        "source": np.array([f"s{s}" for s in claims.source.tolist()]),
        "value": value,
    }
    return claims_of(columns, facts=np.arange(claims.facts))


def named(truth: torch.Tensor) -> np.ndarray:
    return np.array([f"v{code}" for code in truth.tolist()], dtype=object)


def accuracy(found: Resolved, truth: np.ndarray, where: Any = slice(None)) -> float:
    return float(np.mean((found.value == truth)[where]))


def rmse(found: Resolved, truth: np.ndarray, where: Any = slice(None)) -> float:
    return float(np.sqrt(np.nanmean(np.square(found.value - truth)[where])))


@pytest.mark.parametrize(
    ("rule", "gain"),
    [
        (ByAgreement(), 0.0),
        (OneCoin(), 0.08),
        (DawidSkene(), 0.05),
        (Accuracies(wrong=3), 0.08),
        (TruthDiscovery(), 0.02),
    ],
)
def test_statistical_resolvers_beat_the_majority(rule: Resolver, gain: float) -> None:
    gains = []
    for seed in range(4):
        claims, truth = planted.categories(UNEVEN, seed=seed)
        table = coded(claims)
        found = rule(table)
        gains.append(accuracy(found, named(truth)) - accuracy(Majority()(table), named(truth)))
        assert found.trust["s0"] > found.trust["s5"]
        assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
    assert np.mean(gains) > gain
    assert min(gains) >= 0


@pytest.mark.parametrize("rule", [InverseVariance(), TruthDiscovery(), TruthDiscovery(robust=True)])
def test_statistical_resolvers_beat_the_mean(rule: Resolver) -> None:
    for seed in range(4):
        claims, truth = planted.numbers(NOISE, seed=seed)
        table = coded(claims)
        found = rule(table)
        assert rmse(found, truth.numpy()) < 0.8 * rmse(MeanOf()(table), truth.numpy())
        assert found.trust["s0"] > found.trust["s5"]


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [(OneCoin(), False), (Accuracies(wrong=3), False), (TruthDiscovery(), False), (InverseVariance(), True)],
)
def test_confidence_is_worth_something(rule: Resolver, numbers: bool) -> None:
    """The surer half of the facts is right more often, by far: fit to be the weight of a row."""
    if numbers:
        claims, truth = planted.numbers(NOISE, facts=2000)
        found = rule(coded(claims))
        wrong = np.square(found.value - truth.numpy())
    else:
        claims, truth = planted.categories(UNEVEN, facts=2000)
        found = rule(coded(claims))
        wrong = (found.value != named(truth)).astype(float)
    known = found.claims > 0
    sure = found.confidence > np.median(found.confidence[known])
    assert np.mean(wrong[known & sure]) < 0.5 * np.mean(wrong[known & ~sure])


def test_given_deviations_and_offsets() -> None:
    found = InverseVariance({"s0": 1.0, "s1": 2.0})(amounts([1.0, 6.0]))
    assert found.value.tolist() == pytest.approx([2.0])
    claims, truth = planted.numbers([1.0, 1.0, 1.0], facts=2000, bias=[2.0, -2.0, 0.0])
    table = coded(claims)
    assert rmse(InverseVariance(biased=True)(table), truth.numpy()) < 0.8 * rmse(MeanOf()(table), truth.numpy())


def conspiracy(seed: int, facts: int = 900) -> tuple[Table, np.ndarray]:
    """Three of five sources copy one liar, so that nothing but known truth shows whom to believe."""
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, 4, facts)
    lie = np.where(chance.random(facts) < 0.35, truth, (truth + chance.integers(1, 4, facts)) % 4)
    votes = np.empty((facts, 5), dtype=np.int64)
    for source in range(2):
        votes[:, source] = np.where(chance.random(facts) < 0.85, truth, chance.integers(0, 4, facts))
    for source in range(2, 5):
        votes[:, source] = np.where(chance.random(facts) < 0.9, lie, chance.integers(0, 4, facts))
    return coded(Claims.of_votes(torch.from_numpy(votes), 4)), named(torch.from_numpy(truth))


def shown(truth: np.ndarray, count: int) -> np.ndarray:
    """The truth of the first facts only."""
    missing: Any = np.nan if truth.dtype.kind == "f" else None
    return np.where(np.arange(len(truth)) < count, truth, missing)


@pytest.mark.parametrize("train", [learn, train_net])
def test_what_is_learned_from_truth_sees_through_copies(train: Any) -> None:
    pytest.importorskip("sklearn")
    for seed in range(3):
        table, truth = conspiracy(seed)
        rest = slice(300, None)
        found = train(table, shown(truth, 300))(table)
        assert accuracy(found, truth, rest) > accuracy(Majority()(table), truth, rest) + 0.2
        assert accuracy(found, truth, rest) > accuracy(OneCoin()(table), truth, rest) + 0.2
        right = (found.value == truth)[rest]
        assert np.mean(found.confidence[rest][right]) > np.mean(found.confidence[rest][~right])
        assert abs(np.mean(found.confidence[rest]) - np.mean(right)) < 0.08


def crooked(seed: int, facts: int = 900) -> tuple[Table, np.ndarray]:
    """Numbers: most sources share an offset, which only known truth can show."""
    claims, truth = planted.numbers([0.5, 1, 1, 1, 1], facts=facts, bias=[0, 3, 3, 3, 3], seed=seed)
    return coded(claims), truth.numpy()


@pytest.mark.parametrize("train", [learn, train_net])
def test_numbers_learned_from_truth(train: Any) -> None:
    pytest.importorskip("sklearn")
    for seed in range(3):
        table, truth = crooked(seed)
        rest = slice(300, None)
        found = train(table, shown(truth, 300))(table)
        for rule in (MeanOf(), MedianOf(), InverseVariance()):
            assert rmse(found, truth, rest) < 0.6 * rmse(rule(table), truth, rest)
        assert 0 < np.mean(found.confidence[rest]) < 1


@pytest.mark.parametrize("train", [learn, train_net])
def test_learned_resolvers_refuse_what_they_cannot(train: Any) -> None:
    table, truth = conspiracy(0, 60)
    with pytest.raises(InputError, match="needs ten or more"):
        train(table, shown(truth, 5))
    with pytest.raises(InputError, match="the truth of 60 facts is needed"):
        train(table, truth[:9])
    found = train(table, truth)
    with pytest.raises(InputError, match="knows the sources"):
        found(replace(table, sources=("a", "b", "c", "d", "e")))
    assert np.array_equal(train(table, truth)(table).confidence, found(table).confidence)


@pytest.mark.parametrize("train", [learn, train_net])
def test_facts_without_claims_stay_unresolved(train: Any) -> None:
    for table, truth in (conspiracy(1, 200), crooked(1, 200)):
        silent = table.keep(table.fact != 150)
        found = train(silent, shown(truth, 100))(silent)
        assert found.value[150] is None or np.isnan(found.value[150])
        assert found.confidence[150] == 0
        assert found.by[150] == ()


def featured(seed: int, numbers: bool) -> tuple[Table, np.ndarray, np.ndarray]:
    """Sparse, noisy claims about facts that their features explain."""
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(1500, 4))
    signal = 3 * features[:, 0] + np.where(features[:, 1] > 0, 2.0, -2.0)
    if numbers:
        said = signal[:, None] + chance.normal(size=(1500, 3)) * np.array([1.0, 2.0, 4.0])
        fact, source = np.nonzero(chance.random(said.shape) < 0.4)
        index = torch.from_numpy(fact), torch.from_numpy(source)
        claims = Measurements.of(*index, torch.from_numpy(said[fact, source]), facts=1500, sources=3)
        return coded(claims), signal, features
    truth = (signal > 0).astype(np.int64)
    right = chance.random((1500, 3)) < np.array([0.9, 0.75, 0.6])
    votes = np.where(chance.random(right.shape) < 0.4, np.where(right, truth[:, None], 1 - truth[:, None]), -1)
    return coded(Claims.of_votes(torch.from_numpy(votes), 2)), named(torch.from_numpy(truth)), features


def test_models_of_sources_fill_and_smooth() -> None:
    pytest.importorskip("sklearn")
    table, truth, features = featured(0, numbers=False)
    rule = SourceModels(features)
    found = rule(table)
    assert accuracy(found, truth) > accuracy(OneCoin()(table), truth) + 0.1
    silent = found.claims == 0
    assert silent.sum() > 100
    assert accuracy(found, truth, silent) > 0.85
    assert found.trust["models of the sources"] > 0.8
    table, truth, features = featured(0, numbers=True)
    found = SourceModels(features)(table)
    assert rmse(found, truth) < 0.7 * rmse(InverseVariance()(table), truth)
    assert np.isfinite(found.value).all()


@pytest.mark.parametrize("numbers", [True, False])
def test_models_of_features_that_say_nothing_do_no_harm(numbers: bool) -> None:
    pytest.importorskip("sklearn")
    make: Any = planted.numbers if numbers else planted.categories
    claims, real = make(NOISE if numbers else UNEVEN, facts=1000)
    table, useless = coded(claims), np.random.default_rng(0).normal(size=(1000, 3))
    found = SourceModels(useless)(table)
    if numbers:
        assert rmse(found, real.numpy()) < 1.05 * rmse(InverseVariance()(table), real.numpy())
    else:
        assert accuracy(found, named(real)) > accuracy(OneCoin()(table), named(real)) - 0.01


def test_models_need_features_of_the_facts_and_claims() -> None:
    table, _, features = featured(1, numbers=False)
    with pytest.raises(InputError, match="features of 1500 facts are needed, got 3"):
        SourceModels(features[:3])(table)
    with pytest.raises(InputError, match="no source has 5000 claims"):
        SourceModels(features, least=5000)(table)
