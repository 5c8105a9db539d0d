"""Endpoints: what is sent, what may come back, and servers that misbehave."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from misbehaving import Fault, serving
from tutelage.core import Classes, InputError, Labels, Space, StoreError, Values
from tutelage.store import Store
from tutelage.teachers import EndpointTeacher, Limits, load_saved, load_teacher, save_teacher
from tutelage.teaching.teach import teach
from tutelage.testing import check_teacher

X = np.arange(40, dtype=np.float64) / 40
COLUMNS = {"x": X, "text": np.array([f"row {i}" for i in range(40)]), "other": X}
QUICK = Limits(backoff=0.01, timeout=5.0)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def odds(request: dict[str, Any]) -> Any:
    """Class b with probability x."""
    return {"answers": [[1 - row["x"], row["x"]] for row in request["rows"]]}


def asked(url: str, **options: Any) -> EndpointTeacher:
    known: dict[str, Any] = {"reads": "x", "classes": "ab", "probes": COLUMNS, "batch_size": 8, "limits": QUICK}
    return EndpointTeacher(url, **{**known, **options})


def after_probes(answering: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """Behaves as `odds` about the first request, the probes, and then as it is told to."""
    first = itertools.count()
    return lambda request: odds(request) if next(first) == 0 else answering(request)


def test_it_keeps_the_contract_and_batches() -> None:
    with serving(odds) as served, serving(lambda r: odds({"rows": [{"x": 0.5}] * len(r["rows"])})) as other:
        teacher = asked(served.url)
        check_teacher(teacher, COLUMNS, changed=asked(other.url))
        served.requests.clear()
        found = teacher.answer(COLUMNS)
        assert isinstance(found, Classes)
        torch.testing.assert_close(found.probs()[:, 1], torch.from_numpy(X).float(), atol=1e-6, rtol=1e-5)
        assert sorted(len(r["rows"]) for r in served.requests) == [8] * 5
        assert {k: served.requests[0][k] for k in ("answers", "names")} == {"answers": "classes", "names": ["a", "b"]}
        assert teacher.output_found == "probabilities (found out: rows sum to 1)"
        assert served.most <= 4


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    columns = {
        "number": np.array([1.5, np.nan]),
        "count": np.array([3, 4]),
        "yes": np.array([True, False]),
        "text": np.array(["é", ""], dtype=object),
        "day": np.array(["2024-02-29", "NaT"], dtype="M8[D]"),
        "many": np.array([[1.0, np.inf], [2.0, 3.0]], dtype=np.float32),
        "objects": np.array([np.float64(2), None], dtype=object),
    }
    with serving(lambda r: {"answers": [None] * len(r["rows"])}) as served:
        teacher = asked(
            served.url,
            reads=list(columns),
            probes=columns,
            model="m",
            revision="7",
            settings={"depth": 2},
            token_variable="SOME_TOKEN",
            headers={"X-Team": "t"},
        )
        assert not teacher.answer(columns).valid.any()
        assert served.requests[-1]["rows"] == [
            {
                "number": 1.5,
                "count": 3,
                "yes": True,
                "text": "é",
                "day": "2024-02-29",
                "many": [1.0, None],
                "objects": 2.0,
            },
            {"number": None, "count": 4, "yes": False, "text": "", "day": None, "many": [2.0, 3.0], "objects": None},
        ]
        assert {k: served.requests[-1][k] for k in ("model", "revision", "settings")} == {
            "model": "m",
            "revision": "7",
            "settings": {"depth": 2},
        }
        assert served.headers[-1]["Authorization"] == "Bearer secret"
        assert served.headers[-1]["X-Team"] == "t"
        assert "secret" not in json.dumps(dict(teacher.fingerprint))
        monkeypatch.delenv("SOME_TOKEN")
        with pytest.raises(InputError, match="SOME_TOKEN"):
            teacher.answer(columns)
        strange = {"z": np.zeros(3, dtype=complex)}
        with pytest.raises(InputError, match=r"column 'z' of type complex128"):
            asked(served.url, reads="z", probes=strange).answer(strange)


def one(answers: Any, count: int = 2, **more: Any) -> Callable[[Any], Any]:
    """The same answers to every request, cut to its rows."""
    return lambda r: {"answers": list(itertools.islice(itertools.cycle(answers), len(r["rows"]))), **more}


@pytest.mark.parametrize(
    ("answers", "more", "kind", "probs"),
    [
        ([[0.25, 0.75], None], {}, "log_probs", [0.25, 0.75]),
        ([[2.0, 2.0], None], {}, "logits", [0.5, 0.5]),
        ([[0.5, 0.5], None], {"output": "logits"}, None, None),
        ([{"b": 0.9}, None], {}, "log_probs", [0.1, 0.9]),
        ([["0.5", 0.5], None], {}, None, None),
        (["b", None], {}, "votes", [0.0, 1.0]),
        ([[-0.6931472, -0.6931472], None], {"output": "log_probs"}, "log_probs", [0.5, 0.5]),
    ],
)
def test_forms_of_classes(answers: Any, more: Any, kind: str | None, probs: Any) -> None:
    with serving(one(answers, **more)) as served:
        teacher = asked(served.url)
        if kind is None:
            with pytest.raises(InputError, match=r"look like probabilities|'0.5' is not a finite number"):
                teacher.answer(COLUMNS)
            return
        found = teacher.answer(COLUMNS)
        assert isinstance(found, Classes)
        assert found.kind == kind
        assert found.valid.tolist() == [True, False] * 20
        shown = found.scores if kind == "votes" else found.probs()
        torch.testing.assert_close(shown[0], torch.tensor(probs))


def test_labels_and_values() -> None:
    with serving(one([[0.9, None], {"sad": 0.25}, None])) as served:
        found = asked(served.url, classes=None, space=Space(Labels, ("happy", "sad")), batch_size=100).answer(COLUMNS)
        assert isinstance(found, Labels)
        assert found.valid[:3].tolist() == [[True, False], [False, True], [False, False]]
        assert float(found.probs()[1, 1]) == pytest.approx(0.25)
    with serving(one([3, {"mean": 2.5}, {"price": -1.0}, [0.5], None])) as served:
        found = asked(served.url, classes=None, space=Space(Values, ("price",)), batch_size=100).answer(COLUMNS)
        assert isinstance(found, Values)
        assert found.mean[:5, 0].tolist() == [3.0, 2.5, -1.0, 0.5, 0.0]
        assert found.valid[:5, 0].tolist() == [True] * 4 + [False]
        assert found.scale is None
    with serving(one([{"mean": 1.0, "scale": 2.0}, None])) as served:
        teacher = asked(served.url, classes=None, space=Space(Values, ("price",)))
        found = teacher.answer(COLUMNS)
        assert isinstance(found, Values)
        assert found.scale is not None
        assert found.scale[0].item() == 2.0
    with (
        serving(one([{"mean": 1.0, "scale": 2.0}, 1.0])) as served,
        pytest.raises(InputError, match="give all or none"),
    ):
        asked(served.url, classes=None, space=Space(Values, ("price",))).answer(COLUMNS)


WRONG = [
    (lambda r: {"answers": odds(r)["answers"][1:]}, "asked about 8 rows and answered 7"),
    (lambda r: {"answers": [*odds(r)["answers"], [0.5, 0.5]]}, "asked about 8 rows and answered 9"),
    (lambda r: {"rows": 1}, r'expected \{"answers"'),
    (lambda r: [1, 2], r'expected \{"answers"'),
    (lambda r: b'{"answers": [[NaN, 0.5]]}', "answered NaN, which is not JSON"),
    (lambda r: b'{"answers": [' + b",".join([b"[1e999, 0]"] * 8) + b"]}", "inf is not a finite number"),
    (lambda r: {"answers": [[0.2, 0.3, 0.5]] * 8}, "3 numbers for the 2 names"),
    (lambda r: {"answers": [[0.2, 0.3]] * 8}, "sum"),
    (lambda r: {"answers": ["c"] * 8}, "'c' is not among its classes"),
    (lambda r: {"answers": [{"a": 0.9, "b": 0.9}] * 8}, "these sum to 1.8"),
    (lambda r: {"answers": ["a"] * 8}, "keeps to one"),
    (lambda r: {"answers": ["a", [0.5, 0.5]] * 4}, "several forms at once"),
    (lambda r: {**odds(r), "output": "guesses"}, "its output is 'guesses'"),
    (lambda r: Fault(404, body=b"no such model"), r"status 404 \(Not Found\): no such model; look at the address"),
    (lambda r: Fault(413), "batch_size="),
    (lambda r: Fault(307, headers={"Location": "/new"}), "give the new address /new"),
]


@pytest.mark.parametrize(("answering", "message"), WRONG)
def test_wrong_answers_are_refused_at_once(answering: Any, message: str) -> None:
    with serving(after_probes(answering)) as served:
        teacher = asked(served.url, limits=Limits(concurrency=1, backoff=0.01))
        with pytest.raises(InputError, match=message) as caught:
            teacher.answer(COLUMNS)
        assert "127.0.0.1" in str(caught.value)
        assert len(served.requests) <= 6


FAULTS = {
    "status 500": lambda: Fault(500, body=b"out of memory"),
    "status 503": lambda: Fault(503, headers={"Retry-After": "0"}),
    "status 429": lambda: Fault(429, headers={"Retry-After": "soon"}),
    "no answer": lambda: Fault(drop=True),
    "not JSON": lambda: b"<html>login</html>",
    "no answer within": lambda: Fault(sleep=0.5),
    "within 0.2 seconds": lambda: Fault(body=b" " * 100, trickle=0.02),
    "is not JSON": lambda: Fault(body=b'{"answers": [[0.5', cut=True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_passing_faults_are_tried_again(fault: str) -> None:
    """Two of three requests fail; all rows are answered in the end, each as it should be."""
    turn = itertools.count()
    with serving(lambda r: odds(r) if next(turn) % 3 == 2 else FAULTS[fault]()) as served:
        limits = Limits(backoff=0.001, timeout=0.2, concurrency=2, retries=30)
        found = asked(served.url, limits=limits).answer(COLUMNS)
        assert isinstance(found, Classes)
        torch.testing.assert_close(found.probs()[:, 1], torch.from_numpy(X).float(), atol=1e-6, rtol=1e-5)
        assert len(served.requests) >= 16


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_stay_are_named(fault: str) -> None:
    with serving(lambda r: FAULTS[fault]()) as served:
        teacher = asked(served.url, limits=Limits(backoff=0.001, timeout=0.2, retries=1))
        with pytest.raises(InputError, match=fault) as caught:
            teacher.answer(COLUMNS)
        for part in (served.url, "failed 2 times, at last", "positions 0..7"):
            assert part in str(caught.value)


def test_nobody_is_listening() -> None:
    with serving(odds) as served:
        url = served.url
    with pytest.raises(InputError, match=r"no answer .*refused"):
        asked(url, limits=Limits(backoff=0.001, retries=1)).answer(COLUMNS)


def test_retry_after_holds_all_threads_and_is_bounded() -> None:
    turn = itertools.count()

    def busy(request: Any) -> Any:
        return Fault(429, headers={"Retry-After": "1"}) if next(turn) == 0 else odds(request)

    with serving(after_probes(busy)) as served:
        asked(served.url, limits=Limits(concurrency=1)).answer(COLUMNS)
        assert served.times[2] - served.times[1] >= 0.95
    later = formatdate(time.time() + 3600, usegmt=True)
    with serving(lambda r: Fault(503, headers={"Retry-After": later})) as served:
        with pytest.raises(InputError, match="longer than patience=120"):
            asked(served.url).answer(COLUMNS)
        assert len(served.requests) == 1


def test_pauses_grow() -> None:
    with serving(lambda r: Fault(500)) as served:
        with pytest.raises(InputError, match="failed 4 times"):
            asked(served.url, limits=Limits(backoff=0.1, retries=3)).answer(COLUMNS)
        gaps = np.diff(served.times)
        assert (gaps >= np.array([0.05, 0.1, 0.2]) - 1e-3).all()
        assert (gaps <= np.array([0.1, 0.2, 0.4]) + 0.3).all()


def test_rate_and_concurrency() -> None:
    with serving(lambda r: odds(r) if time.sleep(0.05) is None else None) as served:
        asked(served.url, batch_size=4, limits=Limits(concurrency=3)).answer(COLUMNS)
        assert 1 < served.most <= 3
    with serving(odds) as served:
        asked(served.url, limits=Limits(concurrency=4, rate=20.0)).answer(COLUMNS)
        assert np.diff(sorted(served.times)).min() >= 0.03


def test_rows_answered_before_a_failure_are_not_asked_again() -> None:
    """In one process the requests of a batch that failed are remembered; the probes are asked again."""
    broken = [True]

    def sometimes(request: Any) -> Any:
        return Fault(400) if broken[0] and request["rows"][0]["x"] >= 0.6 else odds(request)

    with serving(sometimes) as served:
        teacher = asked(served.url, limits=Limits(concurrency=1))
        with pytest.raises(InputError, match=r"positions 24\.\.31"):
            teacher.answer(COLUMNS)
        broken[0] = False
        served.requests.clear()
        teacher.answer(COLUMNS)
        assert sorted(served.rows()) == sorted([*X[:8], *X[24:]])
        served.requests.clear()
        teacher.answer(COLUMNS)
        assert sorted(served.rows()) == X.tolist()


def test_a_model_exchanged_during_a_failure() -> None:
    replies = iter([odds, lambda r: Fault(400), lambda r: {"answers": [[0.5, 0.5]] * len(r["rows"])}])
    with serving(lambda r: next(replies)(r)) as served:
        teacher = asked(served.url, limits=Limits(concurrency=1))
        with pytest.raises(InputError, match="status 400"):
            teacher.answer({"x": X[8:16]})
        with pytest.raises(InputError, match="serves another model now"):
            teacher.answer({"x": X[8:16]})


def test_a_store_is_filled_over_failures_and_notices_an_exchanged_model(tmp_path: Path) -> None:
    """What was brought to disk is not asked again by a new process; an exchanged model is refused."""
    broken, shift = [True], [0.0]

    def dying(request: Any) -> Any:
        if broken[0] and request["rows"][0]["x"] == X[16]:  # not a matter of count: a probe may come in between
            return Fault(500)
        return {"answers": [[2 - row["x"], row["x"] - shift[0]] for row in request["rows"]], "output": "logits"}

    def new() -> EndpointTeacher:
        return asked(served.url, name="far", limits=Limits(concurrency=1, retries=0))

    with serving(dying) as served:
        store = Store(tmp_path / "store")
        with pytest.raises(InputError, match=r"teacher 'far' failed in shard 0 of view 0, rows 16\.\.23"):
            teach([new()], COLUMNS, np.arange(40), store, batch_size=8)
        broken[0] = False
        served.requests.clear()
        signals = teach([new()], COLUMNS, np.arange(40), store, batch_size=8)
        assert sorted(served.rows()) == sorted([*X[:8], *X[16:]])
        row = torch.arange(40)
        found = signals.gather(row, torch.zeros_like(row)).answers[0]
        assert isinstance(found, Classes)
        torch.testing.assert_close(found.scores[:, 1], torch.from_numpy(X).float())
        shift[0] = 0.25
        with pytest.raises(StoreError, match=r"teacher 'far' has changed .*weights"):
            teach([new()], COLUMNS, np.arange(40), store, batch_size=8)


def test_another_model_than_asked_for() -> None:
    with serving(lambda r: {**odds(r), "model": "m", "revision": "8"}) as served:
        asked(served.url, model="m").answer(COLUMNS)
        with pytest.raises(InputError, match="answered with revision '8', but '7' was asked for"):
            asked(served.url, model="m", revision="7").answer(COLUMNS)


def test_saved_and_loaded(tmp_path: Path) -> None:
    with serving(odds) as served:
        teacher = asked(served.url, model="m", seen=[3, 4], token_variable=None, name="far", limits=Limits(rate=900.0))
        text = json.dumps(save_teacher(teacher, tmp_path / "one", COLUMNS))
        loaded = load_saved(json.loads(text), tmp_path / "one")
        assert dict(loaded.fingerprint) == dict(teacher.fingerprint)
        assert isinstance(loaded, EndpointTeacher)
        assert (loaded.limits, loaded.batch_size, loaded.name) == (teacher.limits, 8, "far")
        assert loaded.seen is not None
        with pytest.raises(InputError, match="may be secrets"):
            save_teacher(asked(served.url, headers={"A": "b"}), tmp_path / "two", COLUMNS)


def test_load_teacher_knows_addresses() -> None:
    with serving(odds) as served:
        space = Space(Classes, ("a", "b"))
        teacher = load_teacher(served.url, reads="x", space=space, probes={"x": X[:8]}, name="far")
        assert teacher.answer(COLUMNS).valid.all()
        with pytest.raises(InputError, match="needs probes="):
            load_teacher(served.url, reads="x", space=space)


def test_what_it_takes() -> None:
    for url, message in (
        ("ftp://host/x", "no address of an endpoint"),
        ("http://", "no address"),
        ("http://host:port/", "no address"),
        ("https://me:secret@host/", "token_variable="),
    ):
        with pytest.raises(InputError, match=message) as caught:
            asked(url)
        assert "secret@" not in str(caught.value)
    with pytest.raises(InputError, match="needs probes="):
        asked("http://host/", probes=None)
    assert asked("http://host/", probes=None, frozen=False).fingerprint["weights"] == "none"
    with pytest.raises(InputError, match="probes without rows"):
        asked("http://host/", probes={"x": X[:0]})
    with pytest.raises(InputError, match="needs names"):
        asked("http://host/", classes=None)
    wrongs: list[dict[str, Any]] = [{"rate": 0.0}, {"concurrency": 0}, {"retries": -1}, {"timeout": 0.0}]
    for wrong in wrongs:
        with pytest.raises(InputError, match=next(iter(wrong))):
            Limits(**wrong)
