"""Trust near one's own training rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from examples_of_fusions import home
from tutelage.core import Classes, Context, InputError, Labels
from tutelage.fusion import AtHome, Home, Mean
from tutelage.fusion.answers import answer_of


def clusters(apart: float, seed: int = 0, each: int = 30) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Three groups of rows and whose training rows they are."""
    chance = np.random.default_rng(seed)
    group = np.repeat(np.arange(3), each)
    column = chance.normal(size=(3 * each, 2)) + apart * group[:, None]
    return {"x": column.astype(np.float32)}, [np.flatnonzero(group == one) for one in range(3)]


def test_a_row_belongs_to_those_who_were_trained_beside_it() -> None:
    table, trained = clusters(8.0)
    found = Home.of(table, ["x"], trained)
    assert found.telling
    share = found({"x": np.array([[0, 0], [8, 8], [16, 16]], dtype=np.float32)})
    assert share.argmax(0).tolist() == [0, 1, 2]
    assert torch.allclose(share.sum(0), torch.ones(3))


def test_rows_of_one_kind_tell_nothing() -> None:
    table, trained = clusters(0.0)
    assert not Home.of(table, ["x"], trained).telling


def test_a_training_row_does_not_vote_for_itself() -> None:
    """Else teachers trained on random parts of one table would each be at home on their own rows."""
    table, _ = clusters(0.0)
    parts = np.array_split(np.random.default_rng(1).permutation(90), 3)
    shares = AtHome(Home.of(table, ["x"], parts), ("a", "b", "c")).over(table).shares
    assert shares is not None
    own = torch.cat([shares[i, part] for i, part in enumerate(parts)]).mean()
    assert float(own) < 0.4


def test_whoever_says_nothing_is_at_home_everywhere() -> None:
    table, trained = clusters(8.0)
    found = Home.of(table, ["x"], [*trained[:2], np.zeros(0, dtype=np.int64)])
    share = found({"x": np.array([[0, 0], [8, 8]], dtype=np.float32)})
    assert float((share[2, 0] - share[2, 1]).abs()) < 1e-3
    assert float(share[0, 0]) > 3 * float(share[1, 0])


def specialists() -> tuple[AtHome, Classes, torch.Tensor]:
    """Two teachers that know two classes each and are sure of themselves everywhere."""
    table, trained = clusters(8.0)
    fusion = AtHome(Home.of(table, ["x"], trained[:2]), ("a", "b"), "target").over(table)
    scores = torch.zeros(2, 60, 4)
    scores[0, :, 0] = scores[1, :, 2] = 6.0
    know = torch.tensor([[True, True, False, False], [False, False, True, True]])
    return fusion, Classes.of(scores, "logits", coverage=know), torch.arange(60)


def test_where_one_is_at_home_the_classes_of_the_other_are_out() -> None:
    fusion, signals, row = specialists()
    target: Any = fusion(signals, Context(row=row))
    probs = target.answer.probs()
    assert probs[:30].argmax(-1).tolist() == [0] * 30
    assert probs[30:].argmax(-1).tolist() == [2] * 30
    assert float(probs[:30, 2:].sum(-1).max()) < 0.2
    plain = answer_of(Mean()(signals, Context()), signals).probs()
    assert torch.allclose(plain[:, 0], plain[:, 2])


def test_rows_beyond_the_table_are_taught_by_all_alike() -> None:
    fusion = home()
    signals = Labels.of(torch.randn(5, 2, 3))
    result: Any = fusion(signals, Context(row=torch.tensor([-1, 1000])))
    assert torch.allclose(result.values, torch.full((5, 2, 3), 0.2))
    assert result.acted is not None
    assert not bool(result.acted.any())


def test_what_is_wrong_is_named() -> None:
    table, trained = clusters(8.0)
    with pytest.raises(InputError, match=r"\['y'\] are missing"):
        Home.of(table, ["y"], trained)
    with pytest.raises(InputError, match="numeric columns"):
        Home.of({"x": np.array(["a"] * 90)}, ["x"], trained)
    with pytest.raises(InputError, match="nobody is at home"):
        Home.of(table, ["x"], [np.zeros(0, dtype=np.int64)] * 2)
    bare = replace(home(), shares=None)
    with pytest.raises(InputError, match=r"call over\(columns\)"):
        bare(Classes.of(torch.randn(5, 2, 3), "logits"), Context(row=torch.arange(2)))
    with pytest.raises(InputError, match="does not know teachers"):
        home().bound(["somebody"])
    with pytest.raises(InputError, match="gives='weights'"):
        replace(home(), gives="target")(Labels.of(torch.randn(5, 2, 3)), Context(row=torch.arange(2)))


def test_its_words_change_with_what_it_says() -> None:
    """Statistics computed beforehand are kept under them."""
    one, table = home(), clusters(1.0)[0]
    assert repr(one) == repr(home())
    assert repr(one) != repr(one.placed(table))
    assert repr(one) != repr(one.taking([1, 0, 2, 3, 4]))
