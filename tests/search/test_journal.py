"""The journal: what is done once is not done again, whatever a kill left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search.places import cloud_ground
from tutelage.core import StoreError
from tutelage.nets import MLP
from tutelage.search import Journal


def fails() -> int:
    raise AssertionError("done again")


def test_a_unit_is_done_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "units.jsonl"
    assert Journal(path, "a").once("one", lambda: {"x": (1, 2)}) == {"x": [1, 2]}
    again = Journal(path, "a")
    assert again.once("one", fails) == {"x": [1, 2]}
    assert again.reused == 1


def test_units_of_something_else_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "units.jsonl"
    Journal(path, "a").once("one", lambda: 1)
    assert Journal(path, "b").once("one", lambda: 2) == 2
    assert Journal(path, "a").once("one", fails) == 1


def test_a_line_cut_short_is_done_again_and_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "units.jsonl"
    Journal(path, "a").once("one", lambda: 1)
    with path.open("a") as file:
        file.write('{"of": "a", "unit": "two", "val')
    torn = Journal(path, "a")
    assert torn.once("two", lambda: 2) == 2
    assert Journal(path, "a").units == {"one": 1, "two": 2}
    assert json.loads(path.read_text().splitlines()[-1])["value"] == 2


def test_without_a_file_units_live_in_memory() -> None:
    journal = Journal(None, "a")
    assert [journal.once("one", lambda: 1), journal.once("one", fails)] == [1, 1]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"units\.jsonl cannot be written"):
        Journal(tmp_path / "file" / "units.jsonl", "a").once("one", lambda: 1)


def test_another_student_or_other_settings_are_another_ground() -> None:
    ground, other = cloud_ground(epochs=1), cloud_ground(epochs=1)
    assert ground.fingerprint("a") == other.fingerprint("a")
    assert ground.fingerprint("a") != ground.fingerprint("b")
    other.trial.student_maker = lambda: MLP(6, 2, (9,))
    assert ground.fingerprint("a") != other.fingerprint("a")
    assert ground.fingerprint("a") != cloud_ground(epochs=2).fingerprint("a")
