"""Writes docs/papers.md from the catalogue: `python tools/papers_page.py`. A test compares page and catalogue."""

from __future__ import annotations

from pathlib import Path

from tutelage.report.citations import CATALOGUE, bibtex, reference

HEAD = """# Papers

Where the methods come from. A run's own list is in its `citations.bib`; `tutelage report RUN --citations` prints it.
This page is written by `tools/papers_page.py` from the catalogue in `tutelage.report.citations`.
"""


def page() -> str:
    parts = [HEAD]
    for key in sorted(CATALOGUE):
        parts.append(f"## {key}\n\n{reference(key)}\n\n```bibtex\n{bibtex([key])}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(__file__).parent.parent.joinpath("docs", "papers.md").write_text(page(), encoding="utf-8")
