"""Worth it or not: decided on paired validation rows, by the loss as well as by the headline."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tutelage.core import Batch, Classes, InputError, Values
from tutelage.report import Contender, Report
from tutelage.tasks import Classification, Enhancement, Regression
from tutelage.train import worth_it
from tutelage.train.entry import CHOSEN, LABELS_ONLY
from tutelage.train.verdict import Worth, gain_in_words

TASK = Classification(("ant", "bee"))
ROWS = 60


def batch(first: int = 0) -> Batch:
    row = torch.arange(first, first + ROWS)
    return Batch.of({}, row % 2, row=row)


def answer(sure: float, wrong: int = 0) -> Classes:
    """Answers about `batch()` with this probability of the class meant, wrong about the last rows."""
    meant = torch.arange(ROWS) % 2
    meant[ROWS - wrong :] = 1 - meant[ROWS - wrong :]
    probs = torch.full((ROWS, 2), 1.0 - sure)
    probs[torch.arange(ROWS), meant] = sure
    return Classes.from_probs(probs)


@pytest.mark.parametrize(
    ("taught", "plain", "yes"),
    [
        pytest.param((0.9, 3), (0.99, 10), True, id="better in both"),
        pytest.param((0.9, 6), (0.9999, 6), True, id="the same classes, honest about them"),
        pytest.param((0.9, 3), (0.9, 3), False, id="no difference"),
        pytest.param((0.6, 3), (0.95, 3), False, id="the same classes, less sure for nothing"),
        pytest.param((0.9, 5), (0.8, 6), True, id="better loss, one row more"),
        pytest.param((0.55, 5), (0.8, 6), False, id="one row more, far worse loss"),
        pytest.param((0.6, 14), (0.9999, 6), False, id="better loss, clearly worse accuracy"),
    ],
)
def test_loss_and_headline_decide_together(taught: Any, plain: Any, yes: bool) -> None:
    found = worth_it([answer(*taught)], [answer(*plain)], [batch()], TASK)
    assert found.yes is yes
    assert found.rows == ROWS
    assert str(found).startswith("Worth it" if yes else "Not worth it")


def test_a_gain_that_one_row_makes_is_less_sure_than_one_that_all_rows_make() -> None:
    one, all_rows = (
        worth_it([answer(0.9, wrong=0)], [plain], [batch()], TASK).gains["log loss"]
        for plain in (answer(0.9, wrong=1), answer(0.87))
    )
    assert one[0] == pytest.approx(all_rows[0], rel=0.1)
    assert one[1] > 10 * all_rows[1]


def test_seeds_that_look_at_the_same_rows_are_no_new_rows() -> None:
    pair = [answer(0.9, 3)] * 3, [answer(0.9, 6)] * 3
    together = worth_it(*pair, [batch()] * 3, TASK)
    apart = worth_it(*pair, [batch(100 * i) for i in range(3)], TASK)
    assert (together.rows, apart.rows) == (ROWS, 3 * ROWS)
    assert together.gains["accuracy"][0] == pytest.approx(apart.gains["accuracy"][0])
    assert together.gains["accuracy"][1] > 1.6 * apart.gains["accuracy"][1]


def test_values_are_compared_by_their_squared_error_in_squared_spreads() -> None:
    target = 100.0 * torch.randn(50, 1, generator=torch.Generator().manual_seed(0))
    rows = Batch.of({}, target)
    taught, plain = Values.of(target + 10.0), Values.of(target + 20.0)
    found = worth_it([taught], [plain], [rows], Regression(("price",)))
    assert found.yes
    assert found.gains["squared error"][0] == pytest.approx(300.0 / float(target.var()), rel=1e-4)


def test_waves_are_also_compared_by_what_counts_row_by_row() -> None:
    chance = torch.Generator().manual_seed(0)
    truth = torch.randn(20, 64, generator=chance)
    noise = 0.5 * torch.randn(20, 64, generator=chance)
    rows = Batch.of({}, truth, labelled=torch.ones_like(truth).bool(), row=torch.arange(20))
    quiet, loud = Values.of(0.4 * truth), Values.of(truth + noise)
    worth = worth_it([quiet], [loud], [rows], Enhancement.of_wave(64))
    assert worth.gains["si_sdr"][0] > 20, "volume does not count there"
    assert worth.gains["squared error"][0] < 0
    assert "si sdr better by" in str(worth)
    better = worth_it([Values.of(truth + noise / 2)], [loud], [rows], Enhancement.of_wave(64))
    assert better.yes
    assert better.gains["si_sdr"][0] == pytest.approx(6.02, abs=0.2)


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(InputError, match="0 and 0 answers"):
        worth_it([], [], [], TASK)
    unknown = Batch.of({}, row=torch.arange(ROWS))
    with pytest.raises(InputError, match="0 labelled validation rows"):
        worth_it([answer(0.9)], [answer(0.8)], [unknown], TASK)


@pytest.mark.parametrize(
    ("gains", "yes", "said"),
    [
        pytest.param((0.04, 0.05, 0.06), True, "The student gains 0.050", id="both say so"),
        pytest.param((0.04, 0.05, 0.06), False, "The student gains 0.050", id="only test rows say so"),
        pytest.param((-0.04, 0.05, 0.0), False, "Nothing was gained that this test could show.", id="nobody says so"),
        pytest.param((-0.04, 0.05, 0.0), True, "The test rows by themselves cannot show it", id="only validation does"),
        pytest.param((-0.04, -0.05, -0.06), True, "The test rows say otherwise", id="they contradict each other"),
        pytest.param((-0.04, -0.05, -0.06), None, "Nothing was gained", id="nobody was asked"),
    ],
)
def test_what_test_rows_say_fits_what_validation_rows_said(
    gains: tuple[float, ...], yes: bool | None, said: str
) -> None:
    plain = Contender(LABELS_ONLY, "baseline", {"accuracy": (0.8,) * 3})
    student = Contender(CHOSEN, "student", {"accuracy": tuple(0.8 + gain for gain in gains)})
    report = Report(
        title="", task="classification", created="", command="", version="", seeds=(0, 1, 2), headline="accuracy",
        metrics_higher_is_better={"accuracy": True}, verdict="", plan="", contenders=(plain, student),
    )  # fmt: skip
    worth = None if yes is None else Worth(yes, {"log loss": (0.1, 0.01)}, 100)
    assert gain_in_words(report, {one.name: one for one in (plain, student)}, worth).startswith(said)
