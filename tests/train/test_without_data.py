"""Distilling without data: gradients by three ways, a game that stays stable, questions, and what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tutelage as tl
from distilling import classes
from tutelage.core import Classes, InputError, Labels, Space, Step, Values
from tutelage.fusion import Confidence, Entropy, GeometricMean, Mean, RandomTeacher
from tutelage.nets import MLP, Generator, Noise, Range
from tutelage.tasks import Classification, Regression
from tutelage.teaching import Distillation, Objective, terms
from tutelage.train import Growth, distill_without_data
from tutelage.train.adversary import Adversary, Generated, batch_of

TASK = classes(3)
INPUTS = {"x": Range(-2.0, 2.0, (2,))}
QUICK = Growth(steps=3, batch=8, student_steps=2, noise=4, hidden=(8,))


class Waves(nn.Module):
    """Three smooth classes over a square."""

    def __init__(self, turn: float = 0.0) -> None:
        super().__init__()
        self.turn = turn

    def forward(self, x: Tensor) -> Tensor:
        one, other = x[:, 0], x[:, 1]
        return 4 * torch.stack([torch.sin(3 * one + self.turn), torch.cos(3 * other), one * other], 1)


def through(turn: float = 0.0, name: str = "net") -> tl.ModuleTeacher:
    return tl.ModuleTeacher(Waves(turn), reads="x", name=name, classes=TASK.classes, output="logits")


def closed(turn: float = 0.0, name: str = "box") -> tl.ModuleTeacher:
    """The same, behind a transform that no gradient passes."""
    return tl.ModuleTeacher(
        Waves(turn),
        reads="x",
        name=name,
        classes=TASK.classes,
        output="logits",
        transform=lambda columns: torch.from_numpy(np.array(columns["x"], dtype=np.float32)),
    )


def student(seed: int = 0) -> MLP:
    torch.manual_seed(seed)
    return MLP(2, 3, (32, 32))


def adversary(teachers: list[Any], growth: Growth, fusion: Any = None) -> Adversary:
    answers = tuple(Classes.of(torch.zeros(0, 3), "logits") for _ in teachers)
    nobody = Generated(tl.Signals(tuple(one.name for one in teachers), answers))
    target = Distillation(nobody, fusion or Mean(), Objective((terms.KL(2.0),), soft=1.0), TASK)
    return Adversary(teachers, target, Noise(INPUTS), growth, torch.Generator().manual_seed(0))


def slope(teachers: list[Any], fusion: Any = None, **options: Any) -> Tensor:
    growth = replace(QUICK, **options)
    unit = torch.rand(64, 2, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1
    return adversary(teachers, growth, fusion).slope(unit, student(), Step())[0]


@pytest.mark.parametrize("balance", [0.0, 2.0])
def test_the_exact_slope_is_what_moving_the_inputs_by_hand_shows(balance: float) -> None:
    """Against central differences of the mean score in double steps, balance of the classes included."""
    growth, pupil = replace(QUICK, gradient="exact", balance=balance), student()
    asked = adversary([through()], growth)
    unit = torch.rand(6, 2, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1
    found, _ = asked.slope(unit, pupil, Step())

    def score(moved: Tensor) -> float:
        columns = asked.maker.columns(moved)
        answer = TASK.answer(pupil, batch_of(columns, TASK))
        told = Waves()(columns["x"])
        apart = 4.0 * ((told / 2).softmax(1) * ((told / 2).log_softmax(1) - answer.log_probs(2.0))).sum()
        mean = told.softmax(1).mean(0)
        return float((apart - balance * len(moved) * (mean * mean.log()).sum()).detach())

    for row, entry in ((0, 0), (3, 1), (5, 0)):
        step = torch.zeros_like(unit)
        step[row, entry] = 3e-3
        by_hand = (score(unit + step) - score(unit - step)) / 6e-3
        assert float(found[row, entry]) == pytest.approx(by_hand, rel=0.05, abs=0.1)


@pytest.mark.parametrize("fusion", [Mean(), GeometricMean(), Entropy()])
def test_forward_differences_agree_with_the_exact_gradient(fusion: Any) -> None:
    """In as many directions as there are inputs; weights count as constants for one and move for the other."""
    both = [through(), through(0.5, "other")]
    exact = slope(both, fusion, gradient="exact")
    moved = slope(both, fusion, gradient="forward", directions=2, width=2e-3)
    near = 0.9 if fusion.name == "entropy" else 0.995
    assert float(nn.functional.cosine_similarity(exact.flatten(), moved.flatten(), dim=0)) > near


@pytest.mark.slow
def test_fewer_directions_are_right_on_average() -> None:
    exact = slope([through()], gradient="exact")
    asked = adversary([closed()], replace(QUICK, gradient="forward", directions=1, width=2e-3))
    unit = torch.rand(64, 2, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1
    mean = torch.stack([asked.slope(unit, student(), Step())[0] for _ in range(60)]).mean(0)
    assert float((mean - exact).norm() / exact.norm()) < 0.2


def test_auto_looks_through_whom_it_can_and_asks_the_others_more() -> None:
    mixed = [through(), closed(0.5)]
    exact = slope([through(), through(0.5, "box")], gradient="exact")
    found = slope(mixed, gradient="auto", directions=2, width=2e-3)
    assert float(nn.functional.cosine_similarity(exact.flatten(), found.flatten(), dim=0)) > 0.995
    asked = adversary(mixed, replace(QUICK, directions=2))
    asked.slope(torch.rand(8, 2), student(), Step())
    assert asked.questions == {"net": 8, "box": 8 * 3}


def test_the_student_alone_is_another_direction() -> None:
    exact, alone = slope([through()], gradient="exact"), slope([through()], gradient="student")
    assert float(nn.functional.cosine_similarity(exact.flatten(), alone.flatten(), dim=0)) < 0.9
    assert float(alone.abs().max()) > 0


def grown(form: Any, seed: int) -> tuple[tl.Grown, float]:
    pupil = student(seed)
    growth = Growth(steps=100, batch=64, noise=8, hidden=(32, 32), rate=3e-3, form=form)
    found = distill_without_data([through()], pupil, INPUTS, TASK, growth=growth, seed=seed)
    with torch.no_grad():
        everywhere = Noise(INPUTS).draw(2000, 9)["x"]
        same = pupil(everywhere).argmax(1) == Waves()(everywhere).argmax(1)
    return found, float(same.float().mean())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_the_naive_form_collapses_where_the_stable_one_does_not(seed: int) -> None:
    """Naive: all rows of a batch become the same input, the student follows, and forgets the rest of the square."""
    naive, lost = grown("naive", seed)
    stable, kept = grown("spectral", seed)
    assert min(one.spread for one in naive.history) < 0.03
    assert min(one.spread for one in stable.history) > 0.2
    assert kept > lost + 0.15


def test_the_generator_stays_within_its_ranges_and_no_matrix_stretches() -> None:
    inputs = {"a": Range(-1.0, [3.0, 5.0], (2,)), "b": Range(10.0, 20.0), "image": Range(0.0, 255.0, (1, 4, 4))}
    maker = Generator(inputs, noise=8, hidden=(16,), seed=3)
    drawn = maker.draw(500)
    assert {name: tuple(column.shape) for name, column in drawn.items()} == {
        "a": (500, 2),
        "b": (500,),
        "image": (500, 1, 4, 4),
    }
    assert float(drawn["a"].min()) >= -1.0
    assert float(drawn["a"][:, 0].max()) <= 3.0 < float(drawn["a"][:, 1].max()) <= 5.0
    assert 10.0 <= float(drawn["b"].min()) < float(drawn["b"].max()) <= 20.0
    for layer in maker.layers:
        if isinstance(layer, nn.Linear):
            assert float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) == pytest.approx(1.0, abs=0.05)
    again = Generator(inputs, noise=8, hidden=(16,), seed=3).draw(500)
    assert all(torch.equal(drawn[name], again[name]) for name in drawn)
    even = Noise(inputs).draw(4000)["image"]
    assert float(even.mean()) == pytest.approx(127.5, abs=3.0)
    assert not list(Noise(inputs).parameters())


def test_questions_are_counted_and_nothing_else_is_asked() -> None:
    asked: list[int] = []

    def rule(columns: Mapping[str, np.ndarray]) -> np.ndarray:
        asked.append(len(columns["x"]))
        return np.eye(3)[(columns["x"][:, 0] > 0).astype(int)] * 0.8 + 0.2 / 3

    box = tl.RuleTeacher(rule, reads="x", name="rule", classes=TASK.classes, batched=True)
    found = distill_without_data([through(), box], student(), INPUTS, TASK, growth=replace(QUICK, directions=2))
    ends = 2 * 512
    assert found.questions == {"net": 3 * (8 + 2 * 8) + ends, "rule": 3 * (8 * 3 + 2 * 8) + ends}
    assert sum(asked) == found.questions["rule"]
    assert "rule 1,144" in found.verdict
    assert len(found.history) == 3
    assert not found.student.training
    rows = tl.rows_of({"x": np.random.default_rng(0).uniform(-2, 2, (60, 2)).astype(np.float32)}, np.arange(60) % 3)
    assert 0.0 <= tl.evaluate_performance(found.student, rows).metrics["accuracy"] <= 1.0


def test_noise_learns_nothing_and_the_same_seed_gives_the_same_student() -> None:
    runs = [distill_without_data([through()], student(), INPUTS, TASK, growth=QUICK, seed=4) for _ in range(2)]
    pairs = zip(runs[0].student.parameters(), runs[1].student.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    even = distill_without_data([through()], student(), INPUTS, TASK, growth=QUICK, generator=Noise(INPUTS))
    assert even.questions == {"net": 3 * 2 * 8 + 2 * 512}
    assert all(np.isnan(one.apart) for one in even.history)


@pytest.mark.parametrize("fusion", [Entropy(), GeometricMean(), RandomTeacher()])
def test_fusions_that_look_at_answers_alone_work(fusion: Any) -> None:
    found = distill_without_data([through(), closed(0.5)], student(), INPUTS, TASK, fusion=fusion, growth=QUICK)
    assert all(np.isfinite(one.loss) and np.isfinite(one.apart) for one in found.history)


@pytest.mark.slow
def test_other_kinds_of_answers() -> None:
    net = nn.Linear(2, 2)
    labels = tl.ModuleTeacher(net, reads="x", space=Space(Labels, ("p", "q")), output="logits")
    many = distill_without_data([labels], nn.Linear(2, 2), INPUTS, labels.space, growth=QUICK)
    values = tl.ModuleTeacher(net, reads="x", space=Space(Values, ("u", "v")))
    task = Regression(("u", "v"), (0.0, 0.0), (1.0, 1.0))
    growth = replace(QUICK, steps=60, student_rate=3e-2)
    one = distill_without_data([values], nn.Linear(2, 2), INPUTS, task, growth=growth)
    assert one.agreement["even"] > 0.9
    assert 0.0 <= many.agreement["even"] <= 1.0
    with pytest.raises(InputError, match="centre and a spread"):
        distill_without_data([values], nn.Linear(2, 2), INPUTS, values.space, growth=QUICK)


def test_what_does_not_fit_is_named() -> None:
    def call(**options: Any) -> Any:
        given: dict[str, Any] = {"teachers": [through()], "student": student(), "inputs": INPUTS, "task": TASK}
        given |= {"growth": QUICK} | options
        return distill_without_data(**given)

    with pytest.raises(InputError, match=r"needs labels, which made inputs do not have"):
        call(fusion=Confidence())
    with pytest.raises(InputError, match=r"reads \['y'\], and the generator makes \['x'\]"):
        call(teachers=[tl.ModuleTeacher(Waves(), reads="y", name="stray", classes=TASK.classes)])
    with pytest.raises(InputError, match="no gradient: take gradient='auto'"):
        call(teachers=[closed()], growth=replace(QUICK, gradient="exact"))
    with pytest.raises(InputError, match=r"answered shape \(8, 4\), but 3 classes"):
        call(student=nn.Linear(2, 4))
    with pytest.raises(InputError, match="no parameters that learn"):
        call(student=nn.Linear(2, 3).requires_grad_(False))
    broken = nn.Linear(2, 3)
    nn.init.constant_(broken.bias, float("nan"))
    sick = tl.ModuleTeacher(broken, reads="x", name="sick", classes=TASK.classes, output="logits")
    with pytest.raises(InputError, match=r"'sick' answered NaN or infinity in 8 of 8 rows"):
        call(teachers=[sick])
    with pytest.raises(InputError, match=r"became NaN or infinite in round 1: lower rate"):
        call(objective=Objective((terms.KL(2.0),), (float("inf"),)))
    with pytest.raises(InputError, match="no teachers"):
        call(teachers=[])
    with pytest.raises(InputError, match=r"makes \['y'\], and the inputs are \['x'\]"):
        call(generator=Noise({"y": Range(0.0, 1.0)}))
    with pytest.raises(InputError, match="at least one column"):
        Noise({})


@pytest.mark.parametrize(
    ("low", "high", "shape", "what"),
    [
        (0.0, np.nan, (), "finite bounds"),
        (-np.inf, 0.0, (), "finite bounds"),
        (1.0, 1.0, (2,), "nothing lies between"),
        ([0.0, 3.0], [1.0, 2.0], (2,), "from low up to high"),
        ([0.0, 1.0], 2.0, (3,), r"has the column's shape \(3,\), got \(2,\)"),
        (0.0, 1.0, (0,), "at least one entry"),
    ],
)
def test_ranges_that_are_none(low: Any, high: Any, shape: tuple[int, ...], what: str) -> None:
    with pytest.raises(InputError, match=what):
        Range(low, high, shape)


def test_ranges_are_read_off_rows() -> None:
    found = tl.ranges_of({"x": np.array([[0, 5], [2, 5]], dtype=np.uint8), "y": np.array([1.5, 0.5])})
    drawn = Noise(found).draw(100)
    assert bool((drawn["x"][:, 1] == 5).all())
    assert 0.5 <= float(drawn["y"].min()) < float(drawn["y"].max()) <= 1.5
    with pytest.raises(InputError, match=r"column 'w'.*no range of numbers"):
        tl.ranges_of({"w": np.array(["a"])})
    with pytest.raises(InputError, match=r"column 'c'.*nothing lies between"):
        tl.ranges_of({"c": np.ones(4)})


@pytest.mark.parametrize(
    "options",
    [{"steps": 0}, {"batch": 1}, {"rate": 0.0}, {"balance": -1.0}, {"width": float("inf")}, {"directions": 0}],
)
def test_settings_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Growth(**options)


@pytest.mark.soak
def test_on_digits_it_beats_inputs_drawn_evenly() -> None:
    """No row of digits is shown to the student: three nets that saw 500 rows each teach it."""
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    names = tuple(str(digit) for digit in range(10))
    images, target = torch.from_numpy(data.images[:, None] / 16).float(), torch.from_numpy(data.target)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[:397], order[397:]

    def taught(seed: int) -> tl.ModuleTeacher:
        torch.manual_seed(seed)
        net, rows = MLP(64, 10), np.random.default_rng(seed).choice(train, 500, replace=False)
        optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
        for _ in range(200):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[rows]), target[rows]).backward()
            optimizer.step()
        return tl.ModuleTeacher(net, reads="image", name=f"net{seed}", classes=names)

    teachers, inputs, right = [taught(seed) for seed in range(3)], {"image": Range(0.0, 1.0, (1, 8, 8))}, []
    for generator in (None, Noise(inputs)):
        torch.manual_seed(0)
        pupil, task = MLP(64, 10, (64,)), Classification(names)
        distill_without_data(teachers, pupil, inputs, task, growth=Growth(steps=250), generator=generator)
        right.append(float((pupil(images[test]).argmax(1) == target[test]).float().mean()))
    assert right[0] > right[1] + 0.08
    assert right[0] > 0.75
