"""TF-IDF equals scikit-learn's, and near texts are those that share their words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from tutelage.core import InputError
from tutelage.data.recipe import Recipe
from tutelage.data.steps import Duplicates, NearText, TfIdf
from tutelage.data.steps.duplicates import shingles

WORDS = ("the", "Red", "shoe", "of", "a", "Größe", "x-ray", "don't", "snow_man", "42", "ß", "İstanbul", "re-red", "b2b")
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join), min_size=4, max_size=25)


def objects(values: Any) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.integers(1, 3), st.integers(1, 3), st.booleans(), st.booleans())
def test_it_is_that_of_scikit_learn(texts: list[str], least: int, words: int, sublinear: bool, unit: bool) -> None:
    train, other = texts[: len(texts) // 2 + 1], texts[len(texts) // 2 + 1 :]
    norm: Any = "l2" if unit else None
    theirs: Any = TfidfVectorizer(min_df=least, ngram_range=(1, words), sublinear_tf=sublinear, norm=norm)
    recipe = Recipe((TfIdf(("text",), 100_000, least, words, sublinear, unit),), {"out": ("text",)})
    try:
        theirs.fit(train)
    except ValueError:
        with pytest.raises(InputError, match="no word of column 'text'"):
            recipe.fit({"text": objects(train)})
        return
    fitted = recipe.fit({"text": objects(texts)}, np.arange(len(train)))
    assert fitted.features["out"] == tuple(f"text:{word}" for word in theirs.get_feature_names_out())
    wanted = theirs.transform(texts).toarray()
    assert np.allclose(fitted.apply({"text": objects(texts)})["out"], wanted, rtol=1e-6, atol=1e-7)
    assert len(other) == len(texts) - len(train)


def test_the_most_frequent_words_are_kept() -> None:
    texts = ["one two two three three three", "four four four four two three three"]
    theirs: Any = TfidfVectorizer(max_features=2).fit(texts)
    fitted = Recipe((TfIdf(("text",), 2),), {"out": ("text",)}).fit({"text": objects(texts)})
    assert fitted.features["out"] == ("text:four", "text:three")
    assert np.allclose(fitted.apply({"text": objects(texts)})["out"], theirs.transform(texts).toarray(), atol=1e-7)


def test_near_texts_are_dropped_and_no_others() -> None:
    chance = np.random.default_rng(0)
    words = [f"w{n}" for n in range(3000)]
    texts: list[str | None] = []
    for _ in range(60):
        base = list(chance.choice(words, 40))
        texts.append(" ".join(base))
        texts.append(" ".join([*base, "More"]))  # 38 of 39 triples
        texts.append(" ".join([*base[:20], *chance.choice(words, 20)]))  # about a third
    texts += [None, None]
    keep = NearText(("text",), 0.8).keep({}, [objects(texts)])
    expected: list[bool] = []
    for place, text in enumerate(texts):
        earlier = [shingles(texts[n]) for n in range(place) if expected[n]]
        one = shingles(text)
        expected.append(not any(one and len(one & other) >= 0.8 * len(one | other) for other in earlier))
    assert keep.tolist() == expected
    assert (~keep).sum() == 60


def test_duplicates_keep_the_first() -> None:
    x, word = np.array([1.0, np.nan, 1.0, np.nan, 1.004]), objects(["a", None, "a", None, "a"])
    assert Duplicates(("x", "word")).keep({}, [x, word]).tolist() == [True, True, False, False, True]
    assert Duplicates(("x", "word"), 0.01).keep({}, [x, word]).tolist() == [True, True, False, False, False]


def test_what_was_dropped_is_told() -> None:
    columns = {"x": np.array([1.0, 1.0, 5.0, 9.0, 9.0, 9.0]), "word": objects(list("aabcdd"))}
    recipe = Recipe((Duplicates(("x",)), Duplicates(("word",))), {"out": ("x",)})
    prepared = recipe.prepare(columns, np.array([0, 1, 2, 4, 5]))
    assert prepared.train.tolist() == [0, 2, 4]
    assert prepared.recipe.rows == 3
    assert dict(prepared.recipe.dropped) == {"0 duplicates": 2, "1 duplicates": 0}
    assert prepared.columns["out"][:, 0].tolist() == columns["x"].tolist()
    assert prepared.recipe.reads == ("x",)
