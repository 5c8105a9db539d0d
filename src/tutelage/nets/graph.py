"""A net on graphs: atoms and bonds of molecules, or nodes and edges of anything small."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core import InputError


class GraphNet(nn.Module):
    """Nodes hear what their neighbours say along the edges, several times over (Gilmer et al. 2017; Hu et al. 2020).

    A layer adds to each node the sum over its edges of relu(neighbour + edge), and a small net of that (the graph
    isomorphism operator with edges). What is left out of a batch's longest graph costs nothing: nodes of all graphs lie
    in one table, and sums go through `index_add`.

    Args:
        nodes: number of codes of nodes beside 0, which stands for no node.
        edges: number of codes of edges beside 0, which stands for no edge.
        outputs: number of outputs.
        width: numbers per node.
        layers: how often nodes hear their neighbours.
        dropout: probability, in each layer and before the last.

    Raises:
        InputError: a number is less than 1.
    """

    def __init__(
        self, nodes: int, edges: int, outputs: int, width: int = 64, layers: int = 3, dropout: float = 0.2
    ) -> None:
        super().__init__()
        if min(nodes, edges, outputs, width, layers) < 1:
            raise InputError(f"GraphNet needs at least 1 of each, got {(nodes, edges, outputs, width, layers)}")
        self.nodes, self.edges = nn.Embedding(nodes + 1, width), nn.Embedding(edges + 1, width)
        self.heard = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * width, width))
            for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.head = nn.Sequential(
            nn.Linear(3 * width, 2 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * width, outputs)
        )

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        """One answer per graph.

        Args:
            nodes: codes [B, A, parts], whose parts are added up; a row whose first part is 0 is no node.
            edges: [B, E, 3]: the two ends, as places among the nodes, and the code; of code 0 is no edge.

        Returns:
            [B, outputs].
        """
        there = nodes[:, :, 0] > 0
        graph, place = there.nonzero(as_tuple=True)
        count = there.sum(1)
        state = self.nodes(nodes[graph, place].long()).sum(1)
        first = count.cumsum(0) - count
        graph_of, edge = (edges[:, :, 2] > 0).nonzero(as_tuple=True)
        one, other, code = edges[graph_of, edge].long().unbind(1)
        one, other = one + first[graph_of], other + first[graph_of]
        source, target = torch.cat([one, other]), torch.cat([other, one])
        kind = self.edges(code).repeat(2, 1)
        for heard, norm in zip(self.heard, self.norms, strict=True):
            said = functional.relu(state[source] + kind)
            state = norm(state + heard(state.index_add(0, target, said)))
        return self.head(_whole(state, graph, count))


def _whole(state: Tensor, graph: Tensor, count: Tensor) -> Tensor:
    """Mean, largest and scaled sum [B, 3 width] of the nodes [n, width] of each graph."""
    empty = state.new_zeros(len(count), state.shape[1])
    total = empty.index_add(0, graph, state)
    largest = empty.scatter_reduce(0, graph.unsqueeze(1).expand_as(state), state, "amax", include_self=False)
    return torch.cat([total / count.clamp_min(1).unsqueeze(1), largest, total / 32], 1)
