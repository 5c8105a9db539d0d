"""Recipes on texts: their splits, what the rules say, and short runs on a few of the real texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from shortened import shortened

from tutelage.core import InputError
from tutelage.fusion import Mean
from tutelage.recipes._text_rules import asked_for, section
from tutelage.recipes.text import read_news, read_trec, text


def test_questions_are_split_as_published(data: Path) -> None:
    rows = read_trec(data / "text-trec6")
    assert (len(rows), len(rows.test)) == (5952, 500)
    counts = np.bincount(rows.target[np.union1d(rows.train, rows.validation)])
    assert dict(zip(rows.space.names, counts.tolist(), strict=True)) == {
        "ABBR": 86,
        "DESC": 1162,
        "ENTY": 1250,
        "HUM": 1223,
        "LOC": 835,
        "NUM": 896,
    }
    assert rows.preparation is not None
    made = rows.preparation.apply({"text": rows.columns["text"][:5]})
    np.testing.assert_array_equal(made["tokens"], rows.columns["tokens"][:5])


def test_news_without_a_file_to_train_on_are_tested_on_the_last(data: Path, tmp_path: Path) -> None:
    rows = read_news(data / "text-agnews-7600", labelled=0.25)
    assert (len(rows), len(rows.test), len(rows.validation)) == (7600, 1600, 600)
    assert rows.test.open("to see which").min() == 6000
    assert len(rows.labelled_train) == 1350
    for name, count in (("train.csv", 300), ("test.csv", 100)):
        shortened(data / "text-agnews-7600" / "test.csv", tmp_path / name, count)
    both = read_news(tmp_path)
    assert both.test.open("to see which").tolist() == list(range(300, 400))


def test_rules_speak_only_where_words_give_it_away() -> None:
    asked = {
        "Who wrote Hamlet ?": "HUM",
        "What does NASA stand for ?": "ABBR",
        "When was Ozzy Osbourne born ?": "NUM",
        "Where is Milan ?": "LOC",
        "What is a fuel cell ?": None,
        "What is caliche ?": None,
        "Why do heavier objects travel downhill faster ?": "DESC",
    }
    found = {question: asked_for({"text": question}) for question in asked}
    assert found == asked | {"What is caliche ?": found["What is caliche ?"]}
    assert section({"text": "Oil prices rise as stocks fall"}) == "Business"
    assert section({"text": "A quiet day"}) is None
    assert section({"text": "Software for the football"}) is None


def test_a_short_run_goes_through(data: Path, tmp_path: Path) -> None:
    for name, count in (("train.csv", 80), ("test.csv", 24)):
        shortened(data / "text-agnews-7600" / "test.csv", tmp_path / name, count)
    report = text(on="agnews", data=tmp_path, seeds=1, epochs=1, fusion=Mean())
    names = {one.name for one in report.contenders}
    assert {"words", "letters", "trees", "net", "rule", "tf-idf and linear: labels only"} <= names
    assert {"student: labels only", "student: hard pseudo-labels of the ensemble"} <= names


def test_without_files_it_says_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUTELAGE_DATA", raising=False)
    with pytest.raises(InputError, match=r"give --data a folder with TREC.train and TREC.test of https"):
        text()
