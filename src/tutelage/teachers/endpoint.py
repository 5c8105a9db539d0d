"""Teachers that are served: asked over HTTP in JSON, in batches, by several threads, and patiently."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, final
from urllib.parse import urlsplit

import numpy as np
import torch

from ..core import Columns, InputError, Labels, Space, Values
from ..core.spaces import Answer
from .batching import slices
from .digest import digest
from .naming import reads_of, rows_in, seen_of, space_of
from .output import Output, Reading
from .replies import Reply, read_reply, request_body
from .wire import Limits, Line, StoppedError

PROBES = 8
"""Rows whose answers stand in the fingerprint."""

DIGITS = 4
"""Digits behind the point of a probe's answer that count: servers round differently from day to day."""


@final
class EndpointTeacher:
    """A model behind an address, asked by POST with the JSON described in `tutelage.teachers.replies`.

    Nobody can see whether a served model was exchanged, so its fingerprint holds its answers to up to eight fixed
    probes besides address, model, revision and settings. They are asked before anything else, and again after every
    failure and in every new process; a store refuses to go on when they differ.

    Rows that were answered before a failure are not asked again: `teach` keeps whole batches on disk, and this object
    remembers the requests of the batch that failed. A small `batch_size` of `teach` loses less when the process ends.

    Args:
        url: http or https, without user and password.
        reads: names of the raw columns it is sent.
        classes: the classes it may name.
        space: instead of `classes`, for labels and values.
        probes: raw columns of a few rows that stay the same for good; the first eight are used. Needed for a frozen
            teacher.
        name: unique among the teachers of a run; the host's name unless given.
        model: sent along, and part of the fingerprint; a reply that names another one is an error.
        revision: as `model`.
        settings: sent along, and part of the fingerprint: whatever its answers depend on.
        output: what its numbers are; what the reply says, or found out on the probes, unless declared.
        token_variable: environment variable whose content is sent as bearer token; never stored.
        headers: further headers; never stored, not part of the fingerprint.
        batch_size: rows per request.
        limits: concurrency, time limits, retries, rate.
        frozen: False for a model that is exchanged while it is asked: it is only asked live.
        deterministic: False for one that answers by chance.
        seen: row numbers it was trained on.

    Raises:
        InputError: no such address, no names, or no probes for a frozen teacher.
    """

    def __init__(
        self,
        url: str,
        *,
        reads: str | Sequence[str],
        classes: Sequence[Any] | np.ndarray | None = None,
        space: Space | None = None,
        probes: Columns | None = None,
        name: str | None = None,
        model: str | None = None,
        revision: str | None = None,
        settings: Mapping[str, Any] | None = None,
        output: Output | None = None,
        token_variable: str | None = None,
        headers: Mapping[str, str] | None = None,
        batch_size: int = 32,
        limits: Limits | None = None,
        frozen: bool = True,
        deterministic: bool = True,
        seen: np.ndarray | Sequence[int] | None = None,
    ) -> None:
        self.url = url
        self.name = _host(url) if name is None else name
        self.reads = reads_of(reads)
        self.space = space_of(space, classes)
        self.told = _told(model, revision, settings)
        self.output: Output | None = output
        self.token_variable = token_variable
        self.headers = dict(headers or {})
        self.batch_size = batch_size
        self.limits = limits or Limits()
        self.frozen = frozen
        self.deterministic = deterministic
        self.seen = seen_of(seen)
        self.parameters: int | None = None
        self._who = f"endpoint {self.name!r}"
        self.probes = _probes(probes, self.reads, frozen and deterministic, self._who)
        self._line = Line(url, self.limits)
        self._reading: Reading | None = None
        self._probed = ""
        self._due = True
        self._kept: dict[str, Reply] = {}
        if not self.space.names or batch_size < 1:
            raise InputError(f"{self._who} needs names (classes= or space=) and a batch_size of at least 1")
        Reading(self.space, output, self._who)

    @property
    def output_found(self) -> str:
        """What the outputs are, and how that is known."""
        return "not known before the first answer" if self._reading is None else self._reading.described

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Address, model, revision, settings, output, and the answers to the probes; asks them where needed."""
        return {
            "kind": "endpoint",
            "url": self.url,
            "weights": self._probe(),
            **{name: str(self.told.get(name, "")) for name in ("model", "revision")},
            "settings": digest(self.told.get("settings", {})),
            "output": f"{self.space.kind}:{self.output or 'found out'}",
            "reads": digest(self.reads),
            "names": digest(self.space.names),
        }

    def answer(self, columns: Columns) -> Answer:
        """The endpoint's answer about these rows.

        Raises:
            InputError: it failed or answered what is not understood; names address, status and positions.
        """
        count = rows_in(columns, self.reads, self._who)
        if count == 0:
            return (self._reading or Reading(self.space, self.output, self._who)).empty()
        self._probe()
        replies = self._asked({name: np.asarray(columns[name]) for name in self.reads}, count)
        return self._understood(replies)

    def _probe(self) -> str:
        """The digest of the answers to the probes, which are asked once until something fails."""
        if self.probes is None:
            return "none"
        if self._due:
            replies = self._asked(self.probes, len(next(iter(self.probes.values()))))
            self._understood(replies)
            found = digest([(_rounded(reply.numbers), _rounded(reply.scale)) for reply in replies])
            if self._probed not in ("", found):
                self._kept.clear()
                raise InputError(
                    f"{self._who} answers its probes otherwise than before the last failure: {self.url} serves another "
                    "model now; make the teacher anew, and begin a new store"
                )
            self._probed, self._due = found, False
        return self._probed

    def _asked(self, given: Mapping[str, np.ndarray], count: int) -> list[Reply]:
        """The replies about all rows, in order; what was answered is remembered when something else fails."""
        parts = list(slices(count, self.batch_size))
        bodies = [self._body(given, part) for part in parts]
        keys = [hashlib.sha256(body).hexdigest() for body in bodies]
        stop = threading.Event()
        found: dict[int, Reply] = {i: self._kept[key] for i, key in enumerate(keys) if key in self._kept}
        with ThreadPoolExecutor(self.limits.concurrency, thread_name_prefix="endpoint") as pool:
            asked = [i for i in range(len(parts)) if i not in found]
            futures = {i: pool.submit(self._one, bodies[i], parts[i], stop) for i in asked}
            try:
                wait(futures.values(), return_when=FIRST_EXCEPTION)
            finally:
                stop.set()  # when all are done nobody looks at it
                pool.shutdown(cancel_futures=True)
        done = {i: f.result() for i, f in futures.items() if not f.cancelled() and f.exception() is None}
        faults = [f.exception() for f in futures.values() if not f.cancelled() and f.exception() is not None]
        found |= done
        if faults:
            if self.deterministic:
                self._kept |= {keys[i]: reply for i, reply in found.items()}
            self._due = True
            raise next((fault for fault in faults if not isinstance(fault, StoppedError)), faults[0])  # type: ignore[misc]
        for key in keys:
            self._kept.pop(key, None)
        return [found[i] for i in range(len(parts))]

    def _body(self, given: Mapping[str, np.ndarray], part: slice) -> bytes:
        return request_body({name: column[part] for name, column in given.items()}, self.space, self.told, self._who)

    def _one(self, body: bytes, part: slice, stop: threading.Event) -> Reply:
        """The reply to one request.

        Raises:
            InputError: with the positions that were asked about.
        """
        where = f"{self._who}, positions {part.start}..{part.stop - 1}"
        try:
            found = self._line.post(body, self._all_headers(), stop)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        try:
            return read_reply(found, part.stop - part.start, self.space, self.told)
        except InputError as error:
            raise InputError(f"{where} (positions in the reply count from {part.start}): {self.url} {error}") from error

    def _all_headers(self) -> dict[str, str]:
        if self.token_variable is None:
            return self.headers
        token = os.environ.get(self.token_variable)
        if not token:
            raise InputError(f"the environment variable {self.token_variable}, which is to hold its token, is empty")
        return {**self.headers, "Authorization": f"Bearer {token}"}

    def _understood(self, replies: Sequence[Reply]) -> Answer:
        """One answer from all replies."""
        reading = self._settled({reply.output or self.output for reply in replies if not reply.silent})
        numbers = np.concatenate([reply.numbers for reply in replies])
        known = ~np.isnan(numbers)
        valid = torch.from_numpy(known if self.space.answer in (Labels, Values) else known.all(1))
        plain = torch.from_numpy(np.where(known, numbers, 0.0))
        with torch.inference_mode(False):
            return reading.answer(plain, scale=self._scale(replies, known), valid=valid)

    def _settled(self, forms: set[Output | None]) -> Reading:
        """How the numbers are read, which the first opinions decide for good.

        Raises:
            InputError: these come in another form than those before, or than was declared.
        """
        known = forms if self._reading is None else forms | {self._reading.declared}
        known = known if self.output is None else known | {self.output}
        if len(known) > 1:
            shown = sorted(form or "numbers without a word what they are" for form in known)
            raise InputError(f"{self._who} answered or was declared to answer {' and '.join(shown)}: it keeps to one")
        if self._reading is None and forms:
            self._reading = Reading(self.space, next(iter(forms)), self._who)
        return self._reading or Reading(self.space, self.output, self._who)

    def _scale(self, replies: Sequence[Reply], known: np.ndarray) -> torch.Tensor | None:
        spoken = [reply for reply in replies if not reply.silent]
        if not any(reply.scale is not None for reply in spoken):
            return None
        parts = [np.full_like(r.numbers, np.nan) if r.scale is None else r.scale for r in replies]
        scale = np.concatenate(parts)
        if np.isnan(scale[known]).any() or (scale[known] <= 0).any():
            raise InputError(f"{self._who} gave a positive scale with some values only: give all or none")
        return torch.from_numpy(np.where(known, scale, 1.0))


def _rounded(numbers: np.ndarray | None) -> np.ndarray | None:
    return None if numbers is None else np.round(numbers, DIGITS) + 0.0


def _told(model: str | None, revision: str | None, settings: Mapping[str, Any] | None) -> dict[str, Any]:
    given = {"model": model, "revision": revision, "settings": None if settings is None else dict(settings)}
    return {name: value for name, value in given.items() if value is not None}


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise InputError(f"{url!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InputError(f"{url!r} is no address of an endpoint: give http://host/path or https://host/path")
    if parts.username or parts.password:
        raise InputError(f"the address of {host} holds a user or a password, which would be stored: token_variable=")
    return host


def _probes(probes: Columns | None, reads: Sequence[str], needed: bool, who: str) -> dict[str, np.ndarray] | None:
    if probes is None:
        if needed:
            raise InputError(
                f"{who} needs probes=, the raw columns of {PROBES} rows that never change, whose answers show whether "
                "the model was exchanged; or say frozen=False, and it is only asked live"
            )
        return None
    if rows_in(probes, reads, who) == 0:
        raise InputError(f"{who} got probes without rows: give {PROBES}")
    return {name: np.array(probes[name])[:PROBES] for name in reads}
