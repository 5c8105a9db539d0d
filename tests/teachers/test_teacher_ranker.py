"""Recommenders as teachers."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tutelage as tl
from tutelage.core import InputError, Scores
from tutelage.store import Store
from tutelage.teachers import load_saved, save_teacher
from tutelage.teaching.teach import teach
from tutelage.testing import check_teacher

COLUMNS = {
    "user": np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32),
    "candidates": np.stack([np.random.default_rng(i).permutation(9)[:5] for i in range(12)]),
    "unread": np.arange(12),
}
COLUMNS["candidates"][3, 4] = -1


class Likes:
    """Knows the first seven items, and nobody in row 2."""

    def __init__(self, count: np.ndarray) -> None:
        self.count = count

    def scores(self, columns: Any) -> np.ndarray:
        found = np.where(columns["candidates"] < 7, self.count[columns["candidates"]], np.nan)
        found[columns["user"][:, 0] == COLUMNS["user"][2, 0]] = np.nan
        return found


def first_letters(columns: Any) -> np.ndarray:
    return -columns["candidates"].astype(np.float64)


def second(columns: Any) -> np.ndarray:
    return columns["candidates"] % 4


def short_list(columns: Any) -> tuple[np.ndarray, np.ndarray]:
    """Items 8, 7, 6, best first, whoever asks."""
    rows = len(columns["candidates"])
    return np.tile([8, 7, 6, -1], (rows, 1)), np.tile([3.0, 2.0, 1.0, np.nan], (rows, 1))


class Net(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.tower = tl.TwoTowers(3, items=9, dropout=0.5)

    def forward(self, user: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        return self.tower(user, item)


TEACHERS = {
    "object": (
        tl.RankingTeacher(Likes(np.arange(9.0)), reads="user"),
        tl.RankingTeacher(Likes(np.arange(9.0) ** 2), reads="user"),
    ),
    "function": (tl.RankingTeacher(first_letters), tl.RankingTeacher(second)),
    "own lists": (tl.RankingTeacher(short_list), tl.RankingTeacher(second)),
    "module": (
        tl.RankingTeacher(Net(0), reads=("user", "candidates"), name="net"),
        tl.RankingTeacher(Net(1), reads=("user", "candidates"), name="net"),
    ),
}


@pytest.mark.parametrize("name", TEACHERS)
def test_contract(name: str) -> None:
    teacher, changed = TEACHERS[name]
    check_teacher(teacher, COLUMNS, changed=changed)
    check_teacher(tl.aligned(teacher, teacher.space), COLUMNS)


def test_unknown_items_padding_and_silence() -> None:
    answer = TEACHERS["object"][0].answer(COLUMNS)
    item = torch.from_numpy(COLUMNS["candidates"])
    assert answer.valid.tolist() == [row != 2 for row in range(12)]
    heard = answer.valid.unsqueeze(-1)
    assert torch.equal(answer.listed, (item < 7) & (item >= 0) & heard)
    assert torch.equal(answer.item, item)
    own = TEACHERS["own lists"][0].answer(COLUMNS)
    assert torch.equal(own.listed, item >= 6)
    assert own.score[item == 8].unique().tolist() == [3.0]


@pytest.mark.parametrize("codec", ["fp32", "fp16", "bf16"])
def test_the_store_gives_back_what_was_said(tmp_path: Path, codec: str) -> None:
    teachers = [TEACHERS["object"][0], TEACHERS["function"][1]]
    source = teach(teachers, COLUMNS, np.arange(12), Store(tmp_path), codec=codec)
    found = source.gather(torch.tensor([5, 2, 3]), torch.zeros(3, dtype=torch.int64))
    for teacher, answer in zip(teachers, found.answers, strict=True):
        assert isinstance(answer, Scores)
        said = teacher.answer({name: column[[5, 2, 3]] for name, column in COLUMNS.items()})
        for name, tensor in said.to_arrays().items():
            assert torch.equal(tensor, answer.to_arrays()[name]), f"{name}: small whole numbers survive every codec"
    assert found.stacked().common.shape == (2, 3, 5)


def test_what_does_not_fit_the_store_is_refused(tmp_path: Path) -> None:
    huge = tl.RankingTeacher(lambda columns: columns["candidates"] * 1e6, name="huge")
    with pytest.raises(InputError, match="does not fit into float16"):
        teach([huge], COLUMNS, np.arange(12), Store(tmp_path / "a"), codec="fp16")
    with pytest.raises(InputError, match="scores"):
        teach([huge], COLUMNS, np.arange(12), Store(tmp_path / "b"), codec="top2")


@pytest.mark.parametrize(
    ("ranker", "message"),
    [
        (lambda c: c["candidates"][:, :2], "one number per candidate"),
        (lambda c: c["candidates"].astype(str), "one number per candidate"),
        (lambda c: 1 / 0, "'wrong' failed on 12 rows: ZeroDivisionError"),
        (lambda c: (np.array([[1, 1]] * 12), np.zeros((12, 2))), "its own lists lists an item twice in 12 rows"),
        (lambda c: (np.array([[-2, 1]] * 12), np.zeros((12, 2))), "ids count from 0"),
    ],
)
def test_bad_answers(ranker: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tl.RankingTeacher(ranker, name="wrong").answer(COLUMNS)


def test_bad_input() -> None:
    infinite = tl.RankingTeacher(lambda columns: np.full((12, 5), np.inf), name="loud").answer(COLUMNS)
    with pytest.raises(InputError, match="NaN or infinity in 12 of 12"):
        infinite.check("loud")
    wrong: Any = 3
    with pytest.raises(InputError, match="cannot be asked for scores"):
        tl.RankingTeacher(wrong)
    with pytest.raises(InputError, match="expected item ids"):
        tl.RankingTeacher(second, items="user").answer(COLUMNS)
    with pytest.raises(InputError, match=r"answers with scores, but the task needs classes"):
        tl.aligned(TEACHERS["function"][0], tl.Space(tl.Classes, ("a", "b")))


RANKERS = """
import numpy as np


class Counts:
    def __init__(self, count, floor):
        self.count, self.floor, self.note = count, floor, None

    def scores(self, columns):
        return np.maximum(self.count[columns["candidates"]], self.floor)


def lowest(columns):
    return -1.0 * columns["candidates"]
"""


@pytest.fixture
def abroad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "rankers_abroad.py").write_text(RANKERS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "rankers_abroad", raising=False)
    return importlib.import_module("rankers_abroad")


def test_recommenders_are_saved_with_what_they_hold(abroad: Any, tmp_path: Path) -> None:
    made = abroad.Counts(np.arange(9.0), 2.5)
    for number, ranker in enumerate((made, abroad.lowest)):
        teacher = tl.RankingTeacher(ranker, name="kept", seen=[3, 1])
        description = json.loads(json.dumps(save_teacher(teacher, tmp_path / str(number), COLUMNS)))
        loaded = load_saved(description, tmp_path / str(number), code=["rankers_abroad"])
        assert loaded.fingerprint == teacher.fingerprint
        assert torch.equal(loaded.answer(COLUMNS).to_arrays()["score"], teacher.answer(COLUMNS).score)
        assert loaded.seen is not None
        assert loaded.seen.tolist() == [1, 3]
        with pytest.raises(InputError, match="runs Python code, rankers_abroad"):
            load_saved(description, tmp_path / str(number))


def test_recommenders_that_cannot_be_saved_say_why(abroad: Any, tmp_path: Path) -> None:
    made = abroad.Counts({"a": 1}, 2.5)
    for ranker, why in ((made, "holds 'count', a dict"), (Net(0), "nn.Module"), (lambda columns: columns, "<lambda>")):
        with pytest.raises(InputError, match=why):
            save_teacher(tl.RankingTeacher(ranker, name="lost"), tmp_path, COLUMNS)
