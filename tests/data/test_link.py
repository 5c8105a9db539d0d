"""Record linkage: exact, fuzzy and probabilistic, on people whose pairs are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.data.link import Links, Prefix, Tokens, link_exact, link_fuzzy, link_probabilistic
from tutelage.data.similar import jaro_winkler, levenshtein, normalised

FIRST = ("Anna", "Bruno", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas", "Karin", "Louis")
LAST = ("Meyer", "Fischer", "Rossi", "Dubois", "Novak", "Silva", "Larsen", "Kowalski", "Jansen", "Moreau", "Weber")


def words(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def misspelt(word: str, chance: np.random.Generator) -> str:
    at = int(chance.integers(1, len(word) - 1))
    return word[:at] + word[at + 1 :] if chance.random() < 0.5 else word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def people(count: int = 300) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """Two lists of which the second knows two thirds of the first, with errors; and whom each of its rows is."""
    chance = np.random.default_rng(0)
    rows: list[tuple[str, str, str, str]] = []
    for number in range(count):
        first, last = FIRST[int(chance.integers(len(FIRST)))], LAST[int(chance.integers(len(LAST)))]
        birth = f"{chance.integers(1940, 2005)}-{chance.integers(1, 13):02d}-{chance.integers(1, 28):02d}"
        rows.append((first, last, birth, f"Town {number % 40}"))
    who = chance.permutation(count)[: 2 * count // 3]
    other: list[tuple[str, str, str, str]] = []
    for number in who.tolist():
        first, last, birth, town = rows[number]
        if chance.random() < 0.25:
            last = misspelt(last, chance)
        if chance.random() < 0.15:
            first = misspelt(first, chance).upper()
        if chance.random() < 0.05:
            birth = f"{chance.integers(1940, 2005)}{birth[4:]}"
        elif chance.random() < 0.05:
            birth = f"{birth[:8]}{chance.integers(1, 28):02d}"
        other.append((first, last, birth, town if chance.random() < 0.9 else "Elsewhere"))
    names = ("first", "last", "birth", "town")
    left = {name: words(*(row[i] for row in rows)) for i, name in enumerate(names)}
    return left, {name: words(*(row[i] for row in other)) for i, name in enumerate(names)}, who


def quality(links: Links, who: np.ndarray) -> tuple[float, float]:
    """Precision and recall."""
    right = who[links.right] == links.left
    return float(right.mean()), float(right.sum() / len(who))


def test_exact_keys_are_compared_without_case_accents_and_punctuation() -> None:
    left = {"name": words("José  Müller", "O'Neil, Ann", "", None, "Bo")}
    right = {"name": words("jose muller", "ANN ONEIL", "", "bo.", "Bo")}
    links = link_exact(left, right, "name")
    assert list(zip(links.left.tolist(), links.right.tolist(), strict=True)) == [(0, 0), (4, 3), (4, 4)]
    assert len(links.best()) == 2
    assert links.unmatched(5, 5)[0].tolist() == [1, 2, 3]
    one, other = links.entities(5, 5)
    assert one[4] == other[3] == other[4]
    assert len({*one.tolist(), *other.tolist()}) == 7
    with pytest.raises(InputError, match="no column 'who'"):
        link_exact(left, right, "who")


def test_similarities_of_known_pairs() -> None:
    one, other = np.array(["martha", "dixon", "abc", ""]), np.array(["marhta", "dicksonx", "xyz", ""])
    np.testing.assert_allclose(jaro_winkler(one, other)[:3], [0.9611, 0.8133, 0.0], atol=1e-4)  # Winkler 1990
    np.testing.assert_allclose(levenshtein(one, other), [1 - 2 / 6, 1 - 4 / 8, 0.0, 1.0])
    assert normalised(words("Doe, Jane"), sort=True)[0] == normalised(words("jane DOE"), sort=True)[0]


def test_fuzzy_links_find_misspelt_people() -> None:
    left, right, who = people()
    exact = quality(link_exact(left, right, ["first", "last", "birth"]), who)
    links = link_fuzzy(left, right, ("first", "last", "birth"), [Prefix("birth", 7), Tokens("last")], least=0.9)
    precision, recall = quality(links, who)
    assert precision > 0.95
    assert recall > 0.9 > exact[1] + 0.2
    assert len(np.unique(links.left)) == len(links) == len(np.unique(links.right))
    with pytest.raises(InputError, match="columns to compare"):
        link_fuzzy(left, right, (), [Prefix("birth")])


def test_too_many_pairs_name_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tutelage.data.link.MOST", 10)
    same: dict[str, Any] = {"a": words(*["x"] * 5)}
    with pytest.raises(InputError, match="25 pairs are too many, 25 of them in the block 'x'"):
        link_exact(same, same, "a")


def test_probabilities_are_learnt_without_labels() -> None:
    left, right, who = people(600)
    links = link_probabilistic(left, right, ["first", "last", "birth"], ["birth", ("first", "town")])
    precision, recall = quality(links, who)
    assert precision > 0.97
    assert recall > 0.9
    assert bool((links.score >= 0.9).all())
    with pytest.raises(InputError, match="two or more blocks"):
        link_probabilistic(left, right, ["first"], ["birth"])
