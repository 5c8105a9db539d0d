"""Opinions in two languages: splits as published, a lexicon that abstains and minds denials, short runs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from shortened import shortened

from tutelage.core import InputError
from tutelage.fusion import Mean
from tutelage.recipes._lexicon import CHINESE, ENGLISH
from tutelage.recipes._opinions import On, fold_of, lexicon_of, read
from tutelage.recipes.sentiment import sentiment
from tutelage.tasks import Ordinal


@pytest.mark.parametrize(("on", "sizes"), [("sst2", (6920, 872, 1821)), ("sst5", (8544, 1101, 2210))])
def test_the_treebank_is_split_as_published(data: Path, on: On, sizes: tuple[int, ...]) -> None:
    rows = read(on, data / "sentiment-sst")
    assert (len(rows.train), len(rows.validation), len(rows.test)) == sizes
    assert isinstance(rows.task, Ordinal) == (on == "sst5")


def test_every_review_is_tested_in_one_fold(data: Path) -> None:
    folder = data / "sentiment-waimai10k-zh"
    rows = read("waimai", folder, 3)
    assert rows.space.names == ("negative", "positive")
    with (folder / "waimai_10k.csv").open(encoding="utf-8") as lines:
        told = list(csv.DictReader(lines))
    assert rows.columns["text"].tolist() == [row["review"] for row in told]
    assert rows.target.tolist() == [int(row["label"]) for row in told]
    fold = fold_of([row["label"] for row in told], 5)
    assert rows.test.open("to compare").tolist() == np.flatnonzero(fold == 3).tolist()
    counts = [np.bincount(rows.target[fold == number]) for number in range(5)]
    assert np.ptp(counts, axis=0).max() <= 1, "as many of both classes in every fold"
    with pytest.raises(InputError, match="--on waimai has folds 0 to 4, got 5"):
        read("waimai", folder, 5)


def test_labels_are_those_of_the_files(data: Path) -> None:
    rows = read("mr", data / "sentiment-mr")
    assert np.bincount(rows.target).tolist() == [5331, 5331]
    assert str(rows.columns["text"][0]).startswith("simplistic , silly and tedious")
    assert rows.target[0] == 0


def test_the_lexicon_minds_denials_and_abstains() -> None:
    told = {
        "a good film": 1,
        "not a good film": -1,
        "not very good": -1,
        "a film": 0,
        "bad , but fun": 0,
        "never dull": 1,
    }
    assert {text: ENGLISH.score(text) for text in told} == told
    told = {"很好吃": 1, "不好吃": -2, "送餐": 0, "送错了，难吃": -2}
    assert {text: CHINESE.score(text) for text in told} == told
    assert lexicon_of("sst5")({"text": "great , funny and moving"}) == "very positive"
    assert lexicon_of("sst5")({"text": "great"}) == "positive"
    assert lexicon_of("sst2")({"text": None}) is None


def test_a_short_run_in_chinese_goes_through(data: Path, tmp_path: Path) -> None:
    lines = (data / "sentiment-waimai10k-zh" / "waimai_10k.csv").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "waimai_10k.csv").write_text("".join([lines[0], *lines[1:200], *lines[-200:]]), "utf-8")
    report = sentiment(on="waimai", data=tmp_path, seeds=1, epochs=1, fusion=Mean())
    names = {one.name for one in report.contenders}
    assert {"words", "letters", "trees", "net", "rule", "tf-idf and linear: labels only"} <= names
    assert report.headline == "macro_f1"


@pytest.mark.slow
def test_a_short_run_in_five_classes_goes_through(data: Path, tmp_path: Path) -> None:
    for part, count in (("train", 300), ("dev", 60), ("test", 60)):
        shortened(data / "sentiment-sst" / f"stsa.fine.{part}", tmp_path / f"stsa.fine.{part}", count)
    report = sentiment(on="sst5", data=tmp_path, seeds=1, epochs=1)
    assert report.headline == "ordinal_error"
    assert all(0 <= one.metrics["ordinal_error"][0] <= 4 for one in report.contenders)
