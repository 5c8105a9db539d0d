"""The protocols of the quality benchmark: who sees what; and its arithmetic: regrets, files that a kill cut off."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def scripts() -> Any:
    """Benchmarks are scripts: they find each other in their own folder."""
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("protocol", ["few", "specialists", "noisy", "views"])
def test_nobody_sees_the_rows_of_another(protocol: str) -> None:
    import protocols

    draw = protocols.draw(protocol, 3)
    rows = draw.rows()
    own = [set(teacher.seen.tolist()) for teacher in draw.teachers if teacher.seen is not None]
    assert len(own) == len(draw.teachers)
    assert not set().union(*own) & (set(rows.train.tolist()) | set(draw.test.tolist()))
    assert (len(rows.train), len(rows.labelled_train), len(rows.validation)) == (700, 30, 0)
    sized = draw.rows(100, 300)
    assert (len(sized.train), len(sized.labelled_train)) == (300, 100)
    assert set(rows.labelled_train.tolist()) < set(sized.labelled_train.tolist())


def test_specialists_know_their_classes_only_and_share_none() -> None:
    import protocols

    draw = protocols.draw("specialists", 0)
    signals = draw.source(draw.rows()).signals
    coverage = torch.stack([answer.coverage for answer in signals.answers])  # pyright: ignore[reportAttributeAccessIssue]
    assert coverage.sum(0).tolist() == [1] * 10


def test_another_seed_is_another_draw_and_the_same_seed_the_same() -> None:
    import protocols

    one, again, other = (protocols.draw("few", seed) for seed in (1, 1, 2))
    assert np.array_equal(one.transfer, again.transfer)
    assert not np.array_equal(one.transfer, other.transfer)


def test_the_best_rule_is_chosen_on_the_other_half_of_the_seeds() -> None:
    import evidence

    even, odd = np.array([0.9, 0.1, 0.9, 0.1]), np.array([0.2, 0.8, 0.2, 0.8])
    lost = evidence.regret({"even": even, "odd": odd}, ["even", "odd"])
    assert lost["even"].tolist() == pytest.approx([-0.7, 0.0, -0.7, 0.0])
    assert lost["odd"].tolist() == pytest.approx([0.0, -0.7, 0.0, -0.7])


def test_a_rule_that_refuses_is_the_plain_mean_and_a_line_cut_off_is_left_out(tmp_path: Path) -> None:
    import evidence
    import results

    runs = [
        {"found": {"mean|KL": {"accuracy": 0.5}, "pool|KL": {"accuracy": 0.9}}, "refused": []},
        {"found": {"mean|KL": {"accuracy": 0.4}}, "refused": ["pool"]},
    ]
    assert evidence.scores(runs)["pool|KL"].tolist() == [0.9, 0.4]
    file = tmp_path / "results.jsonl"
    file.write_text('{"key": "a"}\n{"key": "b", "ru')
    assert [line["key"] for line in results.lines(file)] == ["a"]


def test_a_published_weighting_divides_twice_and_ours_once() -> None:
    import corrected

    figures = {claim.what: claim.value for claim in corrected.scales()}
    assert [figures[f"soft loss of {name}, three equal teachers, reference"] for name in corrected.RULES] == (
        pytest.approx([1.0, 2 / 3, 1 / 3], rel=1e-5)
    )
    assert [figures[f"soft loss of {name}, three equal teachers, tutelage"] for name in corrected.RULES] == (
        pytest.approx([1.0, 1.0, 1.0], rel=1e-5)
    )
