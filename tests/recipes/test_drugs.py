"""Molecules: none is lost in silence or on both sides, rules abstain, gaps stay gaps, and short runs on real files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from outside import REPO
from tutelage.core import InputError
from tutelage.data.quarantine import Quarantine
from tutelage.data.split import Split
from tutelage.fusion import Mean
from tutelage.recipes import _drugs_molecules as molecules
from tutelage.recipes._drugs_teachers import ASSAYS, binds, dissolves, disturbs, enters
from tutelage.recipes.drugs import SHEETS, On, drugs, make_rows, split_of, strangers
from tutelage.train import Cost

NONE = np.zeros(0, np.int64)
PHENOL = ("Oc1ccccc1", "c1ccc(O)cc1", "C1=CC=CC=C1O")
FEW = {"bace": 40, "bbbp": 40, "tox21": 60, "esol": 60}


@pytest.fixture(scope="module")
def few(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lines from the whole of each file."""
    folder = tmp_path_factory.mktemp("molecules")
    for name, count in FEW.items():
        file = SHEETS[name].file
        head, *lines = (data / "drug-moleculenet" / file).read_text().splitlines()
        (folder / file).write_text("\n".join([head, *lines[:: len(lines) // count]]) + "\n")
    return folder


def test_what_cannot_be_read_is_in_quarantine_and_every_molecule_is_there_once(data: Path, tmp_path: Path) -> None:
    found = molecules.read_molecules(data / "drug-moleculenet", SHEETS["bbbp"], tmp_path)
    rejected = list(Quarantine(tmp_path / "quarantine").records("BBBP molecules"))
    assert len(rejected) == 11
    assert all(molecules.canonical([one.raw])[0][0] is None for one in rejected)
    (step,) = found.record.steps
    assert (step.rows_in, step.rows_out) == (2050, len(found))
    assert dict(step.lost) == {
        molecules.UNREADABLE: 11,
        "the same molecule again": 64,
        "no answer, or answers that disagree": 10,
    }
    assert len(set(found.smiles)) == len(found) == 1965


def test_duplicates_are_one_molecule_and_those_that_disagree_are_unknown(tmp_path: Path) -> None:
    lines = [f"{one},{answer}" for one, answer in zip(PHENOL, (1, 1, 1), strict=True)]
    (tmp_path / "BBBP.csv").write_text("\n".join(["smiles,p_np", *lines, "CCO,1", "OCC,0", "CCN,0", ""]))
    found = molecules.read_molecules(tmp_path, SHEETS["bbbp"], tmp_path)
    assert dict(zip(found.smiles, found.target[:, 0], strict=True)) == {"Oc1ccccc1": 1.0, "CCN": 0.0}
    assert found.scaffold.tolist() == ["c1ccccc1", ""]
    name = SHEETS["esol"].targets[0]
    (tmp_path / SHEETS["esol"].file).write_text(f"smiles,{name}\nCCO,1.0\nOCC,2.0\n")
    assert molecules.read_molecules(tmp_path, SHEETS["esol"], tmp_path).target.tolist() == [[1.5]]


def test_scaffolds_are_in_one_part_only_and_rare_ones_are_tested(data: Path, tmp_path: Path) -> None:
    found = molecules.read_molecules(data / "drug-moleculenet", SHEETS["esol"], tmp_path)
    parts = split_of(found)
    parts.check(groups=found.scaffold)
    assert [len(part) for part in parts.parts().values()] == [893, 112, 112]
    sizes = {name: int((found.scaffold == name).sum()) for name in set(found.scaffold)}
    largest = [max(sizes[name] for name in found.scaffold[part]) for part in parts.parts().values()]
    assert largest[0] > largest[1] >= largest[2]
    with pytest.raises(InputError, match="3 molecules with 1 scaffolds do not make three parts"):
        molecules.scaffold_split(np.array(["a", "a", "a"]))


def test_bace_is_tested_on_its_official_part(data: Path, tmp_path: Path) -> None:
    found = molecules.read_molecules(data / "drug-moleculenet", SHEETS["bace"], tmp_path)
    parts = split_of(found)
    assert (found.part[parts.test] == "Test").all()
    assert len(parts.test) == 1265
    assert 0.3 < found.target[parts.validation].mean() < 0.7, "of the official validation rows 44 in 45 are inhibitors"
    Split(parts.train, parts.validation, NONE, NONE).check(groups=found.scaffold)
    split_of(found, official=False).check(groups=found.scaffold)


def test_strangers_have_no_answer_and_none_is_a_molecule_of_the_file(few: Path, tmp_path: Path) -> None:
    own = molecules.read_molecules(few, SHEETS["bace"], tmp_path)
    found = strangers(few, "bace", own, 30)
    assert len(found) == len(own) + 30
    assert not np.isin(found.smiles[len(own) :].astype(str), own.smiles.astype(str)).any()
    parts = split_of(own, official=False)
    rows = make_rows("bace", found, parts)
    assert len(rows.train) == len(parts.train) + 30
    assert rows.labelled_train.tolist() == parts.train.tolist()


def test_what_was_not_measured_stays_unknown(few: Path, tmp_path: Path) -> None:
    found = molecules.read_molecules(few, SHEETS["tox21"], tmp_path)
    rows = make_rows("tox21", found, split_of(found))
    assert rows.known is not None
    assert np.array_equal(rows.known, np.isfinite(found.target))
    assert 0.05 < 1 - rows.known.mean() < 0.5
    assert rows.task is not None
    assert rows.task.headline == "roc_auc"


def test_the_graph_is_the_molecule() -> None:
    table = molecules.columns_of(np.array(["CC(=O)O", "C", "c1ccccc1"], dtype=object))
    assert (table["atoms"][:, :, 0] > 0).sum(1).tolist() == [4, 1, 6]
    assert (table["bonds"][:, :, 2] > 0).sum(1).tolist() == [3, 0, 6]
    assert table["atoms"].max() <= molecules.ATOMS
    assert table["bonds"][:, :, 2].max() <= molecules.BONDS
    double, single = table["bonds"][0, 1:3, 2].tolist()
    assert double != single
    assert table["bonds"][2, :6, 2].min() > double, "aromatic, in a ring"
    assert table["weight"][1] == pytest.approx(16.04, abs=0.01)


def test_rules_abstain_where_they_do_not_apply() -> None:
    plain = {"weight": 400.0, "logp": 3.0, "tpsa": 90.0, "donors": 2.0, "acceptors": 4.0, "steroid": False}
    assert [rule(plain) for rule in (binds, enters, dissolves, disturbs)] == [None] * 4
    assert binds(plain | {"weight": 200.0}) == "no"
    assert (enters(plain | {"tpsa": 150.0}), enters(plain | {"tpsa": 20.0})) == ("no", "yes")
    assert dissolves(plain | {"weight": 100.0}) == -2.5
    assert disturbs(plain | {"logp": -3.0, "tpsa": 120.0}) == dict.fromkeys(ASSAYS, 0.02)
    testosterone = molecules.columns_of(np.array(["CC12CCC3C(CCC4=CC(=O)CCC34C)C1CCC2O", "c1ccccc1"], dtype=object))
    assert testosterone["steroid"].tolist() == [True, False]
    assert disturbs(plain | {"steroid": True}) == {"NR-AR": 0.7, "NR-AR-LBD": 0.6, "NR-ER": 0.5, "NR-ER-LBD": 0.4}


@pytest.mark.parametrize(("on", "headline"), [("bace", "roc_auc"), ("tox21", "roc_auc"), ("esol", "rmse")])
def test_a_short_run(on: On, headline: str, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.train.evaluate.cost", lambda one, many, rows: Cost(1.0, 2.0, 3.0))
    monkeypatch.setattr("tutelage.recipes._drugs_teachers.TREES", 8)
    report = drugs(on=on, data=few, split="scaffold", transfer=10, seeds=1, epochs=1, fusion=Mean())
    assert report.headline == headline
    names = {one.name for one in report.contenders}
    assert {"prints", "properties", "graph", "smiles", "rule", "linear on 17 properties: labels only"} <= names
    assert any("molecules:" in line for line in report.data.lines())


def test_without_the_files_it_says_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--data a folder with bace\.csv of MoleculeNet"):
        drugs(data=tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"--labelled is a share in \(0, 1\]"):
        drugs(data=tmp_path, labelled=0.0)


def test_without_rdkit_the_nets_work_and_the_recipe_says_what_it_lacks(few: Path) -> None:
    code = (
        "import sys; sys.modules['rdkit'] = None\n"
        "import torch; from tutelage.nets import GraphNet, TokenTransformer\n"
        "from tutelage.core import MissingExtraError\n"
        "from tutelage.recipes.drugs import TOKENS, drugs\n"
        "from tutelage.data import Recipe\n"
        "import numpy as np\n"
        "table = {'smiles': np.array(['CCO', 'c1ccccc1'], dtype=object)}\n"
        "assert Recipe((TOKENS,), {'features': 'smiles'}).fit(table).apply(table)['features'].any()\n"
        "from pathlib import Path\n"
        f"try: drugs(data=Path({str(few)!r}))\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=REPO)
    assert "'rdkit' is needed to read molecules and is not installed: pip install 'tutelage[drugs]'" in done.stdout, (
        done.stderr
    )
