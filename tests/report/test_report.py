"""The record itself: JSON round trips, checks, and what it says about files that are not its own."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from report import sample
from tutelage.core.errors import InputError
from tutelage.report import Contender, Report
from tutelage.report.codec import encode


@pytest.mark.parametrize("build", [sample.classification, sample.regression, sample.hostile])
def test_json_round_trip(build, tmp_path: Path) -> None:
    report = build()
    assert Report.from_json(report.to_json()) == report
    assert Report.load(report.save_json(tmp_path / "deep" / "report.json")) == report


def test_numbers_that_json_does_not_know_survive() -> None:
    unknown = Contender("student", "student", {"macro_f1": (math.nan,)}, {"p50_ms": math.inf, "parameters": 12})
    text = replace(sample.bare(), contenders=(unknown,)).to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    back = Report.from_json(text).contenders[0]
    assert back.cost == {"p50_ms": math.inf, "parameters": 12}
    assert math.isnan(back.metrics["macro_f1"][0])


def test_numpy_scalars_become_plain_numbers() -> None:
    assert encode({"a": np.float32(0.5), "b": (np.int64(3), np.float64(-np.inf))}) == {
        "a": 0.5,
        "b": [3, "-Infinity"],
    }
    with pytest.raises(InputError, match="plain values only, not ndarray"):
        encode({"a": np.zeros(2)})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["seeds"], "0", r"report\.seeds: expected a list"),
        (["contenders", 0, "role"], "boss", r"report\.contenders\[0\]\.role: expected one of baseline"),
        (["contenders", 0, "metrics", "macro_f1"], [True], r"metrics\['macro_f1'\]\[0\]: expected a number"),
        (["splits"], {"test": 1.5}, r"splits\['test'\]: expected a whole number"),
        (["novelty"], 1, r"unknown field 'novelty'; was it written by a newer version"),
    ],
)
def test_errors_name_the_place(path: list, value: object, message: str) -> None:
    content = json.loads(sample.bare().to_json())
    place = content["report"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(InputError, match=message):
        Report.from_json(json.dumps(content))


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    for text in ("{", "[]", '{"format": 99}', '{"format": 1, "report": {}}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"report\.json"):
            Report.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "nobody"}, "'nobody' is none of the contenders"),
        ({"headline": "luck"}, "'luck' has no entry"),
        ({"seeds": (0, 1, 2)}, "has 2 values for 3 seeds"),
        ({"metrics_higher_is_better": {"accuracy": True}}, "'macro_f1' of .* has no entry"),
    ],
)
def test_contradictions_are_refused(change: dict, message: str) -> None:
    report = sample.classification(seeds=(0, 1))
    with pytest.raises(InputError, match=message):
        replace(report, **change)


def test_names_are_unique() -> None:
    report = sample.bare()
    with pytest.raises(InputError, match="must be unique, 'student' occurs 2 times"):
        replace(report, contenders=report.contenders * 2)


def test_saving_leaves_no_partial_file(tmp_path: Path) -> None:
    sample.bare().save_json(tmp_path / "report.json")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
