"""What is read is what was said, up to the stated bound."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tutelage.core import Answer, Classes, InputError, Labels, StoreError, Values
from tutelage.store import BF16, FP16, FP32, Codec, TopK
from tutelage.store.codecs import from_json, parse

LOSSY = [FP16, BF16]


def there_and_back(codec: Codec, answer: Answer) -> tuple[Answer, Tensor]:
    """The answer as it is read, and the bound per row."""
    codec = from_json(codec.fitted(answer).to_json(), "here")
    stored, arrays = codec.encode(answer)
    for name, field in stored.items():
        assert arrays[name].shape == (len(answer), *field.width)
        assert arrays[name].dtype == field.stored

    def read(name: str, lent: bool) -> Tensor:
        return torch.from_numpy(arrays[name].copy())

    fields, meta = codec.decoded(answer)
    out = codec.decode(read, stored, answer.coverage)
    assert {name: tuple(tensor.shape[1:]) for name, tensor in out.items()} == {n: f.shape for n, f in fields.items()}
    assert all(tensor.dtype == (torch.bool if name == "valid" else torch.float32) for name, tensor in out.items())
    bound = codec.bound(read, len(answer), answer.kind_of_space, answer.meta())
    return type(answer).from_arrays(out, meta), bound


@st.composite
def logits(draw: st.DrawFn) -> Classes:
    """Logits of any sharpness, far from 0, some saturated, some classes not covered, some rows abstaining."""
    seed, rows, classes = draw(st.integers(0, 10**6)), draw(st.integers(1, 6)), draw(st.integers(2, 40))
    chance = torch.Generator().manual_seed(seed)
    scores = torch.randn(rows, classes, generator=chance) * draw(st.sampled_from([0.01, 1.0, 10.0, 300.0]))
    scores += draw(st.sampled_from([0.0, 1000.0, -1000.0]))
    if draw(st.booleans()):
        scores[0, 0] = 1e6
    coverage = torch.rand(classes, generator=chance) < 0.8
    coverage[0] = True
    valid = torch.rand(rows, generator=chance) < 0.8
    return Classes.of(scores, draw(st.sampled_from(["logits", "log_probs"])), valid=valid, coverage=coverage)


def variation(left: Answer, right: Answer) -> Tensor:
    assert isinstance(left, Classes)
    assert isinstance(right, Classes)
    exact = [Classes(a.scores.double(), "logits", a.coverage, a.valid).probs() for a in (left, right)]
    return (exact[0] - exact[1]).abs().sum(-1) / 2


@settings(max_examples=60, deadline=None)
@given(answer=logits(), codec=st.sampled_from([*LOSSY, TopK(k=1), TopK(k=5), TopK(mass=0.9)]))
def test_class_probabilities_stay_within_the_bound(answer: Classes, codec: Codec) -> None:
    found, bound = there_and_back(codec, answer)
    assert isinstance(found, Classes)
    assert torch.equal(found.valid, answer.valid)
    assert torch.equal(found.coverage, answer.coverage)
    assert torch.isfinite(found.scores).all()
    assert (found.scores[:, ~found.coverage] == 0).all()
    assert (variation(found, answer)[answer.valid] <= bound[answer.valid] + 1e-7).all()


def test_the_bound_is_not_idle() -> None:
    """Rounding is really seen, and the bound is within a factor of thirty of it."""
    answer = Classes.of(torch.randn(2000, 100) * 2, "logits")
    for codec in LOSSY:
        found, bound = there_and_back(codec, answer)
        assert float(variation(found, answer).max()) > float(bound.max()) / 30


def test_centring_saves_digits_far_from_zero() -> None:
    answer = Classes.of(torch.randn(50, 10) + 1000, "logits")
    found, _ = there_and_back(FP16, answer)
    assert float(variation(found, answer).max()) < 1e-3
    rough = Classes.of(answer.scores.half().float(), "logits")
    assert float(variation(rough, answer).max()) > 0.05


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.01, 1.0, 100.0, 1e5]))
def test_label_probabilities_stay_within_the_bound(seed: int, scale: float) -> None:
    chance = torch.Generator().manual_seed(seed)
    valid = torch.rand(20, 4, generator=chance) < 0.7
    answer = Labels.of(torch.randn(20, 4, generator=chance) * scale, valid=valid)
    for codec in LOSSY:
        found, bound = there_and_back(codec, answer)
        assert isinstance(found, Labels)
        assert torch.equal(found.valid, valid)
        off = (torch.sigmoid(found.logits.double()) - torch.sigmoid(answer.logits.double())).abs()
        assert (off.amax(-1) <= bound + 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-3, 1.0, 1000.0]))
def test_values_stay_within_the_bound(seed: int, scale: float) -> None:
    chance = torch.Generator().manual_seed(seed)
    mean = torch.randn(20, 3, generator=chance) * scale
    answer = Values.of(mean, mean.abs() + scale, valid=torch.rand(20, generator=chance) < 0.7)
    for codec in LOSSY:
        found, bound = there_and_back(codec, answer)
        assert isinstance(found, Values)
        assert found.scale is not None
        assert answer.scale is not None
        for new, old in ((found.mean, answer.mean), (found.scale, answer.scale)):
            assert ((new - old).abs().double() <= bound.unsqueeze(-1) * old.abs().double() + 6e-8).all()


def test_votes_and_shares_of_votes() -> None:
    answer = Classes.of(torch.tensor([[1.0, 0.0, 0.0], [1 / 3, 2 / 3, 0.0]]), "votes")
    for codec in LOSSY:
        found, bound = there_and_back(codec, answer)
        assert isinstance(found, Classes)
        assert found.kind == "votes"
        assert torch.equal(found.scores[0], answer.scores[0])
        assert ((found.scores - answer.scores).abs().amax(-1) <= bound).all()


@pytest.mark.parametrize(
    "answer",
    [
        Classes.of(torch.randn(9, 11) * 1e4, "logits", valid=torch.arange(9) % 2 == 0),
        Classes.of(torch.eye(4), "votes"),
        Labels.of(torch.randn(9, 11), valid=torch.rand(9, 11) < 0.5),
        Values.of(torch.randn(9, 3) * 1e30, torch.rand(9, 3) + 1e-30),
        Values.of(torch.randn(9, 3)),
    ],
    ids=["classes", "votes", "labels", "values", "values without scale"],
)
def test_fp32_is_exact(answer: Answer) -> None:
    found, bound = there_and_back(FP32, answer)
    assert found.meta() == answer.meta()
    old, new = answer.to_arrays(), found.to_arrays()
    assert old.keys() == new.keys()
    assert all(torch.equal(old[name], new[name]) for name in old)
    assert float(bound.max()) == 0


@pytest.mark.parametrize(("mean", "scale"), [(1e5, 1.0), (1.0, 1e-9)])
def test_values_that_float16_cannot_hold_are_refused(mean: float, scale: float) -> None:
    answer = Values.of(torch.tensor([[mean]]), torch.tensor([[scale]]))
    with pytest.raises(InputError, match="does not fit into float16"):
        FP16.encode(answer)
    there_and_back(BF16, answer)
    silent = Values.of(torch.tensor([[mean]]), torch.tensor([[scale]]), valid=torch.tensor([False]))
    FP16.encode(silent)


def test_top_k_keeps_what_it_says_and_spreads_the_rest() -> None:
    probs = torch.tensor([[0.5, 0.3, 0.1, 0.06, 0.04]])
    answer = Classes.from_probs(probs, coverage=torch.tensor([True] * 5))
    found, bound = there_and_back(TopK(k=2), answer)
    assert isinstance(found, Classes)
    wanted = torch.tensor([[0.5, 0.3, 0.2 / 3, 0.2 / 3, 0.2 / 3]])
    assert torch.allclose(found.probs(), wanted, atol=1e-3)
    assert 0.2 <= float(bound[0]) < 0.202


def test_top_k_by_mass_takes_as_many_as_needed() -> None:
    probs = torch.tensor([[0.5, 0.3, 0.1, 0.06, 0.04]]).repeat(10, 1)
    answer = Classes.from_probs(probs)
    assert TopK(mass=0.79).fitted(answer).k == 2
    assert TopK(mass=0.85).fitted(answer).k == 3
    assert TopK(mass=1.0).fitted(Classes.from_probs(torch.eye(3))).k == 3
    silent = Classes.from_probs(probs, valid=torch.zeros(10, dtype=torch.bool))
    assert TopK(mass=0.5).fitted(silent).k == 5


def test_top_k_is_for_class_probabilities_only() -> None:
    for answer in (Classes.of(torch.eye(3), "votes"), Labels.of(torch.zeros(2, 3)), Values.of(torch.zeros(2, 3))):
        with pytest.raises(InputError, match="most probable classes"):
            TopK(k=2).encode(answer)
    for k, mass in ((0, None), (None, 1.5), (None, None)):
        with pytest.raises(InputError):
            TopK(k, mass)


def test_names_of_codecs() -> None:
    assert [parse(text) for text in ("fp32", "fp16", "bf16")] == [FP32, FP16, BF16]
    assert parse("top32") == TopK(k=32)
    assert parse("mass0.99") == TopK(mass=0.99)
    for text in ("fp8", "top", "mass", "topx"):
        with pytest.raises(InputError, match="unknown codec"):
            parse(text)
    with pytest.raises(StoreError, match=r"here names the codec.*does not know"):
        from_json({"kind": "zip"}, "here")
    with pytest.raises(StoreError, match="does not know"):
        from_json(TopK(k=3).to_json() | {"temperature": 2.0}, "here")


def test_a_codec_knows_what_it_wrote() -> None:
    assert TopK(k=7, mass=0.9).wrote(TopK(mass=0.9))
    assert not TopK(k=7, mass=0.9).wrote(TopK(mass=0.8))
    assert not TopK(k=7).wrote(TopK(k=8))
    assert not FP16.wrote(BF16)
    assert math.isclose(from_json(TopK(k=7, mass=0.9).to_json(), "here").to_json()["mass"], 0.9)
