"""A real HTTP server on this machine that answers about rows, and misbehaves when it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answering = Callable[[dict[str, Any]], Any]
"""From the request to the reply: JSON values, bytes as they are, or a `Fault`."""


class Fault:
    """A status, a delay, a drop.

    Args:
        status: sent instead of an answer.
        headers: sent along.
        sleep: seconds before anything.
        drop: close the connection without a word.
        trickle: send the body byte by byte, this many seconds apart.
        cut: announce more bytes than are sent.
    """

    def __init__(
        self,
        status: int = 200,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"{}",
        sleep: float = 0.0,
        drop: bool = False,
        trickle: float = 0.0,
        cut: bool = False,
    ) -> None:
        self.status, self.headers, self.body = status, headers or {}, body
        self.sleep, self.drop, self.trickle, self.cut = sleep, drop, trickle, cut


class Served:
    """The address, what was asked so far, and how many answers were thought about at once at `most`."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.now = self.most = 0
        self.lock = threading.Lock()

    def rows(self) -> list[Any]:
        """Column `x` of all rows asked about, in the order of the requests."""
        return [row["x"] for request in self.requests for row in request["rows"]]


@contextmanager
def serving(answering: Answering) -> Generator[Served]:
    """A server in a thread; ends with the block."""
    served = Served(answering)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with served.lock:
                served.requests.append(request)
                served.headers.append(dict(self.headers))
                served.times.append(time.monotonic())
                served.now += 1
                served.most = max(served.most, served.now)
            try:
                answer = served.answering(request)
            finally:
                with served.lock:
                    served.now -= 1
            with suppress(BrokenPipeError, ConnectionResetError):
                self.reply(answer)

        def reply(self, found: Any) -> None:
            plain = (
                found if isinstance(found, bytes) else json.dumps(None if isinstance(found, Fault) else found).encode()
            )
            fault = found if isinstance(found, Fault) else Fault(body=plain)
            time.sleep(fault.sleep)
            self.close_connection = True
            if fault.drop:
                return
            self.send_response(fault.status)
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(fault.body) + 5 * fault.cut))
            self.end_headers()
            for byte in [fault.body] if not fault.trickle else [fault.body[i : i + 1] for i in range(len(fault.body))]:
                self.wfile.write(byte)
                time.sleep(fault.trickle)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}/predict"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
