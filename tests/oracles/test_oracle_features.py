"""Feature and relation losses of published implementations against ours, through `Distillation.loss`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import oracle
import tutelage as tl
from hinted import compared
from tutelage.core import Features, Signals
from tutelage.teaching import Memory
from tutelage.teaching.features import (
    AT,
    CRD,
    NST,
    PKT,
    RKD,
    SP,
    VID,
    Adapter,
    Drop,
    Encoder,
    FitNet,
    PhiS,
    ThroughHeads,
    standardised,
)
from tutelage.teaching.features.hadamard import hadamard

Case = dict[str, np.ndarray]


def wide(case: Case, key: str) -> Tensor:
    return torch.from_numpy(case[key]).double()


def check(term: Any, case: Case, rtol: float = 1e-9, grad_rtol: float = 1e-9) -> None:
    """Loss and gradient of a term without adapters, in float64."""
    loss, student, _ = compared(term, wide(case, "f_s"), wide(case, "f_t"))
    np.testing.assert_allclose(loss.item(), case["loss"], rtol=rtol, atol=1e-12)
    close_grad(student.grad(), case["grad_f_s"], grad_rtol)


def close_grad(found: Tensor, expected: np.ndarray, rtol: float = 1e-9) -> None:
    """Gradients are compared relative to their largest entry."""
    np.testing.assert_allclose(found.numpy(), expected, rtol=rtol, atol=max(rtol * np.abs(expected).max(), 1e-12))


@pytest.mark.parametrize("name", oracle.cases("fitnet_hint"))
def test_fitnet(name: str) -> None:
    check(FitNet(), oracle.load("fitnet_hint")[name])


@pytest.mark.parametrize("name", oracle.cases("at_attention"))
def test_at(name: str) -> None:
    check(AT(), oracle.load("at_attention")[name])


@pytest.mark.parametrize("name", [n for n in oracle.cases("torchdistill_maps") if str(n).startswith(("at_", "Param"))])
def test_at_of_the_paper(name: str) -> None:
    case = oracle.load("torchdistill_maps")[name]
    term = {"at_code": AT(), "at_paper": AT("norm")}[str(case["kind"])]
    check(term, case, grad_rtol=1e-6)  # its gradients are stored in single precision


@pytest.mark.parametrize("name", oracle.cases("sp_similarity"))
def test_sp(name: str) -> None:
    check(SP(), oracle.load("sp_similarity")[name])


@pytest.mark.parametrize("name", oracle.cases("rkd"))
def test_rkd(name: str) -> None:
    check(RKD(25.0, 50.0), oracle.load("rkd")[name], grad_rtol=1e-5 if name == "near_identical" else 1e-9)


@pytest.mark.parametrize("name", oracle.cases("rkd_parts"))
def test_rkd_parts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = oracle.load("rkd_parts")[name]
    monkeypatch.setattr("tutelage.teaching.features.rkd.ENTRIES", 250)  # several blocks
    term = RKD(float(case["w_dist"]), float(case["w_angle"]))
    check(term, case, grad_rtol=1e-5 if name.startswith("near_identical") else 1e-9)


@pytest.mark.parametrize("name", oracle.cases("pkt"))
def test_pkt(name: str) -> None:
    # the source adds 1e-7 to the lengths, and we to nothing but probabilities
    check(PKT(), oracle.load("pkt")[name], rtol=1e-6, grad_rtol=1e-6)


@pytest.mark.parametrize("name", oracle.cases("nst"))
def test_nst(name: str) -> None:
    check(NST(), oracle.load("nst")[name])


@pytest.mark.parametrize("name", oracle.cases("vid"))
def test_vid(name: str) -> None:
    case = oracle.load("vid")[name]
    term = VID(len(case["w0"]), float(case["init_pred_var"]))
    head = {f"mean.{2 * i}.weight": wide(case, f"w{i}") for i in range(3)} | {"log_scale": wide(case, "log_scale")}
    loss, student, target = compared(term, wide(case, "f_s"), wide(case, "f_t"), heads=[head])
    np.testing.assert_allclose(loss.item(), case["loss"], rtol=1e-9)
    close_grad(student.grad(), case["grad_f_s"])
    found = dict(target.trainable.named_parameters())["hints.vid.vid/t0.head.log_scale"].grad
    assert found is not None
    close_grad(found, case["grad_log_scale"])


@pytest.mark.parametrize("name", oracle.cases("crd"))
def test_crd(name: str) -> None:
    case = oracle.load("crd")[name]
    places = [torch.from_numpy(case[f"step{i}_sample_index"]) for i in (1, 2)]
    term = CRD(
        int(case["n_data"]),
        int(case["n_negatives"]),
        len(case["w_s"]),
        float(np.float32(0.07)),
        float(case["momentum"]),
        draw=lambda _, at: places[at.step][:, 1:],
    )
    head = {"memory_student": wide(case, "memory_s_init"), "memory_teacher": wide(case, "memory_t_init")}
    for side, key in (("student", "s"), ("teacher", "t")):
        head |= {f"{side}.weight": wide(case, f"w_{key}"), f"{side}.bias": wide(case, f"b_{key}")}
    for step in (1, 2):
        row = torch.from_numpy(case[f"step{step}_index"])
        features = (wide(case, f"step{step}_f_{side}") for side in "st")
        loss, student, target = compared(term, *features, row=row, step=step - 1, heads=[head])
        np.testing.assert_allclose(loss.item(), case[f"step{step}_loss"], rtol=1e-5)
        close_grad(student.grad(), case[f"step{step}_grad_f_s"], 1e-5)
        head = {key.split("head.")[1]: value for key, value in target.trainable.state_dict().items()}
        for side, key in (("student", "s"), ("teacher", "t")):
            np.testing.assert_allclose(head[f"memory_{side}"], case[f"step{step}_memory_{key}"], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(sorted(head["z"].tolist()), sorted(case[f"step{step}_z"].tolist()), rtol=1e-5)


@pytest.mark.parametrize("name", oracle.cases("hadamard"))
def test_hadamard(name: str) -> None:
    expected = oracle.load("hadamard")[name]["h"]
    found = hadamard(len(expected))
    assert found is not None
    np.testing.assert_allclose(found.abs(), np.abs(expected), atol=1e-6)
    np.testing.assert_allclose(found @ found.T, np.eye(len(expected)), atol=1e-12)


@pytest.mark.parametrize("name", oracle.cases("phi_s"))
def test_phi_s(name: str) -> None:
    """Through a source, as a hint sees it; the signs of eigenvectors are free, and only training rows count."""
    case = oracle.load("phi_s")[name]
    x = wide(case, "x")
    count = len(x)
    more = np.arange(count, count + 8)
    table = {"x": np.zeros((count + 8, 1), dtype=np.float32)}
    rows = tl.rows_of(table, np.arange(count + 8) % 2, train=np.arange(count), validation=more[:4], test=more[4:])
    whole = Memory(Signals(("t",), (Features.of(torch.cat([x, torch.full((8, x.shape[1]), 1e6).double()])),)))
    source = standardised(whole, rows, PhiS())
    matrix = source.matrix["t"]
    h = hadamard(x.shape[1])
    assert h is not None
    np.testing.assert_allclose(source.shift["t"], case["mean"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(matrix @ matrix.T, case["gram"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose((h.T @ matrix).abs(), case["abs_ht_transform"], rtol=1e-5, atol=1e-7)
    found = source.gather(torch.arange(len(x)), torch.zeros(len(x), dtype=torch.int64)).answers[0].to_arrays()["values"]
    np.testing.assert_allclose(found.var(0), case["output_variance"], rtol=1e-6)


@pytest.mark.parametrize("name", oracle.cases("unic"))
@pytest.mark.parametrize("drop", ["0", "0.5", "1"])
def test_unic(name: str, drop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens of all teachers' students side by side, of which each adapter looks at its own."""
    case = oracle.load("unic")[name]
    keep = torch.from_numpy(case[f"drop{drop}_keep"])
    count = len(keep)

    def tokens(side: str, k: int) -> Tensor:
        return torch.cat([wide(case, f"{side}{k}_cls").unsqueeze(1), wide(case, f"{side}{k}_patch")], 1)

    drawn = iter(keep)
    monkeypatch.setattr("tutelage.teaching.features.trust.uniform", lambda *_: next(drawn))
    term = Encoder(float(case["lam_cos"]), float(case["lam_sl1"]), prefix=1)
    student = torch.cat([tokens("s", k) for k in range(count)], -1)
    trust = Drop(0.5, over="batch")
    loss, model, _ = compared(
        term, student, *[tokens("t", k) for k in range(count)], adapter=Adapter(), trust=trust, select=True
    )
    np.testing.assert_allclose(loss.item(), case[f"drop{drop}_loss"], rtol=1e-9)
    shares = [float(loss.values[f"encoder/t{k}"].detach()) for k in range(count)]
    weight = keep / keep.sum()
    expected = (weight * torch.from_numpy(case["loss_per_teacher"])).sum(1)
    np.testing.assert_allclose(shares, expected, rtol=1e-9)
    if drop == "0.5":
        grads = model.grad().split([case[f"s{k}_cls"].shape[1] for k in range(count)], -1)
        for k, grad in enumerate(grads):
            close_grad(grad[:, 0], case[f"drop0.5_grad_s{k}_cls"])
            close_grad(grad[:, 1:], case[f"drop0.5_grad_s{k}_patch"])


@dataclass(frozen=True)
class Said:
    """A teacher whose classifier gives known scores."""

    scores: Tensor

    def head(self, features: Tensor) -> Tensor:
        return self.scores


@pytest.mark.parametrize("name", oracle.cases("camkd_feature"))
def test_camkd_feature(name: str) -> None:
    """Without the source's second division by K, and without gradient through the weights."""
    case = oracle.load("camkd_feature")[name]
    f_s, f_t, y = wide(case, "f_s"), wide(case, "f_t"), torch.from_numpy(case["y"])
    count = len(f_s)
    trust = ThroughHeads([Said(one) for one in wide(case, "logits_student_through_teacher")])
    loss, model, _ = compared(
        FitNet(), torch.cat(list(f_s), 1), *f_t, adapter=Adapter(), trust=trust, select=True, target=y
    )
    np.testing.assert_allclose(float(loss.total.detach()) / count, case["loss"], rtol=1e-9)
    grads = torch.stack(model.grad().chunk(count, 1)) / count
    close_grad(grads, case["grad_f_s"])
