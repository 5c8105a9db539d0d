"""Linear models with an L2 penalty, fitted on the CPU in float64: what stacking learns with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

STEPS = 1000


@dataclass(frozen=True)
class Linear:
    """x W^T + b, as plain numbers.

    Args:
        weight: [outputs][inputs].
        bias: [outputs].
    """

    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return len(self.weight[0])

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs float64 [N, outputs] of inputs [N, inputs]."""
        weight, bias = (torch.tensor(part, dtype=torch.float64, device=x.device) for part in (self.weight, self.bias))
        return x.double() @ weight.T + bias


def logistic(x: Tensor, target: Tensor, classes: int, penalty: float) -> Linear:
    """Logistic regression: argmin of sum of cross-entropies + penalty / 2 * |W|^2, intercepts free.

    Two classes have one output, the log-odds of the second; more have one output per class.

    Args:
        x: float [N, inputs].
        target: int64 [N].
        classes: number of classes.
        penalty: not negative.
    """
    x = x.detach().double()
    outputs = 1 if classes == 2 else classes
    weight = torch.zeros(outputs, x.shape[1], dtype=torch.float64, device=x.device)
    bias = torch.zeros(outputs, dtype=torch.float64, device=x.device)
    wanted = torch.nn.functional.one_hot(target, classes).double()[:, -outputs:]
    solver = torch.optim.LBFGS(
        [weight, bias],
        max_iter=STEPS,
        history_size=20,
        tolerance_grad=1e-10,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        scores = x @ weight.T + bias
        if classes == 2:
            told, norm = scores.sigmoid(), torch.nn.functional.softplus(scores).sum()
        else:
            told, norm = scores.softmax(-1), scores.logsumexp(-1).sum()
        wrong = (told - wanted) / len(x)
        weight.grad = wrong.T @ x + penalty / len(x) * weight
        bias.grad = wrong.sum(0)
        return (norm - (scores * wanted).sum() + penalty / 2 * weight.square().sum()) / len(x)

    solver.step(loss)
    return _plain(weight, bias)


def ridge(x: Tensor, target: Tensor, penalty: float) -> Linear:
    """Ridge regression: argmin of sum of squared errors + penalty * |w|^2, the intercept free.

    Args:
        x: float [N, inputs].
        target: float [N].
        penalty: not negative.
    """
    x, target = x.detach().double(), target.detach().double()
    centre, mean = x.mean(0), target.mean()
    away = x - centre
    root = penalty**0.5 * torch.eye(x.shape[1], dtype=torch.float64, device=x.device)
    wanted = torch.cat([target - mean, torch.zeros(x.shape[1], dtype=torch.float64, device=x.device)])
    weight = torch.linalg.lstsq(torch.cat([away, root]), wanted.unsqueeze(-1)).solution[:, 0]
    return _plain(weight.unsqueeze(0), (mean - centre @ weight).unsqueeze(0))


def _plain(weight: Tensor, bias: Tensor) -> Linear:
    return Linear(tuple(tuple(row) for row in weight.tolist()), tuple(bias.tolist()))
