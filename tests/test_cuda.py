"""On a GPU everything says what it says on the CPU; skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tutelage as tl
from distilling import Says, classes, gradient, named
from outside import NO_GPU
from train.small import NAMES, joined, net, same, table
from tutelage.compress import export_run
from tutelage.core import Batch, Classes, Scores, Step, Target
from tutelage.fusion import Confidence, DynamicPerformance, Entropy, GeometricMean, Mean, SoftVote
from tutelage.ops.mixing import softmax_mixture
from tutelage.ops.schedules import Linear
from tutelage.report import Report
from tutelage.tasks import Ranking
from tutelage.teachers import ModuleTeacher, RankingTeacher
from tutelage.teaching import Distillation, Memory, Objective, closed
from tutelage.teaching.heldout import learn
from tutelage.teaching.terms import DIST, DKD, JSD, KL, ListNet, PlackettLuce, TotalVariation
from tutelage.train import Cost, Training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)

QUICK = Training(4, 32, lr=1e-2, precision="fp32", device="cuda")
ROWS, CLASSES, SIDE = 24, 6, 8


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    """Convolutions in full float32, so that they can be compared."""
    with torch.backends.cudnn.flags(allow_tf32=False, deterministic=True):
        yield


def close(one: nn.Module, other: nn.Module, atol: float = 1e-4) -> None:
    pairs = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    for (name, a), b in pairs:
        torch.testing.assert_close(
            a.cpu(), b.cpu(), atol=atol, rtol=1e-3, msg=lambda said, name=name: f"{name}: {said}"
        )


def random_answers(teachers: int, *, silent: bool = False, rows: int = ROWS, count: int = CLASSES) -> tuple[Any, ...]:
    chance = torch.Generator().manual_seed(0)
    valid = torch.rand(teachers, rows, generator=chance) < (0.7 if silent else 1.0)
    coverage = torch.ones(teachers, count, dtype=torch.bool)
    coverage[0, 0] = not silent
    scores = 3 * torch.randn(teachers, rows, count, generator=chance)
    return tuple(Classes.of(z, "logits", valid=v, coverage=c) for z, v, c in zip(scores, valid, coverage, strict=True))


def random_batch() -> Batch:
    chance = torch.Generator().manual_seed(1)
    order = torch.randperm(ROWS, generator=chance)
    labelled, weight = torch.rand(ROWS, generator=chance) < 0.7, torch.rand(ROWS, generator=chance)
    target = torch.randint(CLASSES, (ROWS,), generator=chance)
    return Batch.of({"row": order}, target, row=order, labelled=labelled, weight=weight)


def student_says() -> Says:
    return Says(3 * torch.randn(ROWS, CLASSES, generator=torch.Generator().manual_seed(2)))


def images(count: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Pictures whose class is where they are bright."""
    chance = np.random.default_rng(5)
    target = np.arange(count) % 3
    pixels = chance.normal(size=(count, 3, SIDE, SIDE)).astype(np.float32) * 0.5
    for row, kind in enumerate(target):
        pixels[row, kind] += 1.0
    return pixels, target


def conv(seed: int = 0, width: int = 8) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, 3),
    )


def picture_rows() -> tl.Rows:
    pixels, target = images()
    return tl.rows_of({"image": pixels}, np.array(NAMES)[target], names=NAMES)


def conv_teacher(seed: int, device: str, width: int = 8) -> ModuleTeacher:
    return ModuleTeacher(
        conv(seed, width).eval(), reads="image", name=f"net {seed}", classes=NAMES, output="logits", device=device
    )


@pytest.mark.parametrize("silent", [False, True], ids=["whole", "silent"])
@pytest.mark.parametrize(
    ("term", "fusion", "live", "plan"),
    [
        (KL(2.0), Mean(), False, 1),
        (KL(2.0), SoftVote(), False, 1),
        (KL(Linear(4.0, 1.0)), Mean(), False, 2),
        (DKD(2.0), Entropy(), False, 1),
        (JSD(), Mean(), False, 3),
        (TotalVariation(), Confidence(), False, 3),
        (KL(2.0), Mean(), True, 4),
        (DKD(2.0, pivot="target"), Entropy(), True, 4),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_losses_and_gradients_are_those_of_the_cpu(term: Any, fusion: Any, live: bool, plan: int, silent: bool) -> None:
    source = Memory(named(*random_answers(3, silent=silent)), live)
    target = Distillation(source, fusion, Objective((term,), soft=0.7, l2=0.01), classes(CLASSES))
    batch, at = random_batch(), Step(3, 1, 0.5)
    assert target.plan.number == plan
    ready = target.prepared([batch])
    found: list[tuple[Any, Tensor]] = []
    for device in ("cpu", "cuda"):
        student = student_says().to(device)
        loss = ready.loss(student, batch.to(device), at)
        assert loss.total.device.type == device
        found.append((loss, gradient(loss.total, student).cpu()))
    (one, wanted), (other, got) = found
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)
    for name, part in one.parts.items():
        torch.testing.assert_close(other.parts[name].total.cpu(), part.total, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(other.values[name].cpu(), one.values[name], rtol=1e-4, atol=1e-5)
    for name, count in ready.counts(batch.to("cuda"), at).items():
        torch.testing.assert_close(count.cpu(), ready.counts(batch, at)[name])


def test_the_closed_form_is_taken_on_the_gpu_and_agrees_with_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Distillation(Memory(named(*random_answers(3))), Mean(), Objective((KL(2.0),), soft=0.7), classes(CLASSES))
    batch = random_batch()
    ready, taken = target.prepared([batch]), list[int]()
    plain = closed.loss_of
    monkeypatch.setattr(closed, "loss_of", lambda *given: (taken.append(1), plain(*given))[1])
    grads: list[Tensor] = []
    for apart in (False, True):
        scores = student_says().answers.detach().cuda()[batch.row.cuda()].requires_grad_()
        loss = ready.loss_of(Classes.of(scores, "logits"), batch.to("cuda"), Step(), apart=apart)
        (slope,) = torch.autograd.grad(loss.total, scores, create_graph=True)
        (bend,) = torch.autograd.grad(slope.square().sum(), scores)
        grads += [slope.detach(), bend]
    assert len(taken) == 1
    torch.testing.assert_close(grads[0], grads[2], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(grads[1], grads[3], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("silent", [False, True], ids=["whole", "silent"])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_many_classes_are_mixed_on_the_gpu_as_on_the_cpu(temperature: float, silent: bool) -> None:
    chance = torch.Generator().manual_seed(0)
    scores = [4 * torch.randn(8, 4000, generator=chance) + 50 * number for number in range(5)]
    weights = torch.rand(5, 8, generator=chance)
    if silent:
        weights[2, 3], scores[2][3] = 0.0, torch.nan
        weights[:, 5] = 0.0
    wanted = softmax_mixture([z.double() for z in scores], weights.double(), temperature)
    with torch.autocast("cuda", torch.bfloat16):
        found = softmax_mixture([z.cuda() for z in scores], weights.cuda(), temperature)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.cpu().double(), other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fusion", [Mean(), Entropy()], ids=["mean", "entropy"])
def test_answers_that_lie_on_the_gpu_are_mixed_there(fusion: Any) -> None:
    answers = random_answers(4, count=4000)
    batch, names = random_batch(), classes(4000)
    found: list[tuple[float, Tensor]] = []
    for device in ("cpu", "cuda"):
        there = [Classes.of(a.scores.to(device), "logits") for a in answers]
        target = Distillation(Memory(named(*there), True), fusion, Objective((KL(2.0),), soft=0.9), names)
        own = torch.randn(ROWS, 4000, generator=torch.Generator().manual_seed(3)).to(device).requires_grad_()
        loss = target.loss_of(Classes.of(own, "logits"), batch.to(device), Step())
        (slope,) = torch.autograd.grad(loss.total, own)
        found.append((loss.item(), slope.cpu()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4)
    torch.testing.assert_close(found[1][1], found[0][1], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("soft", [0.0, 0.7])
def test_fit_ends_where_it_ends_on_the_cpu(soft: float) -> None:
    rows = table()
    fitted = [tl.fit(net(), joined(rows, soft=soft), rows, replace(QUICK, device=d)) for d in ("cpu", "cuda")]
    close(fitted[0].student, fitted[1].student)
    assert next(fitted[1].student.parameters()).is_cuda
    for one, other in zip(*(f.history for f in fitted), strict=True):
        assert other.parts == pytest.approx(one.parts, rel=1e-3)
        assert other.metrics["cross_entropy"] == pytest.approx(one.metrics["cross_entropy"], rel=1e-3)
        assert other.watched == pytest.approx(one.watched, rel=1e-3)
        assert other.weights == pytest.approx(one.weights)


def test_signals_from_disk_and_teachers_on_the_gpu_feed_a_student_on_the_gpu(tmp_path: Path) -> None:
    rows = picture_rows()
    fitted: list[Any] = []
    for device in ("cpu", "cuda"):
        teachers = [conv_teacher(seed, device) for seed in (1, 2)]
        assert {p.device.type for t in teachers for p in t.module.parameters()} == {device}
        signals: Any = tl.generate_predictions(teachers, rows, tl.Store(tmp_path / device))
        said = signals.gather(torch.from_numpy(rows.taught), torch.zeros(len(rows.taught), dtype=torch.int64))
        assert all(answer.scores.device.type == "cpu" for answer in said.answers)
        objective = Objective((KL(2.0),), soft=0.8)
        target = Distillation(signals, Mean(), objective, tl.Classification(NAMES))
        fitted.append((said, tl.fit(conv(), target, rows, replace(QUICK, device=device))))
    (one, here), (other, there) = fitted
    for a, b in zip(one.answers, other.answers, strict=True):
        torch.testing.assert_close(a.scores, b.scores, rtol=1e-4, atol=1e-5)
    close(here.student, there.student, atol=2e-3)


def test_live_teachers_on_the_gpu_plain_and_optimised() -> None:
    rows = picture_rows()
    teachers = [conv_teacher(seed, "cuda", width=96) for seed in (1, 2)]
    quick = [tl.optimised(teacher, rows.columns) for teacher in teachers]
    for teacher, (fast, done) in zip(teachers, quick, strict=True):
        assert done.steps, str(done)
        wanted: Any = teacher.answer(rows.columns)
        found: Any = fast.answer(rows.columns)
        assert fast.fingerprint != teacher.fingerprint
        torch.testing.assert_close(found.probs(), wanted.probs(), rtol=0.05, atol=0.02)
        assert all(not part.training for part in teacher.module.modules())
    objective, task = Objective((KL(2.0),), soft=0.8), tl.Classification(NAMES)
    live = Distillation(tl.Live(tuple(fast for fast, _ in quick), rows.columns), Mean(), objective, task)
    memory = Distillation(Memory.of([fast for fast, _ in quick], rows.columns), Mean(), objective, task)
    one, other = (tl.fit(conv(), target, rows, QUICK) for target in (live, memory))
    close(one.student, other.student, atol=5e-3)


def test_bf16_is_chosen_on_the_gpu_and_learns() -> None:
    rows = picture_rows()
    signals = Memory.of([conv_teacher(1, "cpu")], rows.columns)
    target = Distillation(signals, Mean(), Objective((KL(2.0),), soft=0.3), tl.Classification(NAMES))
    seen: list[torch.dtype] = []
    student = conv(width=16)
    student[3].register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    fitted = tl.fit(student, target, rows, Training(15, 16, lr=1e-2, device="cuda"))
    assert torch.bfloat16 in seen
    losses = [epoch.parts["hard"] for epoch in fitted.history]
    assert all(np.isfinite(losses))
    assert losses[-1] < 0.5 * losses[0]
    assert fitted.history[-1].metrics["accuracy"] > 0.9
    assert all(p.dtype == torch.float32 for p in student.parameters())


def test_a_sweep_ends_where_single_trainings_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.race.MOST_ROWS", 64)  # so that validation rows come in pieces
    rows = table()
    plain = joined(rows)
    batch = rows.batch(rows.validation, inputs=False)
    calibrations, follows = learn(plain.source, DynamicPerformance(), batch)
    targets = {
        "mean": plain,
        "entropy": replace(plain, fusion=Entropy()),
        "falling": replace(plain, objective=Objective((KL(Linear(4.0, 1.0)),), soft=0.7)),
        "whole batch": replace(plain, objective=Objective((DIST(2.0),), soft=0.7)),
        "l2": replace(plain, objective=Objective((DKD(2.0),), soft=0.7, l2=1e-3)),
        "follows": replace(plain, fusion=follows, calibrations=calibrations, heldout=batch.row),
    }
    lanes = [tl.Lane(f"{name} {seed}", target, seed) for name, target in targets.items() for seed in (0, 1)]
    swept = tl.sweep(net, lanes, rows, QUICK)
    assert all(swept.batched), swept.why
    for lane, fitted in zip(lanes, swept.fitted, strict=True):
        alone = tl.fit(net(), lane.target, rows, replace(QUICK, seed=lane.seed))
        assert fitted.history[-1].watched == pytest.approx(alone.history[-1].watched, rel=2e-2), lane.name


def shop() -> tuple[tl.Rows, np.ndarray]:
    """Tastes in four directions and candidates, some of them padding."""
    chance = np.random.default_rng(3)
    taste, kind = chance.normal(size=(96, 4)), chance.normal(size=(30, 4))
    shown = np.stack([chance.permutation(30)[:12] for _ in range(96)])
    shown[::10, -1] = -1
    liking = np.einsum("bd,bnd->bn", taste, kind[shown])
    liking[shown < 0] = -np.inf
    relevance = (liking >= np.sort(liking, axis=1)[:, -2:-1]).astype(np.float32)
    columns = {"user": taste.astype(np.float32), "candidates": shown}
    return tl.rows_of(columns, relevance, task=Ranking(catalogue=30)), kind


def towers(catalogue: int = 30) -> tl.TwoTowers:
    torch.manual_seed(0)
    return tl.TwoTowers(4, catalogue, width=8, hidden=(16,))


@pytest.mark.parametrize("term", [ListNet(), PlackettLuce(top=3)], ids=lambda t: t.name)
@pytest.mark.parametrize("catalogue", [30, 200], ids=["whole", "one by one"])
def test_rankings_are_learnt_as_on_the_cpu(term: Any, catalogue: int) -> None:
    rows, kind = shop()
    known = RankingTeacher(
        lambda c: np.einsum("bd,bnd->bn", c["user"], kind[c["candidates"]]), reads="user", name="taste"
    )
    fitted: list[Any] = []
    for device in ("cpu", "cuda"):
        module = towers()
        teacher = RankingTeacher(module.to(device).eval(), reads=("user", "candidates"), name="towers")
        signals = tl.Memory.of([known, teacher], rows.columns)
        assert isinstance(signals.signals.answers[1], Scores)
        target = Distillation(signals, Mean(), Objective((term,), soft=0.6), Ranking(catalogue=30))
        fitted.append(tl.fit(towers(catalogue), target, rows, replace(QUICK, device=device)))
    one, other = fitted
    assert other.history[-1].parts == pytest.approx(one.history[-1].parts, rel=1e-2)
    assert other.history[-1].metrics["ndcg@10"] == pytest.approx(one.history[-1].metrics["ndcg@10"], abs=0.02)


class StoppedError(Exception):
    pass


def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    rows, training = table(), replace(QUICK, epochs=6)
    calm = tl.fit(net(dropout=0.3), joined(rows), rows, training)

    def stop(epoch: Any, _: int) -> None:
        if epoch.epoch == 3:
            raise StoppedError

    kept = replace(training, checkpoint=tmp_path)
    torch.manual_seed(77)
    with pytest.raises(StoppedError):
        tl.fit(net(dropout=0.3), joined(rows), rows, kept, stop)
    torch.manual_seed(78)
    found = tl.fit(net(dropout=0.3), joined(rows), rows, kept)
    assert same(found.student, calm.student)
    assert all(torch.equal(found.best[name], calm.best[name]) for name in calm.best)
    on_cpu = tl.fit(net(dropout=0.3), joined(rows), rows, replace(kept, device="cpu"))
    assert same(on_cpu.student, calm.student.cpu())


class Warm(nn.Module):
    """KL to a student whose scores are stretched by a factor that learns beside it."""

    name = "warm"
    source = "you2017"
    answers = "classes"
    linear = True
    closed = False
    needs = frozenset({"trainable"})
    temperature = 2.0

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))

    def statistic(self, answer: Any, temperature: float, context: Any) -> Tensor:
        return answer.probs(temperature)

    def energy(self, phi: Tensor, temperature: float) -> Tensor:
        return KL().energy(phi, temperature)

    def loss(self, student: Any, phi: Tensor, coverage: Tensor, temperature: float, context: Any) -> Tensor:
        return KL().loss(replace(student, scores=student.scores * self.factor), phi, coverage, temperature, context)


class Pool(nn.Module):
    """The teachers' scores added up with shares that learn."""

    name = "pool"
    needs = frozenset({"trainable"})
    invariants = frozenset[str]()
    gives = "target"
    source = "you2017"

    def __init__(self) -> None:
        super().__init__()
        self.trust = nn.Parameter(torch.zeros(2))

    def forward(self, signals: Any, context: Any) -> Target:
        shares = torch.softmax(self.trust, 0).view(2, 1, 1)
        return Target(Classes.of((shares * signals.scores).sum(0), "logits"))


@pytest.mark.parametrize("part", ["term", "fusion"])
def test_parts_that_learn_beside_the_student_go_with_it(part: str) -> None:
    rows, fitted = table(), list[Any]()
    for device in ("cpu", "cuda"):
        warm, pool = Warm(), Pool()
        plain = joined(rows)
        target = (
            replace(plain, objective=Objective((warm,), soft=0.7)) if part == "term" else replace(plain, fusion=pool)
        )
        fitted.append((tl.fit(net(), target, rows, replace(QUICK, device=device)), target))
    (one, here), (other, there) = fitted
    close(here.trainable, there.trainable)
    assert all(p.is_cuda for p in there.trainable.parameters())
    (moved,) = there.trainable.parameters()
    assert not torch.equal(moved.cpu(), torch.ones(()) if part == "term" else torch.zeros(2))
    close(one.student, other.student)


def test_distill_keeps_a_run_that_the_cpu_opens_and_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once: Any = lambda one, many, rows: Cost(1.0, 2.0, 3.0)  # noqa: E731
    monkeypatch.setattr("tutelage.train.evaluate.cost", once)
    monkeypatch.setattr("tutelage.compress.export.cost", once)
    monkeypatch.setattr("tutelage.train.summary.BOOTSTRAP_DRAWS", 5)
    monkeypatch.setattr(Report, "save", lambda self, path: path)
    rows, reports = picture_rows(), list[Report]()
    for device in ("cpu", "cuda"):
        reports.append(
            tl.distill(
                conv,
                rows,
                [conv_teacher(seed, device) for seed in (1, 2)],
                fusion=GeometricMean(),
                training=replace(QUICK, device=device),
                seeds=[0],
                run=tmp_path / device,
                baselines={},
            )
        )
    for one, other in zip(reports[0].contenders, reports[1].contenders, strict=True):
        assert one.name == other.name
        assert np.isfinite([v for values in other.metrics.values() for v in np.ravel(values)]).all()
        assert other.metrics["cross_entropy"] == pytest.approx(one.metrics["cross_entropy"], rel=0.05), one.name
    run = tl.load(tmp_path / "cuda")
    assert {p.device.type for p in run.student.parameters()} == {"cpu"}
    columns, _, _ = run.check_rows()
    said = run.answer(columns)
    assert said.scores.device.type == "cpu"
    torch.testing.assert_close(said.probs(), tl.load(tmp_path / "cpu").answer(columns).probs(), rtol=0.05, atol=0.05)
    assert run.ensemble.answer(rows.columns).scores.device.type == "cpu"
    shipped = export_run(run, columns, tmp_path / "shipped", to="pt2")
    assert [one.name for one in shipped] == ["torch", "pt2"]
    assert shipped[1].largest_change == 0.0
