"""The space of a search: sizes of known students, terms in the task's units, and settings that do not fit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tutelage as tl
from search.places import cloud_ground
from tutelage.core import InputError
from tutelage.search.space import Setting, default_of, has_temperature, objective_of, parameters_of, place_of, sizes_of
from tutelage.tasks import Classification, Regression
from tutelage.teaching import terms


def test_known_nets_come_in_other_widths() -> None:
    made = sizes_of(lambda: tl.MLP(6, 2, (8, 4), dropout=0.5, scale=0.5))
    double = made["double"]
    assert not isinstance(double, nn.Module)
    net = double()
    assert [part.out_features for part in net.layers if isinstance(part, nn.Linear)] == [16, 8, 2]
    assert net.scale == 0.5
    assert parameters_of(made["half"]) == 6 * 4 + 4 + 4 * 2 + 2 + 2 * 2 + 2
    conv = sizes_of(tl.ConvNet(1, 10, (4, 8)))
    assert not isinstance(conv["half"], nn.Module)
    assert conv["half"]()(torch.zeros(2, 8, 8)).shape == (2, 10)
    assert sizes_of(nn.Linear(3, 2)) == {}
    assert sizes_of(tl.MLP(6, 2, ())) == {}


def test_a_term_gets_what_it_has() -> None:
    goal = objective_of(Classification(("a", "b")), terms.DKD, 3.0, 0.5)
    assert (goal.terms[0].temperature, goal.soft) == (3.0, 0.5)
    assert not has_temperature(terms.DIST) or objective_of(Classification(("a", "b")), terms.DIST, 2.0, 1.0)
    task = Regression(("y",), (4.0,), (2.0,))
    assert objective_of(task, terms.MSE, 1.0, 0.9).terms[0] == terms.MSE((4.0,), (2.0,))


def test_a_setting_that_does_not_fit_is_named() -> None:
    ground = cloud_ground(epochs=1)
    place = place_of(ground.contest, ground.task, ground.names, True)
    default = default_of(place)
    assert default == Setting(("left", "right", "noise"), "mean", "KL", 2.0, 0.9)
    assert place.candidate(default).teachers == ground.names
    for wrong, word in (
        (Setting(("left",), "none", "KL", 2.0, 0.9), "fusion 'none'"),
        (Setting(("left",), "mean", "XX", 2.0, 0.9), "term 'XX'"),
        (Setting(("left",), "mean", "KL", 2.0, 0.9, "huge"), "size 'huge'"),
        (Setting(("up",), "mean", "KL", 2.0, 0.9), r"teachers \['up'\]"),
        (Setting((), "mean", "KL", 2.0, 0.9), r"teachers \(none\)"),
    ):
        with pytest.raises(InputError, match=word):
            place.candidate(wrong)
