"""Small parts of public files, and a file of the same form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars


def copied(folder: Path, into: Path, users: int = 60) -> Path:
    """MovieLens of the first users."""
    into.mkdir(parents=True)
    for name in ("ratings", "tags"):
        polars.read_csv(folder / f"{name}.csv").filter(polars.col("userId") <= users).write_csv(into / f"{name}.csv")
    (into / "movies.csv").write_bytes((folder / "movies.csv").read_bytes())
    return into


def short(folder: Path, rows: int = 60) -> Path:
    """Sessions made up, of the form of the public file."""
    chance = np.random.default_rng(0)
    pages = ("Administrative", "Informational", "ProductRelated")
    table: dict[str, object] = {}
    for name in pages:
        table |= {name: chance.integers(0, 9, rows), f"{name}_Duration": chance.random(rows) * 100}
    table |= {name: chance.random(rows) for name in ("BounceRates", "ExitRates", "PageValues", "SpecialDay")}
    table |= {"Month": chance.choice(["Mar", "May"], rows), "VisitorType": chance.choice(["New", "Other"], rows)}
    table |= {name: chance.integers(1, 4, rows) for name in ("OperatingSystems", "Browser", "Region", "TrafficType")}
    table |= {"Weekend": chance.random(rows) < 0.3, "Revenue": chance.random(rows) < 0.3}
    polars.DataFrame(table).write_csv(folder / "online_shoppers_intention.csv")
    return folder
