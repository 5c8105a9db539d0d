"""The leaderboard as text: widths, numbers, judgements, hostile names; and several runs side by side."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from rich.cells import cell_len

from report import sample
from tutelage.core.errors import InputError
from tutelage.report import Estimate, compare, judge, leaderboard, markdown, plain, terminal
from tutelage.report.numbers import (
    bytes_text,
    clean,
    count,
    decimals,
    estimate_text,
    fixed,
    seconds,
    significant,
)


def widest(text: str) -> int:
    return max(cell_len(line) for line in text.splitlines())


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("build", [sample.classification, sample.regression, sample.bare, sample.hostile])
def test_never_wider_than_asked(build, width: int) -> None:
    for text in (terminal(build(), width), plain(build(), width)):
        assert widest(text) <= width


def test_every_number_is_there_at_80_columns() -> None:
    report = sample.classification()
    words = {word for word in report.table(400).split() if not word.startswith("─")}
    assert words <= set(report.table(80).split())


def test_shows_what_it_promises() -> None:
    text = terminal(sample.classification(), 200)
    for word in (
        "accuracy ↑",
        "Δ reference",
        "params",
        "p50",
        "p99",
        "rows/s",
        "steps 95%",
        "±",
        "reference",
        "601k",
    ):
        assert word in text


def test_rows_are_ranked_and_the_best_student_is_marked() -> None:
    rows = leaderboard(sample.classification())
    means = [row.metrics["accuracy"].mean for row in rows]
    assert means == sorted(means, reverse=True)
    assert [row.contender.name for row in rows if row.best_student] == [sample.CONFIDENCE]
    errors = [row.metrics["rmse"].mean for row in leaderboard(sample.regression())]
    assert errors == sorted(errors)


def test_a_difference_counts_only_when_its_interval_excludes_zero() -> None:
    assert judge(Estimate(0.02, 0.01, 0.03), True) == "better"
    assert judge(Estimate(0.02, 0.01, 0.03), False) == "worse"
    assert judge(Estimate(-0.02, -0.03, -0.01), False) == "better"
    assert judge(Estimate(0.02, -0.01, 0.05), True) == "unclear"
    assert judge(Estimate(0.02), True) == "unclear"


def test_one_seed_and_nan() -> None:
    text = terminal(sample.bare(), 80)
    assert "n/a" in text
    assert "nan" not in text.lower().replace("n/a", "")
    assert "no interval over seeds can be given" in text


def test_bootstrap_intervals_show_their_bounds() -> None:
    report = sample.classification(seeds=(0,))
    report = replace(
        report,
        interval="bootstrap over rows",
        bootstrap={sample.CONFIDENCE: {"accuracy": (0.899, 0.921)}},
        bootstrap_difference={sample.CONFIDENCE: {"accuracy": (0.01, 0.06)}},
    )
    text = terminal(report, 200)
    assert "[0.899, 0.921]" in text
    assert "[+0.010, +0.060]*" in text.replace("[+0.01, +0.06]", "[+0.010, +0.060]")
    assert "Student" not in text


def test_no_teachers_and_many() -> None:
    assert "ensemble of all" not in terminal(sample.classification(teachers=()), 80)
    crowd = sample.classification(teachers=tuple(f"teacher {i}" for i in range(40)))
    assert terminal(crowd, 80).count("teacher 39") >= 1


def test_hostile_names_cannot_steer_the_terminal_or_break_the_markdown() -> None:
    report = sample.hostile()
    for text in (terminal(report, 80), plain(report), markdown(report), report.card()):
        assert not any(mark in text for mark in ("\x1b", "\x00", "\u202e", "\ud800"))
        text.encode("utf-8")
    assert "<script" not in markdown(report)
    body = [line for line in markdown(report).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in body}) == 1


def test_the_card_tells_what_a_stranger_needs() -> None:
    card = sample.classification().card()
    for heading in (
        "What it is",
        "Data",
        "Teachers",
        "Numbers",
        "Limits",
        "How to use it",
        "How to repeat it",
    ):
        assert f"## {heading}" in card
    assert "flagged: lower cross-entropy" in card
    assert "| train | 48,000 |" in card
    assert "@misc{hinton2015" in card


def test_notebooks_get_html() -> None:
    html = sample.hostile()._repr_html_()
    assert "<table>" in html
    assert "<script" not in html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (count(950), "950"), (count(910), "910"), (count(601_354), "601k"), (count(48.2e6), "48.2M"),
        (count(999_900), "1M"), (count(0), "0"), (significant(0.41), "0.410"), (significant(61.0), "61"),
        (significant(1234.5), "1234"), (significant(math.nan), "n/a"), (bytes_text(2_410_000), "2.41 MB"),
        (bytes_text(12), "12 B"), (seconds(98), "1 min 38 s"), (seconds(7800), "2 h 10 min"),
        (seconds(0.5), "0.500 s"),
        (fixed(-0.00001, 3), "0.000"), (fixed(-0.5, 2, sign=True), "−0.50"), (fixed(math.inf, 2), "∞"),
        (clean("a\n b\tc"), "a b c"), (estimate_text(None, 2), "n/a"),
    ],
)  # fmt: skip
def test_number_texts(text: str, expected: str) -> None:
    assert text == expected


def test_decimals_follow_the_interval() -> None:
    assert decimals([Estimate(0.9, 0.88, 0.92)]) == 3
    assert decimals([Estimate(12.0, 11.2, 12.8)]) == 2
    assert decimals([Estimate(1234.0, 1190.0, 1280.0)]) == 0
    assert decimals([Estimate(0.5)]) == 4
    assert decimals([]) == 4


def test_runs_are_compared() -> None:
    first, second = sample.classification(), replace(sample.classification(), title="second try")
    comparison = first.compare(second)
    assert widest(comparison.table(80)) <= 80
    assert {row.contender.role for _, row in comparison.rows} == {"student", "ensemble"}
    assert len(comparison.rows) == 12
    assert "second try" in comparison.to_html()
    assert compare([first, first]).names == (f"{first.title} (1)", f"{first.title} (2)")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "multilabel"}, "their task differs"),
        ({"headline": "macro_f1"}, "their headline metric differs"),
        ({"splits": {"test": 10}}, r"number of test rows differs \(6000 and 10\)"),
        ({"test_set": "other"}, "their test set differs"),
    ],
)
def test_runs_on_other_questions_are_refused(change: dict, message: str) -> None:
    report = sample.classification()
    with pytest.raises(InputError, match=message):
        compare([report, replace(report, **change)])
    with pytest.raises(InputError, match="at least two"):
        compare([report])
