"""The same training epoch in other libraries, against the student trained on labels alone by hand.

A conv net of 24,000 parameters learns 4,096 images of 16 x 16 pixels in batches of 128 from three residual nets.
TextBrewer (`MultiTeacherDistiller`) and torchdistill (`DistillationBox`) get the cheapest setting that they offer:
one term on the mean logits of the teachers, a DataLoader without workers, no gradient clipping, no learning-rate
schedule, no progress bars, no TensorBoard, no checkpoints. By hand, three teachers online make three terms; ours
fuses probabilities. What cannot be switched off:

- TextBrewer fetches each loss with `.item()` at each step. Its logit cache holds whole batches, inputs too: they are
  the same in each epoch, in another order.
- torchdistill knows one teacher, so it gets a module that answers with the mean logits; the loop around its box is
  ours, without the logging of its example scripts. Its cache is one file for each image, read again in each epoch;
  it was removed in 1.1.5, therefore 1.1.4. It imports torchvision for its model zoo, which the epoch does not use:
  empty modules stand in during that import, and are taken away before anything trains.

The caches are filled before the rounds. Each peer first has to show, in the process that is measured, that two
epochs move all weights and lower the loss, computed by hand on all images. Peers get an environment of their own:

    python -m venv peers
    peers/bin/pip install -e . tqdm tensorboard pillow pyyaml
    peers/bin/pip install --no-deps textbrewer==0.2.1.post1 torchdistill==1.1.4
    peers/bin/python benchmarks/peers.py [--rounds 15] [--images 4096]

A peer that is not installed is left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import harness
import torch
from claims import ratio, show
from conv import BATCH, rows_of_images, tiny
from peer_loops import MeanLogits, textbrewer, torchdistill
from stored import RATE, SOFT, TEMPERATURE, conv_teachers, labels, online, stored
from torch import nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax
from torch.utils.data import DataLoader, TensorDataset

FLOOR = "labels alone by hand"
NEEDED = {"textbrewer": "0.2.1.post1", "torchdistill": "1.1.4"}

Peer = Callable[[nn.Module, TensorDataset, Path], harness.Work]
"""Makes the epoch of a peer out of a student, the images with their labels, and a folder of its own."""


def images_of(number: int) -> TensorDataset:
    rows = rows_of_images(number)
    return TensorDataset(torch.from_numpy(rows.columns["image"]), torch.from_numpy(rows.target))


def by_loader(images: int) -> harness.Work:
    """Labels alone by hand, with the batches of a DataLoader, which both peers ask for."""
    loader, student = DataLoader(images_of(images), BATCH, shuffle=True), tiny()
    optimizer = torch.optim.AdamW(student.parameters(), RATE)

    def epoch() -> None:
        for x, y in loader:
            optimizer.zero_grad()
            cross_entropy(student(x), y).backward()
            optimizer.step()

    return epoch


def shown_to_train(peer: Peer, images: int, folder: Path) -> harness.Work:
    """The epoch of a peer, after two of them (the first fills the cache) that trained the student."""
    data, student = images_of(images), tiny()
    before, weights = loss_by_hand(student, data), [weight.detach().clone() for weight in student.parameters()]
    epoch = peer(student, data, folder)
    epoch()
    epoch()
    after = loss_by_hand(student, data)
    moved = all(not torch.equal(old, new) for old, new in zip(weights, student.parameters(), strict=True))
    if not moved or after >= before:
        raise RuntimeError(f"{folder.name} does not train: loss {before:.4f}, then {after:.4f}; weights moved: {moved}")
    return epoch


@torch.no_grad()
def loss_by_hand(student: nn.Module, data: TensorDataset) -> float:
    """The loss that all peers lower, up to a constant."""
    x, y = data.tensors
    target = softmax(MeanLogits(conv_teachers())(x) / TEMPERATURE, -1)
    scores = student(x)
    soft = kl_div(log_softmax(scores / TEMPERATURE, -1), target, reduction="batchmean") * TEMPERATURE**2
    return float((1 - SOFT) * cross_entropy(scores, y) + SOFT * soft)


def installed(name: str) -> bool:
    try:
        found = version(name)
    except PackageNotFoundError:
        found = "nothing"
    if found != NEEDED[name]:
        print(f"{name} is left out: {NEEDED[name]} is needed, {found} is installed; see --help.\n", flush=True)
    return found == NEEDED[name]


def main() -> None:
    given = harness.arguments(__doc__, images=4096)
    images = 256 if given.smoke else given.images
    kinds: dict[str, harness.Setup] = {
        FLOOR: partial(labels, images),
        f"{FLOOR}, DataLoader": partial(by_loader, images),
        "ours from a store, plan 1": partial(stored, images, 3, 1),
        "by hand, teachers online": partial(online, images),
    }
    with tempfile.TemporaryDirectory() as place:
        for peer in (textbrewer, torchdistill):
            if not installed(peer.__name__):
                continue
            for cached, how in ((False, "teachers online"), (True, "its cache")):
                folder = Path(place, f"{peer.__name__}, {how}")
                kinds[folder.name] = partial(shown_to_train, partial(peer, cached=cached), images, folder)
        times = harness.measure(kinds, given.rounds, apart=not given.smoke)
    claims = [ratio(f"{name} / {FLOOR}", times[name], times[FLOOR]) for name in times if name != FLOOR]
    show(f"Peers: one epoch of {images} images, three conv teachers", claims, given)


if __name__ == "__main__":
    main()
