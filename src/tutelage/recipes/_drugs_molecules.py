"""Molecules read from tables of SMILES by RDKit: one row per molecule, its scaffold, and what teachers see of it.

| column | what it is |
|---|---|
| smiles | canonical SMILES; all that the student reads, as tokens |
| print | Morgan fingerprint of radius 2: how often each of 1,024 hashed surroundings occurs (Rogers and Hahn 2010) |
| properties | 17 numbers such as weight, logP and polar surface; for rules some are columns of their own, too |
| atoms, bonds | the graph, for `GraphNet` |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from ..core import InputError, require
from ..data.contract import Field, Schema
from ..data.quarantine import Quarantine, Rejected
from ..data.record import DataRecord, StepRecord
from ..data.sources import Csv
from ..data.split import Split
from ._tables import tables_of

PRINT = 1024
PROPERTIES = (
    *("MolWt", "MolLogP", "TPSA", "NumHDonors", "NumHAcceptors", "NumRotatableBonds", "RingCount"),
    *("NumAromaticRings", "NumAliphaticRings", "FractionCSP3", "HeavyAtomCount", "NumHeteroatoms", "MolMR"),
    *("LabuteASA", "Chi1v", "Kappa2", "HallKierAlpha"),
)
"""Names of RDKit's descriptors."""
RULED = {"weight": 0, "logp": 1, "tpsa": 2, "donors": 3, "acceptors": 4}
"""Columns for rules, and their places among the properties."""
ELEMENTS = ("C", "N", "O", "S", "F", "Cl", "Br", "I", "P", "B", "Si", "Se", "Na", "K", "Ca", "Sn", "Hg", "As")
KINDS = (len(ELEMENTS) + 1, 7, 5, 5, 4, 3, 3)
"""Values of each property of an atom: element, neighbours, hydrogens, charge, hybridisation, ring, chirality."""
ATOMS, BONDS = sum(KINDS), 10
"""Codes of atoms and bonds beside 0."""
STEROID = "[#6]1~[#6]~[#6]~[#6]2~[#6](~[#6]~1)~[#6]~[#6]~[#6]1~[#6]~2~[#6]~[#6]~[#6]2~[#6]~[#6]~[#6]~[#6]~1~2"
"""SMARTS of the four rings of steroids."""


@dataclass(frozen=True)
class Sheet:
    """A public table of molecules.

    Attributes:
        file: its name.
        targets: columns of the answers.
        binary: whether these are yes or no.
        part: the column with an official split.
    """

    file: str
    targets: tuple[str, ...]
    binary: bool = True
    part: str | None = None

    def source(self, folder: Path) -> Csv:
        """Reads the columns that are needed; yes and no are 1 and 0."""
        answer = Field("number", values=(0.0, 1.0)) if self.binary else Field("number")
        fields = {"smiles": Field("text", required=True)} | dict.fromkeys(self.targets, answer)
        fields |= {} if self.part is None else {self.part: Field("text")}
        return Csv(Path(self.file).stem, folder / self.file, schema=Schema(fields))


@dataclass(frozen=True)
class Molecules:
    """Different molecules and what is known of them.

    Attributes:
        smiles: canonical [N].
        target: [N, C], NaN where it was not measured.
        scaffold: Bemis-Murcko scaffold as canonical SMILES [N]; empty for molecules without rings.
        part: that the file says [N]; empty where it says none.
        record: what was counted.
    """

    smiles: np.ndarray
    target: np.ndarray
    scaffold: np.ndarray
    part: np.ndarray
    record: DataRecord

    def __len__(self) -> int:
        return len(self.smiles)


def read_molecules(folder: Path, sheet: Sheet, run: Path | None) -> Molecules:
    """The molecules of a file, each once, in the order of the file.

    Duplicates that agree are one row; of numbers the mean is taken. Where duplicates disagree nobody knows the answer,
    and a molecule without any answer left is dropped and counted. SMILES that RDKit cannot read go to quarantine.

    Raises:
        InputError: the file is not there, or has other columns.
    """
    run = Path(mkdtemp(prefix="tutelage-")) if run is None else run
    source = sheet.source(folder)
    tables, record = tables_of([source], run)
    table = tables[source.name]
    smiles, scaffold = canonical(table["smiles"].tolist())
    bad = np.array([one is None for one in smiles])
    rejected = [
        Rejected(source.name, str(folder / sheet.file), row + 1, -1, str(table["smiles"][row]), UNREADABLE, "molecules")
        for row in np.flatnonzero(bad).tolist()
    ]
    Quarantine(run / "quarantine").put(f"{source.name} molecules", rejected)
    answers = np.stack([table[name].astype(float) for name in sheet.targets], 1)
    good = np.flatnonzero(~bad)
    first, code = _firsts(smiles[good])
    target = _agreed(answers[good], code, sheet.binary)
    kept = np.isfinite(target).any(1)
    chosen = good[first][kept]
    lost = {UNREADABLE: int(bad.sum()), "the same molecule again": len(good) - len(first)}
    lost["no answer, or answers that disagree"] = int((~kept).sum())
    step = StepRecord("molecules", (source.name,), len(bad), len(chosen), lost)
    part = np.full(len(chosen), "") if sheet.part is None else table[sheet.part][chosen].astype(str)
    return Molecules(smiles[chosen], target[kept], scaffold[chosen], part, record.adding(step))


UNREADABLE = "SMILES that RDKit cannot read"


def canonical(smiles: Sequence[str | None]) -> tuple[np.ndarray, np.ndarray]:
    """Canonical SMILES and scaffolds, object [N]; None where RDKit cannot read a molecule."""
    chem, murcko = _rdkit("rdkit.Chem"), _rdkit("rdkit.Chem.Scaffolds.MurckoScaffold")
    found = np.full((2, len(smiles)), None, dtype=object)
    with _rdkit("rdkit.rdBase").BlockLogs():
        for row, text in enumerate(smiles):
            molecule = chem.MolFromSmiles((text or "").strip())
            if molecule is not None and molecule.GetNumAtoms():
                found[0, row] = chem.MolToSmiles(molecule)
                found[1, row] = murcko.MurckoScaffoldSmiles(mol=molecule)
    return found[0], found[1]


def columns_of(smiles: np.ndarray) -> dict[str, np.ndarray]:
    """What teachers see of these canonical SMILES [N]."""
    chem, descriptors = _rdkit("rdkit.Chem"), _rdkit("rdkit.Chem.Descriptors")
    prints = _rdkit("rdkit.Chem.rdFingerprintGenerator").GetMorganGenerator(radius=2, fpSize=PRINT)
    with _rdkit("rdkit.rdBase").BlockLogs():
        molecules = [chem.MolFromSmiles(text) for text in smiles.tolist()]
    counted = [prints.GetCountFingerprintAsNumPy(one).clip(0, 255) for one in molecules]
    rules = [getattr(descriptors, name) for name in PROPERTIES]
    numbers = np.array([[rule(one) for rule in rules] for one in molecules], np.float32).reshape(-1, len(rules))
    steroid = chem.MolFromSmarts(STEROID)
    graphs = [_graph(one) for one in molecules]
    return {
        "smiles": smiles,
        "print": np.array(counted, np.uint8).reshape(-1, PRINT),
        "properties": np.nan_to_num(numbers, posinf=0.0, neginf=0.0),
        "steroid": np.array([one.HasSubstructMatch(steroid) for one in molecules], dtype=bool),
        **{name: numbers[:, place] for name, place in RULED.items()},
        "atoms": _padded([atoms for atoms, _ in graphs], len(KINDS)),
        "bonds": _padded([bonds for _, bonds in graphs], 3),
    }


def joined(one: Molecules, other: Molecules) -> Molecules:
    """Both, the other's molecules without their answers, of those that are not among the first's."""
    new = ~np.isin(other.smiles.astype(str), one.smiles.astype(str))
    return replace(
        one,
        smiles=np.concatenate([one.smiles, other.smiles[new]]),
        target=np.concatenate([one.target, np.full((int(new.sum()), one.target.shape[1]), np.nan)]),
        scaffold=np.concatenate([one.scaffold, other.scaffold[new]]),
        part=np.concatenate([one.part, np.full(int(new.sum()), "")]),
    )


def _rdkit(module: str) -> Any:
    return require(module, extra="drugs", why="read molecules")


def _firsts(names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each different name stands first, in order, and the number of each name among these."""
    _, first, code = np.unique(names.astype(str), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[code.reshape(-1)]


def _agreed(answers: np.ndarray, code: np.ndarray, binary: bool) -> np.ndarray:
    """Means [M, C] of the known answers [N, C] of each molecule; NaN without one, and where yes meets no."""
    known = np.isfinite(answers)
    total, count = (np.zeros((int(code.max(initial=-1)) + 1, answers.shape[1])) for _ in range(2))
    np.add.at(total, code, np.where(known, answers, 0.0))
    np.add.at(count, code, known)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return np.where(np.isin(mean, (0.0, 1.0)), mean, np.nan) if binary else mean


def _graph(molecule: Any) -> tuple[list[list[int]], list[list[int]]]:
    """Codes of each atom, and both ends and the code of each bond."""
    starts = np.cumsum([1, *KINDS[:-1]]).tolist()
    orders = {"SINGLE": 0, "DOUBLE": 1, "TRIPLE": 2, "AROMATIC": 3}
    atoms: list[list[int]] = []
    for atom in molecule.GetAtoms():
        symbol, charge = atom.GetSymbol(), atom.GetFormalCharge()
        ways = ("SP", "SP2", "SP3")
        mixed, turn = str(atom.GetHybridization()), str(atom.GetChiralTag())
        found = (
            ELEMENTS.index(symbol) if symbol in ELEMENTS else len(ELEMENTS),
            min(atom.GetDegree(), 6),
            min(atom.GetTotalNumHs(), 4),
            min(max(charge, -2), 2) + 2,
            ways.index(mixed) if mixed in ways else len(ways),
            2 if atom.GetIsAromatic() else int(atom.IsInRing()),
            2 if turn.endswith("_CCW") else int(turn.endswith("_CW")),
        )
        atoms.append([start + value for start, value in zip(starts, found, strict=True)])
    bonds = [
        [one.GetBeginAtomIdx(), one.GetEndAtomIdx(), 1 + 2 * orders.get(str(one.GetBondType()), 4) + one.IsInRing()]
        for one in molecule.GetBonds()
    ]
    return atoms, bonds


def _padded(tables: Sequence[list[list[int]]], width: int) -> np.ndarray:
    """[N, longest, width], 0 where a table has ended; uint8 where that is enough."""
    longest = max([1, *map(len, tables)])
    found = np.zeros((len(tables), longest, width), np.uint8 if longest < 256 else np.int32)
    for row, table in enumerate(tables):
        if table:
            found[row, : len(table)] = table
    return found


def scaffold_split(scaffold: np.ndarray, shares: tuple[float, float] = (0.1, 0.1)) -> Split:
    """A split by scaffold, as MoleculeNet does it (Wu et al. 2018).

    Whole scaffolds, the most frequent first (of equals the one that begins last), fill the training rows, then those of
    validation; the rest is tested. So tested molecules are the strangest ones, and no draw is involved.

    Args:
        scaffold: of each row [N].
        shares: of validation and test rows.

    Raises:
        InputError: a part gets no row.
    """
    first, code = _firsts(scaffold)
    sizes, count = np.bincount(code), len(scaffold)
    goals = (1 - sum(shares)) * count, (1 - shares[1]) * count
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for group in sorted(range(len(first)), key=lambda one: (-sizes[one], -first[one])):
        filled = len(parts[0]) + sizes[group]
        place = 0 if filled <= goals[0] else 1 if filled + len(parts[1]) <= goals[1] else 2
        parts[place].extend(np.flatnonzero(code == group).tolist())
    if not all(parts):
        raise InputError(f"{count} molecules with {len(first)} scaffolds do not make three parts: give more molecules")
    train, validation, test = (np.sort(np.array(part, dtype=np.int64)) for part in parts)
    return Split(train, validation, test, np.zeros(0, np.int64))
