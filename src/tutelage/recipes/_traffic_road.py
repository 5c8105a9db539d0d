"""Speeds of a road net as rows: a sensor at a moment, what it and its neighbours saw, and what came next.

A row's target is the speed after 15, 30, 45 and 60 minutes. The last fifth of the time is tested, the time before it
validates; no window of a part reaches into the next one.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core import InputError, Space, Values
from ..data import Rows, Sealed
from ..tasks import Forecasting

AHEAD = (3, 6, 9, 12)
NAMES = tuple(f"{5 * steps} min" for steps in AHEAD)
PAST, DAY, WALKS, NEAR = 12, 288, 3, 2
"""Steps of five minutes that are looked back, of a day, of the walk over the roads, and that are smoothed over."""
FIRST, EVERY = 3, 3
"""Day of the week on which the files begin, Monday being 0; and of the test part every third moment is asked about."""
TESTED, HELD = 0.2, 0.06
"""Shares of the time."""
PUBLIC = "los_speed.csv and los_adj.csv of Los-loop (github.com/lehaifeng/T-GCN, folder data)"


@dataclass(frozen=True)
class Road:
    """Speeds [T, S] in miles per hour, and the share of each neighbour in a step of a random walk [S, S]."""

    speed: np.ndarray
    walk: np.ndarray


def read_road(folder: Path) -> Road:
    """The public files.

    Args:
        folder: holds `los_speed.csv` (a header of sensors, a line per five minutes) and `los_adj.csv` (weights of roads
            between them, no header).

    Raises:
        InputError: a file is not there, holds something else than numbers, or the two do not fit.
    """
    found: list[np.ndarray] = []
    for name, head in (("los_speed.csv", 1), ("los_adj.csv", 0)):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is not there: give --data a folder with {PUBLIC}")
        with (folder / name).open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))[head:]
        try:
            found.append(np.array(lines, dtype=np.float32))
        except ValueError as error:
            raise InputError(f"{folder / name} needs a number in each cell of a full table ({error})") from error
    speed, near = found
    if near.shape != (speed.shape[1],) * 2 or not np.isfinite(speed).all() or near.min() < 0:
        raise InputError(
            f"{folder}: {speed.shape[1]} sensors need {speed.shape[1]} x {speed.shape[1]} weights from 0 on, and a "
            f"speed at every time; the weights are {' x '.join(map(str, near.shape))}"
        )
    near = near * (1 - np.eye(len(near), dtype=np.float32))
    return Road(speed, near / np.maximum(near.sum(1, keepdims=True), 1e-6))


def times(steps: int) -> dict[str, np.ndarray]:
    """Moments of each part: all their past and their future lie in it.

    Raises:
        InputError: there are less than four days.
    """
    if steps < 4 * DAY:
        raise InputError(f"{steps} steps of five minutes are {steps / DAY:.1f} days: at least four are needed")
    held, tested = int((1 - TESTED - HELD) * steps), int((1 - TESTED) * steps)
    ends = {"train": (0, held), "validation": (held, tested), "test": (tested, steps)}
    return {part: np.arange(start + PAST - 1, end - AHEAD[-1]) for part, (start, end) in ends.items()}


def road_rows(road: Road, count: int, labelled: float, seed: int = 0) -> Rows:
    """So many training rows drawn from all moments and sensors, a fifth as many to validate, and all sensors to test.

    Columns, all in spreads around the mean of the training time: `own` [12], the sensor's last hour; `walks` [12, 4],
    itself and its neighbours after one to three steps of a random walk (Li et al. 2018); `usual` [4], what it had
    around the time of day of each horizon on the other training days of the kind; `clock` [2]; `features`, everything
    that a student reads; and `day`.

    Raises:
        InputError: too short a time, or a share that is none.
    """
    if not 0 < labelled <= 1:
        raise InputError(f"--labelled is a share of rows in (0, 1], got {labelled}")
    part, sensors = times(len(road.speed)), road.speed.shape[1]
    known = road.speed[: part["train"][-1] + AHEAD[-1] + 1]
    centre, spread = known.mean(), known.std()
    scaled = (road.speed - centre) / spread
    walks = [scaled]
    for _ in range(WALKS):
        walks.append(walks[-1] @ road.walk.T)
    chance = np.random.default_rng(seed)
    cells = {name: np.stack(np.meshgrid(own, np.arange(sensors), indexing="ij"), -1).reshape(-1, 2)
             for name, own in part.items()}  # fmt: skip
    for name, most in (("train", count), ("validation", count // 5)):
        cells[name] = cells[name][np.sort(chance.permutation(len(cells[name]))[:most])]
    cells["test"] = cells["test"][np.isin(cells["test"][:, 0], part["test"][::EVERY])]
    when, who = np.concatenate(list(cells.values())).T
    ends = np.cumsum([len(own) for own in cells.values()])
    past, ahead = when[:, None] - np.arange(PAST)[::-1], when[:, None] + np.array(AHEAD)
    usual = _usual(scaled[: len(known)], ahead, who)
    seen = np.stack([walk[past, who[:, None]] for walk in walks], -1).astype(np.float32)
    turn = 2 * np.pi * when / DAY
    clock = np.stack([np.sin(turn), np.cos(turn)], 1)
    columns = {"own": seen[:, :, 0], "walks": seen, "usual": usual, "clock": clock, "day": when // DAY}
    columns["features"] = np.concatenate([seen[:, :, 0], seen[:, :, 1], usual, clock], 1)
    target = road.speed[ahead, who[:, None]].astype(np.float32)
    train, validation, test = np.split(np.arange(len(when)), ends[:-1])
    shown = np.ones(target.shape, dtype=bool)
    shown[chance.permutation(train)[round(labelled * len(train)) :]] = False
    task = Forecasting(NAMES, (float(centre),) * len(AHEAD), (float(spread),) * len(AHEAD), with_scale=True, loss="nll")
    columns = {name: column.astype(np.int64 if name == "day" else np.float32) for name, column in columns.items()}
    return Rows(columns, ("features",), target, Space(Values, NAMES), shown, train, validation, Sealed(test), task=task)


def _usual(known: np.ndarray, ahead: np.ndarray, who: np.ndarray) -> np.ndarray:
    """What a sensor had around the time of day of each moment, over the known days of its kind but the moment's own.

    Kinds are working days and weekends, `NEAR` steps to both sides count; where no other day of a kind is known, all
    are taken. [N, horizons].
    """
    steps, sensors = known.shape
    days = -(-steps // DAY)
    filled = np.full((days * DAY, sensors), np.nan)
    filled[:steps] = known
    near = np.stack([np.roll(filled, shift, 0) for shift in range(-NEAR, NEAR + 1)])
    there = np.isfinite(near)
    total, count = (part.sum(0).reshape(days, DAY, sensors) for part in (np.where(there, near, 0.0), there))
    weekend = (np.arange(ahead.max() // DAY + 1) + FIRST) % 7 >= 5
    own, slot, column = ahead // DAY, ahead % DAY, who[:, None]
    found = np.zeros(ahead.shape)
    for kind in (False, True):
        of_kind = weekend[:days] == kind
        inside = np.flatnonzero(weekend[own].any(1) == kind)
        sums = [np.stack([part[of_kind].sum(0), part.sum(0)]) for part in (total, count)]
        at = (own[inside], slot[inside], column[inside])
        mine = [np.where(at[0] < days, part[np.minimum(at[0], days - 1), at[1], at[2]], 0) for part in (total, count)]
        same, all_days = (
            (sums[0][one][at[1], at[2]] - mine[0], sums[1][one][at[1], at[2]] - mine[1]) for one in (0, 1)
        )
        value, number = (np.where(same[1] > 0, a, b) for a, b in zip(same, all_days, strict=True))
        found[inside] = value / number
    return found
