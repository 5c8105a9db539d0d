"""Rules: opinions, abstention, errors that name the row, fingerprints of code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tutelage.core import Classes, InputError, Labels, Space, Values
from tutelage.teachers import RuleTeacher

COLUMNS = {"x": np.array([-2, -1, 0, 3, 4]), "word": np.array(["a", "b", "c", "d", "e"])}
LIMIT = 2


def above(row: dict[str, Any]) -> str | None:
    if row["x"] == 0:
        return None
    return "high" if row["x"] > LIMIT else "low"


def test_votes_and_abstention() -> None:
    teacher = RuleTeacher(above, reads="x", classes=("low", "high"))
    answer = teacher.answer(COLUMNS)
    assert isinstance(answer, Classes)
    assert answer.kind == "votes"
    assert answer.valid.tolist() == [True, True, False, True, True]
    assert answer.scores.tolist() == [[1, 0], [1, 0], [0, 0], [0, 1], [0, 1]]
    assert (teacher.name, teacher.output_found) == ("above", "votes")


def test_numbers_are_class_names() -> None:
    answer = RuleTeacher(lambda row: row["x"] > 0, reads="x", classes=[False, True]).answer(COLUMNS)
    assert answer.to_arrays()["scores"].argmax(1).tolist() == [0, 0, 0, 1, 1]
    digit = RuleTeacher(lambda row: np.int64(1) if row["x"] > 0 else 0.0, reads="x", classes=range(2))
    assert digit.answer(COLUMNS).to_arrays()["scores"].argmax(1).tolist() == [0, 0, 0, 1, 1]


def test_mappings_are_probabilities() -> None:
    teacher = RuleTeacher(lambda row: {"a": 0.7} if row["x"] else None, reads="x", classes="abc")
    answer = teacher.answer(COLUMNS)
    assert isinstance(answer, Classes)
    assert torch.allclose(answer.probs()[0], torch.tensor([0.7, 0.15, 0.15]), atol=1e-5)
    assert answer.valid.tolist() == [True, True, False, True, True]
    too_much = RuleTeacher(lambda row: {"a": 0.7, "b": 0.7}, reads="x", classes="abc")
    with pytest.raises(InputError, match=r"at position 0 .*these sum to 1\.4"):
        too_much.answer(COLUMNS)


def test_a_rule_votes_or_gives_probabilities() -> None:
    def both(row: dict[str, Any]) -> Any:
        return "a" if row["x"] < 0 else {"a": 0.5, "b": 0.5}

    with pytest.raises(InputError, match="declare output='probs'"):
        RuleTeacher(both, reads="x", classes="ab").answer(COLUMNS)
    answer = RuleTeacher(both, reads="x", classes="ab", output="probs").answer(COLUMNS)
    assert np.allclose(answer.probs()[[0, 3]].numpy(), [[1, 0], [0.5, 0.5]], atol=1e-5)  # type: ignore[attr-defined]


def test_errors_name_row_and_values() -> None:
    with pytest.raises(InputError, match=r"position 2 with the values \{'x': 0\}: ZeroDivisionError") as found:
        RuleTeacher(lambda row: "a" if 1 / row["x"] else "b", reads="x", classes="ab").answer(COLUMNS)
    assert isinstance(found.value.__cause__, ZeroDivisionError)
    with pytest.raises(InputError, match=r"answered 'c' at position 0 .*not among its names \['a', 'b'\]"):
        RuleTeacher(lambda row: "c", reads="x", classes="ab").answer(COLUMNS)
    with pytest.raises(InputError, match="needs the names"):
        RuleTeacher(above, reads="x")


def test_batched() -> None:
    def words(columns: Any) -> np.ndarray:
        return np.array(["low" if x < 0 else None if x == 0 else "high" for x in columns["x"]], dtype=object)

    one = RuleTeacher(above, reads="x", classes=("low", "high")).answer(COLUMNS)
    two = RuleTeacher(words, reads="x", classes=("low", "high"), batched=True).answer(COLUMNS)
    assert torch.equal(one.to_arrays()["scores"], two.to_arrays()["scores"])
    assert torch.equal(one.valid, two.valid)

    def probs(columns: Any) -> np.ndarray:
        high = np.where(columns["x"] == 0, np.nan, columns["x"] > 0)
        return np.stack([1 - high, high], axis=1)

    three = RuleTeacher(probs, reads="x", classes=("low", "high"), batched=True).answer(COLUMNS)
    assert isinstance(three, Classes)
    assert three.kind == "log_probs"
    assert torch.equal(three.valid, one.valid)
    pair = RuleTeacher(
        lambda c: (np.where(c["x"] > 0, "high", "low"), c["x"] != 0),
        reads="x",
        classes=("low", "high"),
        batched=True,
    ).answer(COLUMNS)
    assert torch.equal(pair.to_arrays()["scores"], one.to_arrays()["scores"])
    for bad in (lambda c: ["low"], lambda c: np.ones((5, 3)), lambda c: np.ones((5, 2))):
        with pytest.raises(InputError, match=r"answered|sum to 1"):
            RuleTeacher(bad, reads="x", classes=("low", "high"), batched=True).answer(COLUMNS)


def test_values_and_labels() -> None:
    price = RuleTeacher(
        lambda row: None if row["x"] < 0 else 2.5 * row["x"], reads="x", space=Space(Values, ("price",))
    ).answer(COLUMNS)
    assert isinstance(price, Values)
    assert price.valid[:, 0].tolist() == [False, False, True, True, True]
    assert price.mean[3, 0] == 7.5
    batched = RuleTeacher(
        lambda c: np.where(c["x"] < 0, np.nan, 2.5 * c["x"]),
        reads="x",
        space=Space(Values, ("price",)),
        batched=True,
    ).answer(COLUMNS)
    assert torch.equal(batched.to_arrays()["mean"], price.mean)
    tags = RuleTeacher(
        lambda row: {"even": row["x"] % 2 == 0, "big": None if row["x"] < 0 else 0.8},
        reads="x",
        space=Space(Labels, ("even", "big")),
    ).answer(COLUMNS)
    assert isinstance(tags, Labels)
    assert tags.valid[:, 1].tolist() == [False, False, True, True, True]
    assert (tags.logits[:, 0] > 0).tolist() == [True, False, True, False, True]


def _rule(text: str, **there: Any) -> Any:
    exec(text, there)  # functions without source: their code objects count
    return there["rule"]


def test_fingerprint_follows_code_closure_and_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    def part(function: Any) -> str:
        return RuleTeacher(function, reads="x", classes="ab").fingerprint["weights"]

    def closed(limit: float) -> Any:
        return lambda row: "a" if row["x"] > limit else "b"

    assert part(closed(1.0)) == part(closed(1.0))
    assert part(closed(1.0)) != part(closed(2.0))
    before = part(above)
    monkeypatch.setitem(globals(), "LIMIT", 3)
    assert part(above) != before
    monkeypatch.setitem(globals(), "LIMIT", 2)
    assert part(above) == before
    one, two = (f"def rule(row):\n    return 'a' if row['x'] > {limit} else 'b'" for limit in (1, 2))
    assert part(_rule(one)) == part(_rule(one))
    assert part(_rule(one)) != part(_rule(two))


def test_answering_no_rows() -> None:
    teacher = RuleTeacher(above, reads="x", classes=("low", "high"))
    empty = teacher.answer({"x": np.zeros(0, dtype=np.int64)})
    assert (len(empty), tuple(empty.coverage.shape)) == (0, (2,))
