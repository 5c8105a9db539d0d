"""Torch modules and torch.export files: output forms, double softmax, flags, batches, hostile files."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tutelage.core import Classes, InputError, Labels, Space, Values
from tutelage.teachers import ExportedTeacher, ModuleTeacher

LINEAR = nn.Linear(64, 10)


class Wrapped(nn.Module):
    """Returns what a function makes of the logits."""

    def __init__(self, form: Any, width: int = 10) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(64, width)
        self.form = form

    def forward(self, pixels: torch.Tensor) -> Any:
        return self.form(self.linear(pixels))


def test_accuracy_batches_and_flags(digits: Any, net: Any) -> None:
    net.train()
    net.body[1].eval()
    flags = [part.training for part in net.modules()]
    teacher = ModuleTeacher(net, reads="image", classes=range(10), batch_size=7)
    shown = digits.part(digits.test)
    answer: Any = teacher.answer(shown)
    assert [part.training for part in net.modules()] == flags
    net.train()
    assert isinstance(answer, Classes)
    assert (answer.scores.argmax(1).numpy() == digits.target[digits.test]).mean() > 0.9
    once: Any = ModuleTeacher(net, reads="image", classes=range(10), batch_size=10_000).answer(shown)
    assert torch.allclose(answer.scores, once.scores, atol=1e-5)
    assert teacher.parameters == sum(p.numel() for p in net.parameters())
    assert teacher.output_found == "logits (found out: rows do not sum to 1)"


def test_memory_is_bounded_by_the_batch_size(digits: Any) -> None:
    sizes: list[int] = []

    def form(logits: torch.Tensor) -> torch.Tensor:
        sizes.append(len(logits))
        return logits

    ModuleTeacher(Wrapped(form), reads="pixels", batch_size=16).answer(digits.shown)
    assert sizes == [16, 16, 8]


@pytest.mark.parametrize(
    "form",
    [
        lambda z: (z, "hidden"),
        lambda z: [z],
        lambda z: {"logits": z, "loss": None},
        lambda z: SimpleNamespace(logits=z),
    ],
)
def test_forms_of_output(digits: Any, form: Any) -> None:
    plain = ModuleTeacher(Wrapped(lambda z: z), reads="pixels").answer(digits.shown)
    answer = ModuleTeacher(Wrapped(form), reads="pixels").answer(digits.shown)
    assert torch.equal(plain.to_arrays()["scores"], answer.to_arrays()["scores"])


@pytest.mark.parametrize("form", [lambda z: "logits", lambda z: {"scores": z}, lambda z: (), lambda z: None])
def test_strange_output_is_named(digits: Any, form: Any) -> None:
    with pytest.raises(InputError, match=r"returned a .*return a tensor"):
        ModuleTeacher(Wrapped(form), reads="pixels").answer(digits.shown)


def test_several_inputs_and_transforms(digits: Any) -> None:
    class Two(nn.Module):
        def forward(self, pixels: torch.Tensor, ink: torch.Tensor) -> torch.Tensor:
            return pixels[:, :10] * ink[:, None]

    shown = digits.shown
    expected = torch.from_numpy(shown["pixels"][:, :10] * shown["ink"][:, None])
    plain = ModuleTeacher(Two(), reads=("pixels", "ink"), output="logits").answer(shown)
    assert isinstance(plain, Classes)
    assert torch.allclose(plain.scores, expected)
    named = ModuleTeacher(
        Two(),
        reads=("pixels", "ink"),
        output="logits",
        transform=lambda c: {"ink": torch.from_numpy(c["ink"]), "pixels": torch.from_numpy(c["pixels"])},
    ).answer(shown)
    assert isinstance(named, Classes)
    assert torch.allclose(named.scores, expected)


def test_text_needs_a_transform(digits: Any) -> None:
    with pytest.raises(InputError, match=r"'unread'.*transform="):
        ModuleTeacher(LINEAR, reads="unread").answer(digits.shown)
    with pytest.raises(InputError, match=r"reads columns \['nothing'\]"):
        ModuleTeacher(LINEAR, reads="nothing").answer(digits.shown)


def test_probabilities_are_found_out_once(digits: Any) -> None:
    teacher = ModuleTeacher(Wrapped(lambda z: z.softmax(-1)), reads="pixels")
    answer = teacher.answer(digits.shown)
    assert teacher.output_found == "probabilities (found out: rows sum to 1)"
    logits = ModuleTeacher(Wrapped(lambda z: z), reads="pixels").answer(digits.shown)
    assert torch.allclose(answer.probs(), logits.probs(), atol=1e-5)  # type: ignore[attr-defined]
    log_probs = ModuleTeacher(Wrapped(lambda z: z.log_softmax(-1)), reads="pixels")
    assert torch.allclose(log_probs.answer(digits.shown).probs(), logits.probs(), atol=1e-5)  # type: ignore[attr-defined]
    assert log_probs.output_found.startswith("log-probabilities")


def test_output_may_not_flip_between_batches(digits: Any) -> None:
    module = Wrapped(lambda z: z.softmax(-1))
    teacher = ModuleTeacher(module, reads="pixels")
    teacher.answer(digits.shown)
    module.form = lambda z: z
    with pytest.raises(InputError, match="found out on the first rows"):
        teacher.answer(digits.shown)


@pytest.mark.parametrize(
    ("declared", "form", "message"),
    [
        ("logits", lambda z: z.softmax(-1), "these look like probabilities .* declare output='probs'"),
        ("probs", lambda z: z, "outside \\[0, 1\\]"),
        ("probs", lambda z: z.sigmoid() / 2, "a row sums to [0-9.]+, not to 1"),
        ("log_probs", lambda z: z, "sum to [0-9.e+]+, not to 1; declare output='logits'"),
    ],
)
def test_declarations_that_the_numbers_contradict(digits: Any, declared: Any, form: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModuleTeacher(Wrapped(form), reads="pixels", output=declared).answer(digits.shown)


def test_wrong_number_of_classes(digits: Any) -> None:
    with pytest.raises(InputError, match=r"\(40, 10\).*need \[rows, 3\]"):
        ModuleTeacher(LINEAR, reads="pixels", classes="abc").answer(digits.shown)
    with pytest.raises(InputError, match="its first axis must be the rows"):
        ModuleTeacher(Wrapped(lambda z: z.sum()), reads="pixels").answer(digits.shown)
    with pytest.raises(InputError, match="different, non-empty names"):
        ModuleTeacher(LINEAR, reads="pixels", classes=["a", "a"])


def test_nan_answers_are_named(digits: Any) -> None:
    def form(logits: torch.Tensor) -> torch.Tensor:
        logits[3] = torch.nan
        return logits

    answer = ModuleTeacher(Wrapped(form), reads="pixels").answer(digits.shown)
    with pytest.raises(InputError, match=r"NaN or infinity in 1 of 40 rows \(first positions \[3\]\)"):
        answer.check("teacher 'net'")


def test_one_column_for_two_classes(digits: Any) -> None:
    logit = ModuleTeacher(Wrapped(lambda z: z, 1), reads="pixels", classes=("no", "yes"), output="logits")
    prob = ModuleTeacher(Wrapped(lambda z: z.sigmoid()[:, 0], 1), reads="pixels", classes=("no", "yes"), output="probs")
    one, other = logit.answer(digits.shown), prob.answer(digits.shown)
    assert torch.allclose(one.probs(), other.probs(), atol=1e-5)  # type: ignore[attr-defined]
    unsure = ModuleTeacher(Wrapped(lambda z: z.sigmoid(), 1), reads="pixels", classes=("no", "yes"))
    with pytest.raises(InputError, match="declare output='probs' or output='logits'"):
        unsure.answer(digits.shown)


def test_labels_and_values(digits: Any) -> None:
    labels = ModuleTeacher(Wrapped(lambda z: z, 3), reads="pixels", space=Space(Labels, ("a", "b", "c")))
    assert isinstance(labels.answer(digits.shown), Labels)
    space = Space(Values, ("height",))
    values = ModuleTeacher(
        Wrapped(lambda z: {"mean": z[:, 0], "scale": z[:, 0].exp()}, 1), reads="pixels", space=space
    ).answer(digits.shown)
    assert isinstance(values, Values)
    assert values.scale is not None
    assert values.mean.shape == values.scale.shape == (40, 1)


def test_answers_are_plain_even_inside_inference_mode(digits: Any) -> None:
    with torch.inference_mode():
        answer = ModuleTeacher(LINEAR, reads="pixels").answer(digits.shown)
    assert not any(tensor.is_inference() for tensor in answer.to_arrays().values())


def test_fingerprint_follows_weights_settings_and_code(digits: Any) -> None:
    def scaled(factor: float) -> Any:
        return lambda columns: torch.from_numpy(columns["pixels"]) * factor

    def parts(**given: Any) -> dict[str, str]:
        torch.manual_seed(0)
        return dict(ModuleTeacher(nn.Linear(64, 10), reads="pixels", **given).fingerprint)

    base = parts(transform=scaled(1.0))
    assert base == parts(transform=scaled(1.0))
    assert base["transform"] != parts(transform=scaled(2.0))["transform"]
    assert base["output"] != parts(output="logits")["output"]
    assert base["names"] != parts(classes=range(10))["names"]
    other = ModuleTeacher(nn.Linear(64, 10), reads="pixels").fingerprint
    assert other["weights"] != base["weights"]
    one, two = (ModuleTeacher(nn.Sequential(LINEAR, nn.LeakyReLU(a)), reads="pixels") for a in (0.1, 0.2))
    assert one.fingerprint["architecture"] != two.fingerprint["architecture"]


def test_half_precision_weights_answer_in_float32(digits: Any) -> None:
    answer = ModuleTeacher(nn.Linear(64, 10).bfloat16(), reads="pixels").answer(digits.shown)
    assert answer.to_arrays()["scores"].dtype == torch.float32


def test_exported_agrees_with_its_module(digits: Any, net: nn.Module, exported: Path) -> None:
    module = ModuleTeacher(net, reads="image", classes=range(10))
    file = ExportedTeacher(exported, reads="image", classes=range(10), batch_size=9)
    for count in (0, 1, 2, 40):
        some = digits.part(digits.test[:count])
        one, two = module.answer(some), file.answer(some)
        assert torch.allclose(one.to_arrays()["scores"], two.to_arrays()["scores"], atol=1e-5)
    assert file.parameters == module.parameters
    assert file.name == "net"


def test_exported_for_a_fixed_number_of_rows(digits: Any, tmp_path: Path) -> None:
    path = tmp_path / "fixed.pt2"
    torch.export.save(torch.export.export(LINEAR, (torch.zeros(16, 64),)), path)
    answer = ExportedTeacher(path, reads="pixels").answer(digits.shown)
    expected = ModuleTeacher(LINEAR, reads="pixels").answer(digits.shown)
    assert torch.allclose(answer.to_arrays()["scores"], expected.to_arrays()["scores"], atol=1e-6)


def test_exported_says_what_does_not_fit(digits: Any, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot take inputs of shapes \[\(40, 64\)\]"):
        ExportedTeacher(exported, reads="pixels").answer(digits.shown)
    with pytest.raises(InputError, match="takes 1 inputs, but reads"):
        ExportedTeacher(exported, reads=("image", "ink")).answer(digits.shown)
    broken = tmp_path / "broken.pt2"
    broken.write_bytes(exported.read_bytes()[:2000])
    with pytest.raises(InputError, match="not a whole file"):
        ExportedTeacher(broken, reads="image").answer(digits.shown)
    with pytest.raises(InputError, match="is no file"):
        ExportedTeacher(tmp_path / "none.pt2", reads="image")


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (Path.touch, (self.trace,))


def _rewritten(source: Path, target: Path, changes: dict[str, bytes], added: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        root = old.namelist()[0].split("/")[0]
        for name in old.namelist():
            change = next((data for end, data in changes.items() if name.endswith(end)), None)
            new.writestr(name, old.read(name) if change is None else change)
        for name, data in added.items():
            new.writestr(f"{root}/{name}", data)
    return target


def _member(path: Path, end: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(end)))


@pytest.mark.parametrize("where", ["sample", "opaque", "expression", "call"])
def test_hostile_exported_files_run_nothing(digits: Any, exported: Path, tmp_path: Path, where: str) -> None:
    trace, target = tmp_path / "ran", tmp_path / "hostile.pt2"
    bomb = pickle.dumps(Bomb(trace))
    changes: dict[str, bytes] = {}
    added: dict[str, bytes] = {}
    if where == "sample":
        changes["data/sample_inputs/model.pt"] = bomb
    elif where == "opaque":
        added["data/constants/opaque_obj_0"] = bomb
    elif where == "call":
        description = _member(exported, "models/model.json").decode()
        changes["models/model.json"] = description.replace("torch.ops.aten.relu_.default", "torch.os.abort").encode()
    else:
        added["models/other.json"] = json.dumps({"expr_str": f"__import__('os').mkdir('{trace}')"}).encode()
    teacher = ExportedTeacher(_rewritten(exported, target, changes, added), reads="image")
    with pytest.raises(InputError, match=r"may run any code|cannot be loaded"):
        teacher.answer(digits.shown)
    assert not trace.exists()


def test_reading_order_of_columns_is_part_of_the_fingerprint() -> None:
    one = ModuleTeacher(LINEAR, reads=("a", "b")).fingerprint
    two = ModuleTeacher(LINEAR, reads=("b", "a")).fingerprint
    assert one["reads"] != two["reads"]


def test_columns_keep_their_values_under_inplace_layers() -> None:
    module = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 2))
    column = -np.ones((5, 3), dtype=np.float32)
    ModuleTeacher(module, reads="x").answer({"x": column})
    assert (column == -1).all()
