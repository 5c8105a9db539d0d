"""Asking a web address politely: time limits, retries with growing pauses, one pace for all threads.

Standard library only. Proxies are taken from the environment; redirects are errors, since a redirected POST loses
its body.
"""

from __future__ import annotations

import http.client
import json
import random
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, final

from ..core import InputError

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes after which the same request may succeed."""


@final
@dataclass(frozen=True)
class Limits:
    """How an endpoint is asked.

    Attributes:
        concurrency: requests on the way at once.
        timeout: seconds that one request may take from connection to last byte.
        retries: further attempts after a passing fault.
        backoff: seconds of the first pause; each further one is twice as long, and a random part of up to a half is
            taken off, so that clients do not come back all at once.
        patience: seconds of the longest pause; a server that asks for a longer one ends the work.
        rate: requests per second at most; None: no limit.

    Raises:
        InputError: a number is out of range.
    """

    concurrency: int = 4
    timeout: float = 30.0
    retries: int = 5
    backoff: float = 0.5
    patience: float = 120.0
    rate: float | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.retries < 0:
            raise InputError(f"concurrency must be at least 1 and retries at least 0, got {self}")
        if not (self.timeout > 0 and self.backoff >= 0 and self.patience >= 0):
            raise InputError(f"timeout must be positive, backoff and patience not negative, got {self}")
        if self.rate is not None and not self.rate > 0:
            raise InputError(f"rate is requests per second and must be positive, got {self.rate}")


class _PassingError(Exception):
    """A fault after which the same request may succeed; `after` is the pause that the server asked for."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class StoppedError(Exception):
    """Another request has failed, so that this one was not made."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


@final
class Line:
    """An address that JSON is posted to, by one or more threads that share pace and pauses.

    Args:
        url: where to.
        limits: how.
    """

    def __init__(self, url: str, limits: Limits) -> None:
        self.url = url
        self.limits = limits
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._chance = random.Random()
        self._lock = threading.Lock()
        self._next = 0.0

    def post(self, body: bytes, headers: Mapping[str, str], stop: threading.Event) -> Any:
        """The JSON value that the endpoint answers.

        Raises:
            InputError: it refused, or failed more often than `retries`; says URL and status.
            StoppedError: `stop` was set before it answered.
        """
        attempts = self.limits.retries + 1
        for attempt in range(attempts):
            self._take_turn(stop)
            try:
                return self._once(body, headers)
            except _PassingError as fault:
                if attempt == attempts - 1:
                    times = f"{attempts} times, at last: " if attempts > 1 else ""
                    raise InputError(f"{self.url} failed {times}{fault}") from fault
                self._pause(attempt, fault, stop)
        raise AssertionError("unreachable")

    def _pause(self, attempt: int, fault: _PassingError, stop: threading.Event) -> None:
        """Waits after a fault; where the server said how long, all threads do."""
        limits = self.limits
        if fault.after is None:
            pause = min(limits.backoff * 2**attempt, limits.patience)
            stop.wait(pause * (1 - self._chance.random() / 2))
        elif fault.after > limits.patience:
            raise InputError(
                f"{self.url} failed: {fault}, and asks to be left alone for {fault.after:.0f} seconds, longer than "
                f"patience={limits.patience:g}: go on later, or raise patience"
            )
        else:
            with self._lock:
                self._next = max(self._next, time.monotonic() + fault.after)

    def _take_turn(self, stop: threading.Event) -> None:
        """Waits until it is this thread's turn.

        Raises:
            StoppedError: the work was given up.
        """
        while not stop.is_set():
            with self._lock:
                wait = self._next - time.monotonic()
                if wait <= 0:
                    if self.limits.rate is not None:
                        self._next = time.monotonic() + 1 / self.limits.rate
                    return
            stop.wait(wait)
        raise StoppedError

    def _once(self, body: bytes, headers: Mapping[str, str]) -> Any:
        all_headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        request = urllib.request.Request(self.url, body, all_headers, method="POST")
        deadline = time.monotonic() + self.limits.timeout
        try:
            with self._opener.open(request, timeout=self.limits.timeout) as response:
                text = _read(response, deadline)
        except urllib.error.HTTPError as error:
            _failed(self.url, error)
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise InputError(f"{self.url} has no valid certificate: {reason}") from error
            if isinstance(reason, TimeoutError):
                raise _PassingError(f"no answer within {self.limits.timeout:g} seconds (timeout=)") from error
            raise _PassingError(f"no answer ({type(reason).__name__}: {reason})") from error
        try:
            return json.loads(text, parse_constant=lambda name: _constant(self.url, name))
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _PassingError(f"the answer is not JSON ({error}): {_short(text)}") from error


def _read(response: Any, deadline: float) -> bytes:
    """The whole body; bytes that only trickle in do not extend the time."""
    parts: list[bytes] = []
    while part := response.read1(1 << 16):
        parts.append(part)
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(parts)


def _failed(url: str, error: urllib.error.HTTPError) -> NoReturn:
    """Raises what an error status means."""
    with error:
        try:
            body = error.read(1000)
        except (OSError, http.client.HTTPException):
            body = b""
    what = f"status {error.code} ({error.reason}){f': {_short(body)}' if body else ''}"
    if error.code in PASSING:
        raise _PassingError(what, _after(error.headers.get("Retry-After"))) from error
    ways = {
        401: "; it wants credentials: token_variable=",
        403: "; it wants other credentials: token_variable=",
        404: "; look at the address",
        413: "; ask about fewer rows at once: batch_size=",
    }
    moved = f"; give the new address {error.headers.get('Location')}" if error.code // 100 == 3 else ""
    raise InputError(f"{url} refused: {what}{ways.get(error.code, moved)}") from error


def _after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _constant(url: str, name: str) -> NoReturn:
    raise InputError(f"{url} answered {name}, which is not JSON: a row without an opinion is answered with null")


def _short(body: bytes) -> str:
    text = " ".join(body[:1000].decode("utf-8", "replace").split())
    return text if len(text) <= 200 else f"{text[:200]} ..."
