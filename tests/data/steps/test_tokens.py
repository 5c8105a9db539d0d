"""Tokens: words and characters in order, known ones apart from all others, nothing beyond the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tutelage.core import InputError
from tutelage.data.recipe import Recipe
from tutelage.data.steps import Tokens
from tutelage.data.steps.tokens import SMILES


def objects(*values: str | None) -> dict[str, np.ndarray]:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return {"text": found}


def codes(step: Tokens, train: dict[str, np.ndarray], given: dict[str, np.ndarray]) -> np.ndarray:
    return Recipe((step,), {"out": "text"}).fit(train).apply(given)["out"]


def test_known_words_have_codes_of_their_own_and_all_others_share_one() -> None:
    train = objects("Who is who ?", "who was it ?", "it rains", "once more")
    found = codes(Tokens(("text",), length=6, most=3), train, objects("Who knows it ?", "", None, "a b c d e f g"))
    assert found.shape == (4, 6, 3)
    assert found.dtype == np.float32
    assert found[0, :, 0].tolist() == [4, 1, 3, 2, 0, 0], "? and it and who, by the alphabet: each is in two texts"
    assert not found[1:3].any()
    assert (found[3, :, 0] == 1).all(), "what follows the sixth token is left out"


def test_unknown_words_have_their_ends_in_common() -> None:
    step = Tokens(("text",), length=4, buckets=1 << 20)
    found = codes(step, objects("nothing"), objects("hopeless helpless hopeful hop"))[0]
    assert (found[:, 0] == 1).all()
    assert found[0, 1] == found[2, 1] == found[3, 1] != found[1, 1]
    assert found[0, 2] == found[1, 2] != found[2, 2]
    assert found[3, 1] != found[3, 2], "the first and the last three letters differ even where they are the same"
    assert 2 + step.most <= found[:, 1:].min()
    assert found.max() < step.codes


def test_characters_need_no_white_space_and_come_in_pairs() -> None:
    step = Tokens(("text",), "character", 8, min_count=1, buckets=1 << 20)
    one, two = codes(step, objects("很好吃", "不好 吃"), objects("很好吃", "好 吃 么"))
    assert one[:3, 0].tolist()[1:] == two[:2, 0].tolist()
    assert one[1, 1] == two[0, 1], "the pair 好吃"
    assert one[2, 1] != two[1, 1], "吃 at the end, and 吃么"
    assert two[2, 0] == 1
    assert not one[3:].any()


def test_atoms_of_molecules_keep_their_case_and_their_brackets() -> None:
    caffeine, chloride = "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "C[C@@H](Cl)C%12Br"
    assert "".join(SMILES.findall(caffeine)) == caffeine
    assert SMILES.findall(chloride) == ["C", "[C@@H]", "(", "Cl", ")", "C", "%12", "Br"]
    step = Tokens(("text",), "smiles", 4, min_count=1, buckets=1 << 20)
    aromatic, chain = codes(step, objects(caffeine, chloride), objects("ccC", "CCC Cl"))
    assert aromatic[0, 0] == aromatic[1, 0] != chain[0, 0]
    assert aromatic[2, 0] == chain[0, 0], "C is C wherever it stands"
    assert chain[0, 1] == chain[1, 1] != chain[2, 1], "CC twice, and CCl"
    assert chain[0, 2] != chain[1, 2], "CCC, and CCCl"
    assert chain[3, 0] > 1, "chlorine was seen, white space is none"


@pytest.mark.parametrize("wrong", [{"length": 0}, {"most": 0}, {"buckets": 1 << 24}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="one column, unit word, character or smiles"):
        Tokens(("text",), **wrong)
    with pytest.raises(InputError, match="one column"):
        Tokens(("a", "b"))
