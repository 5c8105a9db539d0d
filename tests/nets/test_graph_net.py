"""Graphs: the order of nodes and what else is in the batch do not matter; edges and their kind do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tutelage.core import InputError
from tutelage.nets import GraphNet

NODES = torch.tensor([[[1, 4], [2, 5], [3, 4], [1, 6]], [[2, 4], [1, 5], [0, 0], [0, 0]], [[0, 0]] * 4])
EDGES = torch.tensor([[[0, 1, 1], [1, 2, 2], [2, 3, 1]], [[0, 1, 3], [0, 0, 0], [0, 0, 0]], [[0, 0, 0]] * 3])


def net() -> GraphNet:
    return GraphNet(6, 3, 2, width=8, layers=2).eval()


def dense(made: GraphNet, nodes: Tensor, edges: list[list[int]]) -> Tensor:
    """One graph, node by node, as the formula has it."""
    state = made.nodes(nodes).sum(1)
    for heard, norm in zip(made.heard, made.norms, strict=True):
        after: list[Tensor] = []
        for node in range(len(state)):
            total = state[node]
            for one, other, code in edges:
                if node in (one, other):
                    total = total + functional.relu(state[other if node == one else one] + made.edges.weight[code])
            after.append(norm(state[node] + heard(total)))
        state = torch.stack(after)
    return made.head(torch.cat([state.mean(0), state.amax(0), state.sum(0) / 32]))


def test_it_is_what_the_formula_says_whatever_else_is_in_the_batch() -> None:
    made = net()
    found = made(NODES, EDGES)
    torch.testing.assert_close(found[0], dense(made, NODES[0], EDGES[0].tolist()))
    torch.testing.assert_close(found[1], dense(made, NODES[1, :2], EDGES[1, :1].tolist()))
    torch.testing.assert_close(found[1:2], made(NODES[1:2, :2], EDGES[1:2, :1]))
    assert found[2].isfinite().all(), "nothing at all is a graph, too"


def test_the_order_of_nodes_does_not_matter_and_the_kind_of_an_edge_does() -> None:
    made, order = net(), torch.tensor([2, 0, 3, 1])
    moved = EDGES[:1].clone()
    moved[0, :, :2] = order.argsort()[EDGES[0, :, :2]]
    torch.testing.assert_close(made(NODES[:1, order], moved), made(NODES[:1], EDGES[:1]))
    other = EDGES[:1].clone()
    other[0, 0, 2] = 3
    assert not torch.allclose(made(NODES[:1], other), made(NODES[:1], EDGES[:1]))


def test_bytes_are_codes_and_every_parameter_learns() -> None:
    made = net()
    loss = made(NODES.to(torch.uint8), EDGES.to(torch.uint8)).square().sum()
    loss.backward()
    assert all(one.grad is not None and bool(one.grad.isfinite().all()) for one in made.parameters())
    with pytest.raises(InputError, match="at least 1 of each"):
        GraphNet(6, 3, 2, layers=0)
