"""`tutelage distill`: your data and your models, no code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from ..core import InputError, Teacher
from ..data import Images, Rows, Table, is_image_folder, read_images, read_table
from ..ops.schedules import Constant, Cosine, InverseTime
from ..search import distill as run_distill
from ..teachers.load import load_function, load_teacher
from ..teaching import Objective
from ..train import Finish, Plateau, Training, load
from ..train.homemade import student_for, teacher_makers
from ..train.objectives import default_objective
from ..train.run import begin
from ..train.steps import train_models
from . import show
from .parts import default_name, fusion_from, pairs, shortened, without_run

Many = tyro.conf.UseAppendAction


@dataclass(frozen=True)
class Options:
    """Distil your teachers into one student.

    Attributes:
        data: table (.csv, .tsv, .parquet, .jsonl) or folder with one folder of images per class.
        target: name of the target column; several names for labels or values.
        teacher: a model: .skops, .onnx, .pt2, .parquet or .csv of its predictions, rules.py:function, the folder of
            an earlier run; repeat for each. NAME=FILE names it.
        train_teachers: how many teachers to train here, out of fold, when there are no models (or not enough).
        student: mlp, conv, or file.py:function that makes an nn.Module.
        val: folder of validation images, beside a folder of training images.
        test: table or folder of test rows; split off the data unless given.
        task: classification, multilabel or regression, where it cannot be told from the target.
        ignore: columns nobody may read: identifiers, what is known only later.
        reads: TEACHER=COLUMN,COLUMN: the columns a teacher reads; all raw feature columns unless said or known.
        classes: TEACHER=A,B,C: names of a teacher's outputs, where its file does not hold them.
        mapping: TEACHER:THEIRS=OURS: a class that a teacher calls otherwise.
        output: TEACHER=logits|log_probs|probs: what a teacher's numbers are, where they are not what they seem.
        key: column that says which row a stored prediction is about, and is no feature; row numbers unless given.
        allow_pickle: open .pkl and .joblib teachers, which may run any code while they are opened.
        trust: a type that a .skops teacher may hold, when a message asks for it.
        fusion: how teachers are combined (mean, vote, confidence, stacking, ..., my.py:Mine); chosen on held-out rows
            unless given.
        soft: share of the soft loss; the task's default unless given.
        temperature: of the comparison of classes or labels; the task's default unless given.
        l2: strength of the exact L2 term.
        epochs: passes over the training rows.
        batch_size: rows per step.
        lr: learning rate at its highest.
        schedule: of the learning rate.
        optimiser: of the student.
        patience: epochs without improvement on validation rows before stopping.
        finish: after distilling, also try learning from labels alone, and show what that changes.
        seen_ok: let fusions learn from rows that a teacher was trained on.
        seeds: number of paired seeds.
        device: auto, cpu, cuda or mps.
        size: side in pixels that images are resized to.
        run: folder of the run; runs/distill unless given.
        resume: continue an interrupted run.
        tensorboard: folder for a TensorBoard log.
        profile: folder for a torch profiler trace of the first steps of a training.
    """

    data: Path
    target: Annotated[tuple[str, ...], Many] = ()
    teacher: Annotated[tuple[str, ...], Many] = ()
    train_teachers: int = 0
    student: str | None = None
    val: Path | None = None
    test: Path | None = None
    task: Literal["classification", "multilabel", "regression"] | None = None
    ignore: Annotated[tuple[str, ...], Many] = ()
    reads: Annotated[tuple[str, ...], Many] = ()
    classes: Annotated[tuple[str, ...], Many] = ()
    mapping: Annotated[tuple[str, ...], Many] = ()
    output: Annotated[tuple[str, ...], Many] = ()
    key: str | None = None
    allow_pickle: bool = False
    trust: Annotated[tuple[str, ...], Many] = ()
    fusion: str | None = None
    soft: float | None = None
    temperature: float | None = None
    l2: float = 0.0
    epochs: int = 40
    batch_size: int = 64
    lr: float = 3e-3
    schedule: Literal["cosine", "constant", "inverse_time", "plateau"] = "cosine"
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    patience: int | None = None
    finish: bool = False
    seen_ok: bool = False
    seeds: int = 3
    device: str = "auto"
    size: int = 32
    run: Path | None = None
    resume: bool = False
    tensorboard: Path | None = None
    profile: Path | None = None


def distill_command(arguments: list[str]) -> None:
    """Reads data and teachers, says what was found out, distils, and prints what came out."""
    options = tyro.cli(Options, args=arguments, prog="tutelage distill")
    ready = _read(options)
    folder = show.new_folder("distill", options.run, options.resume)
    kept = [part for part in arguments if part != "--resume"]
    begin(folder, {"command": "distill", "arguments": without_run(kept)}, resume=options.resume)
    if ready.remarks:
        (folder / "left-out.txt").write_text("\n".join(ready.remarks) + "\n")
    with show.progress() as listener:
        report = _distilled(options, ready, folder, listener)
    show.results(report, folder)


def distill_again(arguments: list[str], folder: Path, listener: Any) -> Any:
    """Distils as a run was made, in that run's folder."""
    options = tyro.cli(Options, args=arguments, prog="tutelage distill")
    return _distilled(options, _read(options), folder, listener)


@dataclass(frozen=True)
class _Ready:
    """What the options mean."""

    rows: Rows
    teachers: list[Teacher]
    student: Any
    objective: Objective
    training: Training
    fusion: Any
    remarks: tuple[str, ...]


def _read(options: Options) -> _Ready:
    """Reads data and teachers, and says what was found out."""
    found = read_rows(options)
    rows = found.rows
    names = rows.space.names
    shown = f"{', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"
    show.said(f"task: {len(names)} {rows.space.kind} ({shown})")
    show.said(f"rows: {len(rows.train)} train, {len(rows.validation)} validation, {len(rows.test)} test")
    teachers = read_teachers(options, rows)
    student, objective, training = make_student(options, rows), make_objective(options, rows), make_training(options)
    fusion = None if options.fusion is None else fusion_from(options.fusion)
    for teacher in teachers:
        known = getattr(teacher, "output_found", None) or getattr(teacher, "note", "")
        show.said(f"teacher {teacher.name!r}: reads {shortened(teacher.reads)}; {known}".rstrip("; "))
    return _Ready(rows, teachers, student, objective, training, fusion, tuple(found.remarks))


def _distilled(options: Options, ready: _Ready, folder: Path, listener: Any) -> Any:
    rows, teachers = ready.rows, list(ready.teachers)
    if options.train_teachers:
        show.said(f"training {options.train_teachers} teachers, five folds each")
        teachers += train_models(rows, teacher_makers(rows), options.train_teachers, ("seed", "architecture"))
    return run_distill(
        ready.student,
        rows,
        teachers,
        fusion=ready.fusion,
        objective=ready.objective,
        training=ready.training,
        seeds=range(options.seeds),
        finish=Finish() if options.finish else None,
        seen_ok=options.seen_ok,
        run=folder,
        title=f"{options.data.name}: {len(teachers)} teachers",
        progress=listener,
    )


def read_rows(options: Options) -> Table | Images:
    """The rows, from a table or a folder of images; what was found out is said."""
    if is_image_folder(options.data):
        found = read_images(options.data, validation=options.val, test=options.test, size=options.size)
    else:
        if not options.target:
            from ..data import read_columns

            names = list(read_columns(options.data))
            raise InputError(f"which column is the target? Name it with --target; {options.data} has {names}")
        target = options.target[0] if len(options.target) == 1 else options.target
        kept: dict[str, Any] = {"task": options.task, "ignore": options.ignore, "key": options.key}
        found = read_table(options.data, target, test=options.test, **kept)
    for remark in found.remarks:
        show.said(remark)
    return found


def read_teachers(options: Options, rows: Rows) -> list[Teacher]:
    """The teachers given, whatever can be wrong about them said before anything is begun."""
    names = [_named(spec)[0] for spec in options.teacher]
    for flag in ("reads", "classes", "mapping", "output"):
        for left, _ in pairs(list(getattr(options, flag)), f"--{flag}"):
            name = left.partition(":")[0] if flag == "mapping" else left
            if name not in names:
                raise InputError(f"--{flag} names the teacher {name!r}; there are {names}")
    teachers = [_teacher(spec, options, rows) for spec in options.teacher]
    if not teachers and not options.train_teachers:
        raise InputError(
            "there is no teacher: give --teacher FILE (once for each model), or --train-teachers 3 to train some here"
        )
    for teacher in teachers:
        lost = [name for name in teacher.reads if name not in rows.columns]
        if lost:
            raise InputError(f"teacher {teacher.name!r} reads columns {lost}; there are {sorted(rows.columns)}")
    return teachers


def _named(spec: str) -> tuple[str, str]:
    """Name and file (or address) of `NAME=FILE` or `FILE`."""
    name, sign, path = spec.partition("=")
    plain = Path(spec).exists() or spec.startswith(("http:", "https:"))
    return (name, path) if sign and not plain else (default_name(spec), spec)


def _teacher(spec: str, options: Options, rows: Rows) -> Teacher:
    name, path = _named(spec)
    told = [(k.partition(":"), v) for k, v in pairs(list(options.mapping), "--mapping")]
    mapping = {own: value for (left, _, own), value in told if left == name}
    reads = dict(pairs(list(options.reads), "--reads")).get(name)
    classes = dict(pairs(list(options.classes), "--classes")).get(name)
    output: Any = dict(pairs(list(options.output), "--output")).get(name)
    if output not in (None, "logits", "log_probs", "probs", "votes"):
        raise InputError(f"--output {name}={output} is not known: logits, log_probs, probs, votes")
    if Path(path).is_dir():
        return replace(load(path), called=name)
    return load_teacher(
        path,
        reads=raw_features(rows) if reads is None else reads.split(","),
        name=name,
        space=rows.space,
        mapping=mapping or None,
        classes=None if classes is None else classes.split(","),
        output=output,
        key=options.key,
        allow_pickle=options.allow_pickle,
        trusted=options.trust,
        probes={column: values[:8] for column, values in rows.columns.items()},
    )


def raw_features(rows: Rows) -> tuple[str, ...]:
    """What a teacher reads unless told otherwise: the raw columns that the preparation uses, or the student's."""
    if rows.preparation is None or set(rows.preparation.reads) - set(rows.columns) or "path" in rows.preparation.reads:
        return rows.inputs
    return tuple(name for name in rows.columns if name in rows.preparation.reads)


def make_student(options: Options, rows: Rows) -> Any:
    """A maker of the student."""
    if options.student is not None and ".py:" in options.student:
        return load_function(options.student)
    return student_for(rows, options.student)


def make_objective(options: Options, rows: Rows) -> Objective:
    """What is compared: the task's default, with what was asked for."""
    from ..train import task_of

    goal = default_objective(task_of(rows))
    if options.temperature is not None and rows.space.kind == "values":
        raise InputError("--temperature softens classes and labels; values have none: leave it out")
    if options.temperature is not None:
        terms: Any = tuple(replace(term, temperature=options.temperature) for term in goal.terms)  # type: ignore[type-var]
        goal = replace(goal, terms=terms)
    return replace(goal, soft=goal.soft if options.soft is None else options.soft, l2=options.l2)


def make_training(options: Options) -> Training:
    """The settings of a training."""
    for name in ("seeds", "lr"):
        if not getattr(options, name) > 0:
            raise InputError(f"--{name} must be positive, got {getattr(options, name)}")
    return Training(
        epochs=options.epochs,
        batch_size=options.batch_size,
        lr=_rate(options),
        optimiser=options.optimiser,
        patience=options.patience,
        device=options.device,
        tensorboard=options.tensorboard,
        profile=options.profile,
    )


def _rate(options: Options) -> Any:
    if options.schedule == "plateau":
        return Plateau(options.lr)
    if options.schedule == "constant":
        return Constant(options.lr)
    return InverseTime(options.lr, 0.1) if options.schedule == "inverse_time" else Cosine(options.lr, warmup=0.05)
