"""The codecs there are: by the name a user types, and by what a manifest says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core import InputError, StoreError
from .codec import ROUNDING, Codec
from .dense import Dense
from .topk import TopK

FP32 = Dense("float32")
"""Every number as it is."""

FP16 = Dense("float16")
"""Numbers in 16 bits, eleven of them for the digits."""

BF16 = Dense("bfloat16")
"""Numbers in 16 bits, eight of them for the digits, with the range of 32."""


def parse(text: str) -> Codec:
    """The codec named `fp32`, `fp16`, `bf16`, `top32` (32 classes) or `mass0.99` (share of probability).

    Raises:
        InputError: no codec is written like that.
    """
    plain = {"fp32": FP32, "fp16": FP16, "bf16": BF16}
    try:
        if text.startswith("top"):
            return TopK(k=int(text.removeprefix("top")))
        if text.startswith("mass"):
            return TopK(mass=float(text.removeprefix("mass")))
        return plain[text]
    except (KeyError, ValueError) as error:
        raise InputError(f"unknown codec {text!r}: use fp32, fp16, bf16, top<k> or mass<share>, as in top32") from error


def from_json(value: Mapping[str, Any], where: object) -> Codec:
    """The codec written by `to_json`; raises StoreError naming `where` for an unknown one."""
    if value.get("kind") == Dense.kind and value.get("dtype") in ROUNDING:
        return Dense(value["dtype"])
    if value.get("kind") == TopK.kind and value.get("temperature") == 1.0:
        return TopK(value["k"], value["mass"])
    raise StoreError(
        f"{where} names the codec {dict(value)}, which this version of tutelage does not know: use the "
        "version that wrote it, or forget the teacher and teach again"
    )
