"""The training epoch in other libraries, in the cheapest setting that they offer: see `peers.py`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, redirect_stderr
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import torch
from conv import BATCH
from harness import Work
from stored import RATE, SOFT, TEMPERATURE, conv_teachers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

STANDS_IN = {
    "torchvision": (),
    "torchvision.datasets": (),
    "torchvision.models": (),
    "torchvision.models.detection": (),
    "torchvision.models.segmentation": (),
    "torchvision.models.densenet": ("_DenseBlock", "_Transition"),
    "torchvision.models.resnet": ("BasicBlock", "conv1x1"),
}
"""What torchdistill imports for its model zoo."""


class MeanLogits(nn.Module):
    """Several teachers as one."""

    def __init__(self, nets: list[nn.Module]) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([net(x) for net in self.nets]).mean(0)


class TakesLabels(nn.Module):
    """TextBrewer hands the whole batch to every net."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.net(x)


class Filled:
    """Stands for a DataLoader whose batches TextBrewer holds already: so many, and none to add."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def textbrewer(student: nn.Module, images: TensorDataset, folder: Path, *, cached: bool) -> Work:
    library = import_module("textbrewer")
    strength = {"kd_loss_weight": SOFT * TEMPERATURE**2, "hard_label_weight": 1 - SOFT}
    distiller = library.MultiTeacherDistiller(
        train_config=library.TrainingConfig(ckpt_frequency=0, log_dir=None, output_dir=str(folder), device="cpu"),
        distill_config=library.DistillationConfig(temperature=TEMPERATURE, is_caching_logits=cached, **strength),
        model_T=[TakesLabels(net) for net in conv_teachers()],
        model_S=TakesLabels(student),
        adaptor_T=lambda batch, scores: {"logits": scores},
        adaptor_S=lambda batch, scores: {"logits": scores, "losses": cross_entropy(scores, batch[1])},
    )
    optimizer, loader = torch.optim.AdamW(student.parameters(), RATE), DataLoader(images, BATCH, shuffle=True)
    calls = count()

    def epoch() -> None:
        given = Filled(len(loader)) if cached and next(calls) else loader
        with redirect_stderr(StringIO()), distiller:
            distiller.train(optimizer, given, num_epochs=1)

    return epoch


@contextmanager
def without_torchvision() -> Generator[None]:
    """Empty modules in the place of torchvision, as long as something that wants it is imported."""
    modules = {name: module_from_spec(ModuleSpec(name, None, is_package=True)) for name in STANDS_IN}
    for name, wanted in STANDS_IN.items():
        vars(modules[name]).update(dict.fromkeys(wanted, nn.Module))
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, modules[name])
    sys.modules |= modules
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]


def torchdistill(student: nn.Module, images: TensorDataset, folder: Path, *, cached: bool) -> Work:
    with without_torchvision():
        library = import_module("torchdistill.core.distillation")
        import_module("torchdistill.losses.mid_level")
    logging.getLogger("torchdistill").setLevel(logging.WARNING)
    loader = {"dataset_id": "images", "sampler": {"class_or_func": RandomSampler}, "kwargs": {"batch_size": BATCH}}
    reads = {"student_module_path": ".", "teacher_module_path": "."}
    reads |= {"student_module_io": "output", "teacher_module_io": "output"}
    term = {"key": "KDLoss", "kwargs": {"temperature": TEMPERATURE, "alpha": 1 - SOFT, **reads}}
    config = {
        "num_epochs": 1,
        "train_data_loader": loader | ({"cache_output": str(folder)} if cached else {}),
        "teacher": {"forward_proc": "forward_batch_only", "requires_grad": False},
        "student": {"forward_proc": "forward_batch_only"},
        "criterion": {"key": "WeightedSumLoss", "kwargs": {"sub_terms": {"kd": {"criterion": term, "weight": 1.0}}}},
        "optimizer": {"key": "AdamW", "kwargs": {"lr": RATE}},
    }
    teacher, device = MeanLogits(conv_teachers()).eval(), torch.device("cpu")
    box = library.DistillationBox(teacher, student, {"images": images}, config, device, None, False, 1)

    def epoch() -> None:
        box.pre_epoch_process(epoch=0)
        for x, y, more in box.train_data_loader:
            box.pre_forward_process()
            box.post_forward_process(loss=box.forward_process(x, y, more))
        box.post_epoch_process()

    return epoch
