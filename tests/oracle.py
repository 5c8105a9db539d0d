"""Golden numbers of published implementations: one npz file per method, entries named `<case>/<key>`.

    @pytest.mark.parametrize("case", oracle.cases("kd"))
    def test_kd(case):
        numbers = oracle.load("kd")[case]
        ...

The files are not part of the repository: TUTELAGE_ORACLES names their folder.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from outside import ORACLES, absent


@functools.cache
def load(name: str) -> dict[str, dict[str, np.ndarray]]:
    """The golden numbers of one file: case -> key -> array."""
    numbers: dict[str, dict[str, np.ndarray]] = {}
    with np.load(ORACLES / f"{name}.npz", allow_pickle=False) as file:
        for case in file["cases"].tolist():
            numbers[case] = {}
        for entry in file.files:
            if entry != "cases":
                case, key = entry.split("/", 1)
                numbers[case][key] = file[entry]
    return numbers


def cases(name: str) -> list[Any]:
    """The cases of one file, for `parametrize`; one skipped case where the folder is absent."""
    if not ORACLES.is_dir():
        return [pytest.param("absent", marks=pytest.mark.skip(reason=absent(ORACLES)))]
    return list(load(name))
