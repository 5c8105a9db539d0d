"""The documentation: it builds without a network, shows every public name, and says what the code says."""

from __future__ import annotations

import html
import importlib
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import examples_of_fusions as examples
from outside import REPO
from tutelage import fusion
from tutelage.core import INVARIANTS
from tutelage.report.citations import CATALOGUE, bibtex
from tutelage.teaching import features, terms
from tutelage.testing.fusion_cases import cases
from tutelage.testing.fusion_invariants import run

DOCS = REPO / "docs"
PACKAGES = (
    "tutelage",
    "tutelage.core",
    "tutelage.data",
    "tutelage.data.audit",
    "tutelage.data.engines",
    "tutelage.data.resolve",
    "tutelage.data.sources",
    "tutelage.data.steps",
    "tutelage.fusion",
    "tutelage.nets",
    "tutelage.report",
    "tutelage.search",
    "tutelage.store",
    "tutelage.tasks",
    "tutelage.teachers",
    "tutelage.teaching",
    "tutelage.teaching.features",
    "tutelage.teaching.peers",
    "tutelage.teaching.terms",
    "tutelage.testing",
    "tutelage.train",
)
KINDS = ("classes", "labels", "values", "scores")


def cells(page: str, heading: str) -> dict[str, list[str]]:
    """Rows of the first table below a heading, by their first cell."""
    text = (DOCS / page).read_text(encoding="utf-8").split(f"## {heading}", 1)[1]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    stop = next((i for i, line in enumerate(text.splitlines()) if line.startswith("## ")), None)
    kept = [line for line in (text.splitlines()[:stop] if stop else lines) if line.startswith("|")][2:]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in kept]
    return {row[0].strip("`"): row[1:] for row in rows}


def fusions() -> dict[str, Any]:
    found = {name: getattr(fusion, name) for name in fusion.__all__}
    return {name: one for name, one in found.items() if hasattr(one, "invariants")}


def test_the_table_of_fusions_says_what_the_code_says() -> None:
    table = cells("fusions.md", "All of them")
    assert set(table) == set(fusions())
    for name, (said_name, gives, needs, fitted, answers, invariants, source) in table.items():
        made = examples.MADE[name]() if name in examples.MADE else fusions()[name]()
        value = fusions()[name](reward="inv_mse") if name.endswith("Performance") else made
        fused = [
            kind
            for kind in KINDS
            if run(value if kind == "values" else made, cases(kind, torch.float64)[0]) is not None
        ]
        assert said_name == f"`{made.name}`"
        assert gives == made.gives
        assert words(needs) == set(made.needs), name
        assert (fitted == "yes") == hasattr(made, "fit"), name
        assert words(answers) == set(fused), name
        assert promised(invariants) == made.invariants, name
        assert source == made.source, name
    assert set(cells("fusions.md", "How each one works")) == set(table)


def test_the_table_of_terms_says_what_the_code_says() -> None:
    table = cells("objectives.md", "All terms")
    assert set(table) == set(terms.__all__)
    for name, (said_name, answers, _, linear, needs, closed, source) in table.items():
        made = getattr(terms, name)()
        assert said_name == f"`{made.name}`"
        assert answers == made.answers, name
        assert (linear == "yes") == made.linear, name
        assert words(needs) == set(made.needs), name
        assert (closed == "yes") == made.closed, name
        assert source == made.source, name


def test_the_table_of_feature_terms_says_what_the_code_says() -> None:
    table = cells("features.md", "All terms")
    found = {name: getattr(features, name) for name in features.__all__ if hasattr(getattr(features, name), "aligned")}
    assert set(table) == set(found)
    for name, (said_name, _, adapter, needs, source) in table.items():
        made = found[name]
        assert said_name == f"`{made.name}`"
        assert (adapter == "yes") == made.aligned, name
        assert (adapter == "its own") == hasattr(made, "head"), name
        assert words(needs) == set(made.needs), name
        assert source == made.source, name


def promised(cell: str) -> frozenset[str]:
    """`all`, `all but convex`, or the invariants themselves."""
    first, _, but = cell.partition(" but ")
    return INVARIANTS - words(but) if first == "all" else frozenset(words(cell))


def words(cell: str) -> set[str]:
    return {word.strip() for word in cell.split(",") if word.strip()}


def test_methods_by_name_are_there_and_no_fusion_is_missing() -> None:
    lines = (DOCS / "methods.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    rows = [row for row in rows if row[0] != "Known as"]
    places = [importlib.import_module(name) for name in (*PACKAGES, "tutelage.data.views")]
    names = [name for _, here, _, _ in rows for name in re.findall(r"`(\w+)`", here)]
    assert [name for name in names if not any(hasattr(place, name) for place in places)] == []
    assert [paper for *_, paper in rows if paper not in CATALOGUE] == []
    assert set(fusions()) - set(names) == set()


def test_the_page_of_papers_is_the_catalogue() -> None:
    page = (DOCS / "papers.md").read_text(encoding="utf-8")
    lost = [key for key in CATALOGUE if bibtex([key]) not in page]
    assert not lost, f"python tools/papers_page.py writes the page again; it lacks {lost}"


def test_the_site_names_nothing_that_is_fetched() -> None:
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"!\[[^\]]*\]\(https?:|<(?:script|img|link)[^>]+https?:", text), page


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_a_docstring(package: str) -> None:
    griffe = pytest.importorskip("griffe")
    found = griffe.load(package, search_paths=[str(REPO / "src")], resolve_aliases=True)
    bare = [
        name
        for name in importlib.import_module(package).__all__
        if name != "__version__" and found[name].docstring is None
    ]
    assert not bare, f"without a docstring in {package}: {bare}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_public_name_is_on_the_site(site: Path) -> None:
    anchors = {
        html.unescape(anchor)
        for page in site.joinpath("api").rglob("*.html")
        for anchor in re.findall(r'id="(tutelage[^"]*)"', page.read_text(encoding="utf-8"))
    }
    top = (site / "api" / "index.html").read_text(encoding="utf-8")
    lost: list[str] = []
    for package in PACKAGES[1:]:
        names = [f"{package}.{name}" for name in importlib.import_module(package).__all__]
        own = [f"{name}.{name.rpartition('.')[2]}" for name in names]  # a function beside a module of its name
        lost += [name for name, deep in zip(names, own, strict=True) if not {name, deep} & anchors]
    lost += [f"tl.{name}" for name in importlib.import_module("tutelage").__all__ if f"tl.{name}" not in top]
    assert not lost, f"not on the site: {lost}"


@pytest.mark.slow
def test_the_site_fetches_nothing(site: Path) -> None:
    """No font, script, picture or style sheet comes from elsewhere."""
    pattern = re.compile(r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)|<link[^>]+href="(https?:[^"]+)"')
    found = {
        (page.relative_to(site).as_posix(), match[1] or match[2])
        for page in site.rglob("*.html")
        for match in pattern.finditer(page.read_text(encoding="utf-8"))
    }
    assert not found
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?https?:", sheet.read_text(encoding="utf-8")), sheet


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute"),
            *("--output-dir", str(tmp_path), str(DOCS / "notebooks" / "first-steps.ipynb")),
        ],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads((tmp_path / "first-steps.ipynb").read_text(encoding="utf-8"))["cells"]
    shown = [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]
    report = next(outputs for outputs, cell in zip(shown, _code(cells), strict=True) if "tl.distill(" in cell)
    assert len(report) == 1, "the report shows itself once"
    assert "<table" in "".join(report[0]["data"]["text/html"])


def _code(cells: list[dict[str, Any]]) -> list[str]:
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_links_of_a_readme_lead_somewhere(page: str) -> None:
    text = (REPO / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if not link.startswith("http")]
    assert len(links) > 10
    assert not [link for link in links if not (REPO / link).exists()]


def test_both_readmes_show_the_same_numbers() -> None:
    tables = [
        re.findall(r"^```text\n(.*?)^```", (REPO / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        for page in ("README.md", "README.zh-CN.md")
    ]
    assert tables[0] == tables[1]


def test_the_readme_counts_fusions_and_terms_right() -> None:
    text = (REPO / "README.md").read_text(encoding="utf-8")
    for page in (text, (REPO / "README.zh-CN.md").read_text(encoding="utf-8")):
        assert len(re.findall(rf"\b{len(fusions())} (?:fusions|种融合)", page)) == 2
        assert re.search(rf"\*\*{len(terms.__all__)} (?:terms|种损失项)\*\*", page)


def test_pictures_of_tasks_are_of_their_tables() -> None:
    tool = runpy.run_path(str(REPO / "tools" / "task_pictures.py"))
    drawn: set[Path] = set()
    for page, (text, tables) in tool["pages"]().items():
        assert page.read_text(encoding="utf-8") == text, f"python tools/task_pictures.py puts pictures into {page.name}"
        for path, table in tables.items():
            shown = path.read_text(encoding="utf-8")
            assert html.escape(tool["spoken"](table)) in shown, f"python tools/task_pictures.py: {path.name} is old"
            drawn.add(path)
    assert drawn == set((DOCS / "assets" / "tasks").glob("*.svg")), "a picture has no table any more"
    table = "| who | RMSE |\n|---|---|\n| **student: plain mean** (x) | 58,054 ±342 |\n| a | −1 [−2, 3] |\n"
    what, dots = tool["dots"](table)
    assert what == "RMSE"
    assert [(dot.name, dot.role, dot.mean, dot.low, dot.high) for dot in dots] == [
        ("student: plain mean", "student", 58054, 57712, 58396),
        ("a", "teacher", -1, -2, 3),
    ]
