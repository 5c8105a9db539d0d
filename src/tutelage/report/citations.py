"""Where the methods come from: a small catalogue from citation keys to BibTeX.

A key is the first author's family name and the year. The `source` of a fusion, a term or a task is such a
key, so that a run can cite exactly what it used.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tutelage.core.errors import InputError

from .papers import CATALOGUE, Paper

_VENUE_FIELD = {
    "article": "journal",
    "inproceedings": "booktitle",
    "incollection": "booktitle",
    "techreport": "institution",
    "misc": "howpublished",
}


def bibtex(keys: Iterable[str]) -> str:
    """Return the BibTeX entries of the keys, sorted, each once.

    Raises:
        InputError: for a key that the catalogue does not have, with the nearest one.
    """
    return "\n\n".join(_entry(key, paper(key)) for key in sorted(set(keys)))


def paper(key: str) -> Paper:
    """Look a key up.

    Raises:
        InputError: for an unknown key.
    """
    if key not in CATALOGUE:
        near = difflib.get_close_matches(key, CATALOGUE, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"unknown citation key {key!r}; {hint}Known keys: {', '.join(sorted(CATALOGUE))}")
    return CATALOGUE[key]


def reference(key: str) -> str:
    """Return one line for people: authors, title, venue, year."""
    found = paper(key)
    people = [name.split(",")[0] for name in found.authors.split(" and ")]
    who = people[0] if len(people) == 1 else f"{people[0]} et al." if len(people) > 2 else " and ".join(people)
    arxiv = f" arXiv:{found.arxiv}." if found.arxiv else ""
    where = "" if found.kind == "misc" else f"{found.venue}, "
    return f"{who}: {found.title}{'' if found.title.endswith('?') else '.'} {where}{found.year}.{arxiv}"


def _entry(key: str, found: Paper) -> str:
    fields = {
        "author": found.authors,
        "title": "{" + found.title + "}",
        _VENUE_FIELD[found.kind]: found.venue,
        "volume": found.volume,
        "number": found.number,
        "pages": found.pages,
        "year": str(found.year),
    }
    if found.arxiv:
        fields |= {"eprint": found.arxiv, "archiveprefix": "arXiv"}
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{found.kind}{{{key},", *lines, "}"])
