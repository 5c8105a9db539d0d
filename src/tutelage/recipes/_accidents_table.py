"""The table of accidents: which rows belong together, how words become numbers, and rules of thumb about them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..data import DataRecord, Recipe
from ..data.sources import Csv
from ..data.steps import Codes, Cyclic, Impute, OneHot, Scale
from ._tables import STUDENT, tables_of

NAMES = ("Slight Injury", "Serious Injury", "Fatal injury")
NULLS = ("", "na", "Unknown", "unknown")
COUNTS = ("Number_of_vehicles_involved", "Number_of_casualties")
PLACE = ("Day_of_week", "Area_accident_occured", "Lanes_or_Medians", "Road_allignment", "Types_of_Junction")
WHERE = (
    *("Day_of_week", "Area_accident_occured", "Lanes_or_Medians", "Road_allignment", "Types_of_Junction"),
    *("Road_surface_type", "Road_surface_conditions", "Light_conditions", "Weather_conditions"),
)
WHO = (
    *("Age_band_of_driver", "Sex_of_driver", "Educational_level", "Vehicle_driver_relation", "Driving_experience"),
    *("Type_of_vehicle", "Owner_of_vehicle", "Casualty_class", "Sex_of_casualty", "Age_band_of_casualty"),
)
HOW = ("Type_of_collision", "Vehicle_movement", "Pedestrian_movement", "Cause_of_accident")
CLOCK = ("minute_sin", "minute_cos")
BLOCKS = {STUDENT: (*COUNTS, *CLOCK, *WHERE, *WHO, *HOW)}


def read_table(folder: Path, run: Path | None) -> tuple[dict[str, np.ndarray], DataRecord]:
    """The columns of the file without `Casualty_severity`, which nearly is the answer, and `minute` of the day."""
    tables, record = tables_of([Csv("accidents", folder / "accidents.csv", nulls=NULLS)], run)
    table = tables["accidents"]
    table.pop("Casualty_severity", None)
    parts = [str(time).split(":") for time in table["Time"].tolist()]
    table["minute"] = np.array([60.0 * int(hour) + int(minute) for hour, minute, *_ in parts])
    return table, record


def accidents_recipe(blocks: Mapping[str, tuple[str, ...]]) -> Recipe:
    """One column per value of a word that is not rare; a gap is a value like any other."""
    words = (*WHERE, *WHO, *HOW)
    steps = (Impute(COUNTS), Scale(COUNTS), Cyclic(("minute",), 1440.0), Codes(words, min_count=20), OneHot(words))
    return Recipe(steps, blocks)


def accident_of(table: Mapping[str, np.ndarray], whole: bool) -> np.ndarray:
    """The accident of each row, int64 [N]: rows of one time of the same day of the week; unless `whole`, the row."""
    if not whole:
        return np.arange(len(table["Time"]))
    moments = [f"{time} {day}" for time, day in zip(table["Time"], table["Day_of_week"], strict=True)]
    return np.unique(moments, return_inverse=True)[1].reshape(-1)


def grave(row: dict[str, Any]) -> str | None:
    """Where nobody lit the road, and where many were hurt, somebody was hurt badly."""
    dark = row["Light_conditions"] in ("Darkness - no lighting", "Darkness - lights unlit")
    return "Serious Injury" if dark or row["Number_of_casualties"] >= 4 else None


def mild(row: dict[str, Any]) -> str | None:
    """By day, with one casualty in a crash of three or more vehicles, which are slow in a queue."""
    few = row["Number_of_casualties"] == 1 and row["Number_of_vehicles_involved"] >= 3
    return "Slight Injury" if few and row["Light_conditions"] == "Daylight" else None
