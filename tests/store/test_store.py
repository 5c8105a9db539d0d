"""What was written is found again, and whatever is wrong with the files is named."""

from __future__ import annotations

import json
import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from replay.forked import forked
from store.asked import Asked, table
from tutelage.core import Classes, Labels, StoreError, Values
from tutelage.store import FP16, Store, StoredSignals
from tutelage.store.layout import data_file, folder_name, marker_file
from tutelage.store.locks import take
from tutelage.teaching.teach import teach

ROWS = 100


def filled(path: Path, *teachers: Asked, **options: Any) -> tuple[Store, StoredSignals]:
    store = Store(path)
    options = {"shard_rows": 32, **options}
    return store, teach(teachers, table(ROWS), np.arange(ROWS), store, **options)


def zeros(row: Tensor) -> Tensor:
    return torch.zeros_like(row)


def same(found: Any, wanted: Any) -> bool:
    left, right = found.to_arrays(), wanted.to_arrays()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("kind", ["logits", "votes", "labels", "values"])
def test_any_rows_in_any_order_are_what_the_teacher_said(tmp_path: Path, kind: str) -> None:
    _, signals = filled(tmp_path, Asked(kind=kind))
    row = torch.tensor([99, 0, 31, 32, 7, 7, 64])
    found = signals.gather(row, zeros(row))
    assert found.names == ("asked",)
    assert same(found.answers[0], Asked(kind=kind).about(row.numpy()))
    assert found.answers[0].meta() == Asked(kind=kind).about(row.numpy()).meta()
    assert len(signals.gather(row[:0], row[:0])) == 0


def test_teachers_of_one_form_share_one_tensor_and_others_stand_apart(tmp_path: Path) -> None:
    teachers = [Asked("a"), Asked("v", kind="values"), Asked("bb"), Asked("l", kind="labels")]
    _, signals = filled(tmp_path, *teachers)
    row = torch.randperm(ROWS)[:20]
    found = signals.gather(row, zeros(row))
    assert all(
        same(answer, teacher.about(row.numpy())) for answer, teacher in zip(found.answers, teachers, strict=True)
    )
    a, v, bb, labels = found.answers
    assert isinstance(a, Classes)
    assert isinstance(bb, Classes)
    assert isinstance(v, Values)
    assert isinstance(labels, Labels)
    assert a.scores.untyped_storage().data_ptr() == bb.scores.untyped_storage().data_ptr()
    assert bb.scores.data_ptr() - a.scores.data_ptr() == a.scores.numel() * 4
    assert [space.kind for space in signals.spaces] == ["classes", "values", "classes", "labels"]


def test_views_are_kept_apart(tmp_path: Path) -> None:
    store, _ = filled(tmp_path, Asked(), views=2)
    path = data_file(tmp_path / "asked", "scores", 1)
    scores = np.memmap(path, "<f4", "r+").reshape(-1, 5)
    scores += 100
    row, view = torch.tensor([3, 4, 3, 5]), torch.tensor([0, 1, 1, 0])
    found = store.source(["asked"]).gather(row, view).answers[0]
    assert isinstance(found, Classes)
    wanted = Asked().about(row.numpy()).to_arrays()["scores"]
    assert torch.equal(found.scores, wanted + 100.0 * view.unsqueeze(-1))
    with pytest.raises(StoreError, match=r"no stored answers about 1 of the rows.*view 2"):
        store.source(["asked"]).gather(row[:1], torch.tensor([2]))


def test_absent_rows_are_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    odd = np.arange(1, ROWS, 2)
    signals = teach([Asked()], table(ROWS), odd, store, shard_rows=32)
    row = torch.tensor([1, 2, 99, 98, 5000])
    with pytest.raises(StoreError, match=r"'asked' has no stored answers about 3 .*\[2, 98, 5000\].*teach\("):
        signals.gather(row, zeros(row))
    with pytest.raises(StoreError, match=r"row -1 .*never stored"):
        signals.gather(torch.tensor([-1, 1]), torch.tensor([0, 0]))
    assert same(signals.gather(torch.from_numpy(odd), torch.zeros(50).long()).answers[0], Asked().about(odd))
    with pytest.raises(StoreError, match=r"nothing of teacher 'nobody'; there are \['asked'\]"):
        store.source(["nobody"])


def test_names_never_meet_on_disk(tmp_path: Path) -> None:
    names = ["a", "A", "a/b", "a_b", "..", "über", "x" * 300, "con.", "a b", "a\nb"]
    store, _ = filled(tmp_path, *(Asked(name) for name in names), codec="fp16")
    assert store.names() == tuple(sorted(names))
    assert len({folder_name(name).lower() for name in names}) == len(names)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(folder_name(name) for name in names)
    for name in names:
        store.forget(name)
    assert store.names() == ()
    assert list(tmp_path.iterdir()) == []


def test_info_says_what_is_there(tmp_path: Path) -> None:
    store, signals = filled(tmp_path, Asked(), views=2, codec="fp16")
    info = store.info("asked")
    assert (info.rows, info.views, info.shards) == (ROWS, 2, 8)
    assert info.bytes >= 2 * ROWS * (5 * 2 + 1)
    assert info.codec == FP16.to_json()
    assert info.fingerprint == Asked().fingerprint
    assert 5e-4 < info.error.value < 1e-3
    assert "total variation" in str(info.error)
    row = torch.arange(10)
    assert torch.equal(signals.bounds(row, row % 2), torch.full((1, 10), info.error.value))


def test_bounds_of_top_k_are_the_rows_own(tmp_path: Path) -> None:
    _, signals = filled(tmp_path, Asked(), codec="top2")
    row = torch.arange(1, 7)
    bound = signals.bounds(row, zeros(row))[0]
    scores = Asked().about(row.numpy())
    assert isinstance(scores, Classes)
    rest = 1 - scores.probs().topk(2).values.sum(-1)
    assert (bound >= rest).all()
    assert (bound <= rest + 1e-3).all()
    assert signals.errors[0].value >= float(bound.max())


def test_keys_follow_what_is_stored(tmp_path: Path) -> None:
    _, first = filled(tmp_path / "1", Asked("a"), Asked("bb"))
    _, again = filled(tmp_path / "2", Asked("a"), Asked("bb"))
    assert first.keys == again.keys
    assert len(set(first.keys)) == 2
    _, other = filled(tmp_path / "3", Asked("a", version="2"), Asked("bb"), codec="fp16")
    assert not set(other.keys) & set(first.keys)
    moved = {"x": table(ROWS)["x"] + np.eye(1, ROWS, 5)[0] * 1e-9}
    data = teach([Asked("a")], moved, np.arange(ROWS), Store(tmp_path / "4"), shard_rows=32)
    assert data.keys[0] != first.keys[0]
    part = teach([Asked("a")], table(ROWS), np.arange(50), Store(tmp_path / "5"), shard_rows=32)
    assert part.keys[0] != first.keys[0]


def test_verify_finds_a_flipped_bit(tmp_path: Path) -> None:
    store, _ = filled(tmp_path, Asked())
    assert store.verify("asked") == []
    path = data_file(tmp_path / "asked", "scores", 0)
    data = bytearray(path.read_bytes())
    data[40 * 20] ^= 1
    path.write_bytes(data)
    (damage,) = store.verify("asked")
    assert str(path) in damage
    assert "rows 32..63" in damage


def test_a_truncated_file_is_named_and_mended_by_teaching(tmp_path: Path) -> None:
    store, before = filled(tmp_path, Asked())
    path = data_file(tmp_path / "asked", "valid", 0)
    os.truncate(path, 70)
    with pytest.raises(StoreError, match=rf"{path} is truncated: it has 70 bytes.*100 rows"):
        store.source(["asked"])
    teacher = Asked()
    after = teach([teacher], table(ROWS), np.arange(ROWS), store)
    assert teacher.questions == list(range(64, ROWS))
    row = torch.arange(ROWS)
    assert same(after.gather(row, zeros(row)).answers[0], Asked().about(row.numpy()))
    assert after.keys == before.keys
    path.unlink()
    with pytest.raises(StoreError, match="is truncated: it has 0 bytes"):
        store.source(["asked"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m | {"format": 99}, r"manifest\.json is written in format 99.*knows format 1"),
        (lambda m: m | {"codec": {"kind": "zip"}}, r"manifest\.json names the codec \{'kind': 'zip'\}"),
        (lambda m: {k: v for k, v in m.items() if k != "stored"}, r"manifest\.json is damaged"),
        (lambda m: m | {"more": 1}, r"manifest\.json is damaged"),
        (lambda m: [], r"manifest\.json is damaged"),
        (lambda m: None, r"manifest\.json is damaged"),
    ],
)
def test_a_bad_manifest_is_named(tmp_path: Path, change: Any, message: str) -> None:
    store, _ = filled(tmp_path, Asked())
    path = tmp_path / "asked" / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(StoreError, match=message):
        store.source(["asked"])
    path.write_bytes(b"\xff{")
    with pytest.raises(StoreError, match="is damaged"):
        store.source(["asked"])


@pytest.mark.parametrize("text", ["", "{}", '{"present": "00"}', "[]", '{"present": "zz"}'])
def test_a_bad_marker_is_named_and_mended_by_teaching(tmp_path: Path, text: str) -> None:
    store, _ = filled(tmp_path, Asked())
    path = marker_file(tmp_path / "asked", 0, 1)
    path.write_text(text)
    with pytest.raises(StoreError, match=rf"{path} is damaged.*teach again"):
        store.source(["asked"])
    teacher = Asked()
    teach([teacher], table(ROWS), np.arange(ROWS), store)
    assert teacher.questions == list(range(32, 64))
    assert store.verify("asked") == []


def test_locks_exclude_and_die_with_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = take(path)
    assert lock is not None
    assert take(path) is None
    lock.release()
    assert not path.exists()
    owner = forked(lambda: (take(path), (tmp_path / "taken").touch(), time.sleep(60)))
    while not (tmp_path / "taken").exists():
        time.sleep(0.01)
    assert take(path) is None
    owner.kill()
    again = take(path)
    assert again is not None
    again.release()


def test_nobody_forgets_what_is_being_written(tmp_path: Path) -> None:
    store, _ = filled(tmp_path, Asked())
    manifest = store.manifest("asked")
    assert manifest is not None
    with store.writer(manifest), pytest.raises(StoreError, match="being stored by another process"):
        store.forget("asked")
    store.forget("asked")
    assert store.manifest("asked") is None


@pytest.mark.parametrize("codec", ["fp32", "fp16", "bf16", "top2"])
def test_teachers_together_are_what_each_is_alone(tmp_path: Path, codec: str) -> None:
    """One decoding for all, with views, silent rows, full shards, many coverages; batches do not touch each other."""
    teachers = [Asked("a"), Asked("bb"), Asked("l", kind="labels"), Asked("ccc")]
    store = Store(tmp_path)
    for teacher in teachers:
        chosen = "fp16" if teacher.kind == "labels" else codec
        teach([teacher], table(ROWS), np.arange(ROWS), store, views=2, shard_rows=32, codec=chosen)
    together = store.source([teacher.name for teacher in teachers])
    batches = [(torch.randperm(ROWS)[:9], torch.randint(2, (9,))), (torch.tensor([0, 7]), torch.tensor([1, 1]))]
    batches += [(torch.arange(1, 7), torch.zeros(6).long()), (torch.tensor([5]), torch.tensor([0]))]
    found = [together.gather(row, view) for row, view in batches]
    for (row, view), signals in zip(batches, found, strict=True):
        for teacher, answer in zip(teachers, signals.answers, strict=True):
            assert same(answer, store.source([teacher.name]).gather(row, view).answers[0])
            assert torch.equal(answer.valid, teacher.about(row.numpy()).valid)


@pytest.mark.parametrize("kind", ["logits", "labels", "values"])
def test_stored_answers_are_stacked_where_they_lie(tmp_path: Path, kind: str) -> None:
    names = ("a", "bb", "ccc")
    _, signals = filled(tmp_path, *(Asked(name, kind=kind) for name in names))
    for rows in ([1, 2, 3, 99], [0, 1, 7, 8]):
        found = signals.gather(torch.tensor(rows), torch.zeros(4).long())
        stacked = found.stacked()
        numbers = {"logits": "scores", "labels": "logits", "values": "mean"}[kind]
        for teacher, answer in enumerate(found.answers):
            wanted = getattr(answer, numbers)
            silent = ~(answer.valid.unsqueeze(-1) if kind == "logits" else answer.valid)
            assert torch.equal(getattr(stacked, numbers)[teacher], wanted.masked_fill(silent, 0.0))
            assert torch.equal(stacked.valid[teacher], answer.valid)
            assert torch.equal(stacked.coverage[teacher], answer.coverage)
        first: Any = found.answers[0]
        shared = getattr(stacked, numbers).data_ptr() == getattr(first, numbers).data_ptr()
        assert shared == bool(stacked.valid.all())


def test_threads_do_not_share_what_they_read_into(tmp_path: Path) -> None:
    _, signals = filled(tmp_path, Asked("a"), Asked("bb"), codec="fp16")
    row = torch.arange(1, 7)

    def ask(start: int) -> bool:
        wanted = signals.gather(row + start, zeros(row)).stacked().scores.clone()
        return all(torch.equal(signals.gather(row + start, zeros(row)).stacked().scores, wanted) for _ in range(200))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(0, 80, 7)))
    again = pickle.loads(pickle.dumps(signals))
    assert again.keys == signals.keys


def test_an_answer_is_the_caller_s_own(tmp_path: Path) -> None:
    """Whatever is written into an answer, other teachers, batches and the store do not notice."""
    spoken = np.array([r for r in range(ROWS) if r % 7])
    signals = teach([Asked(), Asked("bb")], table(ROWS), spoken, Store(tmp_path), shard_rows=32)
    row = torch.tensor([1, 2])
    one, other = signals.gather(row, zeros(row)).answers
    assert isinstance(one, Classes)
    one.valid[0] = False
    one.scores[:] = torch.nan
    assert other.valid.all()
    for answer, teacher in zip(signals.gather(row, zeros(row)).answers, (Asked(), Asked("bb")), strict=True):
        assert same(answer, teacher.about(row.numpy()))


def test_room_for_a_shard_is_used_again_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Rows that are not there are zero on disk, though another shard lay in the same memory before."""
    rows = np.array([*range(32), 40, 41])
    store = Store(tmp_path)
    teach([Asked()], table(ROWS), rows, store, shard_rows=32)
    scores = np.fromfile(data_file(tmp_path / "asked", "scores", 0), "<f4").reshape(-1, 5)
    assert (scores[:32] != 0).any(1).sum() >= 31
    assert (scores[32:40] == 0).all()
    assert (scores[42:] == 0).all()
    assert store.verify("asked") == []
