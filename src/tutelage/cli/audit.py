"""`tutelage audit`: does anything see what it must not see?"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import tyro

from ..core import InputError
from ..data import FittedRecipe, read_table
from ..data.audit import Audited, Checked, Finished, Learning, backends_of, telling_columns
from ..data.automatic import prepare_table
from ..data.tables import READERS
from ..train import Run, load
from . import show
from .parts import hook_from

Kind = Literal["future", "fit", "backends", "target", "rows", "late"]
HELP = f"""usage: tutelage audit WHAT [options] [--allow KIND]

Looks for leaks: features that see the future, statistics that see validation rows, back ends that disagree, columns
that give the target away, rows that are in two splits. The exit status is 1 where something is found.

WHAT is
  a recipe           shop, or my_recipe.py:shop; beside the recipe stands a function audit_shop, whose arguments are
                     the options (tutelage audit shop --help)
  the folder of a run
  a table            data.csv --target COLUMN (tutelage audit data.csv --help)

--allow KIND shows findings of a kind without counting them; repeat it for more. Kinds: {", ".join(get_args(Kind))}.

Audits: A scrambles everything from a time on; B scrambles validation and test rows; C compares NumPy, torch and an
engine; the leak detector looks at finished rows. docs/preparation.md tells more.
"""


@dataclass(frozen=True)
class TableOptions:
    """Audit a table: what its automatic preparation learns and gives (B, C), telling columns, rows in two splits.

    Attributes:
        data: .csv, .tsv, .parquet or .jsonl.
        target: name of the target column; several names for labels or values.
        test: table of test rows; split off the data unless given.
        task: classification, multilabel or regression, where it cannot be told from the target.
        ignore: columns that nobody reads.
        key: column that names a row, and is no feature.
        time: column of the time at which a row's label was fixed; other dates must not lie after it.
    """

    data: tyro.conf.Positional[Path]
    target: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    test: Path | None = None
    task: Literal["classification", "multilabel", "regression"] | None = None
    ignore: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    key: str | None = None
    time: str | None = None


def audit_command(arguments: list[str]) -> int:
    """Prints what every audit looked at and found; 1 where there is a leak, else 0."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP, end="")
        return 0
    allowed, (what, *rest) = _allowed(arguments)
    path = Path(what)
    if path.suffix.lower() in READERS:
        found: Iterable[Checked] = table_audits(tyro.cli(TableOptions, args=[what, *rest], prog="tutelage audit"))
    elif path.is_dir():
        if rest:
            raise InputError(f"the audit of a run takes no options but --allow, got {rest}")
        found = run_audits(load(path))
    else:
        found = _called(hook_from(what), rest, f"tutelage audit {what}").run()
    return _shown(found, allowed)


def table_audits(options: TableOptions) -> Iterator[Checked]:
    """Audits B and C of the automatic preparation, and the leak detector on all features.

    Raises:
        InputError: the table cannot be read, or a column is not there.
    """
    target = options.target[0] if len(options.target) == 1 else options.target
    kept: dict[str, Any] = {"task": options.task, "ignore": options.ignore, "key": options.key}
    table = read_table(options.data, target, test=options.test, **kept)
    for remark in table.remarks:
        show.said(remark)
    rows = table.rows
    left = {*options.target, *options.ignore, options.key, options.time, *rows.inputs}
    features = {name: column for name, column in rows.columns.items() if name not in left}
    if options.time is not None and options.time not in rows.columns:
        raise InputError(f"{options.data} has no column {options.time!r} for --time; there are {list(rows.columns)}")
    time = None if options.time is None else _dates(rows.columns[options.time])
    if options.time is not None and time is None:
        raise InputError(f"column {options.time!r} holds no dates of ISO 8601")

    yield from Learning(
        lambda columns, train: prepare_table(columns, train)[0], features, rows.train, "automatic preparation"
    ).run()
    splits = {"train": rows.train, "validation": rows.validation, "test": rows.test.open("audit of leaks")}
    dated = {name: found for name, column in features.items() if (found := _dates(column)) is not None}
    for name, column in targets_of(rows.target, rows.space.names, rows.space.kind).items():
        known = np.ones(len(rows), dtype=bool) if rows.known is None else rows.known.reshape(len(rows), -1).all(1)
        part = {n: dated.get(n, c)[known] for n, c in features.items()}
        moments = None if time is None else time[known]
        yield from Finished(part, column[known], time=moments, name=f"columns against {name}").run()
    used = [name for name in table.preparation.reads if name in features]
    yield Checked("leak detector, rows", *_rows_twice(features, used, splits))


def run_audits(run: Run) -> Iterator[Checked]:
    """What can be told from the folder of a run: its preparation, its kept test rows, its record."""
    columns, target, known = run.check_rows()
    rows = known.numpy().reshape(len(known), -1).all(1)
    if isinstance(run.preparation, FittedRecipe):
        yield backends_of(run.preparation, columns, "saved preparation")
    else:
        why = "the student takes its columns as they are"
        if run.preparation is not None:
            why = f"{type(run.preparation).__name__} has one form only"
        yield Checked("C, back ends of the saved preparation", (), (f"nothing to compare: {why}",))
    plain = {name: column[rows] for name, column in columns.items()}
    for name, column in targets_of(target.numpy(), run.space.names, run.space.kind).items():
        leaks = telling_columns(plain, column[rows]) if rows.sum() >= 5 else ()
        remark = f"{len(plain)} columns that the student reads, on {int(rows.sum())} kept test rows"
        yield Checked(f"leak detector, columns against {name}", leaks, (remark,))
    flagged = [f"teacher {card.name!r} is {card.seen}" for card in run.report.teachers if "flagged" in card.seen]
    openings = run.record.get("test_openings", [])
    remarks = (*flagged, f"the test rows were opened {len(openings)} times: {', '.join(dict.fromkeys(openings))}")
    yield Checked("record of the run", (), (*remarks, *_origin(run)))


def targets_of(target: np.ndarray, names: tuple[str, ...], kind: str) -> dict[str, np.ndarray]:
    """The target as the leak detector takes it: one array of codes, or one of values or yes/no per column."""
    if kind == "classes":
        return {"the target": target.astype(np.int64)}
    columns = target.reshape(len(target), -1)
    if kind == "labels":
        return {name: columns[:, place] > 0.5 for place, name in enumerate(names)}
    return {name: columns[:, place].astype(np.float64) for place, name in enumerate(names)}


def _rows_twice(
    columns: Mapping[str, np.ndarray], used: list[str], splits: Mapping[str, np.ndarray]
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Rows and long texts of a later split that stand in the training rows."""
    size = len(next(iter(columns.values())))
    found = Finished({name: columns[name] for name in used}, np.zeros(size, dtype=np.int64), splits)
    (checked,) = found.run()
    return checked.leaks, checked.remarks[1:]


def _origin(run: Run) -> tuple[str, ...]:
    """How the way to the rows of a run can be audited."""
    recipe = run.record.get("recipe") or {}
    if recipe.get("command") == "run":
        return (f"its recipe: tutelage audit {recipe['recipe']}",)
    if recipe.get("command") == "distill":
        given = recipe["arguments"]
        data = [value for value in given if Path(str(value)).suffix.lower() in READERS][:1]
        return (f"its table: tutelage audit {data[0]} --target ...",) if data else ()
    return ()


def _dates(column: np.ndarray) -> np.ndarray | None:
    """A column of dates as datetime64[us]; None where it holds something else."""
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]")
    if column.dtype != object:
        return None
    values = [None if value is None or value == "" else str(value) for value in column.tolist()]
    if not any(value and len(value) >= 8 and value[:4].isdigit() for value in values):
        return None
    try:
        return np.array([None if v is None else v.removesuffix("Z") for v in values], dtype="datetime64[us]")
    except ValueError:
        return None


def _called(hook: Callable[..., Audited], rest: list[str], prog: str) -> Audited:
    """What a recipe exposes; the hook's signature is the command line.

    Raises:
        InputError: the hook gives something else.
    """
    hints = typing.get_type_hints(hook)
    kept = [
        one.replace(annotation=hints.get(one.name, str), kind=inspect.Parameter.KEYWORD_ONLY)
        for one in inspect.signature(hook).parameters.values()
    ]

    def asked(**values: Any) -> dict[str, Any]:
        return values

    asked.__doc__ = hook.__doc__
    asked.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
    asked.__annotations__ = {one.name: one.annotation for one in kept}
    found = hook(**tyro.cli(asked, args=rest, prog=prog))
    if not isinstance(found, Audited):
        raise InputError(f"{hook.__name__} gives a {type(found).__name__}: it has to return an Audited")
    return found


def _allowed(arguments: list[str]) -> tuple[frozenset[str], list[str]]:
    """The kinds of findings that do not count, and the other arguments."""
    allowed, rest = set[str](), list[str]()
    left = iter(arguments)
    for word in left:
        if word != "--allow" and not word.startswith("--allow="):
            rest.append(word)
            continue
        kind = word.partition("=")[2] or next(left, "")
        if kind not in get_args(Kind):
            raise InputError(f"--allow takes a kind of finding, {', '.join(get_args(Kind))}, got {kind!r}")
        allowed.add(kind)
    if not rest:
        raise InputError("what shall be audited? A recipe, the folder of a run, or a table; see tutelage audit --help")
    return frozenset(allowed), rest


def _shown(found: Iterable[Checked], allowed: frozenset[str]) -> int:
    """Prints findings as they come; 1 where one counts."""
    count = 0
    for checked in found:
        bad = [leak for leak in checked.leaks if leak.kind not in allowed]
        print(f"{'LEAK' if bad else 'ok':5}{checked.audit}")
        for remark in checked.remarks:
            print(f"     {remark}")
        for leak in checked.leaks:
            print(f"     {'allowed' if leak.kind in allowed else 'LEAK'} ({leak.kind}): {leak}", flush=True)
        count += len(bad)
    print("no leak was found" if not count else f"{count} leaks: see the lines that begin with LEAK")
    return int(count > 0)
