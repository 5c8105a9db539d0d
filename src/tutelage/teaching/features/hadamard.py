"""Rotations that give every axis the same share of a variance."""

from __future__ import annotations

import torch
from torch import Tensor


def hadamard(order: int) -> Tensor | None:
    """Orthonormal float64 [d, d] whose entries all have one size; None where this file knows no construction.

    Doubling from 1, and Paley's two constructions from primes.
    """
    if order in (1, 2):
        return torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)[:order, :order] / order**0.5
    if order % 4:
        return None
    half = hadamard(order // 2)
    if half is not None:
        two = hadamard(2)
        assert two is not None
        return torch.kron(two, half)
    if _prime(order - 1):
        skew = torch.zeros(order, order, dtype=torch.float64)
        skew[0, 1:], skew[1:, 0], skew[1:, 1:] = 1.0, -1.0, _jacobsthal(order - 1)
        return (torch.eye(order, dtype=torch.float64) + skew) / order**0.5
    if _prime(order // 2 - 1) and order // 2 % 4 == 2:
        size = order // 2
        even = torch.zeros(size, size, dtype=torch.float64)
        even[0, 1:], even[1:, 0], even[1:, 1:] = 1.0, 1.0, _jacobsthal(size - 1)
        plus = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
        zero = torch.tensor([[1.0, -1.0], [-1.0, -1.0]], dtype=torch.float64)
        return (torch.kron(even, plus) + torch.kron(torch.eye(size, dtype=torch.float64), zero)) / order**0.5
    return None


def balancing(variances: Tensor) -> Tensor:
    """A rotation Q, float64 [d, d], after which each axis has the mean of these variances: diag(Q diag(v) Q') is flat.

    A Hadamard matrix where there is one, which does it for any variances; else one plane rotation per axis, which is
    always possible (Schur 1923, Horn 1954) and made for these.
    """
    size, dtype = len(variances), torch.float64
    found = hadamard(size)
    if found is not None:
        return found.to(variances.device)
    turn, now = torch.eye(size, dtype=dtype), torch.diag(variances.to(dtype).cpu())
    mean = float(now.diagonal().mean())
    left = list(range(size))
    while len(left) > 1:
        own = now.diagonal()[left]
        low, high = left[int(own.argmin())], left[int(own.argmax())]
        a, b, c = float(now[low, low]), float(now[high, high]), float(now[low, high])
        if b - a > 0.0 and b > mean > a:
            # tan of the angle that brings axis `low` to the mean: (b - m) t^2 + 2 c t + (a - m) = 0
            t = (-c + max(c * c - (b - mean) * (a - mean), 0.0) ** 0.5) / (b - mean)
            cosine = 1.0 / (1.0 + t * t) ** 0.5
            pair, plane = [low, high], torch.tensor([[cosine, t * cosine], [-t * cosine, cosine]], dtype=dtype)
            now[pair] = plane @ now[pair]
            now[:, pair] = now[:, pair] @ plane.T
            turn[pair] = plane @ turn[pair]
        left.remove(low)
    return turn.to(variances.device)


def _jacobsthal(prime: int) -> Tensor:
    """Q with Q_ij = 1 where j - i is a square, -1 where it is none, 0 on the diagonal; float64 [q, q]."""
    character = torch.full((prime,), -1.0, dtype=torch.float64)
    character[torch.arange(1, prime).square() % prime] = 1.0
    character[0] = 0.0
    index = torch.arange(prime)
    return character[(index.unsqueeze(0) - index.unsqueeze(1)) % prime]


def _prime(number: int) -> bool:
    return number > 1 and all(number % one for one in range(2, int(number**0.5) + 1))
