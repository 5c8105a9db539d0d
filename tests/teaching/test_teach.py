"""Teachers are asked once, about the right rows, and nothing they said is lost."""

from __future__ import annotations

import gc
import os
import re
import resource
import signal
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replay.forked import forked
from store.asked import Asked, table
from tutelage.core import Answer, InputError, StoreError
from tutelage.store import Store, StoredSignals
from tutelage.store.layout import data_file
from tutelage.teaching.progress import TeachProgress
from tutelage.teaching.teach import teach

ROWS = 100
ALL = np.arange(ROWS)


def lesson(teacher: Any, path: Path, rows: np.ndarray = ALL, size: int = ROWS, **options: Any) -> StoredSignals:
    options = {"shard_rows": 32, "batch_size": 10, **options}
    return teach([teacher], table(size), rows, Store(path), **options)


def check(signals: StoredSignals, rows: np.ndarray = ALL) -> None:
    found = signals.gather(torch.from_numpy(rows), torch.zeros(len(rows), dtype=torch.int64)).answers[0]
    wanted = Asked(signals.names[0]).about(rows)
    assert all(torch.equal(found.to_arrays()[name], wanted.to_arrays()[name]) for name in wanted.to_arrays())


def test_each_row_is_asked_once(tmp_path: Path) -> None:
    teacher = Asked()
    check(lesson(teacher, tmp_path))
    assert sorted(teacher.questions) == list(range(ROWS))
    check(lesson(teacher, tmp_path))
    assert len(teacher.questions) == ROWS


def test_only_what_is_missing_is_asked(tmp_path: Path) -> None:
    teacher = Asked()
    some = np.array([3, 50, 4, 99, 4])
    check(lesson(teacher, tmp_path, some), np.unique(some))
    assert sorted(teacher.questions) == [3, 4, 50, 99]
    check(lesson(teacher, tmp_path))
    assert sorted(teacher.questions) == list(range(ROWS))


def test_a_longer_table_keeps_what_was_said(tmp_path: Path) -> None:
    teacher = Asked()
    lesson(teacher, tmp_path, np.arange(40), size=40)
    check(lesson(teacher, tmp_path))
    assert sorted(teacher.questions) == list(range(ROWS))
    check(lesson(teacher, tmp_path))
    with pytest.raises(StoreError, match=r"rows 32\.\.63, and this one ends at row 39"):
        lesson(teacher, tmp_path, np.arange(40), size=40)


def test_other_data_are_refused_by_column_and_rows(tmp_path: Path) -> None:
    lesson(Asked(), tmp_path)
    columns = table(ROWS)
    columns["other"][:] = 1
    teach([Asked()], columns, ALL, Store(tmp_path))
    columns["x"][40] += 1e-9
    with pytest.raises(
        StoreError, match=r"'asked' was stored about other data: columns \['x'\].*rows 32\.\.63.*forget"
    ):
        teach([Asked()], columns, ALL, Store(tmp_path))
    teach([Asked()], columns, np.arange(32), Store(tmp_path))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Asked(version="2"), r"'asked' has changed.*: weights \(stored 1, now 2\): .*forget\('asked'\)"),
        (Asked(kind="votes"), r"kind \(stored logits, now votes\)"),
    ],
)
def test_another_teacher_of_the_same_name_is_refused(tmp_path: Path, other: Asked, message: str) -> None:
    lesson(Asked(), tmp_path)
    with pytest.raises(StoreError, match=message):
        lesson(other, tmp_path)
    assert other.questions == []


def test_another_codec_is_refused(tmp_path: Path) -> None:
    lesson(Asked(), tmp_path, codec="fp16")
    with pytest.raises(StoreError, match=r"stored in the codec .*float16.*Dense\(dtype='float32'\) was asked"):
        lesson(Asked(), tmp_path)


def test_teachers_that_cannot_be_stored_are_refused(tmp_path: Path) -> None:
    for teacher, why in ((Asked(frozen=False), "not frozen"), (Asked(deterministic=False), "not deterministic")):
        with pytest.raises(InputError, match=rf"{why}.*Live\("):
            lesson(teacher, tmp_path)
        assert teacher.questions == []
    with pytest.raises(InputError, match="two teachers are named 'asked'"):
        teach([Asked(), Asked()], table(ROWS), ALL, Store(tmp_path))


@pytest.mark.parametrize("rows", [np.array([-1, 3]), np.array([100]), np.array([], dtype=np.int64)])
def test_rows_that_are_not_there_are_refused(tmp_path: Path, rows: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"no rows to teach|of a table with rows 0\.\.99"):
        lesson(Asked(), tmp_path, rows)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\['gone'\]"):
        lesson(Asked(reads=("x", "gone")), tmp_path)


@pytest.mark.parametrize("teacher", [Asked(fails_at=45), Asked(nan_at=45)], ids=["exception", "nan"])
def test_a_failing_teacher_is_named_and_loses_nothing(tmp_path: Path, teacher: Asked) -> None:
    with pytest.raises(InputError, match=r"'asked' failed in shard 1 of view 0, rows 42\.\.51.*(NaN|out of order)"):
        lesson(teacher, tmp_path)
    there = np.arange(42)
    check(Store(tmp_path).source(["asked"]), there)
    mended = Asked()
    check(lesson(mended, tmp_path))
    assert mended.questions == list(range(42, ROWS))


def test_a_teacher_that_fails_at_once_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'asked' failed in rows 0\.\.9"):
        lesson(Asked(fails_at=0), tmp_path)
    assert Store(tmp_path).names() == ()
    check(lesson(Asked(), tmp_path))


def test_a_teacher_that_changes_its_mind_about_its_classes_is_refused(tmp_path: Path) -> None:
    @dataclass
    class Fickle(Asked):
        def answer(self, columns: Mapping[str, np.ndarray]) -> Answer:
            answer: Any = super().answer(columns)
            coverage = torch.full_like(answer.coverage, bool(columns["x"][0] > 40))
            return type(answer)(answer.scores, answer.kind, answer.coverage | coverage, answer.valid)

    with pytest.raises(InputError, match=r"rows 42\.\.51.*changed the form of its answers"):
        lesson(Fickle(), tmp_path)


def test_one_teacher_is_in_memory_at_a_time(tmp_path: Path) -> None:
    alive: list[weakref.ref[Asked]] = []
    most = 0

    def maker(name: str) -> Callable[[], Asked]:
        def make() -> Asked:
            nonlocal most
            gc.collect()
            most = max(most, sum(one() is not None for one in alive) + 1)
            alive.append(weakref.ref(teacher := Asked(name)))
            return teacher

        return make

    signals = teach([maker(name) for name in "abc"], table(ROWS), ALL, Store(tmp_path), shard_rows=32)
    assert signals.names == ("a", "b", "c")
    assert len(alive) == 3
    assert most == 1


def test_progress_adds_up(tmp_path: Path) -> None:
    told: list[TeachProgress] = []
    lesson(Asked(), tmp_path, np.arange(40))
    teach([Asked(), Asked("b")], table(ROWS), ALL, Store(tmp_path), shard_rows=32, batch_size=10, progress=told.append)
    first, second = ([one for one in told if one.teacher == name] for name in ("asked", "b"))
    assert (first[-1].done, first[-1].asked, first[-1].total, first[-1].seconds_left) == (100, 60, 100, 0.0)
    assert (second[-1].done, second[-1].asked, second[-1].number, second[-1].teachers) == (100, 100, 1, 2)
    for steps in (first, second):
        assert [one.done for one in steps] == sorted(one.done for one in steps)
    assert first[0].seconds_left is None


def test_slow_shards_are_brought_to_disk_in_between(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(progress: TeachProgress) -> None:
        if progress.asked > 20:
            view = Store(tmp_path).reader("asked").views[0]
            seen.append(int(view.present.sum()))

    lesson(Asked(), tmp_path, shard_rows=1000, commit_seconds=0.0, progress=look)
    assert seen == [20, 30, 40, 50, 60, 70, 80, 90][: len(seen)]
    assert len(seen) >= 7


def test_an_interrupt_keeps_what_was_said(tmp_path: Path) -> None:
    def stop(progress: TeachProgress) -> None:
        if progress.done == 62:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lesson(Asked(), tmp_path, progress=stop)
    teacher = Asked()
    check(lesson(teacher, tmp_path))
    assert teacher.questions == list(range(62, ROWS))


def test_after_a_kill_damaged_shards_are_taught_again(tmp_path: Path) -> None:
    lesson(Asked(), tmp_path)
    path = data_file(tmp_path / "asked", "scores", 0)
    data = bytearray(path.read_bytes())
    data[40 * 20] ^= 1
    path.write_bytes(data)
    teacher = Asked()
    lesson(teacher, tmp_path)
    assert teacher.questions == []
    (tmp_path / "asked" / "locks" / "session-of-a-dead-process").touch()
    check(lesson(teacher, tmp_path))
    assert teacher.questions == list(range(32, 64))


def test_a_teacher_that_knows_rows_is_asked_by_row(tmp_path: Path) -> None:
    @dataclass
    class ByRow(Asked):
        def answer_rows(self, columns: Mapping[str, np.ndarray], row: np.ndarray) -> Answer:
            assert (columns["x"] == row).all()
            return self.answer({"x": row + 1.0})

    signals = lesson(ByRow(), tmp_path)
    found = signals.gather(torch.arange(99), torch.zeros(99, dtype=torch.int64)).answers[0]
    assert torch.equal(found.to_arrays()["scores"], Asked().about(np.arange(1, 100)).to_arrays()["scores"])


def test_a_full_disk_says_how_much_is_missing_and_keeps_the_rest(tmp_path: Path) -> None:
    def hit_the_limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
        teacher = Asked()
        with pytest.raises(StoreError) as caught:
            lesson(teacher, tmp_path / "store", np.arange(4000), size=4000, shard_rows=256)
        (tmp_path / "told").write_text(f"{len(teacher.questions)} {caught.value}")

    assert forked(hit_the_limit).wait() == 0
    asked, message = (tmp_path / "told").read_text().split(" ", 1)
    needed = re.search(r"(\d+) more bytes are needed and \d+ are free; finished shards are kept", message)
    assert needed is not None
    kept = int(asked)
    assert 0 < kept < 4000
    assert int(needed[1]) == (4000 - kept) * 21
    teacher = Asked()
    signals = lesson(teacher, tmp_path / "store", np.arange(4000), size=4000)
    assert teacher.questions == list(range(kept, 4000))
    check(signals, np.arange(4000))


def test_teaching_again_is_fast(tmp_path: Path) -> None:
    rows = np.arange(200_000)
    lesson(Asked(codec := "asked"), tmp_path, rows, size=len(rows), shard_rows=None, batch_size=4096)
    began = time.process_time()
    lesson(Asked(codec), tmp_path, rows, size=len(rows))
    assert time.process_time() - began < 1.0
    assert os.path.getsize(data_file(tmp_path / "asked", "scores", 0)) == len(rows) * 20
