"""Molecules: what a structure says about a property, for a student that needs no chemistry library.

| `--on` | question | rows | test rows |
|---|---|---|---|
| bace | does it inhibit beta-secretase 1? | 1,513 | the official 1,265 |
| bbbp | does it pass the blood-brain barrier? | 1,965 | the rarest scaffolds, a tenth |
| tox21 | which of twelve assays does it disturb? many are not measured | 7,823 | a tenth |
| esol | how well does it dissolve in water? | 1,117 | a tenth |

The student is a small net over the tokens of a SMILES string.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core import Fusion, InputError, Labels, Space, Values
from ..data import Recipe, Rows, rows_of
from ..data.dealing import deal
from ..data.split import Split
from ..nets import TextConv
from ..report import Report
from ..search import distill
from ..tasks import Classification, MultiLabel
from ..train import Training
from ..train.contest import Progress
from ._drugs_molecules import Molecules, Sheet, columns_of, joined, read_molecules, scaffold_split
from ._drugs_teachers import ASSAYS, TOKENS, baseline, binds, dissolves, disturbs, drug_teachers, enters
from ._public import public_folder
from ._tables import STUDENT

On = Literal["bace", "bbbp", "tox21", "esol"]
NAMES = ("no", "yes")
SHEETS = {
    "bace": Sheet("bace.csv", ("Class",), part="Model"),
    "bbbp": Sheet("BBBP.csv", ("p_np",)),
    "tox21": Sheet("tox21.csv", ASSAYS),
    "esol": Sheet("ESOL_delaney-processed.csv", ("measured log solubility in mols per litre",), binary=False),
}
RULES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "bace": binds,
    "bbbp": enters,
    "tox21": disturbs,
    "esol": dissolves,
}
PUBLIC = "{} of MoleculeNet (https://moleculenet.org/datasets-1)"


def drugs(
    *,
    on: On = "bace",
    data: Path | None = None,
    split: Literal["official", "scaffold"] = "official",
    transfer: int = 0,
    labelled: float = 1.0,
    seeds: int = 5,
    epochs: int = 40,
    fusion: Fusion | None = None,
    run: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Distils five teachers of molecules into a small net over SMILES.

    Args:
        on: which property.
        data: folder with the files; below $TUTELAGE_DATA unless given.
        split: of bace: that of its column Model, or by scaffold as the others are.
        transfer: so many molecules of the other files, of which nobody has measured the property, are taught too.
        labelled: share of the training molecules whose answer the student sees.
        seeds: number of paired seeds.
        epochs: most passes of each student over its rows.
        fusion: how teachers are combined; chosen on held-out rows unless given.
        run: folder of the run.
        progress: told what happens.

    Raises:
        InputError: the files are not there, or a number is out of range.
        MissingExtraError: RDKit is not installed.
    """
    if not 0.0 < labelled <= 1.0 or transfer < 0:
        raise InputError(f"--labelled is a share in (0, 1] and --transfer a number from 0, got {labelled}, {transfer}")
    folder = public_folder("drug-moleculenet", data, PUBLIC.format(SHEETS[on].file), f"--on {on}")
    molecules = read_molecules(folder, SHEETS[on], run)
    parts = split_of(molecules, split == "official")
    others = strangers(folder, on, molecules, transfer)
    rows = make_rows(on, others, parts, labelled)
    groups = np.array([scaffold or name for scaffold, name in zip(others.scaffold, others.smiles, strict=True)])
    return distill(
        lambda: TextConv(TOKENS.codes - 1, len(rows.space.names), width=16, filters=32, windows=(2, 4), dropout=0.2),
        rows,
        lambda seed, _: drug_teachers(rows, seed, groups, RULES[on], epochs=epochs, folds=3),
        fusion=fusion,
        training=Training(epochs=epochs, lr=5e-3, patience=10, threads=1),
        seeds=range(seeds),
        baselines=baseline(),
        rates=(2e-3, 5e-3, 1e-2),
        pseudo_labels=True,
        run=run,
        title=f"Molecules ({on}): five teachers, one net over SMILES",
        progress=progress,
    )


def split_of(molecules: Molecules, official: bool = True) -> Split:
    """By scaffold where the file does not say which are tested.

    Where it does, the others are dealt anew, by scaffold and class: of the official validation rows of bace 44 of 45
    are inhibitors.

    Raises:
        InputError: the file says nothing that is understood.
    """
    if not official or not molecules.part.any():
        return scaffold_split(molecules.scaffold)
    test = molecules.part == "Test"
    rest = np.flatnonzero(~test)
    watched = deal(molecules.target[rest, 0].astype(np.int64), 6, 0, molecules.scaffold[rest]) == 0
    return Split(rest[~watched], rest[watched], np.flatnonzero(test), np.zeros(0, np.int64))


def strangers(folder: Path, on: str, molecules: Molecules, count: int) -> Molecules:
    """The molecules, and so many of the other files, drawn with seed 0, whose property nobody has measured."""
    if not count:
        return molecules
    files = [sheet for name, sheet in SHEETS.items() if name != on and (folder / sheet.file).is_file()]
    found = molecules
    for sheet in files:
        found = joined(found, read_molecules(folder, sheet, None))
    own = len(molecules)
    drawn = own + np.sort(np.random.default_rng(0).permutation(len(found) - own)[:count])
    chosen = np.concatenate([np.arange(own), drawn])
    parts = {name: getattr(found, name)[chosen] for name in ("smiles", "target", "scaffold", "part")}
    return replace(found, **parts)


def make_rows(on: str, molecules: Molecules, parts: Split, labelled: float = 1.0) -> Rows:
    """The table; molecules beyond those of the parts are for training, without an answer."""
    own = sum(map(len, parts.parts().values()))
    table = columns_of(molecules.smiles)
    seen = np.ones(len(molecules), dtype=bool)
    seen[np.random.default_rng(0).permutation(parts.train)[round(labelled * len(parts.train)) :]] = False
    train = np.concatenate([parts.train, np.arange(own, len(molecules))])
    recipe = Recipe((TOKENS,), {STUDENT: "smiles"}).fit(table, train)
    target = molecules.target
    settings: dict[str, Any] = {}
    if on in ("bace", "bbbp"):
        words = [None if np.isnan(one) else NAMES[int(one)] for one in target[:, 0].tolist()]
        target = np.array(words, dtype=object)
        settings = {"names": NAMES, "task": Classification(NAMES, headline="roc_auc")}
    elif on == "tox21":
        settings = {"space": Space(Labels, ASSAYS), "task": MultiLabel(ASSAYS, headline="roc_auc")}
    else:
        settings = {"space": Space(Values, ("log solubility",))}
    rows = rows_of(
        {**table, **recipe.apply(table)},
        target,
        inputs=(STUDENT,),
        train=train,
        validation=parts.validation,
        test=parts.test,
        labelled=seen,
        record=molecules.record,
        **settings,
    )
    return replace(rows, preparation=recipe)
