"""Nets that write down what they hear: trained on strings by CTC, and taught moment by moment.

Every moment of every string counts as a row: what teachers say of it is an answer `Classes` over the symbols, so that
every fusion and every term that knows classes works on moments. Row `n * moments + t` is moment t of string n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ..core import Batch, Classes, Context, Fusion, InputError, Signals, Space, Step, Values
from ..data import Rows, Sealed
from ..data.quarantine import write_whole
from ..fusion.answers import answer_of
from ..ops.ctc import BLANK, best_path, ctc_losses
from ..store.fingerprint import digest
from ..tasks import Classification
from ..teaching import Distillation, Loss, Objective
from ..teaching.fusing import fuse
from ..teaching.objective import Part, assemble
from ..teaching.sources import Memory
from .loop import Work, trained
from .settings import Plateau, Training, device_of

HEARD = "frames"


@dataclass(frozen=True)
class Strings:
    """Sequences of frames and what is said in them.

    Attributes:
        frames: float32 [N, time, features].
        target: symbols, int64 [N, longest], from 1, filled up with 0.
        known: whether the string is known to who learns, bool [N].
        symbols: their names; the first is that of nothing.
    """

    frames: np.ndarray
    target: np.ndarray
    known: np.ndarray
    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.frames) == len(self.target) == len(self.known):
            sizes = len(self.frames), len(self.target), len(self.known)
            raise InputError(f"frames, target and known are of different lengths {sizes}: give one of each per string")
        if self.known.dtype != bool or self.target.dtype != np.int64 or self.frames.dtype != np.float32:
            kinds = self.frames.dtype, self.target.dtype, self.known.dtype
            raise InputError(f"frames, target and known are float32, int64 and bool, got {', '.join(map(str, kinds))}")
        strange = self.target[(self.target < 0) | (self.target >= len(self.symbols))]
        if len(strange):
            raise InputError(f"symbols are numbers from 0 to {len(self.symbols) - 1}, got {strange[0]}")
        if ((self.target[:, 1:] != BLANK) & (self.target[:, :-1] == BLANK)).any():
            raise InputError(f"{BLANK} only fills a string up: it stands before a symbol in some")
        if len(set(self.symbols)) < len(self.symbols):
            raise InputError(f"symbols have different names, got {self.symbols}")

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, rows: np.ndarray) -> Strings:
        """These rows."""
        return replace(self, frames=self.frames[rows], target=self.target[rows], known=self.known[rows])

    def words(self, row: int) -> list[str]:
        """The string of a row."""
        return [self.symbols[symbol] for symbol in self.target[row] if symbol != BLANK]


def fit_transcriber(
    net: nn.Module,
    strings: Strings,
    training: Training,
    *,
    teachers: Mapping[str, Tensor] | None = None,
    fusion: Fusion | None = None,
    objective: Objective | None = None,
    kept: Path | None = None,
) -> nn.Module:
    """Trains a net in place: on known strings by CTC, and moment by moment on what teachers say.

    The loss is (1 - soft) times the CTC loss per symbol of the known strings plus soft times the terms of the
    objective over all moments of all strings.

    Args:
        net: frames [B, time, features] to scores of the symbols [B, moments, C].
        strings: what it learns from.
        training: settings; nothing is watched, and a training is not continued in its middle.
        teachers: by name, log-probabilities or logits of the symbols, [N, moments, C].
        fusion: how the teachers are combined.
        objective: what is compared.
        kept: folder for trained nets, under the fingerprint of all that they were made of; one that lies there is read
            and not trained again.

    Returns:
        the net, in evaluation mode.

    Raises:
        InputError: settings that watch something, keep a checkpoint, release parts or compile; no string is known and
            nobody teaches; teachers without fusion and objective; or scores of other symbols or at other moments
            than the strings and the teachers have.
    """
    _check_settings(training)
    if teachers is None and not strings.known.any():
        raise InputError("no string is known and nobody teaches: there is nothing to learn from")
    target, known = torch.from_numpy(strings.target), torch.from_numpy(strings.known)
    device = device_of(training.device)
    taught = None
    if teachers is not None:
        if fusion is None or objective is None:
            raise InputError("teachers need a fusion and an objective: give Mean() and Objective((KL(1.0),))")
        taught = _moments(teachers, strings, fusion, objective)
    file = None
    if kept is not None:
        file = kept / f"{_made_of(net, strings, training, teachers or {}, fusion, objective)}.safetensors"
        if file.exists():
            net.load_state_dict(load_file(file))
            return net.eval()
    weight = torch.ones(1) if teachers is None else spoken_share(teachers)

    def loss(batch: Batch, at: Step) -> Loss:
        scores = net(*batch.inputs.values()).float()
        _check_moments(scores, strings, {} if teachers is None else teachers)
        row = batch.row.cpu()
        losses = ctc_losses(scores.log_softmax(-1), target[row].to(scores.device))
        counted = known[row].to(losses)
        share = 0.0 if taught is None else taught.objective.share(at)
        part = Part((losses * counted).sum(), counted.sum(), 1.0 - share)
        if taught is None:
            return assemble({"ctc": part})
        moments = scores.shape[1]
        rows = (row.unsqueeze(1) * moments + torch.arange(moments)).flatten().to(scores.device)
        nothing = torch.zeros(len(rows), dtype=torch.int64, device=scores.device)
        trust = weight[row].flatten().to(scores.device)
        beside = Batch.of({}, nothing, row=rows, labelled=nothing.bool(), weight=trust)
        return taught.loss_of(Classes.of(scores.flatten(0, 1), "logits"), beside, at, extra={"ctc": part})

    work = Work(net.to(device), net, loss, lambda record: record)
    trained(work, training.optimizer(net), {}, _rows(strings), training, device, None)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, save({name: each.cpu().contiguous() for name, each in net.state_dict().items()}))
    return net.eval()


def _made_of(
    net: nn.Module,
    strings: Strings,
    training: Training,
    teachers: Mapping[str, Tensor],
    fusion: Fusion | None,
    objective: Objective | None,
) -> str:
    arrays = (strings.frames, strings.target, strings.known)
    tensors = [*net.state_dict().items(), *teachers.items()]
    return digest(
        repr((type(net).__qualname__, str(net), training, fusion, objective, strings.symbols, torch.__version__)),
        *(np.ascontiguousarray(one).tobytes() for one in arrays),
        *(part for name, one in tensors for part in (name, one.detach().cpu().contiguous().numpy().tobytes())),
    )


def _check_settings(training: Training) -> None:
    unknown = [
        name
        for name, asked in {
            "patience": training.patience is not None,
            "lr=Plateau": isinstance(training.lr, Plateau),
            "checkpoint": training.checkpoint is not None,
            "release": bool(training.release),
            "compile": training.compile,
        }.items()
        if asked
    ]
    if unknown:
        raise InputError(f"fit_transcriber trains to the end in one go: leave out {', '.join(unknown)}")


def _check_moments(scores: Tensor, strings: Strings, teachers: Mapping[str, Tensor]) -> None:
    count = len(strings.symbols)
    if scores.dim() != 3 or scores.shape[2] != count:
        raise InputError(
            f"the net answers {list(scores.shape)}, but strings of {count} symbols need [strings, moments, {count}]"
        )
    for name, said in teachers.items():
        if said.shape[1:] != scores.shape[1:]:
            raise InputError(
                f"teacher {name!r} says {list(said.shape[1:])} numbers of a string (moments, symbols), the net "
                f"{list(scores.shape[1:])}: they must halve the time as often, and know the same symbols"
            )


def spoken_share(teachers: Mapping[str, Tensor], least: float = 0.1) -> Tensor:
    """How much each moment counts: the mean probability of the teachers that it holds a symbol, and `least` more.

    Nets trained by CTC say "nothing" almost everywhere, and a student that is taught all moments alike learns to say
    nothing at all.

    Returns:
        [N, moments].
    """
    return least + torch.stack([1.0 - one.softmax(-1)[..., BLANK] for one in teachers.values()]).mean(0)


def _rows(strings: Strings) -> Rows:
    """A table for the loop; what is said stays outside."""
    none, every = np.zeros((len(strings), 1), dtype=np.float32), np.arange(len(strings))
    space = Space(Values, ("string",))
    return Rows({HEARD: strings.frames}, (HEARD,), none, space, none[:, 0] > 0, every, every[:0], Sealed(every[:0]))


def _moments(teachers: Mapping[str, Tensor], strings: Strings, fusion: Fusion, objective: Objective) -> Distillation:
    signals = _signals(teachers)
    found = Distillation(Memory(signals), fusion, objective, Classification(strings.symbols))
    count = len(signals)
    nothing = torch.zeros(count, dtype=torch.int64)
    return found.prepared([Batch.of({}, nothing, row=torch.arange(count), labelled=nothing.bool())])


def _signals(teachers: Mapping[str, Tensor]) -> Signals:
    return Signals(tuple(teachers), tuple(Classes.of(one.flatten(0, 1), "logits") for one in teachers.values()))


def fused_moments(teachers: Mapping[str, Tensor], fusion: Fusion) -> Tensor:
    """What teachers say together at each moment: log-probabilities [N, moments, C].

    Args:
        teachers: by name, scores of the symbols [N, moments, C].
        fusion: one that needs neither labels nor a student.
    """
    first = next(iter(teachers.values()))
    stacked = _signals(teachers).stacked()
    nothing = torch.zeros(len(stacked), dtype=torch.int64)
    context = Context(Step(), 1.0, torch.arange(len(nothing)), nothing, nothing.bool())
    found = answer_of(fuse(fusion, stacked, context), stacked)
    return found.log_probs().reshape(first.shape)


@torch.inference_mode()
def heard(net: nn.Module, frames: np.ndarray, size: int = 128) -> Tensor:
    """Log-probabilities of the symbols at each moment, [N, moments, C], on the CPU; the net is left as it was.

    Raises:
        InputError: there are no frames.
    """
    if not len(frames):
        raise InputError("nothing to be heard: there are no strings")
    device, was = next(net.parameters()).device, net.training
    net.eval()
    parts = [net(torch.from_numpy(frames[a : a + size]).to(device)).float() for a in range(0, len(frames), size)]
    net.train(was)
    return torch.cat(parts).log_softmax(-1).cpu()


def written(log_probs: Tensor, symbols: Sequence[str]) -> list[tuple[list[str], list[float]]]:
    """The words of the best path of each string, with how sure of each, in [0, 1]."""
    return [([symbols[one] for one in string], sure) for string, sure in best_path(log_probs)]
