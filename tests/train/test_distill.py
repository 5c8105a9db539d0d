"""The main job: every contender is there, each teacher is asked once, and a run can be used, resumed and repeated."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor, nn

import tutelage as tl
from train.small import FEATURES, NAMES, Counted, arrays, net, table
from tutelage.core import Answer, InputError, Labels, LeakageError, Space, StoreError, Values
from tutelage.data.record import SourceRecord
from tutelage.fusion import Entropy, GeometricMean, Mean
from tutelage.report import Report
from tutelage.teaching.terms import KL
from tutelage.train import Cost, Training
from tutelage.train.choice import Choice
from tutelage.train.labels import learnt_from

QUICK = Training(2, 16)
NOBODY = np.zeros(0, dtype=np.int64)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks and pages are tested with the recipe; here they would only take time."""

    def asked_once(one: Any, many: Any, rows: int) -> Cost:
        return Cost(1.0, 2.0, 3.0)

    def page(self: Report, path: Path) -> Path:
        path.write_text("page")
        return path

    monkeypatch.setattr("tutelage.train.evaluate.cost", asked_once)
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 20)
    monkeypatch.setattr(Report, "save", page)


@dataclass
class Watched(Counted):
    """Writes down which rows it is asked about."""

    asked: Counter[bytes] = field(default_factory=Counter[bytes])

    def answer(self, columns: Mapping[str, np.ndarray]) -> Answer:
        self.asked.update(row.tobytes() for row in columns["features"])
        return super().answer(columns)


def teachers() -> list[Watched]:
    return [Watched("sharp", 3.0, seen=NOBODY), Watched("soft", 0.5, seen=NOBODY)]


def figures(report: Report) -> dict[str, Any]:
    """Everything that is not a time."""
    return {c.name: dict(c.metrics) for c in report.contenders} | {"notes": report.notes[:-1], "plan": report.plan}


@pytest.mark.parametrize("mean", [0, 1])
def test_the_plain_mean_stands_beside_a_fusion_that_differs_from_seed_to_seed(
    mean: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the mean itself was chosen, its student is not trained twice, and still counts."""
    trained: list[str] = []

    def choose(trial: Any, source: Any) -> Choice:
        return Choice(Mean() if trial.seed == mean else Entropy(), "picked", "so it is told")

    def told(stage: str, done: int, total: int, overall: float) -> None:
        trained.append(stage)

    monkeypatch.setattr("tutelage.search.distilling.automatic", choose)
    training = replace(QUICK, epochs=8)
    report = tl.distill(net, table(), teachers(), training=training, seeds=[0, 1], progress=told)
    found = {c.name: c for c in report.contenders}
    plain, chosen = found["student: plain mean"], found["student: chosen fusion"]
    assert len(plain.metrics["accuracy"]) == 2
    assert plain.metrics["accuracy"][mean] == chosen.metrics["accuracy"][mean]
    assert plain.metrics["cross_entropy"][1 - mean] != chosen.metrics["cross_entropy"][1 - mean]
    assert "plain mean" in report.verdict
    assert {stage for stage in trained if stage.endswith("plain mean")} == {f"seed {1 - mean}: student: plain mean"}


def test_two_paired_seeds_and_everyone_who_has_to_be_compared(tmp_path: Path) -> None:
    folder, asked, rows = tmp_path / "run", teachers(), table()
    report = tl.distill(net, rows, asked, fusion=GeometricMean(), training=QUICK, seeds=[0, 1], run=folder)
    assert [(c.name, c.role) for c in report.contenders] == [
        ("student: labels only", "baseline"),
        ("student: best single teacher", "student"),
        ("student: plain mean", "student"),
        ("student: chosen fusion", "student"),
        ("logistic regression: labels only", "baseline"),
        ("sharp", "teacher"),
        ("soft", "teacher"),
        ("ensemble of the teachers", "ensemble"),
    ]
    assert all(len(values) == 2 for c in report.contenders for values in c.metrics.values())
    assert report.seeds == (0, 1)
    assert report.plan.startswith("plan 1")
    assert "geometric" in report.notes[0]
    assert report.verdict
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert "rows to check exported files on" in record["test_openings"]
    assert any(why.startswith("best epoch of") for why in record["test_openings"])
    assert set(record["plans"]) == {c.name for c in report.contenders if c.name.startswith("student")}
    for name in ("student.pt2", "student.safetensors", "report.json", "report.html", "README.md", "citations.bib"):
        assert (folder / name).stat().st_size > 0, name
    run = tl.load(folder)
    student = net()
    student.load_state_dict(load_file(folder / "student.safetensors"))
    student.eval()
    features = rows.columns["features"]
    with torch.no_grad():
        wanted = student(torch.from_numpy(features)).argmax(-1)
    assert run.predict({"features": features}) == [NAMES[i] for i in wanted]
    assert figures(run.report) == figures(report)


@pytest.mark.parametrize("run", [lambda folder: folder, lambda _: None], ids=["kept", "not kept"])
def test_teachers_are_asked_once_however_many_epochs_students_and_seeds(run: Any, tmp_path: Path) -> None:
    asked, rows = teachers(), table()
    options: dict[str, Any] = {"fusion": Mean(), "seeds": [0, 1], "run": run(tmp_path), "baselines": {}}
    report = tl.distill(net, rows, asked, training=Training(10, 16), **options)
    features = rows.columns["features"]
    assert report.plan.startswith("plan 1")
    for teacher in asked:
        assert {teacher.asked[features[row].tobytes()] for row in rows.taught} == {1}


def test_one_teacher_is_compared_without_a_fusion(tmp_path: Path) -> None:
    report = tl.distill(net(), table(), [Counted(seen=NOBODY)], training=QUICK, seeds=[0], baselines={})
    assert [c.name for c in report.contenders] == [
        "student: labels only",
        "student: chosen fusion",
        "counted",
        "ensemble of the teachers",
    ]
    assert report.verdict.endswith("1.0 times as fast as asking the teacher.")
    assert "there is one teacher" in report.notes[0]
    assert report.bootstrap


def test_the_given_student_is_everyones_start_and_is_left_alone() -> None:
    student = net(seed=3)
    before = [p.detach().clone() for p in student.parameters()]
    tl.distill(student, table(), teachers(), training=QUICK, seeds=[0], baselines={})
    assert all(torch.equal(a, b) for a, b in zip(student.parameters(), before, strict=True))


def other_rows(kind: str) -> tuple[tl.Rows, list[tl.RuleTeacher]]:
    features, _ = arrays(90)
    if kind == "values":
        target = np.stack([100 * features[:, 0], features[:, 1] - 5], axis=1)
        space = Space(Values, ("big", "small"))
        rules = [lambda row, s=s: [100 * row["features"][0] * s, row["features"][1] - 5] for s in (1.0, 0.8)]
    else:
        target = (features[:, :3] > 0).astype(np.float32)
        space = Space(Labels, ("a", "b", "c"))
        rules = [
            lambda row, s=s: {n: float(row["features"][i] > s) * 0.8 + 0.1 for i, n in enumerate("abc")}
            for s in (0.0, 0.3)
        ]
    rows = tl.rows_of(features, target, space=space)
    made = [
        tl.RuleTeacher(rule, reads="features", space=space, name=f"rule{i}", seen=NOBODY)
        for i, rule in enumerate(rules)
    ]
    return rows, made


@pytest.mark.parametrize("kind", ["values", "labels"])
def test_values_and_labels_go_the_same_way(kind: str, tmp_path: Path) -> None:
    rows, made = other_rows(kind)
    width = len(rows.space.names)
    training = Training(20, 16, lr=0.02)
    report = tl.distill(lambda: tl.MLP(FEATURES, width, (16,)), rows, made, training=training, seeds=[0], run=tmp_path)
    names = [c.name for c in report.contenders]
    assert "student: chosen fusion" in names
    assert "ensemble of the teachers" in names
    run = tl.load(tmp_path)
    said = run.predict({"features": rows.columns["features"]})
    assert len(said) == 90
    if kind == "values":
        error = np.abs(np.array(said) - rows.target).mean(0) / rows.target.std(0)
        assert (error < 0.5).all()
        assert report.residuals is not None
    else:
        yes = np.array([[name in row for name in "abc"] for row in said])
        right = float((yes == (rows.target > 0.5)).mean())
        assert right > 0.75


def test_a_run_teaches_another_student(tmp_path: Path) -> None:
    rows = table()
    tl.distill(net, rows, teachers(), training=QUICK, seeds=[0], run=tmp_path / "first", baselines={})
    run = tl.load(tmp_path / "first")
    report = tl.distill(net, rows, [run, *teachers()], training=QUICK, seeds=[0], baselines={})
    by_name = {c.name: c.metrics["accuracy"] for c in report.contenders}
    assert by_name["first"] == {c.name: c.metrics["accuracy"] for c in run.report.contenders}["student: chosen fusion"]


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param("sharp answers", marks=SLOW),
        pytest.param("student: labels only", marks=SLOW),
        "chosen fusion",
        pytest.param("measuring", marks=SLOW),
    ],
)
def test_an_interrupted_contest_ends_with_the_same_numbers(stop: str, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def listen(stage: str, done: int, total: int, overall: float) -> None:
        if stop in stage and stage.startswith("seed 1"):
            raise StoppedError

    options: dict[str, Any] = {"training": Training(3, 16), "seeds": [0, 1], "baselines": {}}
    lively = lambda: net(dropout=0.2)  # noqa: E731
    calm = tl.distill(lively, table(), teachers(), **options, run=tmp_path / "calm")
    with pytest.raises((StoppedError, InputError)):
        tl.distill(lively, table(), teachers(), **options, run=tmp_path / "run", progress=listen)
    asked = teachers()
    again = tl.distill(lively, table(), asked, **options, run=tmp_path / "run")
    assert figures(again) == figures(calm)
    assert all(max(teacher.asked.values()) <= 4 for teacher in asked)


def test_the_same_folder_with_other_settings_is_refused(tmp_path: Path) -> None:
    tl.distill(net, table(), teachers(), training=QUICK, seeds=[0], run=tmp_path, baselines={})
    with pytest.raises(InputError, match=r"another training \(objective: "):
        tl.distill(
            net,
            table(),
            teachers(),
            training=QUICK,
            objective=tl.Objective((KL(1.0),), soft=0.2),
            seeds=[0],
            run=tmp_path,
            baselines={},
        )
    other = [replace(teachers()[0], sharp=1.0), teachers()[1]]
    with pytest.raises(StoreError, match="'sharp' has changed"):
        tl.distill(net, table(), other, training=QUICK, seeds=[0], run=tmp_path, baselines={})


def test_teachers_that_saw_test_rows_are_refused() -> None:
    rows = table()
    tested = rows.test.open("for this test")
    with pytest.raises(LeakageError, match="'sharp' was trained on test rows"):
        tl.distill(net, rows, [replace(teachers()[0], seen=tested[:1])], training=QUICK, seeds=[0])


def test_a_teacher_that_is_better_on_the_rows_it_saw_is_flagged() -> None:
    rows = table(240)

    class Cribs(Counted):
        def answer(self, columns: Mapping[str, np.ndarray]) -> Answer:
            found: Any = super().answer(columns)
            known = {rows.columns["features"][r].tobytes(): int(rows.target[r]) for r in rows.train}
            scores = found.scores.clone()
            for i, row in enumerate(columns["features"]):
                if row.tobytes() in known:
                    scores[i, known[row.tobytes()]] += 9
            return type(found).of(scores, "logits")

    report = tl.distill(net, rows, [Cribs("cribs"), Counted("honest")], training=QUICK, seeds=[0], baselines={})
    assert [note for note in report.notes if "'cribs' is flagged" in note]
    assert not [note for note in report.notes if "'honest' is flagged" in note]
    assert next(card.seen for card in report.teachers if card.name == "cribs").startswith("flagged")


def test_unlabelled_training_rows_learn_from_teachers_alone() -> None:
    rows = table(labelled=np.zeros(120, dtype=bool))
    rows = replace(rows, labelled=np.isin(np.arange(120), rows.validation))
    report = tl.distill(net, rows, teachers(), fusion=Entropy(), training=QUICK, seeds=[0])
    names = [c.name for c in report.contenders]
    assert "student: labels only" not in names
    assert "student: chosen fusion" in names
    assert any("84 of 84 training rows are unlabelled" in note for note in report.notes)


@pytest.mark.parametrize("kind", ["plain", "bound"])
def test_labels_that_only_teachers_saw_stand_beside_as_a_baseline(kind: str) -> None:
    rows = table()
    few = rows.with_labels(np.concatenate([rows.train[::4], rows.validation]))
    binding = tl.Binding("features", filled=("features",)) if kind == "bound" else None

    def forest() -> RandomForestClassifier:
        return RandomForestClassifier(10, n_jobs=1)

    def names(row: np.ndarray) -> set[str]:
        taught = tl.train_models(few, forest, 2, row=row, folds=3, binding=binding)
        report = tl.distill(net, few, taught, fusion=Entropy(), training=QUICK, seeds=[0])
        return {one.name for one in report.contenders}

    assert "student: all labels the teachers had" in names(few.train)
    assert "student: all labels the teachers had" not in names(few.labelled_train)


def test_the_baseline_of_all_labels_learns_from_exactly_those() -> None:
    rows = table()
    few = rows.with_labels(np.concatenate([rows.train[::4], rows.validation]))
    (teacher,) = tl.train_models(few, lambda: RandomForestClassifier(10, n_jobs=1), 1, row=few.train[::2], folds=3)
    assert set(np.concatenate(list(learnt_from(teacher))).tolist()) == set(few.train[::2].tolist())


def test_each_student_has_its_own_tensorboard_folder(tmp_path: Path) -> None:
    training = Training(1, 16, tensorboard=tmp_path)
    tl.distill(net, table(), teachers(), fusion=Mean(), training=training, seeds=[0, 1], baselines={})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{seed}-student-{name}" for seed in (0, 1) for name in ("best-single-teacher", "chosen-fusion", "labels-only")
    ]


def test_what_was_counted_on_the_way_to_the_rows_is_in_the_run(tmp_path: Path) -> None:
    record = tl.data.DataRecord().adding(SourceRecord("ants", 130, 120, 7, 3))
    rows = replace(table(), record=record)
    report = tl.distill(net, rows, teachers(), training=QUICK, seeds=[0], run=tmp_path, baselines={})
    again = tl.load(tmp_path)
    assert again.report.data == report.data
    assert again.record["sources"] == {"ants": [130, 120, 7, 3]}
    assert report.data.sources == record.sources
    assert report.data.rows_of("split") == len(rows.taught) + len(rows.test)


def test_columns_of_any_name_are_kept_for_checking(tmp_path: Path) -> None:
    features, target = arrays()
    columns = {"file": features[:, 0], "km/h": features[:, 1], "allow_pickle": features[:, 2]}
    rows = tl.rows_of(columns, np.array(NAMES)[target], prepare=True)
    rule = tl.RuleTeacher(lambda row: "ant" if row["file"] > 0 else None, reads="file", classes=NAMES, name="rule")
    tl.distill(lambda: tl.MLP(3, 3, (4,)), rows, [rule], training=QUICK, seeds=[0], run=tmp_path, baselines={})
    found, _, known = tl.load(tmp_path).check_rows()
    assert set(found) == set(columns)
    assert len(found["file"]) == len(known) == len(rows.test)


class Unexportable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = net()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) if float(x.sum()) > 0 else self.net(x) * 2


def test_a_student_that_cannot_be_exported_is_refused_before_anybody_is_trained(tmp_path: Path) -> None:
    def nobody(seed: int, rows: tl.Rows) -> Any:
        raise AssertionError("teachers are made after the student was looked at")

    with pytest.raises(InputError, match=r"student \(Unexportable\) cannot be exported .* nothing was trained"):
        tl.distill(Unexportable, table(), nobody, training=QUICK, seeds=[0], run=tmp_path, baselines={})
    report = tl.distill(Unexportable, table(), teachers(), training=QUICK, seeds=[0], baselines={})
    assert report.contenders


@pytest.mark.parametrize(
    ("student", "options", "message"),
    [
        (net, {"seeds": []}, r"different seeds, got \[\]"),
        (net, {"seeds": [1, 1]}, r"different seeds, got \[1, 1\]"),
        (lambda: "net", {}, "nn.Module or make one, got str"),
        (net, {"teachers": []}, r"at least one teacher, all under different names; got \[\]"),
        (net, {"teachers": [Counted(), Counted()]}, r"different names; got \['counted', 'counted'\]"),
        (net, {"rows": table(train=np.arange(100))}, "no test rows"),
        (lambda: net(outputs=5), {}, "give it one output per class"),
        (net, {"teachers": [Counted(reads=("gone",))]}, r"reads columns \['gone'\]"),
    ],
)
def test_what_cannot_be_distilled_is_refused(student: Any, options: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"rows": table(), "teachers": teachers(), "seeds": [0]} | options
    with pytest.raises(InputError, match=message):
        tl.distill(student, given["rows"], given["teachers"], training=QUICK, seeds=given["seeds"], baselines={})


def test_a_finished_run_cannot_be_loaded_from_anywhere_else(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no run: it has no run"):
        tl.load(tmp_path)
    for content in ("{", "[]", '{"format": 99}'):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(StoreError, match=r"run\.json (is damaged|has format 99)"):
            tl.load(tmp_path)
