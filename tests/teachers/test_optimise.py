"""The teacher optimiser: same answers, another way; nothing of the user's is touched; stores are never mixed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tutelage as tl
from tutelage.core import Classes, InputError, Labels, Space, StoreError, Values
from tutelage.nets import ConvNet
from tutelage.store import Store
from tutelage.teachers import ModuleTeacher, aligned, optimise, optimised
from tutelage.teachers.folding import changed
from tutelage.teachers.optimise import Change
from tutelage.teaching import Distillation, Live, Objective, terms
from tutelage.teaching.teach import teach
from tutelage.train import OutOfFold, generate_predictions

NAMES = tuple("abcd")
IMAGES = np.random.default_rng(0).normal(size=(300, 3, 8, 8)).astype(np.float32)
COLUMNS = {"image": IMAGES}


class Block(nn.Module):
    """A residual block: only the convolutions that one norm alone reads can be folded."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.norm = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.two, self.other = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.two(torch.relu(self.norm(self.one(x))))
        return torch.relu(self.other(inner) + inner + x)


def warmed(module: Any, images: np.ndarray = IMAGES) -> Any:
    """BatchNorms that have seen something."""
    torch.manual_seed(1)
    module.train()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)
    for _ in range(5):
        module(torch.from_numpy(images[:64]))
    return module.eval()


def conv_net(outputs: int = 4) -> Any:
    torch.manual_seed(0)
    stem = [nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, outputs)]
    return warmed(nn.Sequential(*stem, Block(64), *head))


def teacher_of(module: nn.Module, **options: Any) -> ModuleTeacher:
    given: dict[str, Any] = {"classes": NAMES, "name": "net"} | options
    return ModuleTeacher(module, reads="image", **given)


@pytest.fixture(autouse=True)
def units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every machine tries bf16 here; without units for it it is slow, not wrong."""
    monkeypatch.setattr(optimise, "fast_bf16", lambda device: True)


def probs(answer: Any) -> Tensor:
    return answer.probs()


def test_three_steps_keep_the_answers_and_leave_the_module_alone() -> None:
    module = conv_net().train()
    module[3].eval()
    before, flags = copy.deepcopy(module.state_dict()), [part.training for part in module.modules()]
    plain = teacher_of(module)
    fast, done = optimised(plain, COLUMNS)
    assert done.steps == ("folded", "channels_last", "bf16")
    assert str(done).startswith("folded 2 BatchNorms, channels-last, bf16 (largest change of a probability ")
    moved = (probs(plain.answer(COLUMNS)) - probs(fast.answer(COLUMNS))).abs().max()
    assert 0 < moved < 0.02
    assert done.rows == 256
    assert [part.training for part in module.modules()] == flags
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    one, other = dict(plain.fingerprint), dict(fast.fingerprint)
    assert other.pop("numerics") == one.pop("numerics") + ":folded+channels_last+bf16"
    assert one == other
    assert fast.parameters == plain.parameters


def test_folding_alone_is_exact() -> None:
    module = conv_net()
    made, folded = changed(module, ("folded",))
    assert folded == 2  # the third norm's convolution is also added to its output
    with torch.no_grad():
        given = torch.from_numpy(IMAGES)
        assert torch.allclose(module(given), made(given), atol=1e-4)
    assert sum(isinstance(part, nn.BatchNorm2d) for part in made.modules()) == 1


def test_parts_are_searched_where_the_forward_cannot_be_traced() -> None:
    net = warmed(ConvNet(3, 4, (16, 32)))
    made, folded = changed(net, ("folded",))
    assert folded == 2
    given = torch.from_numpy(IMAGES)
    with torch.no_grad():
        assert torch.allclose(net(given), made(given), atol=1e-4)


@pytest.mark.parametrize("kind", ["twice", "hooked", "no statistics", "other channels"])
def test_what_cannot_be_folded_is_left(kind: str) -> None:
    conv, norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3, track_running_stats=kind != "no statistics")
    layers: list[nn.Module] = [conv, norm]
    if kind == "twice":
        layers = [conv, norm, conv, nn.BatchNorm2d(3)]
    elif kind == "hooked":
        conv.register_forward_hook(lambda *given: None)
    elif kind == "other channels":
        layers = [conv, nn.Flatten(2), nn.Linear(64, 5), nn.BatchNorm1d(3)]
    with pytest.raises(InputError, match="no BatchNorm follows"):
        changed(nn.Sequential(*layers), ("folded",))


def test_linear_and_one_dimensional_layers() -> None:
    body = nn.Sequential(nn.Flatten(), nn.Linear(192, 300), nn.BatchNorm1d(300), nn.ReLU(), nn.Linear(300, 4))
    fast, done = optimised(teacher_of(warmed(body)), COLUMNS)
    assert done.steps == ("folded", "bf16")
    assert str(done).endswith("not channels-last: no convolution of images")
    assert isinstance(fast.answer(COLUMNS), Classes)


def test_a_step_that_changes_too_much_is_undone() -> None:
    module = conv_net()
    with torch.no_grad():
        module[-1].weight.mul_(300)
        module[-1].bias.sub_(module(torch.from_numpy(IMAGES)).mean(0))
    _, done = optimised(teacher_of(module), COLUMNS)
    assert done.steps == ("folded", "channels_last")
    assert "not bf16: answers change by up to" in str(done)
    _, none = optimised(teacher_of(conv_net()), COLUMNS, bound=Change(0.0, 0.0))
    assert none.steps == ()
    assert none.change == Change()


def test_a_step_that_fails_is_undone() -> None:
    class Viewed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.other, self.head = nn.Conv2d(3, 64, 3), nn.Conv2d(64, 96, 3), nn.Linear(96 * 16, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.other(self.conv(x)).view(len(x), -1))

    _, done = optimised(teacher_of(Viewed()), COLUMNS)
    assert done.steps == ("bf16",)
    assert "view" in done.skipped["channels_last"]
    assert "no BatchNorm" in done.skipped["folded"]


def test_machines_without_units_for_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimise, "fast_bf16", lambda device: False)
    _, done = optimised(teacher_of(conv_net()), COLUMNS)
    assert done.skipped == {"bf16": "this cpu has no fast bf16"}
    _, double = optimised(teacher_of(conv_net().double()), COLUMNS)
    assert double.skipped == {"bf16": "its weights are float64"}


def test_who_is_left_alone() -> None:
    module = conv_net()
    for options in ({"optimise": False}, {"frozen": False}, {"deterministic": False}):
        teacher = teacher_of(module, **options)
        same, done = optimised(teacher, COLUMNS)
        assert same is teacher
        assert done.why in ("optimise=False", "it may still change")
    small = teacher_of(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)))
    assert optimised(small, COLUMNS)[1].why == "772 parameters, too small to gain"
    rule = tl.RuleTeacher(lambda row: "a", reads="image", classes=NAMES, name="rule")
    assert str(optimised(rule, COLUMNS)[1]) == "asked as it is: no torch module"
    broken, done = optimised(teacher_of(module, classes="ab"), COLUMNS)
    assert "it failed" in done.why
    assert not getattr(broken, "steps", ())


@pytest.mark.parametrize("steps", [(), ("folded",)])
def test_modules_are_asked_without_gradient(steps: Any) -> None:
    class Watched(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            assert not torch.is_grad_enabled()
            assert torch.is_inference_mode_enabled() == bool(steps)
            return super().forward(input)

    answer = teacher_of(Watched(conv_net())).run_as(steps).answer(COLUMNS)
    assert not any(tensor.is_inference() for tensor in answer.to_arrays().values())


def test_answers_take_part_in_a_loss() -> None:
    fast, _ = optimised(teacher_of(conv_net()), COLUMNS)
    assert not any(
        tensor.is_inference() or tensor.requires_grad for tensor in fast.answer(COLUMNS).to_arrays().values()
    )
    rows = tl.rows_of(COLUMNS, np.array(NAMES)[np.arange(300) % 4])
    student = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    for term in (terms.KL(2.0), terms.LogitMSE(), terms.DIST(), terms.DKD()):
        live = Distillation(
            Live((fast,), COLUMNS), tl.fusion.Mean(), Objective((term,), soft=0.5), tl.Classification(NAMES)
        )
        live.loss(student, rows.batch(rows.train[:32])).total.backward()


def test_labels_and_values() -> None:
    labels, done = optimised(teacher_of(conv_net(), classes=None, space=Space(Labels, NAMES)), COLUMNS)
    assert isinstance(labels.answer(COLUMNS), Labels)
    assert done.steps == ("folded", "channels_last", "bf16")
    values, told = optimised(teacher_of(conv_net(), classes=None, space=Space(Values, NAMES)), COLUMNS)
    assert isinstance(values.answer(COLUMNS), Values)
    assert "folded 2 BatchNorms, channels-last" in str(told)
    if "bf16" in told.steps:
        assert "largest change in standard deviations" in str(told)
    one, other = (
        t.answer(COLUMNS).to_arrays()["mean"]
        for t in (teacher_of(conv_net(), classes=None, space=values.space), values)
    )
    assert ((one - other).abs() / one.std(0)).max() < 0.03


def test_what_lies_inside_other_teachers() -> None:
    fold = np.arange(300) % 2
    models = tuple(teacher_of(conv_net(), name=f"m{i}") for i in range(2))
    whole = aligned(OutOfFold("folds", models, fold), Space(Classes, NAMES[::-1]))
    fast, done = optimised(whole, COLUMNS)
    assert done.folded == 4
    assert type(fast) is type(whole)
    assert fast.name == "folds"
    assert fast.fingerprint != whole.fingerprint
    row = np.arange(20)
    one, other = (t.answer_rows({"image": IMAGES[row]}, row).probs() for t in (whole, fast))  # type: ignore[attr-defined]
    assert torch.allclose(one, other, atol=0.02)


def rows_with(count: int = 300) -> Any:
    return tl.rows_of({"image": IMAGES[:count]}, np.array(NAMES)[np.arange(count) % 4])


def test_a_store_is_taught_in_one_way_only(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, told = rows_with(), []
    folds = OutOfFold("net", (teacher_of(conv_net(), name="m"),), np.full(300, -1))
    for number, teacher in enumerate((teacher_of(conv_net()), folds)):
        store = Store(tmp_path / str(number))
        first = generate_predictions([teacher], rows, store, ran=told.append)
        assert told[-1].steps == ("folded", "channels_last", "bf16")
        with monkeypatch.context() as other_machine:
            other_machine.setattr(optimise, "fast_bf16", lambda device: False)
            again = generate_predictions([teacher], rows, store, ran=told.append)
            assert told[-1].steps == ("folded", "channels_last", "bf16")
        row = torch.from_numpy(rows.taught)
        assert torch.equal(
            first.gather(row, row * 0).answers[0].to_arrays()["scores"],
            again.gather(row, row * 0).answers[0].to_arrays()["scores"],
        )
        with pytest.raises(StoreError, match="net' has changed"):
            generate_predictions([teacher], rows, store, optimise=False)


def test_a_store_that_was_taught_plainly_stays_plain(tmp_path: Any) -> None:
    rows, store, told = rows_with(), Store(tmp_path), []
    teach([teacher_of(conv_net())], rows.columns, rows.taught[:50], store)
    generate_predictions([teacher_of(conv_net())], rows, store, ran=told.append)
    assert str(told[0]) == "asked as it is: so it was when it was stored"
    with pytest.raises(StoreError, match="weights"):
        generate_predictions([teacher_of(conv_net().apply(_moved))], rows, store)


def _moved(part: nn.Module) -> None:
    if isinstance(part, nn.Linear):
        nn.init.ones_(part.bias)


def test_a_run_says_how_its_teachers_were_run(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from tutelage.cli import show

    report = tl.distill(
        lambda: ConvNet(3, 4, (4,)),
        rows_with(),
        [teacher_of(conv_net(), seen=[])],
        training=tl.Training(1),
        seeds=(0,),
        run=tmp_path / "run",
        baselines={},
    )
    ran = tl.load(tmp_path / "run").record["ran"]["net"]
    assert ran["steps"] == ["folded", "channels_last", "bf16"]
    assert any(ran["words"] in note for note in report.notes)
    show.results(report, tmp_path / "run")
    assert ran["words"] in capsys.readouterr().out
