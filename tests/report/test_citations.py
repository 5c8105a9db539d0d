"""The catalogue of sources."""

from __future__ import annotations

import re

import pytest

from tutelage.core.errors import InputError
from tutelage.report import bibtex
from tutelage.report.citations import CATALOGUE, reference


@pytest.mark.parametrize("key", sorted(CATALOGUE))
def test_keys_are_author_and_year(key: str) -> None:
    paper = CATALOGUE[key]
    family = re.sub(r"[^a-z]", "", paper.authors.split(",")[0].lower())
    assert re.fullmatch(rf"{family}{paper.year}[b-z]?", key)
    assert paper.title in bibtex([key])
    assert str(paper.year) in reference(key)


def test_entries_are_sorted_and_unique() -> None:
    text = bibtex(["zhao2022", "ba2014", "zhao2022"])
    assert re.findall(r"@\w+\{(\w+),", text) == ["ba2014", "zhao2022"]
    assert text.count("{") == text.count("}")
    assert bibtex([]) == ""


def test_unknown_keys_are_named() -> None:
    with pytest.raises(InputError, match=r"unknown citation key 'hinton2016'; did you mean 'hinton2015'\?"):
        bibtex(["hinton2016"])
