"""One seed of `distill_strings`: recognisers that write strings, and the students that they teach.

Recognisers are combined moment by moment, where they say how likely each symbol is at each moment, or string by
string: ROVER votes over what they wrote, and the student learns the winner by CTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from ..core import Fusion, InputError
from ..data.rows import batch_count
from ..fusion import Entropy, GeometricMean, Mean
from ..ops.rover import rover
from ..ops.words import Edits, edits
from ..teaching import Objective
from ..teaching.terms import KL
from ..train.entry import ALL_LABELS, CHOSEN, LABELS_ONLY, MEAN, SINGLE
from ..train.evaluate import Cost, cost
from ..train.settings import Training, fresh_student
from ..train.transcribing import Strings, fit_transcriber, fused_moments, heard, written

Written = list[tuple[list[str], list[float]]]
"""Words of each string, and how sure of each, in [0, 1]."""

WER, WHOLE = "word error rate", "strings wrong"
VOTE, BY_MOMENT = "ensemble: ROVER over strings", "ensemble: mean of moments"
NETS = "nets"
"""Where a run keeps the nets that it trained."""
FROM_STRINGS = "student: strings of ROVER"
FUSIONS: dict[str, Fusion] = {"mean": Mean(), "geometric mean": GeometricMean(), "entropy": Entropy()}


@runtime_checkable
class Writer(Protocol):
    """Who writes down what is heard.

    Attributes:
        name: unique among the teachers.
        parameters: how many; None where nobody counts them.
    """

    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> int | None: ...

    def moments(self, frames: np.ndarray) -> Tensor | None:
        """Log-probabilities of the symbols at each moment, [N, moments, C]; None from who only writes."""
        ...

    def written(self, frames: np.ndarray) -> Written:
        """What is said in each of the sequences [N, time, features]."""
        ...


@dataclass(frozen=True)
class NetWriter:
    """A net over frames, trained by CTC, that says how likely each symbol is at each moment."""

    name: str
    net: nn.Module
    symbols: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Of the net."""
        return sum(one.numel() for one in self.net.parameters())

    def moments(self, frames: np.ndarray) -> Tensor:
        """[N, moments, C]."""
        return heard(self.net, frames)

    def written(self, frames: np.ndarray) -> Written:
        """The best path."""
        return written(self.moments(frames), self.symbols)


@dataclass(frozen=True)
class Parts:
    """Strings of a seed: to learn from (teachers know them all), to choose on, and to test."""

    train: Strings
    validation: Strings
    test: Strings


@dataclass(frozen=True)
class Score:
    """Errors of a contender in each test string."""

    edits: tuple[Edits, ...]
    cost: Cost | None = None
    note: str = ""
    parameters: int | None = None

    @staticmethod
    def of(strings: Strings, said: Written, **more: Any) -> Score:
        """Against what was said."""
        pairs = zip(range(len(strings)), said, strict=True)
        return Score(tuple(edits(strings.words(row), words) for row, (words, _) in pairs), **more)

    @property
    def rate(self) -> float:
        """Word error rate."""
        return sum(self.edits, Edits()).error_rate

    @property
    def whole(self) -> float:
        """Share of the strings with any error."""
        return float(np.mean([one.errors > 0 for one in self.edits]))


@dataclass
class Trial:
    """One seed of `distill_strings`."""

    seed: int
    parts: Parts
    teachers: Sequence[Writer]
    make: nn.Module | Callable[[], Any]
    training: Training
    rates: Sequence[float]
    soft: float
    told: Callable[[str], None]
    kept: Path | None = None
    scores: dict[str, Score] = field(default_factory=dict[str, Score])
    watched: dict[str, float] = field(default_factory=dict[str, float])
    student: nn.Module | None = None

    def ran(self) -> Trial:
        """The same with everybody's scores."""
        train, validation, test = self.parts.train, self.parts.validation, self.parts.test
        self._check_teachers()
        said = {one.name: one.written(validation.frames) for one in self.teachers}
        self.watched |= {name: Score.of(validation, own).rate for name, own in said.items()}
        order = sorted(self.teachers, key=lambda one: self.watched[one.name])
        on_test = {one.name: one.written(test.frames) for one in order}
        for one in order:
            self.scores[one.name] = Score.of(test, on_test[one.name], parameters=one.parameters)
        nets = {one.name: found for one in order if (found := one.moments(train.frames)) is not None}
        if not nets:
            raise InputError("no teacher says anything of moments: give a NetWriter, or another that has `moments`")
        tested = {one.name: found for one in order if (found := one.moments(test.frames)) is not None}
        self.scores[BY_MOMENT] = Score.of(test, written(fused_moments(tested, Mean()), test.symbols))
        self.scores[VOTE] = Score.of(test, voted(list(on_test.values())))
        self._students(train, nets, [one.written(train.frames) for one in order], order[0])
        return self

    def _check_teachers(self) -> None:
        names = [one.name for one in self.teachers]
        taken = [name for name in names if names.count(name) > 1 or name.startswith(("student", "ensemble"))]
        if taken:
            raise InputError(f"teachers need names of their own, not of students or ensembles, got {taken}")
        few = self.parts.validation.take(np.arange(min(2, len(self.parts.validation))))
        shapes: dict[str, tuple[int, ...]] = {}
        for one in self.teachers:
            strange = {word for words, _ in one.written(few.frames) for word in words} - set(few.symbols[1:])
            if strange:
                raise InputError(f"teacher {one.name!r} writes {sorted(strange)}, which are none of {few.symbols[1:]}")
            moments = one.moments(few.frames)
            if moments is not None:
                shapes[one.name] = tuple(moments.shape[1:])
        if len(set(shapes.values())) > 1:
            raise InputError(f"teachers say different numbers of a string (moments, symbols): {shapes}")

    def _students(self, train: Strings, nets: Mapping[str, Tensor], said: Sequence[Written], best: Writer) -> None:
        plain, self.training = self._best_rate()
        self._scored(LABELS_ONLY, plain, f"learning rate {self.training.lr}")
        options: dict[str, Any] = {"objective": Objective((KL(1.0),), soft=self.soft)}
        tried: dict[str, nn.Module] = {}
        for name, fusion in FUSIONS.items():
            self.told(f"student taught moment by moment: {name}")
            tried[name] = self._fitted(train, teachers=nets, fusion=fusion, **options)
        self.told("student taught strings")
        tried["rover"] = self._fitted(labelled_by(train, voted(said)))
        self._scored(MEAN, tried["mean"])
        self._scored(FROM_STRINGS, tried["rover"])
        moments = nets.get(best.name)
        single = (
            self._fitted(labelled_by(train, said[0]))
            if moments is None
            else self._fitted(train, teachers={best.name: moments}, fusion=Mean(), **options)
        )
        self._scored(SINGLE, single, best.name)
        self._scored(ALL_LABELS, self._fitted(replace(train, known=np.ones_like(train.known))))
        watched = {name: self._watched(net) for name, net in tried.items()}
        name = min(watched, key=lambda one: watched[one])
        self.watched |= {f"student: {one}": value for one, value in watched.items()}
        self.student = tried[name]
        self._scored(CHOSEN, tried[name], name)

    def _best_rate(self) -> tuple[nn.Module, Training]:
        """The student of labels alone, at the learning rate that is best on validation strings."""
        found: list[tuple[float, nn.Module, Training]] = []
        few = np.flatnonzero(self.parts.train.known)
        own = self.parts.train.take(few)
        size = self.training.batch_size
        count = self.training.epochs * batch_count(len(self.parts.train), size)
        steps = replace(self.training, epochs=max(1, round(count / batch_count(len(own), size))))
        asked: Any = self.rates or (self.training.lr,)
        for rate in asked:
            self.told(f"student of labels alone, learning rate {rate}")
            net = self._fitted(own, replace(steps, lr=rate))
            found.append((self._watched(net), net, replace(self.training, lr=rate)))
        return min(found, key=lambda one: one[0])[1:]

    def _fitted(self, strings: Strings, training: Training | None = None, **more: Any) -> nn.Module:
        settings = replace(training or self.training, seed=self.seed)
        return fit_transcriber(fresh_student(self.make, self.seed), strings, settings, kept=self.kept, **more)

    def _watched(self, net: nn.Module) -> float:
        own = self.parts.validation
        return Score.of(own, written(heard(net, own.frames), own.symbols)).rate

    def _scored(self, name: str, net: nn.Module, note: str = "") -> None:
        test = self.parts.test
        one, many = test.frames[:1], test.frames[:128]
        spent = cost(lambda: heard(net, one), lambda: heard(net, many), len(many))
        count = sum(p.numel() for p in net.parameters())
        said = written(heard(net, test.frames), test.symbols)
        self.scores[name] = Score.of(test, said, cost=spent, note=note, parameters=count)


def voted(said: Sequence[Written]) -> Written:
    """What most writers wrote, the first counting first (`rover`); as sure of each word as can be."""
    words = [
        rover([own for own, _ in each], [sure for _, sure in each], weight=0.5) for each in zip(*said, strict=True)
    ]
    return [(string, [1.0] * len(string)) for string in words]


def labelled_by(strings: Strings, said: Written) -> Strings:
    """The same, in which strings that are not known are what somebody wrote; empty ones stay unknown."""
    strange = {word for words, _ in said for word in words} - set(strings.symbols[1:])
    if strange:
        raise InputError(f"a teacher writes {sorted(strange)}, which are none of {strings.symbols[1:]}")
    code = {name: number for number, name in enumerate(strings.symbols)}
    longest = max(strings.target.shape[1], *(len(words) for words, _ in said))
    target = np.zeros((len(strings), longest), dtype=np.int64)
    target[:, : strings.target.shape[1]] = strings.target
    known = strings.known.copy()
    for row in np.flatnonzero(~strings.known):
        words = said[row][0]
        target[row] = 0
        target[row, : len(words)] = [code[word] for word in words]
        known[row] = bool(words)
    return replace(strings, target=target, known=known)
