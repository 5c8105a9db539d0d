"""A process that holds a Keras model and answers over pipes; run as a script, so that it imports NumPy and Keras only.

A message is 8 bytes of length and an .npz: columns `0`, `1`, ... to it; `answer`, or `error` with text, from it. The
first message from it says what the model takes: `inputs`, their number.
"""

from __future__ import annotations

import io
import os
import struct
import sys
from typing import Any, BinaryIO

import numpy as np

LENGTH = struct.Struct("<Q")


def send(stream: BinaryIO, **arrays: Any) -> None:
    """Writes one message."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    body = buffer.getvalue()
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def receive(stream: BinaryIO) -> dict[str, np.ndarray] | None:
    """Reads one message; None when the other side is gone."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    size = LENGTH.unpack(head)[0]
    body = stream.read(size)
    if len(body) < size:
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        return dict(arrays)


def opened(path: str) -> Any:
    """The model in a file; nothing of it is run as code."""
    keras: Any = __import__("keras")
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def asked(model: Any, columns: list[np.ndarray]) -> np.ndarray:
    """What a model answers about these columns, in evaluation mode.

    Raises:
        TypeError: it answers with more than one array.
    """
    keras: Any = __import__("keras")
    found = model(columns[0] if len(columns) == 1 else columns, training=False)
    if isinstance(found, list | tuple | dict):
        raise TypeError(f"the model answers with {len(found)} arrays: give a model of the one that counts")
    plain = found.detach().cpu().numpy() if hasattr(found, "detach") else keras.ops.convert_to_numpy(found)
    return np.array(plain, dtype=np.float32)


def main(path: str) -> None:
    """Answers until the pipe is closed."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to the errors
    try:
        model = opened(path)
        send(out, inputs=np.array(len(model.inputs)))
        while (message := receive(sys.stdin.buffer)) is not None:
            columns = [message[str(i)] for i in range(len(message))]
            try:
                send(out, answer=asked(model, columns))
            except Exception as error:
                send(out, error=np.array(f"{type(error).__name__}: {error}"))
    except Exception as error:
        send(out, error=np.array(f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main(sys.argv[1])
